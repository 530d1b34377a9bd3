"""What layers ask of their settings when they are made."""

from __future__ import annotations

from typing import Any

import numpy as np

from odyssey.errors import OdysseyError, ShapeError

__all__ = ["check_divides", "check_eps", "check_positive"]


def check_positive(layer: str, **counts: Any) -> None:
    """Raise a ShapeError unless each of the counts is an integer of at least 1."""
    for name, value in counts.items():
        if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < 1:
            raise ShapeError(f"{layer}: {name} must be a positive integer, got {value!r}")


def check_divides(layer: str, part: str, divisor: int, **counts: int) -> None:
    """Raise a ShapeError unless the setting ``part``, of value ``divisor``, divides the counts."""
    for name, value in counts.items():
        if value % divisor:
            raise ShapeError(f"{layer}: {part}={divisor} does not divide {name}={value}")


def check_eps(layer: str, eps: Any) -> None:
    """Raise unless ``eps`` is a number of at least 0."""
    if isinstance(eps, bool) or not isinstance(eps, (int, float, np.floating)) or not eps >= 0:
        raise OdysseyError(f"{layer}: eps must be a number of at least 0, got {eps!r}")
