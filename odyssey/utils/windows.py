"""What a window sees: the reference kernels' images with their padding, and slices of them."""

from __future__ import annotations

import numpy as np

from odyssey.utils.geometry import Pads, span
from odyssey.utils.kernel_checks_conv import Window

__all__ = ["groups_of", "inside", "padded", "taps"]


def padded(x: np.ndarray, padding: Pads) -> np.ndarray:
    """Return the images with zeros around them."""
    return np.pad(x, ((0, 0), (0, 0), *padding))


def inside(image: np.ndarray, shape: tuple[int, ...], padding: Pads) -> np.ndarray:
    """Return the images of this shape from inside their padding."""
    (top, _), (left, _) = padding
    return image[:, :, top : top + shape[2], left : left + shape[3]]


def taps(p: int, q: int, shape: tuple[int, ...], window: Window) -> tuple[slice, slice]:
    """Return the rows and columns of the padded image that output (p, q) sees."""
    (s_v, s_h), (d_v, d_h) = window.stride, window.dilation
    rows = slice(p * s_v, p * s_v + span(shape[2], d_v), d_v)
    columns = slice(q * s_h, q * s_h + span(shape[3], d_h), d_h)
    return rows, columns


def groups_of(C: int, K: int, G: int) -> list[tuple[slice, slice]]:
    """Return the channels and the filters of each group."""
    c, k = C // G, K // G
    return [(slice(g * c, (g + 1) * c), slice(g * k, (g + 1) * k)) for g in range(G)]
