"""What the losses share: their reduction, their weights, and the checks of their settings."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from odyssey.core._losses import REDUCTIONS, check_reduction
from odyssey.errors import OdysseyError, ShapeError
from odyssey.nn._plain import Plain
from odyssey.nn.buffer import Buffer
from odyssey.utils.defaults import get_default_dtype
from odyssey.utils.kernel_checks_transcendental import check_number

__all__ = ["Loss", "check_share", "weights"]


class Loss(Plain):
    """A layer that says how wrong a prediction is.

    Its ``reduction`` says what becomes of the losses of all elements or examples: their
    "mean", their "sum", or "none".
    """

    reductions: ClassVar[tuple[str, ...]] = REDUCTIONS

    def __init__(self, reduction: str = "mean") -> None:
        check_reduction(type(self).__name__, reduction, self.reductions)
        self.reduction = reduction


def weights(layer: str, name: str, values: Any, axes: int | None = None) -> Buffer | None:
    """Return weights, if there are any, as a buffer of their own; it is part of the state."""
    if values is None:
        return None
    array = np.array(values)
    if array.dtype.kind not in "iuf":
        raise OdysseyError(f"{layer}: {name} must hold numbers, got {values!r}")
    if axes is not None and array.ndim != axes:
        raise ShapeError(f"{layer}: {name} must have {axes} axis, got shape {array.shape}")
    given = getattr(values, "dtype", None)
    own = given if given is not None and array.dtype.kind == "f" else get_default_dtype()
    return Buffer(array.astype(own))


def check_share(layer: str, name: str, value: Any) -> float:
    """Return a setting as a float, or raise unless it lies in [0, 1]."""
    share = check_number(layer, name, value)
    if not 0 <= share <= 1:
        raise OdysseyError(f"{layer}: {name} must lie in [0, 1], got {value!r}")
    return share
