"""How alike vectors are, and how far apart, as layers."""

from __future__ import annotations

from odyssey import core
from odyssey.core._activations import at_least
from odyssey.nn._plain import Plain, check_axis
from odyssey.nn._settings import check_eps
from odyssey.tensor import Tensor
from odyssey.utils.kernel_checks_transcendental import check_truth

__all__ = ["CosineSimilarity", "PairwiseDistance"]


class CosineSimilarity(Plain):
    """The cosine of the angle between vectors; see :func:`odyssey.core.cosine_similarity`.

    Parameters
    ----------
    axis : int
        The axis along which a vector lies.
    eps : float
        The least length of a vector; a shorter one counts as this long.

    Raises
    ------
    ShapeError
        If the axis is no integer.
    OdysseyError
        If ``eps`` is negative.

    Examples
    --------
    >>> import odyssey as od
    >>> x = od.tensor([[3.0, 0.0], [1.0, 1.0]])
    >>> od.nn.CosineSimilarity()(x, od.tensor([[5.0, 0.0], [-1.0, 1.0]]))
    tensor([1., 0.])
    """

    def __init__(self, axis: int = 1, eps: float = 1e-8) -> None:
        self.axis = check_axis("CosineSimilarity", axis)
        check_eps("CosineSimilarity", eps)
        self.eps = eps

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return core.cosine_similarity(x, y, self.axis, self.eps)


class PairwiseDistance(Plain):
    """The distance of vectors along the last axis; see :func:`odyssey.core.pairwise_distance`.

    Parameters
    ----------
    p : float
        The norm, at least 1: 2 is Euclid's, 1 counts blocks.
    eps : float
        Added to each difference, so that no distance is quite 0.
    keepdims : bool
        Keep the last axis, with length 1.

    Raises
    ------
    DTypeError
        If ``p`` is no number.
    OdysseyError
        If a setting is out of range.

    Examples
    --------
    >>> import odyssey as od
    >>> x, y = od.tensor([[3.0, 0.0]]), od.tensor([[0.0, 4.0]])
    >>> od.nn.PairwiseDistance(eps=0.0)(x, y)
    tensor([5.])
    """

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdims: bool = False) -> None:
        self.p = at_least("PairwiseDistance", "p", p, least=1)
        check_eps("PairwiseDistance", eps)
        self.eps = eps
        self.keepdims = check_truth("PairwiseDistance", "keepdims", keepdims)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return core.pairwise_distance(x, y, self.p, self.eps, self.keepdims)
