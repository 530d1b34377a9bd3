"""Matrices in factors: QR, singular values, eigenvectors.

LAPACK computes, by way of NumPy; half precision is computed in float32. Every gradient
is a formula in operations that have gradients themselves.
"""

from __future__ import annotations

import numpy as np

from odyssey.core._axes import narrowed, widened
from odyssey.core._checks import as_array
from odyssey.core._lapack import check_matrix, diagonal_of, lapack, symmetric, transposed
from odyssey.core.arithmetic import divide
from odyssey.core.linalg import solve
from odyssey.core.shape import concatenate
from odyssey.errors import GradientError, ShapeError
from odyssey.tape import differentiable

__all__ = [
    "eigh",
    "eigh_backward",
    "eigvalsh",
    "eigvalsh_backward",
    "qr",
    "qr_backward",
    "svd",
    "svd_backward",
    "svdvals",
    "svdvals_backward",
]


@differentiable
def eigh(x):
    r"""Return eigenvalues and eigenvectors of symmetric matrices: :math:`X V = V \Lambda`.

    Parameters
    ----------
    x : Tensor or ndarray, shape (..., N, N)
        Symmetric; of what is not, the symmetric part is taken.

    Returns
    -------
    eigenvalues : Tensor or ndarray, shape (..., N)
        In ascending order. The two are a NamedTuple.
    eigenvectors : Tensor or ndarray, shape (..., N, N)
        Column i belongs to eigenvalue i. Its sign is LAPACK's choice.

    Raises
    ------
    ShapeError
        If ``x`` is not square.
    DTypeError
        If ``x`` is not floating-point.
    OdysseyError
        If LAPACK does not converge.

    Notes
    -----
    Backward, with :math:`E_{ij} = \lambda_j - \lambda_i` beside the diagonal [1]_, and
    then the symmetric part of it all:

    .. math:: \partial X = V \Big(\operatorname{diag}(g_\lambda)
        + \frac{V^\top G_V}{E}\Big) V^\top

    A gradient of the eigenvectors wants eigenvalues that differ: where two are equal
    the vectors are not unique, and it is infinite or NaN. That of the eigenvalues alone
    needs no such thing.

    References
    ----------
    .. [1] M. Giles, "Collected matrix derivative results for forward and reverse mode
       algorithmic differentiation", 2008, https://doi.org/10.1007/978-3-540-68942-3_4

    Examples
    --------
    >>> import odyssey as od
    >>> values, vectors = od.core.eigh(od.tensor([[2.0, 1.0], [1.0, 2.0]]))
    >>> values
    tensor([1., 3.])
    """
    x = as_array(x)
    check_matrix("eigh", square=True, x=x)
    out = lapack("eigh", np.linalg.eigh, symmetric(widened(x)))
    return type(out)._make([narrowed(one, x.dtype) for one in out])


@eigh.backward_rule(wrt=("x",))
@np.errstate(all="ignore")
def eigh_backward(grad, out):
    """Return the gradient of :func:`eigh`."""
    grad_values, grad_vectors = grad
    values, v = out
    inner = 0 if grad_values is None else diagonal_of(grad_values)
    if grad_vectors is not None:
        inner = inner + (transposed(v) @ grad_vectors) * _inverse_gaps(values)
    return symmetric(v @ inner @ transposed(v))


def _inverse_gaps(values):
    """Return 1 / (value j - value i), and 0 on the diagonal."""
    eye = np.eye(values.shape[-1], dtype=values.dtype)
    return divide(1 - eye, values[..., None, :] - values[..., None] + eye)


@differentiable
def eigvalsh(x):
    r"""Return the eigenvalues :math:`\lambda_i` of symmetric matrices, in ascending order.

    Parameters and errors are those of :func:`eigh`.

    Returns
    -------
    Tensor or ndarray, shape (..., N)

    Notes
    -----
    Backward: :math:`\partial X = V \operatorname{diag}(g) V^\top`.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.eigvalsh(od.tensor([[2.0, 1.0], [1.0, 2.0]]))
    tensor([1., 3.])
    """
    x = as_array(x)
    check_matrix("eigvalsh", square=True, x=x)
    return narrowed(lapack("eigvalsh", np.linalg.eigvalsh, symmetric(widened(x))), x.dtype)


@eigvalsh.backward_rule(wrt=("x",))
@np.errstate(all="ignore")
def eigvalsh_backward(grad, x):
    """Return the gradient of :func:`eigvalsh`."""
    _, v = eigh(widened(x))
    return narrowed((v * widened(grad)[..., None, :]) @ transposed(v), x.dtype)


@differentiable
def svd(x, full_matrices=True):
    r"""Return the singular value decomposition: :math:`X = U \operatorname{diag}(s) V^\top`.

    Parameters
    ----------
    x : Tensor or ndarray, shape (..., M, N)
    full_matrices : bool
        Complete U and V to square matrices; otherwise they have only the
        K = min(M, N) columns that matter.

    Returns
    -------
    U : Tensor or ndarray, shape (..., M, M) or (..., M, K)
        The three are a NamedTuple. The signs of the columns are LAPACK's choice.
    S : Tensor or ndarray, shape (..., K)
        In descending order.
    Vh : Tensor or ndarray, shape (..., N, N) or (..., K, N)
        :math:`V^\top`.

    Raises
    ------
    ShapeError
        If ``x`` is not a matrix or a stack of them.
    DTypeError
        If ``x`` is not floating-point.
    GradientError
        In backward, if a completed U or V was used: the columns that complete it
        are not unique.

    Notes
    -----
    Backward, with :math:`E_{ij} = s_j^2 - s_i^2` beside the diagonal,
    :math:`[A] = A - A^\top`, and S the diagonal matrix [1]_:

    .. math:: \partial X = U \Big(\operatorname{diag}(g_s) + \frac{[U^\top G_U]}{E} S
        + S \frac{[V^\top G_V]}{E}\Big) V^\top
        + (1 - U U^\top)\, G_U S^{-1} V^\top + U S^{-1} G_V^\top (1 - V V^\top)

    Gradients of U and V want singular values that differ and are not 0: otherwise the
    vectors are not unique, and they are infinite or NaN. That of s needs no such thing.

    References
    ----------
    .. [1] J. Townsend, "Differentiating the singular value decomposition", 2016,
       https://j-towns.github.io/papers/svd-derivative.pdf

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.svd(od.tensor([[3.0, 0.0], [0.0, 5.0]])).S
    tensor([5., 3.])
    """
    x = as_array(x)
    check_matrix("svd", x=x)
    return lapack("svd", np.linalg.svd, x, full_matrices=full_matrices)


@svd.backward_rule(wrt=("x",))
@np.errstate(all="ignore")
def svd_backward(grad, out, x_shape, full_matrices=True):
    """Return the gradient of :func:`svd`."""
    (grad_u, grad_s, grad_vh), (u, s, vh) = grad, out
    M, N = x_shape[-2:]
    k = min(M, N)
    if full_matrices and (
        (grad_u is not None and M > N and np.any(np.asarray(grad_u)))
        or (grad_vh is not None and M < N and np.any(np.asarray(grad_vh)))
    ):
        raise GradientError(
            f"svd: the columns that complete U or Vh to a square matrix (x: {x_shape}) are not "
            "unique and have no gradient; use full_matrices=False"
        )
    if full_matrices:
        u, vh = u[..., :k], vh[..., :k, :]
        grad_u = None if grad_u is None else grad_u[..., :k]
        grad_vh = None if grad_vh is None else grad_vh[..., :k, :]
    inner = 0 if grad_s is None else diagonal_of(grad_s)
    gaps = _inverse_gaps(s * s)
    beside = 0
    if grad_u is not None:
        turn = transposed(u) @ grad_u
        inner = inner + (turn - transposed(turn)) * gaps * s[..., None, :]
        if k < M:
            rest = divide(grad_u - u @ turn, s[..., None, :])
            beside = beside + rest @ vh
    if grad_vh is not None:
        turn = vh @ transposed(grad_vh)
        inner = inner + s[..., None] * (turn - transposed(turn)) * gaps
        if k < N:
            rest = divide(grad_vh - transposed(turn) @ vh, s[..., None])
            beside = beside + u @ rest
    return u @ inner @ vh + beside


@differentiable
def svdvals(x):
    r"""Return the singular values :math:`s_i` of matrices, in descending order.

    Parameters and errors are those of :func:`svd`.

    Returns
    -------
    Tensor or ndarray, shape (..., K)

    Notes
    -----
    Backward: :math:`\partial X = U \operatorname{diag}(g) V^\top`.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.svdvals(od.tensor([[3.0, 0.0], [0.0, 5.0]]))
    tensor([5., 3.])
    """
    x = as_array(x)
    check_matrix("svdvals", x=x)
    return lapack("svdvals", np.linalg.svd, x, compute_uv=False)


@svdvals.backward_rule(wrt=("x",))
@np.errstate(all="ignore")
def svdvals_backward(grad, x):
    """Return the gradient of :func:`svdvals`."""
    u, _, vh = svd(widened(x), full_matrices=False)
    return narrowed((u * widened(grad)[..., None, :]) @ vh, x.dtype)


@differentiable
def qr(x, mode="reduced"):
    r"""Return orthogonal and triangular factors of matrices: :math:`X = Q R`.

    Parameters
    ----------
    x : Tensor or ndarray, shape (..., M, N)
    mode : {"reduced", "complete"}
        Whether Q has K = min(M, N) columns, or M.

    Returns
    -------
    Q : Tensor or ndarray, shape (..., M, K) or (..., M, M)
        The two are a NamedTuple.
    R : Tensor or ndarray, shape (..., K, N) or (..., M, N)

    Raises
    ------
    ShapeError
        If ``x`` is not a matrix or a stack of them, or the mode is another.
    DTypeError
        If ``x`` is not floating-point.
    GradientError
        In backward, if Q was completed: the columns that complete it are not unique.

    Notes
    -----
    Backward for :math:`M \ge N`, with :math:`C(A)` for the symmetric matrix that has the
    lower triangle of A [1]_:

    .. math:: \partial X = \big(G_Q + Q\, C(R\, G_R^\top - G_Q^\top Q)\big) R^{-\top}

    For :math:`M < N` the first M columns of X make Q, and the rest of R is
    :math:`Q^\top` times the rest of X. The first K columns must be independent:
    R is inverted.

    References
    ----------
    .. [1] H.-J. Liao et al., "Differentiable programming tensor networks", Physical
       Review X 9, 2019, https://arxiv.org/abs/1903.09650

    Examples
    --------
    >>> import odyssey as od
    >>> q, r = od.core.qr(od.tensor([[0.0, 2.0], [3.0, 1.0]]))
    >>> abs(r)
    tensor([[3., 1.],
            [0., 2.]])
    """
    x = as_array(x)
    check_matrix("qr", x=x)
    if mode not in ("reduced", "complete"):
        raise ShapeError(f"qr: mode must be 'reduced' or 'complete', got {mode!r}")
    return lapack("qr", np.linalg.qr, x, mode=mode)


@qr.backward_rule(wrt=("x",))
@np.errstate(all="ignore")
def qr_backward(grad, out, x_shape, mode="reduced"):
    """Return the gradient of :func:`qr`."""
    (grad_q, grad_r), (q, r) = grad, out
    M, N = x_shape[-2:]
    if mode == "complete" and M > N:
        raise GradientError(
            f"qr: the columns that complete Q to a square matrix (x: {x_shape}) are not unique "
            "and have no gradient; use mode='reduced'"
        )
    grad_q = q * 0 if grad_q is None else grad_q
    grad_r = r * 0 if grad_r is None else grad_r
    if M >= N:
        return _tall_gradient(grad_q, grad_r, q, r)
    rest = q @ r[..., M:]  # of x
    grad_rest = grad_r[..., M:]
    grad_q = grad_q + rest @ transposed(grad_rest)
    first = _tall_gradient(grad_q, grad_r[..., :M], q, r[..., :M])
    return concatenate([first, q @ grad_rest], -1)


def _tall_gradient(grad_q, grad_r, q, r):
    """Return the gradient of the QR of matrices that have no more columns than rows."""
    n = r.shape[-1]
    inner = r @ transposed(grad_r) - transposed(grad_q) @ q
    lower = np.tril(np.ones((n, n), r.dtype))
    mirrored = inner * lower + transposed(inner * (lower - np.eye(n, dtype=r.dtype)))
    return transposed(solve(r, transposed(grad_q + q @ mirrored)))
