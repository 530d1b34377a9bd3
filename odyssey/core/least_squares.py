"""Matrices that have no inverse: pseudo-inverse, least-squares solution, rank."""

from __future__ import annotations

import numpy as np

from odyssey.core._axes import narrowed, widened
from odyssey.core._broadcast import unbroadcast
from odyssey.core._checks import as_array
from odyssey.core._lapack import check_matrix, lapack, transposed
from odyssey.errors import ShapeError
from odyssey.tape import differentiable, not_differentiable
from odyssey.utils.broadcasting import broadcast_shape

__all__ = ["lstsq", "lstsq_backward", "matrix_rank", "pinv", "pinv_backward"]


@differentiable
def pinv(x, rtol=None):
    r"""Return the pseudo-inverse :math:`X^+`, which takes least-squares solutions.

    Parameters
    ----------
    x : Tensor or ndarray, shape (..., M, N)
    rtol : float, optional
        Singular values below so much of the largest count as 0; by default
        max(M, N) times the precision of the dtype.

    Returns
    -------
    Tensor or ndarray, shape (..., N, M)

    Raises
    ------
    ShapeError
        If ``x`` is not a matrix or a stack of them.
    DTypeError
        If ``x`` is not floating-point.

    Notes
    -----
    .. math:: X^+ = V \operatorname{diag}(1 / s) U^\top

    Backward, with :math:`P = X^+` and as long as the rank stays the same [1]_:

    .. math:: \partial X = -P^\top G P^\top + (1 - X P)\, G^\top P P^\top
        + P^\top P\, G^\top (1 - P X)

    References
    ----------
    .. [1] G. Golub, V. Pereyra, "The differentiation of pseudo-inverses and nonlinear
       least squares problems", SIAM Journal on Numerical Analysis 10(2), 1973,
       https://doi.org/10.1137/0710036

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.pinv(od.tensor([[2.0, 0.0], [0.0, 0.0]]))
    tensor([[0.5, 0. ],
            [0. , 0. ]])
    """
    x = as_array(x)
    check_matrix("pinv", x=x)
    return lapack("pinv", np.linalg.pinv, x, rtol=rtol)


@pinv.backward_rule(wrt=("x",))
@np.errstate(all="ignore")
def pinv_backward(grad, x, out):
    """Return the gradient of :func:`pinv`."""
    p, pt, gt = out, transposed(out), transposed(grad)
    beyond_rows = gt @ p @ pt
    beyond_columns = pt @ p @ gt
    return (
        -(pt @ grad @ pt)
        + (beyond_rows - x @ (p @ beyond_rows))
        + (beyond_columns - (beyond_columns @ p) @ x)
    )


@differentiable
def lstsq(a, b):
    r"""Return the X for which :math:`\|A X - B\|_2` is least, and of several the smallest.

    Parameters
    ----------
    a : Tensor or ndarray, shape (..., M, N)
    b : Tensor or ndarray, shape (M,) or (..., M, K)
        One right-hand side, or K of them. Leading axes broadcast.

    Returns
    -------
    Tensor or ndarray, shape (..., N) or (..., N, K)
        The residuals are ``b - a @ x``.

    Raises
    ------
    ShapeError
        If ``b`` has another number of rows, or the leading axes do not broadcast.
    DTypeError
        If an argument is not floating-point.

    Notes
    -----
    :math:`X = A^+ B`, with the pseudo-inverse from singular values. Backward, with
    :math:`P = A^+`: :math:`\partial B = P^\top G`, and :math:`\partial A` is what
    :func:`pinv` makes of :math:`G B^\top`.

    Examples
    --------
    >>> import odyssey as od
    >>> a = od.tensor([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]])
    >>> line = od.core.lstsq(a, od.tensor([1.0, 3.0, 5.0]))
    >>> bool((abs(line - od.tensor([1.0, 2.0])) < 1e-5).data.all())
    True
    """
    a, b = as_array(a), as_array(b)
    matrix = b[:, None] if b.ndim == 1 else b
    check_matrix("lstsq", a=a, b=matrix)
    if matrix.shape[-2] != a.shape[-2]:
        raise ShapeError(
            f"lstsq: b has {matrix.shape[-2]} rows but a has {a.shape[-2]} "
            f"(a: {a.shape}, b: {b.shape})"
        )
    broadcast_shape("lstsq", {"a": a.shape, "b": matrix.shape}, "the leading axes", last=2)
    out = pinv(widened(a)) @ widened(matrix)
    return narrowed(out[..., 0] if b.ndim == 1 else out, np.result_type(a, b))


@lstsq.backward_rule(wrt=("a", "b"))
@np.errstate(all="ignore")
def lstsq_backward(grad, a, b, needs=(True, True)):
    """Return the gradients of :func:`lstsq` for ``a`` and ``b``."""
    one = len(b.shape) == 1
    own = (*b.shape, 1) if one else b.shape
    if one:
        grad, b = grad[..., None], b[..., None]
    wide = widened(a)
    p = pinv(wide)
    grad_a = grad_b = None
    if needs[0]:
        grad_p = unbroadcast(widened(grad) @ transposed(widened(b)), p.shape)
        grad_a = narrowed(pinv_backward(grad_p, wide, p), a.dtype)
    if needs[1]:
        grad_b = unbroadcast(transposed(p) @ widened(grad), own)
        grad_b = narrowed(grad_b.reshape(own[:-1] if one else own), a.dtype)
    return grad_a, grad_b


@not_differentiable
def matrix_rank(x, rtol=None):
    r"""Count the singular values that are not 0: :math:`\#\{i : s_i > r\, s_1\}`.

    Parameters and errors are those of :func:`pinv`.

    Returns
    -------
    Tensor or ndarray of int64, shape (...)

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.matrix_rank(od.tensor([[1.0, 2.0], [2.0, 4.0]]))
    tensor(1)
    """
    x = as_array(x)
    check_matrix("matrix_rank", x=x)
    if 0 in x.shape[-2:]:  # nothing is independent
        return np.zeros(x.shape[:-2], np.int64)
    return np.asarray(np.linalg.matrix_rank(widened(x), rtol=rtol))
