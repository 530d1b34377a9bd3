"""Losses of regions that should overlap as layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from odyssey import core
from odyssey.core._activations import at_least
from odyssey.errors import ShapeError
from odyssey.nn._losses import Loss
from odyssey.tensor import Tensor

__all__ = ["DiceLoss", "TverskyLoss"]


class DiceLoss(Loss):
    """How little two regions overlap; see :func:`odyssey.core.dice_loss`.

    Parameters
    ----------
    smooth : float
        Added above and below, so that two empty regions agree; not negative.
    axis : int, tuple of int or None
        The axes of a region; None for all.
    reduction : {"mean", "sum", "none"}
        What to do with the losses of the regions.

    Raises
    ------
    DTypeError
        If a setting is no number.
    OdysseyError
        If a setting is out of range.

    Examples
    --------
    >>> import odyssey as od
    >>> x, region = od.tensor([1.0, 1.0, 0.0]), od.tensor([1, 0, 0])
    >>> od.nn.DiceLoss()(x, region)  # 1 - (2 + 1) / (2 + 1 + 1)
    tensor(0.25)
    """

    def __init__(
        self,
        smooth: float = 1.0,
        axis: int | tuple[int, ...] | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction)
        self.smooth = at_least("DiceLoss", "smooth", smooth)
        self.axis = _checked_axes("DiceLoss", axis)

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        return core.dice_loss(x, target, self.smooth, self.axis, self.reduction)


class TverskyLoss(Loss):
    """How little two regions overlap, where a miss and a false alarm count differently.

    See :func:`odyssey.core.tversky_loss`.

    Parameters
    ----------
    alpha, beta : float
        What a false alarm and what a miss count; not negative.
    smooth : float
        Added above and below, so that two empty regions agree; not negative.
    axis : int, tuple of int or None
        The axes of a region; None for all.
    reduction : {"mean", "sum", "none"}
        What to do with the losses of the regions.

    Raises
    ------
    DTypeError
        If a setting is no number.
    OdysseyError
        If a setting is out of range.

    References
    ----------
    .. [1] S. Salehi, D. Erdogmus, A. Gholipour, "Tversky loss function for image
       segmentation", 2017, https://arxiv.org/abs/1706.05721.

    Examples
    --------
    >>> import odyssey as od
    >>> x, region = od.tensor([1.0, 1.0, 0.0]), od.tensor([1, 0, 0])
    >>> od.nn.TverskyLoss(alpha=2.0, beta=0.0)(x, region)  # 1 - (1 + 1) / (1 + 2 + 1)
    tensor(0.5)
    """

    def __init__(
        self,
        alpha: float = 0.5,
        beta: float = 0.5,
        smooth: float = 1.0,
        axis: int | tuple[int, ...] | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction)
        self.alpha = at_least("TverskyLoss", "alpha", alpha)
        self.beta = at_least("TverskyLoss", "beta", beta)
        self.smooth = at_least("TverskyLoss", "smooth", smooth)
        self.axis = _checked_axes("TverskyLoss", axis)

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        return core.tversky_loss(
            x, target, self.alpha, self.beta, self.smooth, self.axis, self.reduction
        )


def _checked_axes(layer: str, axis: Any) -> Any:
    axes = axis if isinstance(axis, tuple) else () if axis is None else (axis,)
    if not all(isinstance(one, (int, np.integer)) and not isinstance(one, bool) for one in axes):
        raise ShapeError(f"{layer}: axis must be an integer, a tuple of them or None, got {axis!r}")
    return axis
