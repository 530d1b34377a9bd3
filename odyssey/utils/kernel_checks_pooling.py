"""What the pooling kernels and dropout ask of their arguments, on both backends.

Both versions of a kernel call these functions first, so that they refuse the
same inputs in the same words, and compute with the same plain numbers.
"""

from __future__ import annotations

import operator
from typing import Any, NamedTuple

import numpy as np

from odyssey.errors import DTypeError, OdysseyError, ShapeError
from odyssey.utils.geometry import output_size, pair, span
from odyssey.utils.kernel_checks import check_arrays

__all__ = [
    "Windows",
    "check_adaptive",
    "check_adaptive_backward",
    "check_dropout",
    "check_indices",
    "check_max_pool_backward",
    "check_pool",
    "check_pool_backward",
    "check_probability",
    "check_seed",
]

LARGEST = 2**31
"""More pixels than this in an image, or taps in a window, are refused: products stay exact."""


class Windows(NamedTuple):
    """Where the windows of a pool lie: pairs (vertical, horizontal)."""

    window: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int]
    outputs: tuple[int, int]


def _within(pixels: int) -> int:
    """Return the same or LARGEST: from an image's size on, all steps and gaps lead out of it."""
    return min(pixels, LARGEST)


def _check_images(op: str, shape: tuple[int, ...]) -> None:
    if len(shape) != 4:
        raise ShapeError(f"{op}: x has {len(shape)} axes but needs 4, (N, C, H, W) (x: {shape})")
    if shape[2] < 1 or shape[3] < 1:
        raise ShapeError(f"{op}: x holds images without pixels (x: {shape})")
    if shape[2] * shape[3] > LARGEST:
        raise ShapeError(f"{op}: x holds images of more than 2**31 pixels (x: {shape})")


def _windows(
    op: str,
    shape: tuple[int, ...],
    kernel_size: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    ceil_mode: bool,
) -> Windows:
    window = pair(op, "kernel_size", kernel_size)
    steps = window if stride is None else pair(op, "stride", stride)
    around = pair(op, "padding", padding, 0)
    gaps = pair(op, "dilation", dilation)
    if 2 * around[0] > window[0] or 2 * around[1] > window[1]:
        raise ShapeError(f"{op}: padding {padding} is larger than half of the window {window}")
    if window[0] * window[1] > LARGEST:
        raise ShapeError(f"{op}: the window {window} has more than 2**31 taps")
    size = (shape[2], shape[3])
    sides = ((around[0], around[0]), (around[1], around[1]))
    outputs = output_size(op, size, window, steps, gaps, sides, bool(ceil_mode))
    for axis in (0, 1):
        if gaps[axis] > 1 and around[axis]:
            _check_window_has_pixels(op, axis, size, window, steps, around, gaps, outputs)
    steps = (_within(steps[0]), _within(steps[1]))
    gaps = (_within(gaps[0]), _within(gaps[1]))
    return Windows(window, steps, around, gaps, outputs)


def _check_window_has_pixels(
    op: str,
    axis: int,
    size: tuple[int, int],
    window: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int],
    dilation: tuple[int, int],
    outputs: tuple[int, int],
) -> None:
    """Raise if the taps of a dilated window all fall into the padding."""
    for output in range(outputs[axis]):
        start = output * stride[axis] - padding[axis]
        first = start if start >= 0 else start % dilation[axis]
        last = start + dilation[axis] * (window[axis] - 1)
        if first > min(last, size[axis] - 1):
            raise ShapeError(
                f"{op}: a window has all its taps in the padding (image: {size}, "
                f"window: {window}, padding: {padding}, dilation: {dilation})"
            )


def check_pool(
    op: str,
    x: np.ndarray,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    ceil_mode: bool,
    dilation: Any = 1,
    objects: bool = False,
) -> Windows:
    """Return where the windows lie, or raise."""
    check_arrays(op, objects, x=x)
    _check_images(op, x.shape)
    return _windows(op, x.shape, kernel_size, stride, padding, dilation, ceil_mode)


def _shape_of_images(op: str, x_shape: Any) -> tuple[int, int, int, int]:
    try:
        shape = tuple(map(operator.index, x_shape))
    except TypeError:
        raise ShapeError(f"{op}: x_shape must be a tuple of integers, got {x_shape!r}") from None
    if len(shape) != 4 or min(shape) < 0:
        raise ShapeError(f"{op}: x_shape must be four lengths, (N, C, H, W), got {shape}")
    _check_images(op, shape)
    return shape[0], shape[1], shape[2], shape[3]


def _check_grad(op: str, grad: np.ndarray, expected: tuple[int, ...], x_shape: Any) -> None:
    if grad.shape != expected:
        raise ShapeError(
            f"{op}: grad has shape {grad.shape} but the output has {expected} (x: {x_shape})"
        )


def check_pool_backward(
    op: str,
    grad: np.ndarray,
    x_shape: Any,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    ceil_mode: bool,
    objects: bool = False,
) -> tuple[tuple[int, int, int, int], Windows]:
    """Return the shape of x and where the windows lie, or raise."""
    check_arrays(op, objects, grad=grad)
    shape = _shape_of_images(op, x_shape)
    windows = _windows(op, shape, kernel_size, stride, padding, 1, ceil_mode)
    _check_grad(op, grad, (*shape[:2], *windows.outputs), shape)
    return shape, windows


def check_adaptive(
    op: str, x: np.ndarray, output_size: Any, objects: bool = False
) -> tuple[int, int]:
    """Return the size of the output, or raise."""
    check_arrays(op, objects, x=x)
    _check_images(op, x.shape)
    outputs = pair(op, "output_size", output_size)
    if outputs[0] * outputs[1] > LARGEST:
        raise ShapeError(f"{op}: output_size {outputs} has more than 2**31 pixels")
    return outputs


def check_adaptive_backward(
    op: str,
    grad: np.ndarray,
    x_shape: Any,
    objects: bool = False,
    outputs: tuple[int, int] | None = None,
) -> tuple[int, int, int, int]:
    """Return the shape of x, or raise; `outputs` is what the last axes of grad must have."""
    check_arrays(op, objects, grad=grad)
    shape = _shape_of_images(op, x_shape)
    if grad.ndim != 4:
        raise ShapeError(f"{op}: grad has {grad.ndim} axes but needs 4 (grad: {grad.shape})")
    _check_grad(op, grad, (*shape[:2], *(outputs or grad.shape[2:])), shape)
    if grad.shape[2] < 1 or grad.shape[3] < 1:
        raise ShapeError(f"{op}: grad holds images without pixels (grad: {grad.shape})")
    return shape


Pairs = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]
"""The pixels that a window spans, the strides, the paddings."""


def check_max_pool_backward(
    grad: np.ndarray,
    indices: np.ndarray,
    x_shape: Any,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    objects: bool = False,
) -> tuple[tuple[int, int, int, int], Pairs | None]:
    """Return the shape of x and where the windows lie, if that is known, or raise.

    The values of `indices` are not looked at.
    """
    op = "max_pool2d_backward"
    check_arrays(op, objects, grad=grad)
    if not isinstance(indices, np.ndarray):
        raise DTypeError(f"{op}: indices must be a NumPy array, not {type(indices).__name__}")
    if indices.dtype.kind not in "iu":
        raise DTypeError(f"{op}: indices has dtype {indices.dtype}; expected an integer dtype")
    shape = _shape_of_images(op, x_shape)
    if grad.ndim != 4 or grad.shape[:2] != shape[:2]:
        raise ShapeError(f"{op}: grad of shape {grad.shape} does not fit x_shape {shape}")
    if indices.shape != grad.shape:
        raise ShapeError(
            f"{op}: indices does not have the shape of grad "
            f"(grad: {grad.shape}, indices: {indices.shape})"
        )
    if kernel_size is None:
        return shape, None
    window = pair(op, "kernel_size", kernel_size)
    steps = window if stride is None else pair(op, "stride", stride)
    around = pair(op, "padding", padding, 0)
    gaps = pair(op, "dilation", dilation)
    return shape, (
        (_within(span(window[0], gaps[0])), _within(span(window[1], gaps[1]))),
        (_within(steps[0]), _within(steps[1])),
        (_within(around[0]), _within(around[1])),
    )


def check_indices(indices: np.ndarray, shape: tuple[int, int, int, int]) -> None:
    """Raise unless all indices number a pixel of an image of that shape."""
    pixels = shape[2] * shape[3]
    for at in np.argwhere((indices < 0) | (indices >= pixels))[:1]:
        index = tuple(map(int, at))
        raise ShapeError(
            f"max_pool2d_backward: indices{list(index)} is {indices[index]} but the images have "
            f"{pixels} pixels (x: {shape})"
        )


def check_dropout(
    op: str, x: np.ndarray, p: Any, seed: Any, objects: bool = False, name: str = "x"
) -> tuple[int, int, Any]:
    """Return the seed, the least random word of 32 bits that keeps an element, and the factor.

    Examples
    --------
    >>> check_dropout("dropout", np.ones(3), 0.5, 7)
    (7, 2147483648, 2.0)
    """
    check_arrays(op, objects, **{name: x})
    number = check_seed(op, seed)
    check_probability(op, p)
    if p == 1:
        return number, 2**32, 0
    return number, round(p * 2**32), 1 / (1 - p)


def check_seed(op: str, seed: Any) -> int:
    """Return the seed, or raise unless it is an integer of 64 bits."""
    try:
        number = operator.index(seed)
    except TypeError:
        raise DTypeError(f"{op}: seed must be an integer, not {type(seed).__name__}") from None
    if not 0 <= number < 2**64:
        raise OdysseyError(f"{op}: seed must lie in [0, 2**64), got {number}")
    return number


def check_probability(op: str, p: Any) -> None:
    """Raise unless p is a number in [0, 1]."""
    try:
        inside = bool(0 <= p <= 1)
    except (TypeError, ValueError):
        raise DTypeError(f"{op}: p must be a number, not {type(p).__name__}") from None
    if not inside:
        raise OdysseyError(
            f"{op}: p, the probability to drop an element, must lie in [0, 1], got {p}"
        )
