"""Cases of convolutions in Cook and Toom's form, along rows, forward and weight gradient.

Every length of rows of taps in steps, strides that cut the last step, and sizes below and
above what the kernels count in: tiles, four tiles at a time, registers of outputs, 16
channels of a superpixel, channels of a register tile, lines of a chunk.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from odyssey.testing.cases import Case, generator
from odyssey.utils.kernel_checks_conv import check_toom

REASON = "values at six points are larger than what they cancel to"

# x, filters: (K, R, S), settings
SHAPES: dict[str, tuple[tuple[int, ...], tuple[int, int, int], dict[str, Any]]] = {
    "one pixel": ((1, 1, 1, 1), (1, 1, 3), {"padding": (0, 1)}),
    "one window": ((2, 3, 3, 3), (4, 3, 3), {}),
    "one tile": ((2, 3, 4, 6), (5, 3, 3), {}),
    "2 taps": ((2, 2, 5, 13), (5, 3, 2), {"padding": 1}),
    "3 taps": ((2, 3, 9, 19), (17, 3, 3), {"padding": 1}),
    "4 taps": ((1, 2, 5, 12), (6, 2, 4), {"padding": (1, 2)}),
    "5 taps": ((2, 1, 7, 11), (6, 5, 5), {"padding": 2}),
    "one row of taps": ((1, 3, 4, 11), (7, 1, 3), {"padding": (0, 1)}),
    "first layer of a ResNet": ((2, 3, 17, 22), (35, 7, 7), {"stride": 2, "padding": 3}),
    "first layer of AlexNet": ((1, 3, 23, 27), (18, 11, 11), {"stride": 4, "padding": 2}),
    "stride 2, 3 taps": ((2, 5, 9, 21), (9, 3, 3), {"stride": 2, "padding": 1}),
    "stride 3, 8 taps": ((1, 2, 8, 31), (4, 2, 8), {"stride": (1, 3), "padding": (1, 4)}),
    "vertical stride and dilation": (
        (1, 3, 15, 9),
        (5, 3, 3),
        {"stride": (2, 1), "dilation": (3, 1)},
    ),
    "padding beyond the window": ((1, 2, 2, 3), (3, 2, 3), {"padding": 4}),
    "padding by side": ((1, 2, 5, 8), (3, 3, 3), {"padding": ((2, 0), (1, 3))}),
    "same": ((1, 2, 5, 7), (3, 3, 4), {"padding": "same"}),
    "one channel": ((3, 1, 9, 33), (33, 3, 3), {"padding": 1}),
    "more than a register of filters": ((1, 3, 6, 18), (70, 3, 3), {"padding": 1}),
    "seven channels": ((2, 7, 5, 9), (19, 3, 3), {}),
    "more channels than a piece": ((1, 37, 5, 9), (20, 3, 3), {"padding": 1}),
    "a piece, and a stride": ((1, 16, 6, 14), (5, 2, 3), {"stride": 2, "padding": 1}),
    "groups": ((2, 6, 5, 10), (9, 3, 3), {"groups": 3, "padding": 1}),
    "groups, stride": ((1, 4, 7, 15), (6, 3, 5), {"groups": 2, "stride": 2, "padding": 2}),
    "more lines than a chunk": ((3, 3, 41, 30), (18, 3, 3), {"padding": 1}),
    "more images than a chunk": ((70, 2, 3, 4), (3, 2, 2), {}),
    "more weights than a group": ((1, 130, 3, 5), (70, 3, 3), {"padding": 1}),
    "no images": ((0, 3, 5, 8), (2, 3, 3), {}),
    "no filters": ((2, 3, 5, 8), (0, 3, 3), {}),
    "no channels": ((2, 0, 5, 8), (3, 3, 3), {}),
}


def cases() -> Iterator[Case]:
    """Yield the cases of the family."""
    for name, (x, filters, settings) in SHAPES.items():
        yield from _both(name, x, filters, settings)
    rng = generator(3)
    arrays = rng.standard_normal((1, 2, 5, 9)), rng.standard_normal((3, 2, 3, 3))
    grad = rng.standard_normal((1, 3, 5, 9))
    yield Case("toom_conv2d", "no bias", (*arrays, None, 1, 1), terms=18, factor=2.0, reason=REASON)
    for number, wanted in enumerate(("weight", "bias")):
        settings = {"padding": 1, "needs": tuple(i == number for i in range(2))}
        kernel, name = "toom_conv2d_weight_gradient", f"only {wanted}"
        yield Case(kernel, name, (grad, *arrays), settings, 45, factor=2.0, reason=REASON)


def _both(
    name: str, x_shape: tuple[int, ...], filters: tuple[int, int, int], settings: dict[str, Any]
) -> Iterator[Case]:
    """Yield the forward and the backward case of these shapes."""
    rng = generator(len(name))
    full = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, **settings}
    x = rng.standard_normal(x_shape)
    K, R, S = filters
    weight = rng.standard_normal((K, x_shape[1] // full["groups"], R, S))
    bias = rng.standard_normal(K)
    outputs = check_toom("toom_conv2d", x, weight, bias, **full).outputs
    grad = rng.standard_normal((x_shape[0], K, *outputs))
    # Errors are in proportion to sums that do not cancel, also where the largest result is small.
    terms, pixels = math.prod(weight.shape[1:]), grad.size // max(K, 1)
    for kernel, args, count in (
        ("toom_conv2d", (x, weight, bias), terms),
        ("toom_conv2d_weight_gradient", (grad, x, weight), pixels),
    ):
        scale = math.sqrt(count)
        yield Case(kernel, name, args, settings, count + 1, scale, factor=2.0, reason=REASON)
