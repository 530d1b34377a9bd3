"""What layers without parameters share: they are their settings, and one call."""

from __future__ import annotations

from typing import Any

import numpy as np

from odyssey.errors import ShapeError
from odyssey.nn.module import Module
from odyssey.tensor import Tensor

__all__ = ["Plain", "check_axis"]


class Plain(Module):
    """A layer whose attributes are its settings; they stand in its ``repr``."""

    def extra_repr(self) -> str:
        return ", ".join(
            f"{name}={value!r}"
            for name, value in vars(self).items()
            if name[0] != "_" and name != "training" and not isinstance(value, (Tensor, Module))
        )


def check_axis(layer: str, axis: Any) -> int:
    """Return an axis, or raise a ShapeError unless it is an integer."""
    if isinstance(axis, bool) or not isinstance(axis, (int, np.integer)):
        raise ShapeError(f"{layer}: axis must be an integer, got {axis!r}")
    return int(axis)
