"""Losses of overlaps: how much of a region a prediction misses, and how much it adds."""

from __future__ import annotations

import numpy as np

from odyssey.core._broadcast import add_up
from odyssey.core._checks import normalize_axes
from odyssey.core._losses import alike, check_reduction, numbers, reduced, shares
from odyssey.core.arithmetic import divide
from odyssey.errors import OdysseyError
from odyssey.tape import differentiable

__all__ = ["dice_loss", "dice_loss_backward", "tversky_loss", "tversky_loss_backward"]


@differentiable
def tversky_loss(x, target, alpha=0.5, beta=0.5, smooth=1.0, axis=None, reduction="mean"):
    r"""Return 1 minus the Tversky index of predicted and true regions.

    Parameters
    ----------
    x : Tensor or ndarray, of any shape
        Probabilities that an element belongs to the region, floating-point.
    target : Tensor or ndarray, in the shape of ``x``
        1 in the region and 0 outside: integers, or floats of the dtype of ``x``.
    alpha, beta : float
        What a false alarm and what a miss count.
    smooth : float
        Added above and below, so that two empty regions agree.
    axis : int, tuple of int or None
        The axes of a region; None for all. Scores (N, C, H, W) with axis (2, 3)
        have a loss for each class of each image, with (0, 2, 3) for each class.
    reduction : {"mean", "sum", "none"}
        What to do with the losses of the regions. The mean of none is NaN.

    Returns
    -------
    Tensor or ndarray, shape () or that of the axes left
        In the dtype of ``x``.

    Raises
    ------
    ShapeError
        If the shapes differ, or an axis is out of range or repeated.
    DTypeError
        If the dtypes do not fit.
    OdysseyError
        If a setting is negative, or the reduction unknown.

    Notes
    -----
    Forward, over the elements of a region:

    .. math:: \ell = 1 - \frac{T + s}{D},\quad T = \sum_i x_i t_i,\quad
              D = T + \alpha \sum_i x_i (1 - t_i) + \beta \sum_i (1 - x_i)\, t_i + s

    Backward, with :math:`r = (T + s) / D`:

    .. math:: \partial x_i &= \frac gD \big(r\,(\alpha + (1 - \alpha - \beta)\, t_i) - t_i\big) \\
              \partial t_i &= \frac gD \big(r\,(\beta + (1 - \alpha - \beta)\, x_i) - x_i\big)

    References
    ----------
    .. [1] S. Salehi, D. Erdogmus, A. Gholipour, "Tversky loss function for image
       segmentation", 2017, https://arxiv.org/abs/1706.05721.

    Examples
    --------
    >>> import odyssey as od
    >>> x, region = od.tensor([1.0, 1.0, 0.0]), od.tensor([1, 0, 0])
    >>> od.core.tversky_loss(x, region, alpha=2.0, beta=0.0)  # 1 - (1 + 1) / (1 + 2 + 1)
    tensor(0.5)
    """
    _check_settings("tversky_loss", alpha=alpha, beta=beta, smooth=smooth)
    return _tversky("tversky_loss", x, target, alpha, beta, smooth, axis, reduction)


def _check_settings(op, **settings):
    for name, value in settings.items():
        if not value >= 0:
            raise OdysseyError(f"{op}: {name} must be positive or 0, got {value!r}")


def _tversky(op, x, target, alpha, beta, smooth, axis, reduction):
    check_reduction(op, reduction)
    x, t = alike(op, x, target=target)
    axes = normalize_axes(op, axis, x.ndim)
    with np.errstate(all="ignore"):
        ratio, _ = _index(x, t, alpha, beta, smooth, axes)
        return reduced(1 - ratio.reshape(_rest(x.shape, axes)), reduction)


def _rest(shape, axes):
    """Return the shape without the axes of a region."""
    return tuple([n for i, n in enumerate(shape) if i not in axes])


def _index(x, t, alpha, beta, smooth, axes):
    """Return the Tversky index and what it is divided by, the axes kept with length 1."""
    both = add_up(x * t, axes, True)
    all_x, all_t = add_up(x, axes, True), add_up(t, axes, True)
    whole = (1 - alpha - beta) * both + alpha * all_x + beta * all_t + smooth
    return divide(both + smooth, whole), whole


@tversky_loss.backward_rule(wrt=("x", "target"))
def tversky_loss_backward(
    grad,
    x,
    target,
    alpha=0.5,
    beta=0.5,
    smooth=1.0,
    axis=None,
    reduction="mean",
    needs=(True, True),
):
    """Return the gradients of :func:`tversky_loss` for ``x`` and ``target``."""
    t = numbers(target, x)
    axes = normalize_axes("tversky_loss", axis, len(x.shape))
    ratio, whole = _index(x, t, alpha, beta, smooth, axes)
    if reduction == "none":
        grad = grad.reshape(whole.shape)
    share = divide(shares(grad, whole.size, reduction), whole)
    kept = 1 - alpha - beta
    return (
        share * (ratio * (alpha + kept * t) - t) if needs[0] else None,
        share * (ratio * (beta + kept * x) - x) if needs[1] else None,
    )


@differentiable
def dice_loss(x, target, smooth=1.0, axis=None, reduction="mean"):
    r"""Return 1 minus the Dice coefficient of predicted and true regions.

    Parameters, result, shapes and errors are those of :func:`tversky_loss`, of which
    this is the case :math:`\alpha = \beta = \tfrac12` with half of ``smooth``.

    Notes
    -----
    Forward: :math:`\ell = 1 - (2 \sum_i x_i t_i + s) / (\sum_i x_i + \sum_i t_i + s)`.
    Backward: that of :func:`tversky_loss`.

    References
    ----------
    .. [1] F. Milletari, N. Navab, S.-A. Ahmadi, "V-Net", 2016,
       https://arxiv.org/abs/1606.04797.

    Examples
    --------
    >>> import odyssey as od
    >>> x, region = od.tensor([1.0, 1.0, 0.0]), od.tensor([1, 0, 0])
    >>> od.core.dice_loss(x, region)  # 1 - (2 + 1) / (2 + 1 + 1)
    tensor(0.25)
    """
    _check_settings("dice_loss", smooth=smooth)
    return _tversky("dice_loss", x, target, 0.5, 0.5, smooth / 2, axis, reduction)


@dice_loss.backward_rule(wrt=("x", "target"))
def dice_loss_backward(
    grad, x, target, smooth=1.0, axis=None, reduction="mean", needs=(True, True)
):
    """Return the gradients of :func:`dice_loss` for ``x`` and ``target``."""
    return tversky_loss_backward(grad, x, target, 0.5, 0.5, smooth / 2, axis, reduction, needs)
