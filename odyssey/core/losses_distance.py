"""The distance of vectors, and the loss of one that should be nearer than another."""

from __future__ import annotations

import math

import numpy as np

from odyssey.core._broadcast import add_up, unbroadcast
from odyssey.core._checks import as_array, check_broadcast, check_one_dtype, normalize_axis
from odyssey.core._losses import alike, check_reduction, reduced, shares
from odyssey.core.arithmetic import divide, power
from odyssey.core.elementwise import abs, sqrt, where
from odyssey.core.shape import expand_dims
from odyssey.errors import OdysseyError
from odyssey.tape import differentiable

__all__ = [
    "pairwise_distance",
    "pairwise_distance_backward",
    "triplet_margin_loss",
    "triplet_margin_loss_backward",
]


def _check_norm(op, p):
    if not 1 <= p < math.inf:
        raise OdysseyError(f"{op}: p must be at least 1 and finite, got {p!r}")


def _norm(u, p):
    """Return the p-norm of vectors along their last axis, which is kept."""
    axes = (len(u.shape) - 1,)
    if p == 2:
        return sqrt(add_up(u * u, axes, True))
    return power(add_up(power(abs(u), p), axes, True), 1 / p)


def _norm_slope(u, p):
    """Return the derivative of :func:`_norm` for ``u``; 0 where that is 0."""
    norm = _norm(u, p)
    norm = where(np.asarray(norm) == 0, 1, norm)
    if p == 2:
        return divide(u, norm)
    return np.sign(np.asarray(u)) * power(divide(abs(u), norm), p - 1)


@differentiable
def pairwise_distance(x, y, p=2.0, eps=1e-6, keepdims=False):
    r"""Return the distance of vectors, along the last axis.

    Parameters
    ----------
    x, y : Tensor or ndarray
        Floating-point, of one dtype; they broadcast.
    p : float
        The norm, at least 1: 2 is Euclid's, 1 counts blocks.
    eps : float
        Added to each difference, so that no distance is quite 0.
    keepdims : bool
        Keep the last axis, with length 1.

    Returns
    -------
    Tensor or ndarray
        In the broadcast shape without its last axis.

    Raises
    ------
    ShapeError
        If the shapes do not broadcast, or have no axis.
    DTypeError
        If the dtypes do not fit.
    OdysseyError
        If ``p`` is less than 1 or infinite.

    Notes
    -----
    Forward, with :math:`u = x - y + \varepsilon`:
    :math:`d = \big(\sum_i |u_i|^p\big)^{1/p}`.

    Backward: :math:`\partial x_i = g\,\mathrm{sign}(u_i) (|u_i| / d)^{p - 1}`, which is
    taken as 0 at :math:`d = 0`, and :math:`\partial y = -\partial x`.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.pairwise_distance(od.tensor([[3.0, 4.0]]), od.tensor([[0.0, 0.0]]), eps=0.0)
    tensor([5.])
    """
    x, y = as_array(x), as_array(y)
    check_one_dtype("pairwise_distance", x=x, y=y)
    shape = check_broadcast("pairwise_distance", x=x, y=y)
    normalize_axis("pairwise_distance", -1, len(shape))
    _check_norm("pairwise_distance", p)
    with np.errstate(all="ignore"):
        distance = _norm(x - y + eps, p)
    return distance if keepdims else distance.reshape(shape[:-1])


@pairwise_distance.backward_rule(wrt=("x", "y"))
def pairwise_distance_backward(grad, x, y, p=2.0, eps=1e-6, keepdims=False, needs=(True, True)):
    """Return the gradients of :func:`pairwise_distance` for ``x`` and ``y``."""
    grad = (grad if keepdims else expand_dims(grad, -1)) * _norm_slope(x - y + eps, p)
    return (
        unbroadcast(grad, x.shape) if needs[0] else None,
        unbroadcast(-grad, y.shape) if needs[1] else None,
    )


@differentiable
def triplet_margin_loss(
    x, positive, negative, margin=1.0, p=2.0, eps=1e-6, swap=False, reduction="mean"
):
    r"""Return what a vector lacks to be nearer to its friend than to a stranger by a margin.

    Parameters
    ----------
    x, positive, negative : Tensor or ndarray, shape (N, D) or (D,)
        The vectors (anchors), their friends and strangers to them; floating-point,
        of one shape and dtype.
    margin : float
        By how much.
    p, eps : float
        As in :func:`pairwise_distance`.
    swap : bool
        Whether a stranger that is nearer to the friend counts with that distance.
    reduction : {"mean", "sum", "none"}
        What to do with the losses of the triplets. The mean of none is NaN.

    Returns
    -------
    Tensor or ndarray, shape () or (N,)
        In the dtype of ``x``.

    Raises
    ------
    ShapeError
        If the shapes differ, or have no axis.
    DTypeError
        If the dtypes do not fit.
    OdysseyError
        If ``p`` is less than 1 or infinite, or the reduction unknown.

    Notes
    -----
    Forward, with the distance d: :math:`\ell = \max(0, m + d(x, x^+) - d(x, x^-))`; with
    ``swap`` the last one is :math:`\min(d(x, x^-), d(x^+, x^-))`.

    Backward: through the distances where the loss is positive, else 0, also at the
    kink: :math:`\partial x = d'(x - x^+) - d'(x - x^-)`,
    :math:`\partial x^+ = -d'(x - x^+)`, :math:`\partial x^- = d'(x - x^-)`.

    References
    ----------
    .. [1] V. Balntas et al., "Learning local feature descriptors with triplets and
       shallow convolutional neural networks", BMVC 2016, doi:10.5244/C.30.119.

    Examples
    --------
    >>> import odyssey as od
    >>> x, friend, stranger = od.tensor([0.0]), od.tensor([3.0]), od.tensor([2.0])
    >>> od.core.triplet_margin_loss(x, friend, stranger, eps=0.0)  # 1 + 3 - 2
    tensor(2.)
    """
    op = "triplet_margin_loss"
    check_reduction(op, reduction)
    x, positive, negative = alike(op, x, positive=positive, negative=negative)
    normalize_axis(op, -1, x.ndim)
    _check_norm(op, p)
    with np.errstate(all="ignore"):
        lack, _ = _lack(x, positive, negative, margin, p, eps, swap)
    return reduced(np.maximum(lack, 0).reshape(x.shape[:-1]), reduction)


def _lack(x, positive, negative, margin, p, eps, swap):
    """Return what is missing, and where the stranger is nearer to the friend; the axis kept."""
    far = _norm(x - negative + eps, p)
    across = _norm(positive - negative + eps, p) if swap else far
    lack = margin + _norm(x - positive + eps, p) - np.minimum(far, across)
    return lack, across < far


@triplet_margin_loss.backward_rule(wrt=("x", "positive", "negative"))
def triplet_margin_loss_backward(
    grad,
    x,
    positive,
    negative,
    margin=1.0,
    p=2.0,
    eps=1e-6,
    swap=False,
    reduction="mean",
    needs=(True, True, True),
):
    """Return the gradients of :func:`triplet_margin_loss` for its three vectors."""
    a, friend, stranger = (np.asarray(one) for one in (x, positive, negative))
    lack, swapped = _lack(a, friend, stranger, margin, p, eps, swap)
    share = shares(grad, lack.size, reduction)
    share = (expand_dims(share, -1) if reduction == "none" else share) * (lack > 0)
    pull = share * _norm_slope(x - positive + eps, p)
    push = share * ~swapped * _norm_slope(x - negative + eps, p)
    across = share * swapped * _norm_slope(positive - negative + eps, p) if swap else 0
    return (
        pull - push if needs[0] else None,
        -pull - across if needs[1] else None,
        push + across if needs[2] else None,
    )
