"""What several models need: checks of images, scaled widths, first weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from odyssey import core, nn
from odyssey.errors import OdysseyError, ShapeError
from odyssey.tensor import Tensor

__all__ = ["check_images", "check_width", "redraw", "scaled"]


def check_images(
    model: str, input_shape: Sequence[int], smallest: int = 1, hint: str = ""
) -> tuple[int, int, int]:
    """Return the channels, height and width of one image.

    Raises
    ------
    ShapeError
        If ``input_shape`` is that of no image, or a side is below ``smallest``.
    """
    shape = tuple(input_shape)
    if len(shape) != 3 or min(shape) < 1:
        raise ShapeError(
            f"{model}: input_shape must be (channels, height, width) of one image, got {shape}"
        )
    channels, height, width = shape
    if min(height, width) < smallest:
        raise ShapeError(
            f"{model}: images must have at least {smallest}×{smallest} pixels, "
            f"got {height}×{width}{hint}"
        )
    return channels, height, width


def check_width(model: str, width: float) -> None:
    """Raise unless the multiplier of the channels is positive and finite."""
    if not 0 < width < math.inf:
        raise OdysseyError(f"{model}: width must be positive and finite, got {width}")


def scaled(channels: int, width: float, multiple: int = 1) -> int:
    """Return ``channels`` times ``width``, rounded to a multiple of ``multiple``, but never to 0.

    Examples
    --------
    >>> scaled(96, 0.25), scaled(3, 0.5, multiple=2), scaled(3, 0.01)
    (24, 2, 1)
    """
    return max(1, round(channels * width / multiple)) * multiple


def redraw(
    layers: Sequence[nn.Module] | nn.Module,
    kind: type[nn.Module] | tuple[type[nn.Module], ...],
    weight: Callable[[tuple[int, ...]], Tensor],
    bias: float = 0.0,
) -> None:
    """Start the layers of a kind from other values than they come with.

    Parameters
    ----------
    layers : Module, or a sequence of them
        They and all below them.
    kind : type, or a tuple of types
    weight : callable
        From the shape of a weight to its first values.
    bias : float
        The first value of all biases.
    """
    for root in [layers] if isinstance(layers, nn.Module) else layers:
        found: list[Any] = [layer for layer in root.modules() if isinstance(layer, kind)]
        for layer in found:
            layer.weight = nn.Parameter(weight(layer.weight.shape))
            if getattr(layer, "bias", None) is not None:
                layer.bias = nn.Parameter(core.constant(layer.bias.shape, bias))
