"""Losses of the angle between vectors."""

from __future__ import annotations

import numpy as np

from odyssey.backend import kernel
from odyssey.core._broadcast import add_up, unbroadcast
from odyssey.core._checks import as_array, check_broadcast, check_one_dtype, normalize_axis
from odyssey.core._losses import alike, check_reduction, reduced, shares
from odyssey.core.activation import softmax
from odyssey.core.arithmetic import divide
from odyssey.core.elementwise import sqrt, where
from odyssey.core.matrix import matmul, swapaxes
from odyssey.core.shape import broadcast_to, expand_dims
from odyssey.errors import OdysseyError, ShapeError
from odyssey.tape import differentiable

__all__ = [
    "cosine_embedding_loss",
    "cosine_embedding_loss_backward",
    "cosine_similarity",
    "cosine_similarity_backward",
    "info_nce_loss",
    "info_nce_loss_backward",
]


@differentiable
def cosine_similarity(x, y, axis=1, eps=1e-8):
    r"""Return the cosine of the angle between vectors.

    Parameters
    ----------
    x, y : Tensor or ndarray
        Floating-point, of one dtype; they broadcast.
    axis : int
        The axis along which a vector lies.
    eps : float
        The least length of a vector; a shorter one counts as this long.

    Returns
    -------
    Tensor or ndarray
        In the broadcast shape without ``axis``.

    Raises
    ------
    ShapeError
        If the shapes do not broadcast, or the axis is out of range.
    DTypeError
        If the dtypes do not fit.

    Notes
    -----
    Forward, with the lengths :math:`a = \max(\|x\|, \varepsilon)` and
    :math:`b = \max(\|y\|, \varepsilon)`: :math:`c = x \cdot y / ab`.

    Backward: :math:`\partial x = g\,(y / ab - c\,x / a^2)`, its second term only where
    :math:`\|x\| > \varepsilon`, and :math:`\partial y` likewise.

    Examples
    --------
    >>> import odyssey as od
    >>> x = od.tensor([[3.0, 0.0], [1.0, 1.0]])
    >>> od.core.cosine_similarity(x, od.tensor([[5.0, 0.0], [-1.0, 1.0]]))
    tensor([1., 0.])
    """
    x, y, axis = _vectors("cosine_similarity", x, y, axis)
    with np.errstate(all="ignore"):
        cosine, _, _ = _cosine(x, y, axis, _least(eps, x.dtype))
    return np.asarray(cosine.squeeze(axis))


def _vectors(op, x, y, axis):
    """Return two arrays broadcast together and their axis, after the checks."""
    x, y = as_array(x), as_array(y)
    check_one_dtype(op, x=x, y=y)
    shape = check_broadcast(op, x=x, y=y)
    return (
        np.broadcast_to(x, shape),
        np.broadcast_to(y, shape),
        normalize_axis(op, axis, len(shape)),
    )


def _least(eps, dtype):
    """Return the least squared length: one that half precision can tell from 0."""
    return max(eps * eps, float(np.finfo(dtype).tiny))


def _cosine(x, y, axis, least, added=False):
    """Return the cosine and the squared lengths, no less than ``least`` or with it added."""

    def squares(x):
        n = add_up(x * x, (axis,), True)
        return n + least if added else where(np.asarray(n) > least, n, n.dtype.type(least))

    squares_x, squares_y = squares(x), squares(y)
    product = add_up(x * y, (axis,), True)
    return divide(product, sqrt(squares_x) * sqrt(squares_y)), squares_x, squares_y


def _cosine_backward(grad, x, y, axis, least, needs, added=False):
    """Return the gradients of the cosine for ``x`` and ``y`` of one shape."""
    cosine, squares_x, squares_y = _cosine(x, y, axis, least, added)
    lengths = sqrt(squares_x) * sqrt(squares_y)

    def slope(x, y, squares):
        turned = divide(cosine * x, squares)  # 0 for a length that is held at the least one
        return grad * (divide(y, lengths) - turned * (np.asarray(squares) > least))

    return (
        slope(x, y, squares_x) if needs[0] else None,
        slope(y, x, squares_y) if needs[1] else None,
    )


@cosine_similarity.backward_rule(wrt=("x", "y"))
def cosine_similarity_backward(grad, x, y, axis=1, eps=1e-8, needs=(True, True)):
    """Return the gradients of :func:`cosine_similarity` for ``x`` and ``y``."""
    shape = np.broadcast_shapes(x.shape, y.shape)
    axis = normalize_axis("cosine_similarity", axis, len(shape))
    wide_x, wide_y = broadcast_to(x, shape), broadcast_to(y, shape)
    least = _least(eps, x.dtype)
    grad_x, grad_y = _cosine_backward(expand_dims(grad, axis), wide_x, wide_y, axis, least, needs)
    return (
        unbroadcast(grad_x, x.shape) if needs[0] else None,
        unbroadcast(grad_y, y.shape) if needs[1] else None,
    )


@differentiable
def cosine_embedding_loss(x, y, target, margin=0.0, reduction="mean"):
    r"""Return a loss that turns vectors towards each other, or apart.

    Parameters
    ----------
    x, y : Tensor or ndarray, shape (N, D) or (D,)
        Floating-point vectors of one dtype.
    target : Tensor or ndarray, shape (N,) or ()
        1 where two vectors belong together, -1 where they do not; a constant.
        Anything else costs nothing.
    margin : float
        The cosine up to which strangers are far enough from each other.
    reduction : {"mean", "sum", "none"}
        What to do with the losses of the pairs. The mean of none is NaN.

    Returns
    -------
    Tensor or ndarray, shape () or that of ``target``
        In the dtype of ``x``.

    Raises
    ------
    ShapeError
        If the shapes do not fit.
    DTypeError
        If the dtypes do not fit.
    OdysseyError
        If the reduction is unknown.

    Notes
    -----
    Forward, with the cosine c, whose squared lengths have :math:`10^{-12}` added:

    .. math:: \ell = \begin{cases} 1 - c & t = 1 \\ \max(0, c - m) & t = -1 \end{cases}

    Backward: that of :func:`cosine_similarity`, times -1 for :math:`t = 1`, and for
    :math:`t = -1` times 1 where the loss is positive, else 0.

    Examples
    --------
    >>> import odyssey as od
    >>> x, y = od.tensor([[1.0, 0.0], [1.0, 0.0]]), od.tensor([[0.0, 1.0], [0.0, 1.0]])
    >>> od.core.cosine_embedding_loss(x, y, od.tensor([1, -1]), reduction="none")
    tensor([1., 0.])
    """
    op = "cosine_embedding_loss"
    check_reduction(op, reduction)
    x, y = alike(op, x, y=y)
    target = as_array(target)
    if x.ndim == 0 or target.shape != x.shape[:-1]:
        raise ShapeError(
            f"{op}: target must have the shape of x without its last axis "
            f"(x: {x.shape}, target: {target.shape})"
        )
    with np.errstate(all="ignore"):
        cosine, _, _ = _cosine(x, y, x.ndim - 1, _least(1e-6, x.dtype), added=True)
        cosine = cosine.reshape(target.shape)
        apart = np.where(target == -1, np.maximum(cosine - margin, 0), 0)
        return reduced(np.where(target == 1, 1 - cosine, apart), reduction)


@cosine_embedding_loss.backward_rule(wrt=("x", "y"))
def cosine_embedding_loss_backward(
    grad, x, y, target, margin=0.0, reduction="mean", needs=(True, True)
):
    """Return the gradients of :func:`cosine_embedding_loss` for ``x`` and ``y``."""
    target, axis, least = np.asarray(target), len(x.shape) - 1, _least(1e-6, x.dtype)
    cosine, _, _ = _cosine(np.asarray(x), np.asarray(y), axis, least, added=True)
    strange = (target == -1) & (cosine.reshape(target.shape) > margin)
    turn = strange.astype(x.dtype) - (target == 1)
    share = expand_dims(shares(grad, target.size, reduction) * turn.astype(x.dtype), -1)
    return _cosine_backward(share, x, y, axis, least, needs, added=True)


@differentiable
def info_nce_loss(x, y, temperature=0.1, reduction="mean"):
    r"""Return how hard it is to tell each vector's partner from all the others.

    Parameters
    ----------
    x : Tensor or ndarray, shape (N, D)
        Floating-point vectors.
    y : Tensor or ndarray, shape (M, D)
        Candidates in the dtype of ``x``, M at least N: the first N are the partners of
        ``x``, in order; all the others of a row are strangers to it.
    temperature : float
        What the cosines are divided by: less cares more for the closest strangers.
    reduction : {"mean", "sum", "none"}
        What to do with the losses of the N vectors. The mean of none is NaN.

    Returns
    -------
    Tensor or ndarray, shape () or (N,)
        In the dtype of ``x``.

    Raises
    ------
    ShapeError
        If the shapes do not fit.
    DTypeError
        If the dtypes do not fit.
    OdysseyError
        If the temperature is not positive, or the reduction unknown.

    Notes
    -----
    Forward: the :func:`cross_entropy` of the cosines
    :math:`s_{nm} = \cos(x_n, y_m) / \tau` with the class n for row n,

    .. math:: \ell_n = \ln \sum_m e^{s_{nm}} - s_{nn}

    Backward: with :math:`S = (\mathrm{softmax}(s) - I)\,g / \tau` the unit vectors get
    :math:`\partial \hat x = S \hat y` and :math:`\partial \hat y = S^T \hat x`, and the
    vectors :math:`\partial x = (\partial \hat x - \hat x\,(\hat x \cdot \partial \hat x))
    / \|x\|`. A vector shorter than :math:`10^{-12}` counts as this long.

    References
    ----------
    .. [1] A. van den Oord, Y. Li, O. Vinyals, "Representation Learning with
       Contrastive Predictive Coding", 2018, https://arxiv.org/abs/1807.03748.

    Examples
    --------
    >>> import odyssey as od
    >>> x = od.tensor([[1.0, 0.0], [0.0, 1.0]])
    >>> round(od.core.info_nce_loss(x, x, temperature=1.0).item(), 4)  # ln(e + 1) - 1
    0.3133
    """
    op = "info_nce_loss"
    check_reduction(op, reduction)
    x, y = as_array(x), as_array(y)
    check_one_dtype(op, x=x, y=y)
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1] or len(y) < len(x):
        raise ShapeError(
            f"{op}: x must have shape (N, D) and y (M, D) with M >= N (x: {x.shape}, y: {y.shape})"
        )
    if not temperature > 0:
        raise OdysseyError(f"{op}: temperature must be positive, got {temperature!r}")
    with np.errstate(all="ignore"):
        scores = matmul(_unit(x)[0], _unit(y)[0].T) / temperature
    losses, _ = kernel("softmax_cross_entropy")(scores, np.arange(len(x)))
    return reduced(losses, reduction)


def _unit(x):
    """Return vectors of length 1, and their lengths."""
    least = _least(1e-12, x.dtype)
    n = add_up(x * x, (1,), True)
    lengths = sqrt(where(np.asarray(n) > least, n, n.dtype.type(least)))
    return divide(x, lengths), lengths


@info_nce_loss.backward_rule(wrt=("x", "y"))
def info_nce_loss_backward(grad, x, y, temperature=0.1, reduction="mean", needs=(True, True)):
    """Return the gradients of :func:`info_nce_loss` for ``x`` and ``y``."""
    (unit_x, length_x), (unit_y, length_y) = _unit(x), _unit(y)
    partners = np.eye(len(x), len(y), dtype=x.dtype)
    share = shares(grad, len(x), reduction)
    share = (expand_dims(share, 1) if reduction == "none" else share) * (1 / temperature)
    S = share * (softmax(matmul(unit_x, swapaxes(unit_y, 0, 1)) * (1 / temperature), 1) - partners)

    def through_length(g, unit, length):
        longer = np.asarray(length) > np.sqrt(x.dtype.type(_least(1e-12, x.dtype)))
        return divide(g - longer * (unit * add_up(g * unit, (1,), True)), length)

    grad_x = grad_y = None
    if needs[0]:
        grad_x = through_length(matmul(S, unit_y), unit_x, length_x)
    if needs[1]:
        grad_y = through_length(matmul(swapaxes(S, 0, 1), unit_x), unit_y, length_y)
    return grad_x, grad_y
