"""The geometry of windows: what users write for strides and padding, as plain numbers.

Convolutions and pools slide a window of R×S taps over an image of H×W pixels.
Along one axis, with a stride s, a dilation d (the distance of two taps) and
padding before and after, a window of r taps spans ``d * (r - 1) + 1`` pixels, and

    outputs = (size + before + after - span) // s + 1
"""

from __future__ import annotations

import operator
from typing import Any

from odyssey.errors import ShapeError

__all__ = ["Pads", "output_size", "pads", "pair", "span"]

Pads = tuple[tuple[int, int], tuple[int, int]]
"""Zeros around an image: ((above, below), (left, right))."""


def _integer(op: str, name: str, value: Any, least: int) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        raise ShapeError(f"{op}: {name} must be made of integers, got {value!r}") from None
    if number < least:
        raise ShapeError(f"{op}: {name} must be at least {least}, got {number}")
    return number


def pair(op: str, name: str, value: Any, least: int = 1) -> tuple[int, int]:
    """Return (vertical, horizontal) from one integer for both or from two.

    Raises
    ------
    ShapeError
        If it is neither, or one is below ``least``.

    Examples
    --------
    >>> pair("conv2d", "stride", 2)
    (2, 2)
    >>> pair("conv2d", "stride", 0)
    Traceback (most recent call last):
        ...
    odyssey.errors.ShapeError: conv2d: stride must be at least 1, got 0
    """
    if type(value) is int and value >= least:  # the usual case, at once
        return value, value
    values = value if isinstance(value, (tuple, list)) else (value, value)
    if len(values) != 2:
        raise ShapeError(f"{op}: {name} must be one integer or two, got {value!r}")
    return _integer(op, name, values[0], least), _integer(op, name, values[1], least)


def span(window: int, dilation: int) -> int:
    """Return how many pixels a window covers along one axis."""
    return dilation * (window - 1) + 1


def pads(
    op: str,
    padding: Any,
    size: tuple[int, int],
    window: tuple[int, int],
    stride: tuple[int, int],
    dilation: tuple[int, int],
) -> Pads:
    """Return ((above, below), (left, right)) from any form that padding may have.

    Parameters
    ----------
    op : str
        Named in errors.
    padding : int, pair, pair of pairs, "valid" or "same"
        One number for all sides; (vertical, horizontal); each side by itself;
        none; or as much as makes ``ceil(size / stride)`` outputs, an odd zero
        after the image.
    size, window, stride, dilation : pair of int

    Raises
    ------
    ShapeError
        If it has none of these forms, or a number is negative.

    Examples
    --------
    >>> pads("conv2d", "same", (5, 8), (3, 4), (1, 1), (1, 1))
    ((1, 1), (1, 2))
    >>> pads("conv2d", (2, 0), (5, 8), (3, 3), (1, 1), (1, 1))
    ((2, 2), (0, 0))
    """
    if isinstance(padding, str):
        if padding == "valid":
            return (0, 0), (0, 0)
        if padding != "same":
            raise ShapeError(f"{op}: padding must be 'same', 'valid' or numbers, got {padding!r}")
        return (
            _same(size[0], window[0], stride[0], dilation[0]),
            _same(size[1], window[1], stride[1], dilation[1]),
        )
    if isinstance(padding, (tuple, list)) and len(padding) == 2:
        return pair(op, "padding", padding[0], 0), pair(op, "padding", padding[1], 0)
    both = pair(op, "padding", padding, 0)
    return (both[0], both[0]), (both[1], both[1])


def _same(size: int, window: int, stride: int, dilation: int) -> tuple[int, int]:
    outputs = -(-size // stride)
    total = max((outputs - 1) * stride + span(window, dilation) - size, 0)
    return total // 2, total - total // 2


def output_size(
    op: str,
    size: tuple[int, int],
    window: tuple[int, int],
    stride: tuple[int, int],
    dilation: tuple[int, int],
    around: Pads,
    ceil_mode: bool = False,
) -> tuple[int, int]:
    """Return how many windows fit, vertically and horizontally.

    With ``ceil_mode`` a last window that hangs over the end counts, too, as
    long as it starts inside the image or the padding before it.

    Raises
    ------
    ShapeError
        If the window is larger than the padded image.

    Examples
    --------
    >>> output_size("conv2d", (28, 28), (5, 5), (1, 1), (1, 1), ((2, 2), (2, 2)))
    (28, 28)
    """
    P = _outputs(size[0], window[0], stride[0], dilation[0], around[0], ceil_mode)
    Q = _outputs(size[1], window[1], stride[1], dilation[1], around[1], ceil_mode)
    if not (P and Q):
        raise ShapeError(
            f"{op}: the window is larger than the padded image "
            f"(image: {size}, padding: {around}, window: {window}, dilation: {dilation})"
        )
    return P, Q


def _outputs(
    size: int, window: int, stride: int, dilation: int, around: tuple[int, int], ceil_mode: bool
) -> int:
    """Return how many windows fit along one axis."""
    room = size + around[0] + around[1] - span(window, dilation)
    if room < 0:
        return 0
    outputs = room // stride + 1
    if ceil_mode and room % stride and outputs * stride < size + around[0]:
        outputs += 1
    return outputs
