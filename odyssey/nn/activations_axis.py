"""Activations along an axis as layers: distributions over it, and the gate that halves it."""

from __future__ import annotations

from odyssey import core
from odyssey.core._activations import at_least
from odyssey.nn._plain import Plain, check_axis
from odyssey.tensor import Tensor
from odyssey.utils.kernel_checks_transcendental import check_truth

__all__ = ["GLU", "GumbelSoftmax", "Softmin", "Sparsemax"]


class Softmin(Plain):
    """Turn costs into probabilities along an axis; see :func:`odyssey.core.softmin`.

    Parameters
    ----------
    axis : int
        The axis along which the probabilities add up to 1.

    Raises
    ------
    ShapeError
        If the axis is no integer.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.Softmin()(od.tensor([0.0, 0.0, 1e4]))
    tensor([0.5, 0.5, 0. ])
    """

    def __init__(self, axis: int = -1) -> None:
        self.axis = check_axis("Softmin", axis)

    def forward(self, x: Tensor) -> Tensor:
        return core.softmin(x, self.axis)


class Sparsemax(Plain):
    """Turn scores into probabilities, the low ones into exactly 0.

    See :func:`odyssey.core.sparsemax`.

    Parameters
    ----------
    axis : int
        The axis along which the probabilities add up to 1.

    Raises
    ------
    ShapeError
        If the axis is no integer.

    References
    ----------
    .. [1] A. Martins, R. Astudillo, "From softmax to sparsemax", arXiv:1602.02068.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.Sparsemax()(od.tensor([1.0, 0.5, -1.0]))
    tensor([0.75, 0.25, 0.  ])
    """

    def __init__(self, axis: int = -1) -> None:
        self.axis = check_axis("Sparsemax", axis)

    def forward(self, x: Tensor) -> Tensor:
        return core.sparsemax(x, self.axis)


class GumbelSoftmax(Plain):
    """Draw from the distribution that scores give; see :func:`odyssey.core.gumbel_softmax`.

    In evaluation mode there is no noise: it is the softmax at that temperature, or
    with ``hard`` the one-hot of the largest score.

    Parameters
    ----------
    tau : float
        The temperature, larger than 0; small ones come close to one-hot.
    hard : bool
        Round the result to one-hot; the gradient is that of the soft one.
    axis : int
        The axis along which the results add up to 1.

    Raises
    ------
    OdysseyError
        If a setting is out of range.
    ShapeError
        If the axis is no integer.

    References
    ----------
    .. [1] E. Jang, S. Gu, B. Poole, "Categorical reparameterization with
       Gumbel-softmax", arXiv:1611.01144.

    Examples
    --------
    >>> import odyssey as od
    >>> layer = od.nn.GumbelSoftmax(hard=True)
    >>> layer(od.zeros((2, 3))).sum(1)
    tensor([1., 1.])
    >>> layer.eval()(od.tensor([1.0, 3.0, 2.0]))
    tensor([0., 1., 0.])
    """

    def __init__(self, tau: float = 1.0, hard: bool = False, axis: int = -1) -> None:
        self.tau = at_least("GumbelSoftmax", "tau", tau, reached=False)
        self.hard = check_truth("GumbelSoftmax", "hard", hard)
        self.axis = check_axis("GumbelSoftmax", axis)

    def forward(self, x: Tensor) -> Tensor:
        return core.gumbel_softmax(x, self.tau, self.hard, self.axis, self.training)


class GLU(Plain):
    """Gate the first half of an axis with the sigmoid of the second.

    See :func:`odyssey.core.glu`.

    Parameters
    ----------
    axis : int
        The axis that is halved.

    Raises
    ------
    ShapeError
        If the axis is no integer.

    References
    ----------
    .. [1] Y. Dauphin, A. Fan, M. Auli, D. Grangier, "Language modeling with gated
       convolutional networks", arXiv:1612.08083.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.GLU()(od.tensor([2.0, 3.0, 0.0, -1e4]))
    tensor([1., 0.])
    """

    def __init__(self, axis: int = -1) -> None:
        self.axis = check_axis("GLU", axis)

    def forward(self, x: Tensor) -> Tensor:
        return core.glu(x, self.axis)
