"""What convolutions in one, two and three axes share: checks, and borders that repeat pixels."""

from __future__ import annotations

import operator

import numpy as np

from odyssey.core._axes import at, taken
from odyssey.core.indexing import put
from odyssey.errors import ShapeError
from odyssey.utils.choices import pick
from odyssey.utils.geometry import border, several, sides

PADDING_MODES = ("zeros", "reflect", "replicate", "circular")

AXES = {3: "(N, C, L)", 4: "(N, C, H, W)", 5: "(N, C, D, H, W)"}


def check_axes(op, x, ndim):
    """Raise unless ``x`` has a batch axis, channels and ``ndim - 2`` axes of pixels."""
    if x.ndim != ndim:
        raise ShapeError(f"{op}: x has {x.ndim} axes but needs {ndim}, {AXES[ndim]} (x: {x.shape})")


def kept(output_size, x):
    """Return an output size with the lengths of ``x`` where it says None."""
    if not isinstance(output_size, (tuple, list)) or len(output_size) != x.ndim - 2:
        return output_size
    return tuple([n if m is None else m for n, m in zip(x.shape[2:], output_size, strict=True)])


def check_filters(op, x, weight, bias, groups, ndim, transposed=False):
    """Raise unless the filters fit the channels of ``x``; return the number of groups.

    Shapes: weight (K, C/G, ...), or (C, K/G, ...) for a transposed convolution.
    """
    check_axes(op, x, ndim)
    if weight.ndim != ndim:
        raise ShapeError(
            f"{op}: weight has {weight.ndim} axes but needs {ndim} (weight: {weight.shape})"
        )
    try:
        number = operator.index(groups)
    except TypeError:
        raise ShapeError(f"{op}: groups must be an integer, got {groups!r}") from None
    if number < 1:
        raise ShapeError(f"{op}: groups must be at least 1, got {number}")
    shapes = f"(x: {x.shape}, weight: {weight.shape}, groups={number})"
    channels, (outer, inner) = x.shape[1], weight.shape[:2]
    expected = outer if transposed else inner * number
    if channels % number or outer % number:
        raise ShapeError(f"{op}: groups={number} does not divide channels and filters {shapes}")
    if channels != expected:
        raise ShapeError(f"{op}: weight is for {expected} channels but x has {channels} {shapes}")
    if 0 in weight.shape[2:]:
        raise ShapeError(f"{op}: weight has an empty window (weight: {weight.shape})")
    filters = inner * number if transposed else outer
    if bias is not None and bias.shape != (filters,):
        raise ShapeError(f"{op}: bias must have shape {(filters,)} but has {bias.shape} {shapes}")
    return number


def borders(op, x_shape, weight_shape, stride, padding, dilation, padding_mode):
    """Return what to put around the pixels: (before, after) for each axis."""
    pick(f"{op}: padding_mode", padding_mode, PADDING_MODES)
    size, window = x_shape[2:], weight_shape[2:]
    steps = several(op, "stride", stride, len(size))
    gaps = several(op, "dilation", dilation, len(size))
    return sides(op, padding, size, window, steps, gaps)


def bordered(op, x, around, mode):
    """Put pixels of ``x`` around it, those that ``mode`` says. Works on arrays and Tensors."""
    for axis, (before, after) in enumerate(around, start=2):
        if before or after:
            places = border(op, x.shape[axis], before, after, mode)
            x = taken(x, places, axis) if isinstance(x, np.ndarray) else x[at(axis, places)]
    return x


def unbordered(op, grad, x_shape, around, mode):
    """Return the gradient for x of :func:`bordered`: what lies in the border goes home."""
    for axis, (before, after) in reversed(list(enumerate(around, start=2))):
        if not (before or after):
            continue
        size = x_shape[axis]
        outside = np.r_[:before, before + size : before + size + after]
        home = border(op, size, before, after, mode)[outside]
        inside = grad[at(axis, slice(before, before + size))]
        grad = inside + put(grad[at(axis, outside)], at(axis, home), tuple(inside.shape))
    return grad
