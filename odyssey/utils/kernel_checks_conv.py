"""What the convolution kernels ask of their arguments, on both backends and in the same words."""

from __future__ import annotations

import operator
from typing import Any, NamedTuple

import numpy as np

from odyssey.errors import ShapeError
from odyssey.utils.conv_algorithm import TILES, toom_tile
from odyssey.utils.geometry import Pads, output_size, pads, pair
from odyssey.utils.kernel_checks import FLOATS, check_arrays

__all__ = [
    "Window",
    "check_conv2d",
    "check_conv2d_backward",
    "check_depthwise",
    "check_depthwise_backward",
    "check_separable",
    "check_separable_backward",
    "check_toom",
    "check_toom_weight_gradient",
    "check_winograd",
    "check_winograd_backward",
]

LIMIT = 2**31
"""What the sides of a padded image stay below, so that no index overflows."""


class Window(NamedTuple):
    """How a window slides over an image: settings as plain numbers, (vertical, horizontal)."""

    outputs: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    padding: Pads
    groups: int


def check_conv2d(
    op: str,
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: Any,
    objects: bool = False,
) -> Window:
    """Raise unless x (N, C, H, W) can be convolved with weight (K, C / groups, R, S)."""
    if not _are_images(x, weight, bias):
        _check_images(op, objects, x=x, weight=weight, bias=bias)
    try:
        groups = operator.index(groups)
    except TypeError:
        raise ShapeError(f"{op}: groups must be an integer, got {groups!r}") from None
    if groups < 1:
        raise ShapeError(f"{op}: groups must be at least 1, got {groups}")
    _, channels, H, W = x.shape
    filters, inner, R, S = weight.shape
    if channels % groups or filters % groups or inner != channels // groups:
        raise _misfit(op, x, weight, groups)
    _check_bias(op, weight, bias)
    return _window(op, (H, W), (R, S), x, weight, stride, padding, dilation, groups)


def _misfit(op: str, x: np.ndarray, weight: np.ndarray, groups: int) -> ShapeError:
    """Return what to raise where channels, filters and groups do not fit."""
    shapes = f"(x: {x.shape}, weight: {weight.shape}, groups={groups})"
    channels, filters = x.shape[1], weight.shape[0]
    if channels % groups:
        return ShapeError(
            f"{op}: groups={groups} does not divide the {channels} channels of x {shapes}"
        )
    if filters % groups:
        return ShapeError(
            f"{op}: groups={groups} does not divide the {filters} filters of weight {shapes}"
        )
    each = "" if groups == 1 else f", {channels // groups} a group"
    return ShapeError(
        f"{op}: weight has {weight.shape[1]} input channels but x has {channels}{each} {shapes}"
    )


def check_conv2d_backward(
    grad: np.ndarray,
    x: np.ndarray,
    weight: np.ndarray,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: Any,
    objects: bool = False,
) -> Window:
    """Raise unless grad has the shape and dtype of the output for x and weight."""
    op = "conv2d_backward"
    window = check_conv2d(op, x, weight, None, stride, padding, dilation, groups, objects)
    _check_grad(op, grad, x, weight, window, objects)
    return window


def check_winograd(
    op: str,
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None,
    padding: Any,
    dilation: Any,
    groups: Any,
    tile: Any,
    objects: bool = False,
) -> Window:
    """Raise unless there are points for such windows and tiles: 4, or 6, along each axis."""
    window = check_conv2d(op, x, weight, bias, 1, padding, dilation, groups, objects)
    taps = weight.shape[2]
    if weight.shape[3] != taps or taps not in TILES:
        raise ShapeError(f"{op}: weight must have 3x3, 4x4 or 5x5 taps, got shape {weight.shape}")
    if not isinstance(tile, int | np.integer) or tile not in TILES[taps]:
        expected = " or ".join(map(str, TILES[taps]))
        raise ShapeError(f"{op}: tile must be {expected} for {taps}x{taps} taps, got {tile!r}")
    return window


def check_winograd_backward(
    grad: np.ndarray,
    x: np.ndarray,
    weight: np.ndarray,
    padding: Any,
    dilation: Any,
    groups: Any,
    tile: Any,
    objects: bool = False,
) -> Window:
    """Raise unless grad has the shape and dtype of the output for x and weight."""
    op = "winograd_conv2d_backward"
    window = check_winograd(op, x, weight, None, padding, dilation, groups, tile, objects)
    _check_grad(op, grad, x, weight, window, objects)
    return window


def check_toom(
    op: str,
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: Any,
    objects: bool = False,
) -> Window:
    """Raise unless rows of taps have a form with 6 points: two to five steps of the stride long."""
    window = check_conv2d(op, x, weight, bias, stride, padding, dilation, groups, objects)
    taps, step, gap = weight.shape[3], window.stride[1], window.dilation[1]
    if gap != 1:
        raise ShapeError(f"{op}: the horizontal dilation must be 1, got {gap}")
    if not toom_tile(taps, step, gap):
        raise ShapeError(
            f"{op}: rows of taps must be two to five steps long, got {taps} taps and steps of "
            f"{step} (weight: {weight.shape}, stride: {window.stride})"
        )
    return window


def check_toom_weight_gradient(
    grad: np.ndarray,
    x: np.ndarray,
    weight: np.ndarray,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: Any,
    objects: bool = False,
) -> Window:
    """Raise unless grad has the shape and dtype of the output for x and weight."""
    op = "toom_conv2d_weight_gradient"
    window = check_toom(op, x, weight, None, stride, padding, dilation, groups, objects)
    _check_grad(op, grad, x, weight, window, objects)
    return window


def check_depthwise(
    op: str,
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None,
    stride: Any,
    padding: Any,
    dilation: Any,
    objects: bool = False,
) -> Window:
    """Raise unless x (N, C, H, W) can be convolved with weight (C·M, 1, R, S)."""
    if not _are_images(x, weight, bias):
        _check_images(op, objects, x=x, weight=weight, bias=bias)
    _, channels, H, W = x.shape
    filters, inner, R, S = weight.shape
    if inner != 1:
        raise ShapeError(
            f"{op}: weight has {inner} input channels but each filter sees 1 "
            f"(x: {x.shape}, weight: {weight.shape})"
        )
    if filters % channels if channels else filters:
        raise ShapeError(
            f"{op}: weight has {filters} filters, no multiple of the {channels} channels of x "
            f"(x: {x.shape}, weight: {weight.shape})"
        )
    if channels and not filters:
        raise ShapeError(
            f"{op}: weight has no filters but x has {channels} channels "
            f"(x: {x.shape}, weight: {weight.shape})"
        )
    _check_bias(op, weight, bias)
    return _window(op, (H, W), (R, S), x, weight, stride, padding, dilation, channels or 1)


def check_depthwise_backward(
    grad: np.ndarray,
    x: np.ndarray,
    weight: np.ndarray,
    stride: Any,
    padding: Any,
    dilation: Any,
    objects: bool = False,
) -> Window:
    """Raise unless grad has the shape and dtype of the output for x and weight."""
    op = "depthwise_conv2d_backward"
    window = check_depthwise(op, x, weight, None, stride, padding, dilation, objects)
    _check_grad(op, grad, x, weight, window, objects)
    return window


def check_separable(
    op: str,
    x: np.ndarray,
    depthwise_weight: np.ndarray,
    pointwise_weight: np.ndarray,
    bias: np.ndarray | None,
    objects: bool = False,
) -> None:
    """Raise unless pointwise_weight (K, C·M, 1, 1) takes what depthwise_weight (C·M, ...) gives."""
    arrays = {"x": x, "depthwise_weight": depthwise_weight, "pointwise_weight": pointwise_weight}
    _check_images(op, objects, **arrays, bias=bias)
    middle = depthwise_weight.shape[0]
    if pointwise_weight.shape[1:] != (middle, 1, 1):
        raise ShapeError(
            f"{op}: pointwise_weight must have shape (filters, {middle}, 1, 1) but has "
            f"{pointwise_weight.shape} (depthwise_weight: {depthwise_weight.shape})"
        )
    _check_bias(op, pointwise_weight, bias, "pointwise_weight")


def check_separable_backward(
    grad: np.ndarray,
    x: np.ndarray,
    depthwise_weight: np.ndarray,
    pointwise_weight: np.ndarray,
    stride: Any,
    padding: Any,
    dilation: Any,
    objects: bool = False,
) -> tuple[int, ...]:
    """Return the shape of the image between the two convolutions, or raise."""
    op = "depthwise_separable_conv2d_backward"
    check_separable(op, x, depthwise_weight, pointwise_weight, None, objects)
    window = check_depthwise(op, x, depthwise_weight, None, stride, padding, dilation, objects)
    _check_grad(op, grad, x, pointwise_weight, window, objects)
    return (x.shape[0], depthwise_weight.shape[0], *window.outputs)


def _are_images(x: np.ndarray, weight: np.ndarray, bias: np.ndarray | None) -> bool:
    """Return whether they are as usual: _check_images, which is slow, then has nothing to say."""
    return (
        isinstance(x, np.ndarray)
        and isinstance(weight, np.ndarray)
        and x.dtype is weight.dtype
        and x.dtype in FLOATS
        and x.ndim == 4
        and weight.ndim == 4
        and (bias is None or (isinstance(bias, np.ndarray) and bias.dtype is x.dtype))
    )


def _check_images(op: str, objects: bool, **arrays: np.ndarray | None) -> None:
    given = {name: array for name, array in arrays.items() if array is not None}
    check_arrays(op, objects, **given)
    for name, array in given.items():
        if name != "bias" and array.ndim != 4:
            axes = "(N, C, H, W)" if name == "x" else "(filters, channels, height, width)"
            raise ShapeError(
                f"{op}: {name} has {array.ndim} axes but needs 4, {axes} ({name}: {array.shape})"
            )


def _check_bias(op: str, weight: np.ndarray, bias: np.ndarray | None, name: str = "weight") -> None:
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ShapeError(
            f"{op}: bias must have shape {weight.shape[:1]} but has {bias.shape} "
            f"({name}: {weight.shape})"
        )


def _check_grad(
    op: str, grad: np.ndarray, x: np.ndarray, weight: np.ndarray, window: Window, objects: bool
) -> None:
    if not (isinstance(grad, np.ndarray) and grad.dtype is x.dtype):  # x has been checked
        check_arrays(op, objects, x=x, grad=grad)
    expected = (x.shape[0], weight.shape[0], *window.outputs)
    if grad.shape != expected:
        raise ShapeError(
            f"{op}: grad must have shape {expected} but has {grad.shape} "
            f"(x: {x.shape}, weight: {weight.shape})"
        )


def _window(
    op: str,
    size: tuple[int, int],
    taps: tuple[int, int],
    x: np.ndarray,
    weight: np.ndarray,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
) -> Window:
    if 0 in taps:
        raise ShapeError(f"{op}: weight has an empty window (weight: {weight.shape})")
    steps, gaps = pair(op, "stride", stride), pair(op, "dilation", dilation)
    around = pads(op, padding, size, taps, steps, gaps)
    outputs = output_size(op, size, taps, steps, gaps, around)
    if size[0] + sum(around[0]) >= LIMIT or size[1] + sum(around[1]) >= LIMIT:
        raise ShapeError(f"{op}: the padded image is too large (x: {x.shape}, padding: {around})")
    # A step beyond the image is as good as one of LIMIT: no second window and no second tap fits.
    steps = min(steps[0], LIMIT), min(steps[1], LIMIT)
    gaps = min(gaps[0], LIMIT), min(gaps[1], LIMIT)
    return Window(outputs, steps, gaps, around, groups)
