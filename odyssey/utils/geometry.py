"""The geometry of windows: what users write for strides and padding, as plain numbers.

Convolutions and pools slide a window of R×S taps over an image of H×W pixels, or
one with one or three axes over a line or a volume. Along each axis, with a stride s,
a dilation d (the distance of two taps) and padding before and after, a window of r
taps spans ``d * (r - 1) + 1`` pixels, and

    outputs = (size + before + after - span) // s + 1
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import numpy.typing as npt

from odyssey.errors import ShapeError

__all__ = [
    "Pads",
    "border",
    "output_size",
    "output_sizes",
    "pads",
    "pair",
    "repeated",
    "several",
    "sides",
    "span",
    "transposed_sizes",
]

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
    vertical, horizontal = several(op, name, value, 2, least)
    return vertical, horizontal


def several(op: str, name: str, value: Any, count: int, least: int = 1) -> tuple[int, ...]:
    """Return an integer for each of ``count`` axes, from one for all or from as many.

    Examples
    --------
    >>> several("conv3d", "stride", 2, 3)
    (2, 2, 2)
    """
    values = value if isinstance(value, (tuple, list)) else (value,) * count
    if len(values) != count:
        wanted = {1: "one integer", 2: "one integer or two", 3: "one integer or three"}[count]
        raise ShapeError(f"{op}: {name} must be {wanted}, got {value!r}")
    return tuple([_integer(op, name, one, least) for one in values])


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
    vertical, horizontal = sides(op, padding, size, window, stride, dilation)
    return vertical, horizontal


def sides(
    op: str,
    padding: Any,
    size: tuple[int, ...],
    window: tuple[int, ...],
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
) -> tuple[tuple[int, int], ...]:
    """Return (before, after) for any number of axes, as :func:`pads` does for two.

    Examples
    --------
    >>> sides("conv1d", "same", (5,), (4,), (1,), (1,))
    ((1, 2),)
    >>> sides("conv3d", (1, (0, 2), 3), (5, 5, 5), (3, 3, 3), (1, 1, 1), (1, 1, 1))
    ((1, 1), (0, 2), (3, 3))
    """
    if type(padding) is int and padding >= 0:  # the usual case, at once
        return ((padding, padding),) * len(size)
    if isinstance(padding, str):
        if padding == "valid":
            return ((0, 0),) * len(size)
        if padding != "same":
            raise ShapeError(f"{op}: padding must be 'same', 'valid' or numbers, got {padding!r}")
        axes = zip(size, window, stride, dilation, strict=True)
        return tuple([_same(pixels, taps, step, gap) for pixels, taps, step, gap in axes])
    if isinstance(padding, (tuple, list)) and len(padding) == len(size):
        return tuple([pair(op, "padding", one, 0) for one in padding])
    return tuple([(one, one) for one in several(op, "padding", padding, len(size), 0)])


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
        raise _too_large(op, size, window, dilation, around)
    return P, Q


def output_sizes(
    op: str,
    size: tuple[int, ...],
    window: tuple[int, ...],
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
    around: tuple[tuple[int, int], ...],
    ceil_mode: bool = False,
) -> tuple[int, ...]:
    """Return how many windows fit along any number of axes, as :func:`output_size` does for two.

    Examples
    --------
    >>> output_sizes("conv1d", (28,), (5,), (2,), (1,), ((0, 0),))
    (12,)
    """
    axes = zip(size, window, stride, dilation, around, strict=True)
    outputs = tuple(
        [
            _outputs(pixels, taps, step, gap, zeros, ceil_mode)
            for pixels, taps, step, gap, zeros in axes
        ]
    )
    if not all(outputs):
        raise _too_large(op, size, window, dilation, around)
    return outputs


def transposed_sizes(
    op: str,
    size: tuple[int, ...],
    window: tuple[int, ...],
    stride: Any,
    padding: Any,
    output_padding: Any,
    dilation: Any,
) -> tuple[int, ...]:
    """Return the size from which a convolution makes ``size`` outputs.

    With a stride there are several; the smallest, and ``output_padding`` more.

    Raises
    ------
    ShapeError
        If ``output_padding`` is not less than the stride, or nothing is left.

    Examples
    --------
    >>> transposed_sizes("conv_transpose2d", (14, 14), (3, 3), 2, 1, 1, 1)
    (28, 28)
    """
    count = len(size)
    steps, gaps = several(op, "stride", stride, count), several(op, "dilation", dilation, count)
    extra = several(op, "output_padding", output_padding, count, 0)
    around = sides(op, padding, size, window, steps, gaps)
    if any(map(operator.ge, extra, steps)):
        raise ShapeError(f"{op}: output_padding {extra} must be less than the stride {steps}")
    axes = zip(size, window, steps, gaps, around, extra, strict=True)
    sizes = tuple(
        [
            (pixels - 1) * step + span(taps, gap) - sum(cut) + more
            for pixels, taps, step, gap, cut, more in axes
        ]
    )
    if min(sizes) < 1 or min(size) < 1:
        raise ShapeError(
            f"{op}: nothing is left of {size} pixels (window: {window}, stride: {steps}, "
            f"padding: {around}, dilation: {gaps}): the size would be {sizes}"
        )
    return sizes


def _too_large(
    op: str,
    size: tuple[int, ...],
    window: tuple[int, ...],
    dilation: tuple[int, ...],
    around: tuple[tuple[int, int], ...],
) -> ShapeError:
    return ShapeError(
        f"{op}: the window is larger than the padded image "
        f"(image: {size}, padding: {around}, window: {window}, dilation: {dilation})"
    )


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


def repeated(mode: str, places: npt.NDArray[np.intp], size: int) -> npt.NDArray[np.intp]:
    """Return which of ``size`` elements stands at each place of a line that goes on at both ends.

    "replicate" repeats the ends, "circular" the whole line, and "reflect" goes back and
    forth between the ends: a wave of period 2 (size - 1).

    Examples
    --------
    >>> for mode in ("replicate", "circular", "reflect"):
    ...     print(repeated(mode, np.arange(-3, 6), 3))
    [0 0 0 0 1 2 2 2 2]
    [0 1 2 0 1 2 0 1 2]
    [1 2 1 0 1 2 1 0 1]
    """
    if mode == "replicate":
        return np.clip(places, 0, size - 1)
    if mode == "circular":
        return places % size
    return size - 1 - np.abs(places % max(2 * size - 2, 1) - (size - 1))


def border(op: str, size: int, before: int, after: int, mode: str) -> npt.NDArray[np.intp]:
    """Return for each pixel of a bordered line the one of ``size`` pixels that it repeats.

    Raises
    ------
    ShapeError
        If the border needs more pixels than there are.

    Examples
    --------
    >>> border("conv1d", 4, 2, 2, "reflect").tolist()
    [2, 1, 0, 1, 2, 3, 2, 1]
    >>> border("conv1d", 4, 2, 2, "replicate").tolist()
    [0, 0, 0, 1, 2, 3, 3, 3]
    >>> border("conv1d", 4, 2, 2, "circular").tolist()
    [2, 3, 0, 1, 2, 3, 0, 1]
    """
    most = {"reflect": size - 1, "replicate": max(before, after) if size else 0, "circular": size}
    if max(before, after) > most[mode]:
        raise ShapeError(
            f"{op}: a {mode} padding of {max(before, after)} needs more pixels than {size}"
        )
    return repeated(mode, np.arange(-before, size + after), size)
