"""Convolution: samples, bad input, and what PyTorch has of them."""

import numpy as np
from formulas_conv import conv2d

from odyssey.errors import DTypeError, ShapeError
from samples import Bad, Sample, Shared
from samples._draws import choice, draws

rng, normal, positive = draws(__name__)

SAMPLES = [
    Sample("conv2d", (normal(2, 3, 5, 4), normal(4, 3, 3, 2), normal(4)), conv2d, {}, 24),
    Sample(
        "conv2d",
        (normal(2, 2, 6, 7), normal(3, 2, 2, 3)),
        conv2d,
        {"stride": (2, 3), "padding": ((1, 0), (0, 2)), "dilation": (2, 1)},
        12,
    ),
    Sample(
        "conv2d",
        (normal(1, 4, 5, 4), normal(6, 2, 3, 3), normal(6)),
        conv2d,
        {"padding": "same", "groups": 2},
        27,
    ),
    Sample("conv2d", (normal(0, 2, 4, 4), normal(3, 2, 3, 3), normal(3)), conv2d, {}, 18),
    Sample("conv2d", (normal(1, 1, 1, 1), normal(1, 1, 1, 1), normal(1)), conv2d, {}, 2),
]

row = np.ones(2, np.float32)
image = np.ones((2, 4, 5, 6), np.float32)
filters = np.ones((6, 4, 3, 3), np.float32)

BAD = [
    Bad("conv2d", (image.astype(int), filters), {}, DTypeError, "conv2d: x must be floating-point"),
    Bad(
        "conv2d",
        (image, filters.astype(np.float64)),
        {},
        DTypeError,
        "conv2d: the arguments must share one dtype .x: float32, weight: float64",
    ),
    Bad(
        "conv2d",
        (image, filters[:, :2]),
        {},
        ShapeError,
        r"weight has 2 input channels but x has 4 \(x: \(2, 4, 5, 6\), weight: \(6, 2, 3, 3\), gro",
    ),
    Bad(
        "conv2d",
        (image, filters[:, :2]),
        {"groups": 4},
        ShapeError,
        "groups=4 does not divide the 6",
    ),
    Bad("conv2d", (image, filters), {"stride": 0}, ShapeError, "stride must be at least 1, got 0"),
    Bad(
        "conv2d",
        (image, filters),
        {"padding": -1},
        ShapeError,
        "padding must be at least 0, got -1",
    ),
    Bad("conv2d", (image, filters), {"dilation": 3}, ShapeError, "larger than the padded image"),
    Bad(
        "conv2d",
        (image, filters, row),
        {},
        ShapeError,
        r"bias must have shape \(6,\) but has \(2,\)",
    ),
]


def images_and_filters(rng):
    groups = int(rng.integers(1, 3))
    kernel = rng.integers(1, 4, 2)
    height, width = rng.integers(5, 9, 2)
    C, K = int(rng.integers(1, 4)) * groups, int(rng.integers(1, 4)) * groups
    x = rng.standard_normal((int(rng.integers(0, 4)), C, height, width))
    weight = rng.standard_normal((K, C // groups, *kernel))
    bias = choice(rng, None, rng.standard_normal(K))
    settings = {"stride": choice(rng, 1, 2, (1, 2)), "dilation": choice(rng, 1, 2, (2, 1))}
    return (x, weight, bias), {**settings, "padding": choice(rng, 0, 1, (2, 1)), "groups": groups}


SHARED = [Shared("conv2d", "conv2d", images_and_filters, terms=400)]
