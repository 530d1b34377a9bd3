"""What the attention kernels ask of their arguments, on both backends.

Like :mod:`odyssey.utils.kernel_checks`: the reference calls these functions
first, the compiled kernels only to say what was wrong.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from odyssey.errors import DTypeError, OdysseyError, ShapeError
from odyssey.utils.broadcasting import check_broadcasts_to
from odyssey.utils.kernel_checks import check_arrays

__all__ = [
    "attention_scale",
    "check_attention",
    "check_attention_backward",
    "check_attention_mask",
    "check_attention_shapes",
]

Shape = tuple[int, ...]


def attention_scale(op: str, scale: Any, E: int) -> float:
    """Return the number that scores are multiplied by; None stands for 1 / sqrt(E).

    Raises
    ------
    DTypeError
        If it is no real number.
    OdysseyError
        If it is not finite.

    Examples
    --------
    >>> attention_scale("scaled_dot_product_attention", None, 16)
    0.25
    """
    if scale is None:
        return 1 / math.sqrt(E)
    try:
        number = float(scale)
    except (TypeError, ValueError):
        raise DTypeError(f"{op}: scale must be a number, not {type(scale).__name__}") from None
    if not math.isfinite(number):
        raise OdysseyError(f"{op}: scale must be finite, got {number}")
    return number


def check_attention_shapes(op: str, q: Shape, k: Shape, v: Shape) -> None:
    """Raise unless q (..., L, E), k (..., S, E) and v (..., S, V) fit, leading axes aside."""
    shapes = f"(q: {q}, k: {k}, v: {v})"
    for name, shape in (("q", q), ("k", k), ("v", v)):
        if len(shape) < 2:
            raise ShapeError(f"{op}: {name} has {len(shape)} axes but needs at least 2 {shapes}")
    if q[-1] != k[-1]:
        raise ShapeError(f"{op}: q has {q[-1]} features but k has {k[-1]} {shapes}")
    if k[-2] != v[-2]:
        raise ShapeError(f"{op}: k has {k[-2]} keys but v has {v[-2]} values {shapes}")
    if q[-1] == 0:
        raise ShapeError(f"{op}: q and k have 0 features but need at least 1 {shapes}")


def check_attention_mask(op: str, mask: Any, dtype: np.dtype, scores: Shape) -> None:
    """Raise unless `mask` is None, or boolean or of `dtype` and broadcasts to `scores`."""
    if mask is None:
        return
    if not isinstance(mask, np.ndarray):
        raise DTypeError(f"{op}: mask must be a NumPy array or None, not {type(mask).__name__}")
    if mask.dtype not in (np.dtype(bool), dtype):
        raise DTypeError(
            f"{op}: mask has dtype {mask.dtype}; expected bool (True: may attend) or {dtype}, "
            "which is added to the scores"
        )
    check_broadcasts_to(op, "mask", mask.shape, scores, ", the shape of the scores")


def check_attention(q: Any, k: Any, v: Any, mask: Any, scale: Any, op: str = "") -> float:
    """Raise unless the arguments fit each other; return the scale as a number."""
    op = op or "scaled_dot_product_attention"
    check_arrays(op, q=q, k=k, v=v)
    check_attention_shapes(op, q.shape, k.shape, v.shape)
    for name, array in (("k", k), ("v", v)):
        if array.shape[:-2] != q.shape[:-2]:
            raise ShapeError(
                f"{op}: q has leading axes {q.shape[:-2]} but {name} has {array.shape[:-2]} "
                f"(q: {q.shape}, k: {k.shape}, v: {v.shape})"
            )
    check_attention_mask(op, mask, q.dtype, (*q.shape[:-1], k.shape[-2]))
    return attention_scale(op, scale, q.shape[-1])


def check_attention_backward(
    grad: Any, q: Any, k: Any, v: Any, out: Any, logsumexp: Any, mask: Any, scale: Any, needs: Any
) -> float:
    """Raise unless the arguments fit those of the forward and what it returned."""
    op = "scaled_dot_product_attention_backward"
    number = check_attention(q, k, v, mask, scale, op)
    check_arrays(op, q=q, grad=grad, out=out)
    if not isinstance(logsumexp, np.ndarray):
        raise DTypeError(f"{op}: logsumexp must be a NumPy array, not {type(logsumexp).__name__}")
    sums = np.result_type(q.dtype, np.float32)
    if logsumexp.dtype != sums:
        raise DTypeError(
            f"{op}: logsumexp has dtype {logsumexp.dtype}; expected {sums} for q of {q.dtype}"
        )
    expected = (*q.shape[:-1], v.shape[-1])
    for name, array, shape in (
        ("grad", grad, expected),
        ("out", out, expected),
        ("logsumexp", logsumexp, q.shape[:-1]),
    ):
        if array.shape != shape:
            raise ShapeError(
                f"{op}: {name} has shape {array.shape}; expected {shape} (q: {q.shape}, "
                f"k: {k.shape}, v: {v.shape})"
            )
    if not isinstance(needs, (tuple, list)) or len(needs) != 4:
        raise ShapeError(f"{op}: needs must say yes or no of q, k, v and mask, got {needs!r}")
    if needs[3] and (mask is None or mask.dtype == bool):
        raise DTypeError(
            f"{op}: needs asks for the gradient of mask, but only an additive mask has one"
        )
    return number
