"""Linear algebra on square matrices: inverse, solution, determinant, powers, Cholesky's root.

LAPACK computes, by way of NumPy; half precision is computed in float32. Every gradient
is a formula in operations that have gradients themselves.
"""

from __future__ import annotations

import operator

import numpy as np

from odyssey.core._axes import narrowed, widened
from odyssey.core._broadcast import unbroadcast
from odyssey.core._checks import as_array
from odyssey.core._lapack import check_matrix, lapack, symmetric, transposed
from odyssey.core.reduction import prod_backward
from odyssey.errors import ShapeError
from odyssey.tape import differentiable
from odyssey.utils.broadcasting import broadcast_shape

__all__ = [
    "cholesky",
    "cholesky_backward",
    "det",
    "det_backward",
    "inv",
    "inv_backward",
    "matrix_power",
    "matrix_power_backward",
    "slogdet",
    "slogdet_backward",
    "solve",
    "solve_backward",
]


@differentiable
def inv(x):
    r"""Invert matrices: :math:`Y = X^{-1}`.

    To solve an equation, :func:`solve` is faster and more accurate.

    Parameters
    ----------
    x : Tensor or ndarray, shape (..., N, N)

    Returns
    -------
    Tensor or ndarray, shape (..., N, N)
        Half precision is computed in float32.

    Raises
    ------
    ShapeError
        If ``x`` is not square.
    DTypeError
        If ``x`` is not floating-point.
    OdysseyError
        If a matrix is singular.

    Notes
    -----
    Backward, from :math:`d(X^{-1}) = -X^{-1}\, dX\, X^{-1}`:

    .. math:: \partial X = -Y^\top G\, Y^\top

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.inv(od.tensor([[2.0, 0.0], [0.0, 4.0]]))
    tensor([[0.5 , 0.  ],
            [0.  , 0.25]])
    """
    x = as_array(x)
    check_matrix("inv", square=True, x=x)
    return lapack("inv", np.linalg.inv, x)


@inv.backward_rule(wrt=("x",))
@np.errstate(all="ignore")
def inv_backward(grad, out):
    """Return the gradient of :func:`inv`."""
    y = transposed(out)
    return -(y @ grad @ y)


@differentiable
def solve(a, b):
    r"""Solve linear equations: the X of :math:`A X = B`.

    Parameters
    ----------
    a : Tensor or ndarray, shape (..., N, N)
    b : Tensor or ndarray, shape (N,) or (..., N, K)
        One right-hand side, or K of them. Leading axes broadcast.

    Returns
    -------
    Tensor or ndarray, shape (..., N) or (..., N, K)

    Raises
    ------
    ShapeError
        If ``a`` is not square, ``b`` has another number of rows, or the leading
        axes do not broadcast.
    DTypeError
        If an argument is not floating-point.
    OdysseyError
        If a matrix is singular.

    Notes
    -----
    Backward:

    .. math:: \partial B = A^{-\top} G, \qquad \partial A = -\partial B\, X^\top

    each summed over leading axes that were broadcast.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.solve(od.tensor([[2.0, 0.0], [0.0, 4.0]]), od.tensor([2.0, 2.0]))
    tensor([1. , 0.5])
    """
    a, b = as_array(a), as_array(b)
    check_matrix("solve", square=True, a=a)
    matrix = b[:, None] if b.ndim == 1 else b
    check_matrix("solve", b=matrix)
    if matrix.shape[-2] != a.shape[-1]:
        raise ShapeError(
            f"solve: b has {matrix.shape[-2]} rows but a is of order {a.shape[-1]} "
            f"(a: {a.shape}, b: {b.shape})"
        )
    broadcast_shape("solve", {"a": a.shape, "b": matrix.shape}, "the leading axes", last=2)
    out = lapack("solve", np.linalg.solve, a, matrix)
    return out[..., 0] if b.ndim == 1 else out


@solve.backward_rule(wrt=("a", "b"))
@np.errstate(all="ignore")
def solve_backward(grad, a, b_shape, out, needs=(True, True)):
    """Return the gradients of :func:`solve` for ``a`` and ``b``."""
    if len(b_shape) == 1:
        grad, out = grad[..., None], out[..., None]
    by_column = solve(transposed(a), grad)
    grad_a = grad_b = None
    if needs[0]:
        grad_a = unbroadcast(-(by_column @ transposed(out)), a.shape)
    if needs[1]:
        own = (*b_shape, 1) if len(b_shape) == 1 else b_shape
        grad_b = unbroadcast(by_column, own).reshape(b_shape)
    return grad_a, grad_b


@differentiable
def det(x):
    r"""Return the determinant :math:`y = \det X` of matrices.

    Parameters
    ----------
    x : Tensor or ndarray, shape (..., N, N)

    Returns
    -------
    Tensor or ndarray, shape (...)

    Raises
    ------
    ShapeError
        If ``x`` is not square.
    DTypeError
        If ``x`` is not floating-point.

    Notes
    -----
    Backward (Jacobi): the matrix of cofactors,

    .. math:: \partial X = g\, y\, X^{-\top}

    and where a matrix of the stack is singular, the same without dividing: from
    :math:`X = U \operatorname{diag}(s) V^\top`,

    .. math:: \partial X = g \det U \det V \;
        U \operatorname{diag}\Big(\prod_{j \ne i} s_j\Big) V^\top

    whose own gradient wants singular values that differ.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.det(od.tensor([[2.0, 1.0], [0.0, 4.0]]))
    tensor(8.)
    """
    x = as_array(x)
    check_matrix("det", square=True, x=x)
    return lapack("det", np.linalg.det, x)


@det.backward_rule(wrt=("x",))
@np.errstate(all="ignore")
def det_backward(grad, x, out):
    """Return the gradient of :func:`det`."""
    if np.all(np.asarray(out) != 0):
        return (grad * out)[..., None, None] * transposed(inv(x))
    from odyssey.core.decompositions import svd

    u, s, vh = svd(widened(x), full_matrices=False)
    signs = np.linalg.det(np.asarray(u)) * np.linalg.det(np.asarray(vh))  # 1 or -1, constants
    ones = np.ones(s.shape[:-1], s.dtype)
    others = prod_backward(ones, s, axis=-1) * np.round(signs)[..., None]
    return narrowed(widened(grad)[..., None, None] * (u @ (others[..., None] * vh)), x.dtype)


@differentiable
def slogdet(x):
    r"""Return sign and logarithm of the determinant, which itself might overflow.

    Parameters
    ----------
    x : Tensor or ndarray, shape (..., N, N)

    Returns
    -------
    sign, logabsdet : Tensors or ndarrays, shape (...)
        A NamedTuple; :math:`\det X = \mathrm{sign} \cdot e^{\mathrm{logabsdet}}`. Of a
        singular matrix they are 0 and minus infinity.

    Raises
    ------
    ShapeError
        If ``x`` is not square.
    DTypeError
        If ``x`` is not floating-point.

    Notes
    -----
    Backward: the sign is constant, the logarithm gives

    .. math:: \partial X = g\, X^{-\top}

    which a singular matrix does not have: that is an OdysseyError.

    Examples
    --------
    >>> import odyssey as od
    >>> sign, logabsdet = od.core.slogdet(od.tensor([[-1.0, 0.0], [0.0, 1.0]]))
    >>> sign, logabsdet
    (tensor(-1.), tensor(0.))
    """
    x = as_array(x)
    check_matrix("slogdet", square=True, x=x)
    return lapack("slogdet", np.linalg.slogdet, x)


@slogdet.backward_rule(wrt=("x",))
@np.errstate(all="ignore")
def slogdet_backward(grad, x):
    """Return the gradient of :func:`slogdet`."""
    _, grad = grad
    if grad is None:
        return np.zeros(x.shape, x.dtype)
    return grad[..., None, None] * transposed(inv(x))


@differentiable
def matrix_power(x, n):
    r"""Multiply a matrix by itself: :math:`Y = X^n`.

    Parameters
    ----------
    x : Tensor or ndarray, shape (..., N, N)
    n : int
        0 gives the identity, a negative one powers of the inverse.

    Returns
    -------
    Tensor or ndarray, shape (..., N, N)

    Raises
    ------
    ShapeError
        If ``x`` is not square, or ``n`` not an integer.
    DTypeError
        If ``x`` is not floating-point.
    OdysseyError
        If ``n`` is negative and a matrix singular.

    Notes
    -----
    Backward, each factor in turn:

    .. math:: \partial X = \sum_{i=0}^{n-1} (X^\top)^i\, G\, (X^\top)^{n-1-i}

    by halves, as the power itself: in :math:`O(\log n)` steps.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.matrix_power(od.tensor([[1.0, 1.0], [0.0, 1.0]]), 3)
    tensor([[1., 3.],
            [0., 1.]])
    """
    x = as_array(x)
    check_matrix("matrix_power", square=True, x=x)
    return lapack("matrix_power", np.linalg.matrix_power, x, n=_exponent(n))


def _exponent(n):
    try:
        return operator.index(n)
    except TypeError:
        raise ShapeError(f"matrix_power: n must be an integer, got {n!r}") from None


@matrix_power.backward_rule(wrt=("x",))
@np.errstate(all="ignore")
def matrix_power_backward(grad, x, n):
    """Return the gradient of :func:`matrix_power`."""
    if n == 0:
        return np.zeros(x.shape, x.dtype)
    if n < 0:
        inverse = inv(x)
        return inv_backward(matrix_power_backward(grad, inverse, -n), inverse)
    if n == 1:
        return grad
    if n % 2:  # x times an even power
        rest = transposed(matrix_power(x, n - 1))
        return grad @ rest + matrix_power_backward(transposed(x) @ grad, x, n - 1)
    half = transposed(matrix_power(x, n // 2))
    return matrix_power_backward(grad @ half + half @ grad, x, n // 2)


@differentiable
def cholesky(x, upper=False):
    r"""Return the triangular root of positive definite matrices: :math:`X = L L^\top`.

    Parameters
    ----------
    x : Tensor or ndarray, shape (..., N, N)
        Symmetric; of what is not, the symmetric part is taken.
    upper : bool
        Return :math:`L^\top`, the upper triangle, instead.

    Returns
    -------
    Tensor or ndarray, shape (..., N, N)

    Raises
    ------
    ShapeError
        If ``x`` is not square.
    DTypeError
        If ``x`` is not floating-point.
    OdysseyError
        If a matrix is not positive definite.

    Notes
    -----
    Backward, with :math:`\Phi` for the lower triangle with half the diagonal, and
    then the symmetric part of it all [1]_:

    .. math:: \partial X = L^{-\top}\, \Phi(L^\top G)\, L^{-1}

    References
    ----------
    .. [1] I. Murray, "Differentiation of the Cholesky decomposition", 2016,
       https://arxiv.org/abs/1602.07527

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.cholesky(od.tensor([[4.0, 2.0], [2.0, 5.0]]))
    tensor([[2., 0.],
            [1., 2.]])
    """
    x = as_array(x)
    check_matrix("cholesky", square=True, x=x)
    lower = lapack("cholesky", np.linalg.cholesky, symmetric(widened(x)))
    return narrowed(transposed(lower) if upper else lower, x.dtype)


@cholesky.backward_rule(wrt=("x",))
@np.errstate(all="ignore")
def cholesky_backward(grad, out, upper=False):
    """Return the gradient of :func:`cholesky`."""
    if upper:
        grad, out = transposed(grad), transposed(out)
    n = out.shape[-1]
    half = np.tril(np.ones((n, n), out.dtype)) - np.eye(n, dtype=out.dtype) / 2
    inner = (transposed(out) @ grad) * half
    # Two triangular systems: L^T S = Phi, and from the right.
    left = solve(transposed(out), inner)
    return symmetric(transposed(solve(transposed(out), transposed(left))))
