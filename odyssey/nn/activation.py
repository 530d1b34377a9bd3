"""Activations as layers: the rectifier, sigmoid, tanh, softmax and log-softmax."""

from __future__ import annotations

from odyssey import core
from odyssey.nn._plain import Plain, check_axis
from odyssey.tensor import Tensor

__all__ = ["LogSoftmax", "ReLU", "Sigmoid", "Softmax", "Tanh"]


class ReLU(Plain):
    """Rectify each element; see :func:`odyssey.core.relu`.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.ReLU()(od.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """

    def forward(self, x: Tensor) -> Tensor:
        return core.relu(x)


class Sigmoid(Plain):
    """Squash each element into (0, 1); see :func:`odyssey.core.sigmoid`.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.Sigmoid()(od.tensor([-200.0, 0.0]))
    tensor([0. , 0.5])
    """

    def forward(self, x: Tensor) -> Tensor:
        return core.sigmoid(x)


class Tanh(Plain):
    """Squash each element into (-1, 1); see :func:`odyssey.core.tanh`.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.Tanh()(od.tensor([0.0, 200.0]))
    tensor([0., 1.])
    """

    def forward(self, x: Tensor) -> Tensor:
        return core.tanh(x)


class Softmax(Plain):
    """Turn scores into probabilities along an axis; see :func:`odyssey.core.softmax`.

    Before :class:`CrossEntropyLoss` there is no need for it: that takes the scores.

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
    >>> od.nn.Softmax()(od.tensor([[0.0, 0.0], [1e4, 0.0]]))
    tensor([[0.5, 0.5],
            [1. , 0. ]])
    """

    def __init__(self, axis: int = -1) -> None:
        self.axis = check_axis("Softmax", axis)

    def forward(self, x: Tensor) -> Tensor:
        return core.softmax(x, self.axis)


class LogSoftmax(Plain):
    """Return the logarithms of the softmax; see :func:`odyssey.core.log_softmax`.

    :class:`NLLLoss` takes what it gives.

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
    >>> od.nn.LogSoftmax()(od.tensor([0.0, -1e4]))
    tensor([     0., -10000.])
    """

    def __init__(self, axis: int = -1) -> None:
        self.axis = check_axis("LogSoftmax", axis)

    def forward(self, x: Tensor) -> Tensor:
        return core.log_softmax(x, self.axis)
