"""What padding layers share: the forms of their setting."""

from __future__ import annotations

from typing import Any

from odyssey import core
from odyssey.errors import ShapeError
from odyssey.nn.module import Module
from odyssey.tensor import Tensor
from odyssey.utils.geometry import several, sides

__all__ = ["ConstantPad", "Pad"]


class Pad(Module):
    """Elements around the last `_axes` axes, which `_mode` says; any axes before them."""

    _axes: int
    _mode = "constant"
    value: float = 0

    def __init__(self, padding: Any) -> None:
        name, axes = type(self).__name__, self._axes
        if isinstance(padding, str):
            raise ShapeError(f"{name}: padding must be made of integers, got {padding!r}")
        self.padding = padding
        if isinstance(padding, (tuple, list)) and len(padding) == 2 * axes:
            # As PyTorch has it: the last axis first.
            flat = several(name, "padding", tuple(padding), 2 * axes, 0)
            self._around = tuple(zip(flat[-2::-2], flat[::-2], strict=True))
        else:
            ones = (1,) * axes
            self._around = sides(name, padding, ones, ones, ones, ones)

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim < self._axes:
            raise ShapeError(
                f"pad: x has {x.ndim} axes but needs at least {self._axes} (x: {tuple(x.shape)})"
            )
        before = ((0, 0),) * (x.ndim - self._axes)
        return core.pad(x, before + self._around, self._mode, self.value)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ConstantPad(Pad):
    """A number around the last `_axes` axes."""

    def __init__(self, padding: Any, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def extra_repr(self) -> str:
        return f"{self.padding}, value={self.value}"
