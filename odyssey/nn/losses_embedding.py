"""Losses of vectors that should lie close together, or apart, as layers."""

from __future__ import annotations

from odyssey import core
from odyssey.core._activations import at_least
from odyssey.errors import OdysseyError
from odyssey.nn._losses import Loss
from odyssey.tensor import Tensor
from odyssey.utils.kernel_checks_transcendental import check_number, check_truth

__all__ = ["CosineEmbeddingLoss", "InfoNCELoss", "TripletMarginLoss"]


class CosineEmbeddingLoss(Loss):
    """How far friends point apart, and strangers alike.

    See :func:`odyssey.core.cosine_embedding_loss`; it is called with two vectors, and 1
    for friends, -1 for strangers.

    Parameters
    ----------
    margin : float
        The cosine that strangers may have, from -1 to 1.
    reduction : {"mean", "sum", "none"}
        What to do with the losses of the pairs.

    Raises
    ------
    DTypeError
        If ``margin`` is no number.
    OdysseyError
        If a setting is out of range.

    Examples
    --------
    >>> import odyssey as od
    >>> x, y = od.tensor([[1.0, 0.0], [1.0, 0.0]]), od.tensor([[0.0, 1.0], [0.0, 1.0]])
    >>> od.nn.CosineEmbeddingLoss(reduction="none")(x, y, od.tensor([1, -1]))
    tensor([1., 0.])
    """

    def __init__(self, margin: float = 0.0, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.margin = check_number("CosineEmbeddingLoss", "margin", margin)
        if not -1 <= self.margin <= 1:
            raise OdysseyError(f"CosineEmbeddingLoss: margin must lie in [-1, 1], got {margin!r}")

    def forward(self, x: Tensor, y: Tensor, target: Tensor) -> Tensor:
        return core.cosine_embedding_loss(x, y, target, self.margin, self.reduction)


class TripletMarginLoss(Loss):
    """What a vector lacks to be nearer to its friend than to a stranger.

    See :func:`odyssey.core.triplet_margin_loss`; it is called with the vector, its
    friend and the stranger.

    Parameters
    ----------
    margin : float
        By how much it should be nearer; larger than 0.
    p : float
        The norm, at least 1.
    eps : float
        Added to each difference.
    swap : bool
        Whether a stranger that is nearer to the friend counts with that distance.
    reduction : {"mean", "sum", "none"}
        What to do with the losses of the triplets.

    Raises
    ------
    DTypeError
        If a setting is no number.
    OdysseyError
        If a setting is out of range.

    References
    ----------
    .. [1] V. Balntas et al., "Learning local feature descriptors with triplets and
       shallow convolutional neural networks", BMVC 2016, doi:10.5244/C.30.119.

    Examples
    --------
    >>> import odyssey as od
    >>> x, friend, stranger = od.tensor([0.0]), od.tensor([3.0]), od.tensor([2.0])
    >>> od.nn.TripletMarginLoss(eps=0.0)(x, friend, stranger)  # 1 + 3 - 2
    tensor(2.)
    """

    def __init__(
        self,
        margin: float = 1.0,
        p: float = 2.0,
        eps: float = 1e-6,
        swap: bool = False,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction)
        self.margin = at_least("TripletMarginLoss", "margin", margin, reached=False)
        self.p = at_least("TripletMarginLoss", "p", p, least=1)
        self.eps = at_least("TripletMarginLoss", "eps", eps)
        self.swap = check_truth("TripletMarginLoss", "swap", swap)

    def forward(self, x: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        return core.triplet_margin_loss(
            x, positive, negative, self.margin, self.p, self.eps, self.swap, self.reduction
        )


class InfoNCELoss(Loss):
    """How hard it is to tell each vector's partner from all the others.

    See :func:`odyssey.core.info_nce_loss`.

    Parameters
    ----------
    temperature : float
        What the cosines are divided by, larger than 0: less cares more for the closest
        strangers.
    reduction : {"mean", "sum", "none"}
        What to do with the losses of the vectors.

    Raises
    ------
    DTypeError
        If the temperature is no number.
    OdysseyError
        If a setting is out of range.

    References
    ----------
    .. [1] A. van den Oord, Y. Li, O. Vinyals, "Representation Learning with
       Contrastive Predictive Coding", 2018, https://arxiv.org/abs/1807.03748.

    Examples
    --------
    >>> import odyssey as od
    >>> x = od.tensor([[1.0, 0.0], [0.0, 1.0]])
    >>> round(od.nn.InfoNCELoss(temperature=1.0)(x, x).item(), 4)  # ln(e + 1) - 1
    0.3133
    """

    def __init__(self, temperature: float = 0.1, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.temperature = at_least("InfoNCELoss", "temperature", temperature, reached=False)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return core.info_nce_loss(x, y, self.temperature, self.reduction)
