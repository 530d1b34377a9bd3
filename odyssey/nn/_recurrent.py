"""First values of recurrent layers and cells."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from odyssey import core
from odyssey.errors import OdysseyError
from odyssey.tensor import Parameter

__all__ = ["check_forget_bias", "first_parameters"]


def check_forget_bias(layer: str, forget_bias: Any, bias: bool) -> None:
    """Raise unless ``forget_bias`` is None or a finite number, and there is a bias to add it to."""
    if forget_bias is None:
        return
    if not isinstance(forget_bias, (int, float)) or not math.isfinite(forget_bias):
        raise OdysseyError(f"{layer}: forget_bias must be a number or None, got {forget_bias!r}")
    if not bias:
        raise OdysseyError(f"{layer}: forget_bias={forget_bias} needs bias=True")


def first_parameters(
    gates: int,
    inputs: int,
    hidden: int,
    bias: bool,
    orthogonal: bool,
    forget_bias: float | None,
    dtype: Any,
    rng: np.random.Generator | None,
) -> dict[str, Parameter]:
    """Return weights and biases of one layer in one direction by their names.

    ``gates`` is how many matrices stand one below the other in a weight; the second
    is the forget gate's where there is a ``forget_bias``.
    """
    bound = 1 / math.sqrt(hidden)
    shapes: dict[str, tuple[int, ...]] = {
        "weight_ih": (gates * hidden, inputs),
        "weight_hh": (gates * hidden, hidden),
    }
    if bias:
        shapes |= {"bias_ih": (gates * hidden,), "bias_hh": (gates * hidden,)}
    values = {
        name: core.uniform(shape, -bound, bound, dtype, rng) for name, shape in shapes.items()
    }
    if orthogonal:
        blocks = [core.orthogonal((hidden, hidden), dtype=dtype, rng=rng) for _ in range(gates)]
        values["weight_hh"] = core.concatenate(blocks)
    if forget_bias is not None:
        values["bias_ih"].data[hidden : 2 * hidden] += forget_bias
    return {name: Parameter(value) for name, value in values.items()}
