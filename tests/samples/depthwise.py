"""Depthwise convolution: samples, bad input, and what PyTorch has of them."""

import numpy as np
from formulas_conv import depthwise_conv2d, depthwise_separable_conv2d

from odyssey.errors import ShapeError
from samples import Bad, Sample, Shared
from samples._draws import choice, draws

rng, normal, positive = draws(__name__)

SAMPLES = [
    Sample(
        "depthwise_conv2d",
        (normal(2, 3, 5, 4), normal(3, 1, 3, 2), normal(3)),
        depthwise_conv2d,
        {"padding": 1},
        20,
    ),
    Sample(
        "depthwise_conv2d",
        (normal(1, 2, 6, 7), normal(6, 1, 2, 3), normal(6)),
        depthwise_conv2d,
        {"stride": (2, 3), "dilation": (1, 2), "padding": ((0, 1), (2, 0))},
        18,
    ),
    Sample(
        "depthwise_separable_conv2d",
        (normal(2, 2, 5, 4), normal(4, 1, 3, 2), normal(3, 4, 1, 1), normal(3)),
        depthwise_separable_conv2d,
        {"stride": 2, "padding": 1},
        60,
    ),
    Sample(
        "depthwise_separable_conv2d",
        (normal(1, 2, 4, 4), normal(2, 1, 2, 2), normal(3, 2, 1, 1)),
        depthwise_separable_conv2d,
        {},
        20,
    ),
    Sample("depthwise_conv2d", (normal(0, 2, 4, 4), normal(2, 1, 3, 3)), depthwise_conv2d, {}, 9),
    Sample(
        "depthwise_conv2d",
        (normal(1, 1, 1, 1), normal(1, 1, 1, 1), normal(1)),
        depthwise_conv2d,
        {},
        2,
    ),
    Sample(
        "depthwise_separable_conv2d",
        (normal(0, 2, 4, 4), normal(2, 1, 3, 3), normal(3, 2, 1, 1)),
        depthwise_separable_conv2d,
        {},
        18,
    ),
    Sample(
        "depthwise_separable_conv2d", (normal(1, 1, 1, 1),) * 3, depthwise_separable_conv2d, {}, 2
    ),
]

image = np.ones((2, 4, 5, 6), np.float32)
filters = np.ones((6, 4, 3, 3), np.float32)

BAD = [
    Bad(
        "depthwise_conv2d",
        (image, filters),
        {},
        ShapeError,
        "4 input channels but each filter sees",
    ),
    Bad(
        "depthwise_conv2d", (image, filters[:, :1]), {}, ShapeError, "no multiple of the 4 channels"
    ),
    Bad(
        "depthwise_separable_conv2d",
        (image, filters[:4, :1], filters),
        {},
        ShapeError,
        r"pointwise_weight must have shape \(filters, 4, 1, 1\) but has \(6, 4, 3, 3\)",
    ),
]


def depthwise(torch, x, weight, bias=None, **settings):
    return torch.conv2d(x, weight, bias, groups=x.shape[1], **settings)


def images_and_filters(rng):
    C = int(rng.integers(1, 4))
    x = rng.standard_normal((int(rng.integers(0, 4)), C, *rng.integers(5, 9, 2)))
    weight = rng.standard_normal((C * int(rng.integers(1, 3)), 1, *rng.integers(1, 4, 2)))
    bias = choice(rng, None, rng.standard_normal(len(weight)))
    settings = {"stride": choice(rng, 1, 2, (1, 2)), "dilation": choice(rng, 1, 2, (2, 1))}
    return (x, weight, bias), {**settings, "padding": choice(rng, 0, 1, (2, 1))}


SHARED = [Shared("depthwise_conv2d", depthwise, images_and_filters, terms=400)]
