"""Cases of the depthwise and the depthwise-separable convolution, forward and backward."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from odyssey.testing.cases import Case, generator
from odyssey.utils.kernel_checks_conv import check_depthwise

# x, weight, settings
SHAPES: dict[str, tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = {
    "one pixel": ((1, 1, 1, 1), (1, 1, 1, 1), {}),
    "one channel": ((2, 1, 5, 6), (1, 1, 3, 2), {}),
    "R and S differ": ((2, 3, 6, 7), (3, 1, 3, 2), {}),
    "even window": ((1, 2, 5, 6), (2, 1, 2, 4), {"padding": 1}),
    "stride leaves a rest": ((2, 3, 8, 7), (3, 1, 3, 3), {"stride": 3, "padding": 1}),
    "two strides": ((1, 2, 7, 9), (2, 1, 3, 2), {"stride": (2, 3), "padding": (0, 1)}),
    "stride beyond the window": ((1, 2, 9, 8), (2, 1, 2, 1), {"stride": 4}),
    "dilation and stride": (
        (1, 3, 9, 11),
        (3, 1, 3, 3),
        {"dilation": (2, 3), "stride": (3, 2), "padding": 2},
    ),
    "padding by side": ((1, 2, 4, 5), (2, 1, 3, 3), {"padding": ((2, 0), (1, 3))}),
    "same": ((2, 2, 5, 6), (2, 1, 4, 3), {"padding": "same", "stride": 2}),
    "padding beyond the window": ((1, 2, 2, 3), (2, 1, 2, 2), {"padding": 3}),
    "depth multiplier 2": ((2, 3, 5, 4), (6, 1, 3, 2), {"padding": 1}),
    "depth multiplier 3, stride 2": ((2, 2, 6, 7), (6, 1, 2, 3), {"stride": 2, "padding": 1}),
    "a vector and a rest": ((1, 19, 4, 5), (19, 1, 3, 3), {"padding": 1}),
    "a block and a rest": ((1, 69, 3, 4), (69, 1, 2, 3), {"padding": 1}),
    "a layer of a MobileNet": ((3, 32, 12, 11), (32, 1, 3, 3), {"stride": 2, "padding": 1}),
    "3x3, a stripe and a rest": ((2, 35, 6, 7), (35, 1, 3, 3), {"padding": 1}),
    "3x3, images of one row": ((1, 17, 1, 5), (17, 1, 3, 3), {"padding": 1}),
    "3x3, stride 2": ((2, 33, 11, 10), (33, 1, 3, 3), {"stride": 2, "padding": ((1, 0), (0, 1))}),
    "3x3, dilation 2": ((1, 18, 9, 12), (18, 1, 3, 3), {"dilation": 2, "padding": (2, 1)}),
    "3x3, dilation and stride of a common factor": (
        (1, 17, 13, 15),
        (17, 1, 3, 3),
        {"dilation": (2, 4), "stride": (4, 2), "padding": 3},
    ),
    "5x5": ((2, 21, 7, 9), (21, 1, 5, 5), {"padding": 2}),
    "5x5, stride 2": ((1, 34, 10, 13), (34, 1, 5, 5), {"stride": 2, "padding": (2, 1)}),
    "5x5, the image is smaller": ((1, 16, 3, 2), (16, 1, 5, 5), {"padding": 2}),
    "3x3, few channels": ((2, 3, 9, 10), (3, 1, 3, 3), {"padding": 1}),
    "depth multiplier 2, many pixels": ((1, 9, 13, 12), (18, 1, 3, 3), {"padding": 1}),
    "depth multiplier 4": ((1, 5, 6, 7), (20, 1, 3, 3), {"padding": 1}),
    "depth multiplier 5": ((1, 2, 4, 6), (10, 1, 2, 3), {}),
    "7x7": ((1, 20, 9, 19), (20, 1, 7, 7), {"padding": 3}),
    "7x7, few channels": ((2, 3, 8, 21), (3, 1, 7, 7), {"padding": 3}),
    "a column of taps": ((1, 17, 8, 11), (17, 1, 4, 1), {"padding": (1, 0)}),
    "a stride beyond any image": ((2, 17, 5, 6), (17, 1, 2, 1), {"stride": 2**40}),
    "many pixels": ((3, 32, 33, 29), (32, 1, 3, 3), {"padding": 1}),
    "many channels": ((1, 150, 5, 6), (150, 1, 3, 3), {"padding": 1}),
    "no images": ((0, 3, 5, 4), (3, 1, 3, 2), {}),
    "no channels": ((2, 0, 5, 4), (0, 1, 3, 2), {}),
}


def cases() -> Iterator[Case]:
    """Yield the cases of the family."""
    for name, (x_shape, shape, settings) in SHAPES.items():
        rng = generator(len(name))
        x, weight, bias = (rng.standard_normal(s) for s in (x_shape, shape, shape[0]))
        full = {"stride": 1, "padding": 0, "dilation": 1, **settings}
        outputs = check_depthwise("depthwise_conv2d", x, weight, bias, **full).outputs
        taps, pixels = math.prod(shape[2:]), max(len(x) * math.prod(outputs), 1)
        yield Case("depthwise_conv2d", name, (x, weight, bias), settings, taps + 1)
        grad = rng.standard_normal((len(x), len(weight), *outputs))
        copies = len(weight) // max(x.shape[1], 1)
        longest = max(taps * copies, pixels, 1)
        yield Case("depthwise_conv2d_backward", name, (grad, x, weight), settings, longest)

        mix, bias = rng.standard_normal((5, len(weight), 1, 1)), rng.standard_normal(5)
        args = (x, weight, mix, bias)
        longest = max(taps * len(weight), 1)
        yield Case("depthwise_separable_conv2d", name, args, settings, longest)
        grad = rng.standard_normal((len(x), 5, *outputs))
        longest = max(pixels * taps, 5 * taps * copies, 1)
        triple = (grad, x, weight, mix)
        yield Case("depthwise_separable_conv2d_backward", name, triple, settings, longest)
    rng = generator(4)
    x, weight = rng.standard_normal((2, 2, 5, 4)), rng.standard_normal((4, 1, 2, 3))
    yield Case("depthwise_conv2d", "no bias", (x, weight, None, 1, 1), terms=6)
    grad = rng.standard_normal((2, 4, 6, 4))
    for number, wanted in enumerate(("x", "weight", "bias")):
        settings = {"padding": 1, "needs": tuple(i == number for i in range(3))}
        pair = (grad, x, weight)
        yield Case("depthwise_conv2d_backward", f"only {wanted}", pair, settings, 48)
    mix, grad = rng.standard_normal((3, 4, 1, 1)), rng.standard_normal((2, 3, 6, 4))
    for number, wanted in enumerate(("x", "depthwise weight", "pointwise weight", "bias")):
        settings = {"padding": 1, "needs": tuple(i == number for i in range(4))}
        triple = (grad, x, weight, mix)
        name = f"only {wanted}"
        yield Case("depthwise_separable_conv2d_backward", name, triple, settings, 48 * 6)
    special = x.copy()
    special[0, 0, 1, 2], special[1, 1, 4, 3] = np.nan, np.inf
    yield Case("depthwise_conv2d", "NaN and infinity", (special, np.abs(weight)), terms=6)
