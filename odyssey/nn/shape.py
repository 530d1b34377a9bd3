"""Changes of shape as layers."""

from __future__ import annotations

from odyssey import core
from odyssey.nn.module import Module
from odyssey.tensor import Tensor

__all__ = ["Flatten"]


class Flatten(Module):
    """Join axes into one, by default all but the batch axis; see :func:`odyssey.core.flatten`.

    Parameters
    ----------
    start_axis, end_axis : int
        The first and the last axis to join.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.Flatten()(od.ones((8, 3, 4))).shape
    (8, 12)
    """

    def __init__(self, start_axis: int = 1, end_axis: int = -1) -> None:
        self.start_axis, self.end_axis = start_axis, end_axis

    def forward(self, x: Tensor) -> Tensor:
        return core.flatten(x, self.start_axis, self.end_axis)

    def extra_repr(self) -> str:
        return f"start_axis={self.start_axis}, end_axis={self.end_axis}"
