"""Cases of the convolution, forward and backward.

Asymmetric throughout: H and W differ, as do R and S, channels and filters, and
where they can the strides, dilations and paddings; strides leave a rest.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from odyssey.testing.cases import Array, Case, generator
from odyssey.utils.kernel_checks_conv import check_conv2d

# x, weight, settings
SHAPES: dict[str, tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = {
    "one pixel": ((1, 1, 1, 1), (1, 1, 1, 1), {}),
    "one window": ((2, 3, 4, 5), (4, 3, 4, 5), {}),
    "R and S differ": ((2, 3, 6, 7), (5, 3, 3, 2), {}),
    "even window": ((1, 2, 5, 6), (3, 2, 2, 4), {"padding": 1}),
    "1x1": ((2, 5, 4, 3), (7, 5, 1, 1), {}),
    "1x1, stride 2": ((2, 5, 5, 4), (7, 5, 1, 1), {"stride": 2}),
    "1x1, many channels": ((2, 130, 3, 5), (7, 130, 1, 1), {}),
    "stride leaves a rest": ((2, 3, 8, 7), (4, 3, 3, 3), {"stride": 3, "padding": 1}),
    "two strides": ((1, 2, 7, 9), (3, 2, 3, 2), {"stride": (2, 3), "padding": (0, 1)}),
    "stride beyond the window": ((1, 2, 9, 8), (3, 2, 2, 1), {"stride": 4}),
    "dilation": ((2, 2, 9, 8), (3, 2, 3, 2), {"dilation": (2, 3), "padding": 1}),
    "dilation and stride": (
        (1, 3, 9, 11),
        (2, 3, 3, 3),
        {"dilation": 2, "stride": (3, 2), "padding": 2},
    ),
    "padding by side": ((1, 2, 4, 5), (3, 2, 3, 3), {"padding": ((2, 0), (1, 3))}),
    "same": ((2, 2, 5, 6), (3, 2, 4, 3), {"padding": "same"}),
    "same, stride 2": ((1, 2, 7, 6), (3, 2, 3, 4), {"padding": "same", "stride": 2}),
    "valid": ((1, 2, 4, 5), (3, 2, 2, 3), {"padding": "valid"}),
    "padding beyond the window": ((1, 2, 2, 3), (3, 2, 2, 2), {"padding": 3}),
    "groups": ((2, 6, 5, 4), (9, 2, 3, 2), {"groups": 3, "padding": 1}),
    "a group for each channel": ((2, 4, 4, 5), (8, 1, 2, 3), {"groups": 4, "padding": 1}),
    "groups, dilation, stride": (
        (1, 4, 8, 7),
        (6, 2, 2, 3),
        {"groups": 2, "dilation": (1, 2), "stride": (2, 1), "padding": ((1, 0), (0, 2))},
    ),
    "more filters than a tile": ((1, 3, 4, 5), (70, 3, 2, 2), {}),
    "more channels than a tile": ((1, 37, 4, 3), (5, 37, 2, 2), {}),
    "few filters, a wide image": ((1, 3, 7, 37), (3, 3, 3, 4), {"padding": 1}),
    "few filters, groups, dilation": (
        (2, 4, 6, 40),
        (4, 2, 2, 3),
        {"groups": 2, "dilation": (2, 3)},
    ),
    "eight filters, stride": ((2, 2, 9, 30), (8, 2, 3, 3), {"stride": (2, 1), "padding": (2, 1)}),
    "few filters, several images": ((5, 2, 9, 21), (5, 2, 4, 3), {"padding": (1, 2)}),
    "one filter, a large window": (
        (3, 1, 13, 19),
        (1, 1, 7, 6),
        {"padding": 3, "dilation": (1, 2)},
    ),
    "filters that share lanes across groups": (
        (2, 6, 9, 17),
        (6, 2, 5, 5),
        {"groups": 3, "padding": 2},
    ),
    "filters that share lanes across groups, dilation": (
        (2, 4, 12, 30),
        (4, 2, 4, 5),
        {"groups": 2, "dilation": (2, 1), "padding": (3, 2)},
    ),
    "few filters, a tall image": ((1, 3, 90, 29), (7, 3, 5, 5), {"padding": 2}),
    "few filters, stride downwards": ((2, 3, 11, 26), (6, 3, 3, 3), {"stride": (2, 1)}),
    "few channels, a row of taps": ((3, 3, 7, 10), (18, 3, 3, 5), {}),
    "few channels, a row of taps, padding": (
        (2, 10, 9, 11),
        (9, 10, 4, 4),
        {"padding": ((1, 0), 2)},
    ),
    "few channels, a row of taps, phases": ((2, 5, 12, 13), (28, 5, 3, 3), {"stride": (2, 1)}),
    "few channels, a row of taps, stride": ((2, 10, 9, 16), (9, 10, 3, 4), {"stride": (1, 2)}),
    "few channels, more images than stay near": ((4, 10, 43, 58), (8, 10, 3, 3), {}),
    "seven pixels by five": ((3, 40, 13, 13), (70, 40, 3, 3), {"stride": 2, "padding": 1}),
    "first layer of LeNet": ((2, 1, 12, 11), (6, 1, 5, 5), {"padding": 2}),
    "second layer of LeNet": ((2, 6, 9, 8), (16, 6, 5, 5), {}),
    "a layer of a ResNet": ((4, 16, 20, 18), (24, 16, 3, 3), {"padding": 1}),
    "no images": ((0, 3, 5, 4), (2, 3, 3, 2), {}),
    "no filters": ((2, 3, 5, 4), (0, 3, 3, 2), {}),
    "no channels": ((2, 0, 5, 4), (3, 0, 3, 2), {}),
}


def cases() -> Iterator[Case]:
    """Yield the cases of the family."""
    for name, (x, weight, settings) in SHAPES.items():
        rng = generator(len(name))
        arrays = rng.standard_normal(x), rng.standard_normal(weight)
        yield from _both(name, *arrays, rng.standard_normal(weight[0]), settings)
    rng = generator(3)
    arrays = rng.standard_normal((1, 2, 5, 4)), rng.standard_normal((3, 2, 2, 2))
    yield Case("conv2d", "no bias", (*arrays, None, 1, 1), terms=8)
    grad = rng.standard_normal((1, 3, 6, 5))
    for number, wanted in enumerate(("x", "weight", "bias")):
        settings = {"padding": 1, "needs": tuple(i == number for i in range(3))}
        yield Case("conv2d_backward", f"only {wanted}", (grad, *arrays), settings, terms=30)
    special = arrays[0].copy()
    special[0, 0, 1, 2], special[0, 1, 4, 3] = np.nan, np.inf
    yield Case("conv2d", "NaN and infinity", (special, np.abs(arrays[1]), None), terms=8)


def _both(
    name: str, x: Array, weight: Array, bias: Array, settings: dict[str, Any]
) -> Iterator[Case]:
    """Yield the forward and the backward case on these arrays."""
    full = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, **settings}
    outputs = check_conv2d("conv2d", x, weight, bias, **full).outputs
    terms = max(math.prod(weight.shape[1:]) + 1, 1)
    yield Case("conv2d", name, (x, weight, bias), settings, terms)
    grad = generator(2).standard_normal((len(x), len(weight), *outputs))
    longest = max(math.prod(weight.shape[2:]) * len(weight), grad.size // max(len(weight), 1), 1)
    yield Case("conv2d_backward", name, (grad, x, weight), settings, longest)
