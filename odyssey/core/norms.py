"""Norms: the size of vectors and of matrices."""

from __future__ import annotations

import numpy as np

from odyssey.core._axes import joined, narrowed, widened
from odyssey.core._checks import as_array, check_float, normalize_axes
from odyssey.core._lapack import check_matrix
from odyssey.core.arithmetic import divide, power
from odyssey.core.decompositions import svdvals, svdvals_backward
from odyssey.core.elementwise import abs as absolute
from odyssey.core.elementwise import where
from odyssey.core.reduction import max_backward
from odyssey.errors import ShapeError
from odyssey.tape import differentiable

__all__ = [
    "matrix_norm",
    "matrix_norm_backward",
    "norm",
    "norm_backward",
    "vector_norm",
    "vector_norm_backward",
]


def _reduced_shape(shape, axes, keepdims):
    if keepdims:
        return tuple([1 if i in axes else n for i, n in enumerate(shape)])
    return tuple([n for i, n in enumerate(shape) if i not in axes])


@differentiable
def vector_norm(x, axis=None, keepdims=False, ord=2):
    r"""Return the p-norm of vectors: :math:`y = \big(\sum_i |x_i|^p\big)^{1/p}`.

    Parameters
    ----------
    x : Tensor or ndarray
    axis : int, tuple of int or None
        The axes whose elements make one vector; None for all.
    keepdims : bool
        Keep the axes, with length 1.
    ord : float
        p. ``inf`` takes the largest :math:`|x_i|`, ``-inf`` the smallest, 0 counts
        what is not 0.

    Returns
    -------
    Tensor or ndarray
        In the dtype of ``x``; half precision is computed in float32.

    Raises
    ------
    ShapeError
        If an axis is out of range, repeated or not an integer, if ``ord`` is not a
        number, or if it is infinite and there is no element.
    DTypeError
        If ``x`` is not floating-point.

    Notes
    -----
    Backward, and 0 where y is 0:

    .. math:: \partial x_i = g\, \mathrm{sign}(x_i)\, \Big(\frac{|x_i|}{y}\Big)^{p - 1}

    An element that is 0 gets 0. The largest or smallest ones share the gradient; a
    count has none.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.vector_norm(od.tensor([3.0, 4.0]))
    tensor(5.)
    """
    x = as_array(x)
    check_float("vector_norm", x=x)
    axes = normalize_axes("vector_norm", axis, x.ndim)
    return _vector_norm("vector_norm", x, axes, keepdims, ord)


def _vector_norm(op, x, axes, keepdims, ord):
    if not isinstance(ord, (int, float)):
        raise ShapeError(f"{op}: ord must be a number, got {ord!r}")
    rows = joined(widened(x), axes)
    if rows.shape[-1] == 0 and np.isinf(ord):
        raise ShapeError(f"{op}: x of shape {x.shape} has no element along axis {axes}")
    with np.errstate(all="ignore"):
        out = np.linalg.norm(rows, ord, axis=-1)
    return narrowed(np.reshape(out, _reduced_shape(x.shape, axes, keepdims)), x.dtype)


@vector_norm.backward_rule(wrt=("x",))
@np.errstate(all="ignore")
def vector_norm_backward(grad, x, out, axis=None, ord=2):
    """Return the gradient of :func:`vector_norm`."""
    axes = normalize_axes("vector_norm", axis, len(x.shape))
    sign = np.sign(np.asarray(x))
    if ord == 0:
        return np.zeros(x.shape, x.dtype)
    if np.isinf(ord):
        return max_backward(grad, absolute(x), out, axes) * sign
    kept = _reduced_shape(x.shape, axes, True)
    grad, out, wide = (widened(a) for a in (grad, out, x))
    grad, out = grad.reshape(kept), out.reshape(kept)
    size = where(np.asarray(out) == 0, 1, out)
    if ord == 2:
        return narrowed(divide(grad, size) * wide, x.dtype)
    share = where(sign == 0, 1, divide(absolute(wide), size))  # else 0 to a negative power
    return narrowed(grad * power(share, ord - 1) * sign, x.dtype)


_OF_MATRICES = ("fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf)


@differentiable
def matrix_norm(x, keepdims=False, ord="fro"):
    r"""Return a norm of matrices, by default Frobenius's :math:`\sqrt{\sum_{ij} x_{ij}^2}`.

    Parameters
    ----------
    x : Tensor or ndarray, shape (..., M, N)
    keepdims : bool
        Keep the last two axes, with length 1.
    ord : {"fro", "nuc", 1, -1, 2, -2, inf, -inf}
        Frobenius's; the sum of the singular values; the largest (smallest, if
        negative) sum of magnitudes in a column; singular value; sum in a row.

    Returns
    -------
    Tensor or ndarray, shape (...)
        In the dtype of ``x``; half precision is computed in float32.

    Raises
    ------
    ShapeError
        If ``x`` is not a matrix or a stack of them, has no element where a largest or
        smallest is asked for, or ``ord`` is none of these.
    DTypeError
        If ``x`` is not floating-point.

    Notes
    -----
    Backward: :math:`\partial X = g\, X / y` for Frobenius's, 0 where y is 0;
    :math:`g\, U V^\top` for the sum of the singular values, :math:`g\, u v^\top` for one
    of them; :math:`g\, \mathrm{sign}(x_{ij})` in the row or column. Equal ones share.

    Examples
    --------
    >>> import numpy as np, odyssey as od
    >>> od.core.matrix_norm(od.tensor([[3.0, 0.0], [0.0, -4.0]]))
    tensor(5.)
    >>> od.core.matrix_norm(od.tensor([[3.0, 1.0], [0.0, -4.0]]), ord=np.inf)
    tensor(4.)
    """
    x = as_array(x)
    check_matrix("matrix_norm", x=x)
    return _matrix_norm("matrix_norm", x, keepdims, ord)


def _matrix_norm(op, x, keepdims, ord):
    if ord not in _OF_MATRICES:
        raise ShapeError(f"{op}: ord must be one of {_OF_MATRICES}, got {ord!r}")
    if 0 in x.shape[-2:] and ord not in ("fro", "nuc"):
        raise ShapeError(f"{op}: x of shape {x.shape} has no element")
    with np.errstate(all="ignore"):
        out = np.asarray(np.linalg.norm(widened(x), ord, axis=(-2, -1), keepdims=keepdims))
    return narrowed(out, x.dtype)


@matrix_norm.backward_rule(wrt=("x",))
@np.errstate(all="ignore")
def matrix_norm_backward(grad, x, out, ord="fro"):
    """Return the gradient of :func:`matrix_norm`."""
    if ord == "fro":
        return vector_norm_backward(grad, x, out, (-2, -1))
    stack = tuple(x.shape[:-2])
    grad = grad.reshape(stack)
    if ord == "nuc":
        k = min(x.shape[-2:])
        return svdvals_backward(grad[..., None] * np.ones(k, x.dtype), x)
    if ord in (2, -2):
        s = svdvals(x)
        chosen = s.max(axis=-1) if ord == 2 else s[..., -1]
        return svdvals_backward(max_backward(grad, s, chosen, -1), x)
    across = -2 if ord in (1, -1) else -1
    sums = absolute(x).sum(axis=across)
    values = np.asarray(sums)
    chosen = values.max(-1) if ord > 0 else values.min(-1)
    shares = max_backward(grad, sums, chosen, -1)
    shares = shares[..., None, :] if across == -2 else shares[..., None]
    return shares * np.sign(np.asarray(x))


@differentiable
def norm(x, ord=None, axis=None, keepdims=False):
    r"""Return a norm of vectors or of matrices, by default :math:`\sqrt{\sum_i x_i^2}`.

    Parameters
    ----------
    x : Tensor or ndarray
    ord : number, "fro", "nuc" or None
        As in :func:`vector_norm` and :func:`matrix_norm`; None for 2 and "fro".
    axis : int, tuple of two int or None
        One axis of vectors, or the rows and columns of matrices. None takes ``x`` as
        one vector or matrix; without ``ord`` it may have any number of axes.
    keepdims : bool
        Keep the axes, with length 1.

    Returns
    -------
    Tensor or ndarray
        In the dtype of ``x``; half precision is computed in float32.

    Raises
    ------
    ShapeError
        If an axis is out of range or repeated, there are more than two of them, or
        ``ord`` is none that there is for them.
    DTypeError
        If ``x`` is not floating-point.

    Notes
    -----
    Backward: that of :func:`vector_norm` or :func:`matrix_norm`; 0 where the norm is 0.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.norm(od.tensor([[3.0, 4.0], [6.0, 8.0]]), axis=1)
    tensor([ 5., 10.])
    """
    x = as_array(x)
    check_float("norm", x=x)
    axes, ord, of_vectors = _kind(ord, axis, x.ndim)
    if of_vectors:
        return _vector_norm("norm", x, axes, keepdims, ord)
    out = _matrix_norm("norm", np.moveaxis(x, axes, (-2, -1)), False, ord)
    return out.reshape(_reduced_shape(x.shape, axes, keepdims))


def _kind(ord, axis, ndim):
    """Return the axes, the order, and whether the norm is one of vectors."""
    axes = normalize_axes("norm", axis, ndim)
    if axis is None and ord is None:
        return axes, 2, True
    if len(axes) not in (1, 2):
        raise ShapeError(f"norm: axis must be one, or two for matrices, got {len(axes)}")
    of_vectors = len(axes) == 1
    return axes, (2 if of_vectors else "fro") if ord is None else ord, of_vectors


@norm.backward_rule(wrt=("x",))
@np.errstate(all="ignore")
def norm_backward(grad, x, out, ord=None, axis=None):
    """Return the gradient of :func:`norm`."""
    ndim = len(x.shape)
    axes, ord, of_vectors = _kind(ord, axis, ndim)
    if of_vectors:
        return vector_norm_backward(grad, x, out, axes, ord)
    order = (*[i for i in range(ndim) if i not in axes], *axes)
    moved = x.transpose(order)
    stack = tuple(moved.shape[:-2])
    moved_grad = matrix_norm_backward(grad.reshape(stack), moved, out.reshape(stack), ord)
    return moved_grad.transpose(tuple(np.argsort(order).tolist()))
