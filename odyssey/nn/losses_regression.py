"""Losses of numbers as layers: squared, absolute, and between the two."""

from __future__ import annotations

from odyssey import core
from odyssey.core._activations import at_least
from odyssey.nn._losses import Loss
from odyssey.tensor import Tensor

__all__ = ["HuberLoss", "L1Loss", "LogCoshLoss", "MSELoss", "SmoothL1Loss"]


class MSELoss(Loss):
    """The squared distance from the target; see :func:`odyssey.core.mean_squared_error`.

    Parameters
    ----------
    reduction : {"mean", "sum", "none"}
        What to do with the losses of the elements.

    Raises
    ------
    OdysseyError
        If the reduction is unknown.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.MSELoss()(od.tensor([1.0, 5.0]), od.tensor([2.0, 2.0]))
    tensor(5.)
    """

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        return core.mean_squared_error(x, target, self.reduction)


class L1Loss(Loss):
    """The absolute distance from the target; see :func:`odyssey.core.l1_loss`.

    Parameters
    ----------
    reduction : {"mean", "sum", "none"}
        What to do with the losses of the elements.

    Raises
    ------
    OdysseyError
        If the reduction is unknown.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.L1Loss()(od.tensor([1.0, 5.0]), od.tensor([2.0, 2.0]))
    tensor(2.)
    """

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        return core.l1_loss(x, target, self.reduction)


class HuberLoss(Loss):
    """Squared near the target, absolute far from it; see :func:`odyssey.core.huber_loss`.

    Parameters
    ----------
    reduction : {"mean", "sum", "none"}
        What to do with the losses of the elements.
    delta : float
        The distance at which one goes over to the other; larger than 0.

    Raises
    ------
    DTypeError
        If ``delta`` is no number.
    OdysseyError
        If ``delta`` is not larger than 0, or the reduction unknown.

    References
    ----------
    .. [1] P. J. Huber, "Robust Estimation of a Location Parameter", 1964,
       doi:10.1214/aoms/1177703732.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.HuberLoss("none")(od.tensor([1.0, 5.0]), od.tensor([2.0, 2.0]))
    tensor([0.5, 2.5])
    """

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction)
        self.delta = at_least("HuberLoss", "delta", delta, reached=False)

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        return core.huber_loss(x, target, self.delta, self.reduction)


class SmoothL1Loss(Loss):
    """The absolute distance, rounded off at its tip; see :func:`odyssey.core.smooth_l1_loss`.

    Parameters
    ----------
    reduction : {"mean", "sum", "none"}
        What to do with the losses of the elements.
    beta : float
        The distance below which the loss is squared; not negative.

    Raises
    ------
    DTypeError
        If ``beta`` is no number.
    OdysseyError
        If ``beta`` is negative, or the reduction unknown.

    References
    ----------
    .. [1] R. Girshick, "Fast R-CNN", ICCV 2015, https://arxiv.org/abs/1504.08083.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.SmoothL1Loss("none")(od.tensor([1.0, 5.0]), od.tensor([2.0, 2.0]))
    tensor([0.5, 2.5])
    """

    def __init__(self, reduction: str = "mean", beta: float = 1.0) -> None:
        super().__init__(reduction)
        self.beta = at_least("SmoothL1Loss", "beta", beta)

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        return core.smooth_l1_loss(x, target, self.beta, self.reduction)


class LogCoshLoss(Loss):
    """About squared near the target, absolute far from it; see :func:`odyssey.core.log_cosh_loss`.

    Parameters
    ----------
    reduction : {"mean", "sum", "none"}
        What to do with the losses of the elements.

    Raises
    ------
    OdysseyError
        If the reduction is unknown.

    Examples
    --------
    >>> import odyssey as od
    >>> loss = od.nn.LogCoshLoss("sum")(od.tensor([3.0, 1000.0]), od.tensor([3.0, 0.0]))
    >>> round(loss.item(), 2)
    999.31
    """

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        return core.log_cosh_loss(x, target, self.reduction)
