"""The pools: samples, bad input, and what PyTorch has of them."""

import numpy as np

from odyssey.errors import ShapeError
from odyssey.testing.cases import grid
from samples import Bad, Sample, Shared
from samples._draws import choice, draws

rng, normal, positive = draws(__name__)


def np_adaptive_avg_pool2d(x, output_size):
    rows = [np.mean(part, 2) for part in np.array_split(x, output_size, 2)]
    columns = [np.mean(part, 3) for part in np.array_split(np.stack(rows, 2), output_size, 3)]
    return np.stack(columns, 3)


def np_pool(x, reduce, kernel_size, stride=None, padding=0, fill=0.0):
    """Apply ``reduce`` to each window: views of the padded image, one for each tap."""
    stride = stride or kernel_size
    x = np.pad(x, [(0, 0), (0, 0), (padding, padding), (padding, padding)], constant_values=fill)
    windows = np.lib.stride_tricks.sliding_window_view(x, (kernel_size, kernel_size), (2, 3))
    return reduce(windows[:, :, ::stride, ::stride], (-2, -1))


def np_avg_pool2d(x, kernel_size, **settings):
    return np_pool(x, np.mean, kernel_size, **settings)


def np_max_pool2d(x, kernel_size, **settings):
    return np_pool(x, np.max, kernel_size, fill=-np.inf, **settings)


SAMPLES = [
    Sample("adaptive_avg_pool2d", (normal(2, 3, 4, 6), 2), np_adaptive_avg_pool2d, {}, 6),
    Sample("avg_pool2d", (normal(2, 3, 5, 6), 2), np_avg_pool2d, {}, 4),
    Sample("avg_pool2d", (normal(1, 2, 5, 6), 3), np_avg_pool2d, {"stride": 2, "padding": 1}, 9),
    Sample(
        "global_avg_pool2d", (normal(2, 3, 4, 5),), lambda x: x.mean((2, 3), keepdims=True), {}, 20
    ),
    Sample("max_pool2d", (grid(rng, (2, 3, 5, 6)), 2), np_max_pool2d),
    Sample("max_pool2d", (grid(rng, (1, 2, 5, 6)), 3), np_max_pool2d, {"stride": 2, "padding": 1}),
    Sample("adaptive_avg_pool2d", (normal(0, 2, 4, 4), 2), np_adaptive_avg_pool2d, {}, 4),
    Sample("adaptive_avg_pool2d", (normal(1, 1, 1, 1), 1), np_adaptive_avg_pool2d),
    *[
        Sample("avg_pool2d", (normal(*shape), 1), np_avg_pool2d)
        for shape in ((0, 2, 4, 4), (1, 1, 1, 1))
    ],
    *[
        Sample("max_pool2d", (normal(*shape), 1), np_max_pool2d)
        for shape in ((0, 2, 4, 4), (1, 1, 1, 1))
    ],
    *[
        Sample(
            "global_avg_pool2d", (normal(*shape),), lambda x: x.mean((2, 3), keepdims=True), {}, 4
        )
        for shape in ((0, 2, 2, 2), (1, 1, 1, 1))
    ],
]

x = np.ones((2, 3), np.float32)
images = np.ones((2, 3, 4, 5), np.float32)

BAD = [
    Bad("max_pool2d", (x, 2), {}, ShapeError, r"x has 2 axes but needs 4, \(N, C, H, W\)"),
    Bad(
        "max_pool2d",
        (images, 3),
        {"padding": 2},
        ShapeError,
        r"max_pool2d: padding 2 is larger than half of the window \(3, 3\)",
    ),
    Bad("max_pool2d", (images, 2, 0), {}, ShapeError, "stride must be at least 1, got 0"),
    Bad(
        "avg_pool2d", (images, 2), {"padding": -1}, ShapeError, "padding must be at least 0, got -1"
    ),
    Bad(
        "avg_pool2d", (images, 6), {}, ShapeError, r"larger than the padded image \(image: \(4, 5\)"
    ),
    Bad("global_avg_pool2d", (x,), {}, ShapeError, "global_avg_pool2d: x has 2 axes but needs 4"),
    Bad(
        "adaptive_avg_pool2d", (images, 0), {}, ShapeError, "output_size must be at least 1, got 0"
    ),
]


def images(rng):
    return grid(rng, (*map(int, rng.integers(1, 4, 2)), *map(int, rng.integers(4, 9, 2))))


def with_window(rng):
    size = choice(rng, 2, 3, (2, 3))
    settings = {"stride": choice(rng, None, 1, 2), "padding": choice(rng, 0, 1)}
    return (images(rng), size), settings


SHARED = [
    Shared("max_pool2d", "nn.functional.max_pool2d", with_window),
    Shared("avg_pool2d", "nn.functional.avg_pool2d", with_window),
    Shared(
        "adaptive_avg_pool2d",
        "nn.functional.adaptive_avg_pool2d",
        lambda rng: ((images(rng), choice(rng, 1, 2, (3, 1), (2, 4))), {}),
    ),
]
