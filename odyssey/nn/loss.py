"""Losses of classes and of yes-or-no answers as layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from odyssey import core
from odyssey.core._activations import at_least
from odyssey.errors import OdysseyError
from odyssey.nn._losses import Loss, check_share, weights
from odyssey.tensor import Tensor

__all__ = ["BCELoss", "BCEWithLogitsLoss", "CrossEntropyLoss", "FocalLoss", "NLLLoss"]


class CrossEntropyLoss(Loss):
    """The negative log-probability that scores give to the right classes.

    See :func:`odyssey.core.cross_entropy`: softmax and logarithm are in it.

    Parameters
    ----------
    weight : Tensor or ndarray, shape (C,), optional
        What each class counts; copied.
    ignore_index : int
        Examples with this class number count nothing.
    reduction : {"mean", "sum", "none"}
        What to do with the losses of the examples.
    label_smoothing : float
        How much of the truth, from 0 to 1, is spread evenly over all classes.

    Attributes
    ----------
    weight : Buffer or None, shape (C,)

    Raises
    ------
    OdysseyError
        If a setting is out of range.
    ShapeError
        If ``weight`` has not one axis.

    Examples
    --------
    >>> import odyssey as od
    >>> loss = od.nn.CrossEntropyLoss()
    >>> round(loss(od.tensor([[0.0, 0.0], [50.0, 0.0]]), od.tensor([1, 0])).item(), 4)
    0.3466
    """

    def __init__(
        self,
        weight: Any = None,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(reduction)
        self.weight = weights("CrossEntropyLoss", "weight", weight, axes=1)
        self.ignore_index = _class_number("CrossEntropyLoss", ignore_index)
        self.label_smoothing = check_share("CrossEntropyLoss", "label_smoothing", label_smoothing)

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        return core.cross_entropy(
            x, target, self.weight, self.ignore_index, self.label_smoothing, self.reduction
        )


class NLLLoss(Loss):
    """The negative log-likelihood of the right classes, from log-probabilities.

    See :func:`odyssey.core.nll_loss`; after :class:`LogSoftmax` it is
    :class:`CrossEntropyLoss`.

    Parameters
    ----------
    weight : Tensor or ndarray, shape (C,), optional
        What each class counts; copied.
    ignore_index : int
        Examples with this class number count nothing.
    reduction : {"mean", "sum", "none"}
        What to do with the losses of the examples.

    Attributes
    ----------
    weight : Buffer or None, shape (C,)

    Raises
    ------
    OdysseyError
        If the reduction is unknown.
    ShapeError
        If ``weight`` has not one axis.

    Examples
    --------
    >>> import odyssey as od
    >>> x = od.core.log(od.tensor([[0.5, 0.5], [1.0, 0.0]]))
    >>> round(od.nn.NLLLoss(reduction="sum")(x, od.tensor([1, 0])).item(), 4)
    0.6931
    """

    def __init__(
        self, weight: Any = None, ignore_index: int = -100, reduction: str = "mean"
    ) -> None:
        super().__init__(reduction)
        self.weight = weights("NLLLoss", "weight", weight, axes=1)
        self.ignore_index = _class_number("NLLLoss", ignore_index)

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        return core.nll_loss(x, target, self.weight, self.ignore_index, self.reduction)


class BCELoss(Loss):
    """The negative log-probability of yes-or-no answers, from probabilities.

    See :func:`odyssey.core.binary_cross_entropy`. Scores are for
    :class:`BCEWithLogitsLoss`, which keeps more digits.

    Parameters
    ----------
    weight : Tensor or ndarray, optional
        What each element counts; copied. It broadcasts to the input.
    reduction : {"mean", "sum", "none"}
        What to do with the losses of the elements.

    Attributes
    ----------
    weight : Buffer or None

    Raises
    ------
    OdysseyError
        If the reduction is unknown.

    Examples
    --------
    >>> import odyssey as od
    >>> loss = od.nn.BCELoss()(od.tensor([0.5, 0.5]), od.tensor([1, 0]))
    >>> round(loss.item(), 4)
    0.6931
    """

    def __init__(self, weight: Any = None, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.weight = weights("BCELoss", "weight", weight)

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        return core.binary_cross_entropy(x, target, self.weight, self.reduction)


class BCEWithLogitsLoss(Loss):
    """The negative log-probability of yes-or-no answers, from scores.

    See :func:`odyssey.core.binary_cross_entropy_with_logits`: the sigmoid is in it.

    Parameters
    ----------
    weight : Tensor or ndarray, optional
        What each element counts; copied. It broadcasts to the input.
    reduction : {"mean", "sum", "none"}
        What to do with the losses of the elements.
    pos_weight : Tensor or ndarray, optional
        What yes counts beside no; copied. It broadcasts to the input.

    Attributes
    ----------
    weight, pos_weight : Buffer or None

    Raises
    ------
    OdysseyError
        If the reduction is unknown.

    Examples
    --------
    >>> import odyssey as od
    >>> loss = od.nn.BCEWithLogitsLoss(reduction="sum")
    >>> round(loss(od.tensor([0.0, 1000.0]), od.tensor([1, 1])).item(), 4)
    0.6931
    """

    def __init__(self, weight: Any = None, reduction: str = "mean", pos_weight: Any = None) -> None:
        super().__init__(reduction)
        self.weight = weights("BCEWithLogitsLoss", "weight", weight)
        self.pos_weight = weights("BCEWithLogitsLoss", "pos_weight", pos_weight)

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        return core.binary_cross_entropy_with_logits(
            x, target, self.weight, self.pos_weight, self.reduction
        )


class FocalLoss(Loss):
    """A binary cross-entropy of scores that cares less for what is right already.

    See :func:`odyssey.core.focal_loss`.

    Parameters
    ----------
    alpha : float or None
        What yes counts, and no the rest to 1; None counts both alike, as 1.
    gamma : float
        How fast an easy example is forgotten; 0 forgets none.
    reduction : {"mean", "sum", "none"}
        What to do with the losses of the elements.

    Raises
    ------
    OdysseyError
        If a setting is out of range.

    References
    ----------
    .. [1] T.-Y. Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017,
       https://arxiv.org/abs/1708.02002.

    Examples
    --------
    >>> import odyssey as od
    >>> loss = od.nn.FocalLoss(reduction="none")(od.tensor([0.0, 4.0]), od.tensor([1, 1]))
    >>> [round(one, 5) for one in loss.tolist()]
    [0.04332, 0.0]
    """

    def __init__(
        self, alpha: float | None = 0.25, gamma: float = 2.0, reduction: str = "mean"
    ) -> None:
        super().__init__(reduction)
        self.alpha = None if alpha is None else check_share("FocalLoss", "alpha", alpha)
        self.gamma = at_least("FocalLoss", "gamma", gamma)

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        return core.focal_loss(x, target, self.alpha, self.gamma, self.reduction)


def _class_number(layer: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise OdysseyError(f"{layer}: ignore_index must be an integer, got {value!r}")
    return int(value)
