"""Activations as layers."""

from __future__ import annotations

from odyssey import core
from odyssey.nn.module import Module
from odyssey.tensor import Tensor

__all__ = ["ReLU"]


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
