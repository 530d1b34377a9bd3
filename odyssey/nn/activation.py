"""Activations as layers."""

from __future__ import annotations

from odyssey import core
from odyssey.nn.module import Module
from odyssey.tensor import Tensor

__all__ = ["ReLU", "Sigmoid", "Tanh"]


class ReLU(Module):
    """Rectify each element; see :func:`odyssey.core.relu`.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.ReLU()(od.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """

    def forward(self, x: Tensor) -> Tensor:
        return core.relu(x)


class Sigmoid(Module):
    """Squash each element into (0, 1); see :func:`odyssey.core.sigmoid`.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.Sigmoid()(od.tensor([-200.0, 0.0]))
    tensor([0. , 0.5])
    """

    def forward(self, x: Tensor) -> Tensor:
        return core.sigmoid(x)


class Tanh(Module):
    """Squash each element into (-1, 1); see :func:`odyssey.core.tanh`.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.Tanh()(od.tensor([0.0, 200.0]))
    tensor([0., 1.])
    """

    def forward(self, x: Tensor) -> Tensor:
        return core.tanh(x)
