"""Losses that ask for a margin as layers."""

from __future__ import annotations

from odyssey import core
from odyssey.nn._losses import Loss
from odyssey.tensor import Tensor
from odyssey.utils.kernel_checks_transcendental import check_number

__all__ = ["HingeLoss", "MarginRankingLoss", "SquaredHingeLoss"]


class HingeLoss(Loss):
    """What a score lacks to be right by a margin of 1; see :func:`odyssey.core.hinge_loss`.

    The target is 1 for yes and -1 for no.

    Parameters
    ----------
    reduction : {"mean", "sum", "none"}
        What to do with the losses of the elements.

    Raises
    ------
    OdysseyError
        If the reduction is unknown.

    References
    ----------
    .. [1] C. Cortes, V. Vapnik, "Support-Vector Networks", 1995,
       doi:10.1007/BF00994018.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.HingeLoss("none")(od.tensor([0.5, 3.0, 1.0]), od.tensor([1, 1, -1]))
    tensor([0.5, 0. , 2. ])
    """

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        return core.hinge_loss(x, target, self.reduction)


class SquaredHingeLoss(Loss):
    """The square of the hinge loss, without its kink; see :func:`odyssey.core.squared_hinge_loss`.

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
    >>> od.nn.SquaredHingeLoss("none")(od.tensor([0.5, 3.0, 1.0]), od.tensor([1, 1, -1]))
    tensor([0.25, 0.  , 4.  ])
    """

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        return core.squared_hinge_loss(x, target, self.reduction)


class MarginRankingLoss(Loss):
    """What one score lacks to be above another; see :func:`odyssey.core.margin_ranking_loss`.

    It is called with both scores, and 1 where the first should be above, else -1.

    Parameters
    ----------
    margin : float
        By how much it should be above.
    reduction : {"mean", "sum", "none"}
        What to do with the losses of the elements.

    Raises
    ------
    DTypeError
        If ``margin`` is no number.
    OdysseyError
        If the reduction is unknown.

    Examples
    --------
    >>> import odyssey as od
    >>> x, y = od.tensor([1.0, 2.0]), od.tensor([3.0, 1.0])
    >>> od.nn.MarginRankingLoss(reduction="none")(x, y, od.tensor([1, 1]))
    tensor([2., 0.])
    """

    def __init__(self, margin: float = 0.0, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.margin = check_number("MarginRankingLoss", "margin", margin)

    def forward(self, x: Tensor, y: Tensor, target: Tensor) -> Tensor:
        return core.margin_ranking_loss(x, y, target, self.margin, self.reduction)
