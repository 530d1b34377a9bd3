"""Adaptive pools and unpooling: samples, bad input, and what PyTorch has of them."""

import numpy as np

from odyssey.errors import DTypeError, RangeError, ShapeError
from odyssey.testing.cases import grid
from samples import Bad, Sample, Shared
from samples._draws import choice, draws
from samples.pooling_nd import pixels

rng, normal, positive = draws(__name__)


def np_adaptive(reduce):
    """Return a pool that applies ``reduce`` to each part of each axis in turn."""

    def pool(x, output_size):
        counts = np.broadcast_to(output_size, x.ndim - 2)
        counts = [n if m is None else m for n, m in zip(x.shape[2:], counts, strict=True)]
        for axis, (size, count) in enumerate(zip(x.shape[2:], counts, strict=True), start=2):
            parts = [
                reduce(x.take(range(p * size // count, -(-(p + 1) * size // count)), axis), axis)
                for p in range(count)
            ]
            x = np.stack(parts, axis)
        return x

    return pool


def np_unpool(x, indices, kernel_size, output_size=None):
    size = output_size or tuple(n * kernel_size for n in x.shape[2:])
    out = np.zeros((*x.shape[:2], int(np.prod(size))))
    for place in np.ndindex(x.shape):
        out[(*place[:2], indices[place])] = x[place]
    return out.reshape(*x.shape[:2], *size)


def places(*shape, window=2):
    """Return one pixel in each window: the index that a pool might have returned."""
    size = tuple(n * window for n in shape[2:])
    corners = [np.arange(n) * window for n in shape[2:]]
    corner = np.ravel_multi_index(np.meshgrid(*corners, indexing="ij"), size)
    return np.broadcast_to(corner, shape) + rng.integers(0, window, shape)


SIZES = {1: (7,), 2: (4, 7), 3: (3, 4, 7)}

SAMPLES = [
    *[
        sample
        for axes, name, reduce in (
            (1, "adaptive_max_pool1d", np.max),
            (2, "adaptive_max_pool2d", np.max),
            (3, "adaptive_max_pool3d", np.max),
            (1, "adaptive_avg_pool1d", np.mean),
            (3, "adaptive_avg_pool3d", np.mean),
        )
        for sample in (
            Sample(name, (grid(rng, (2, 2, *SIZES[axes])), 2), np_adaptive(reduce), {}, 16),
            Sample(
                name,
                (grid(rng, (1, 2, *SIZES[axes])), (3, 2, 5)[:axes]),
                np_adaptive(reduce),
                {},
                16,
            ),
            Sample(name, (normal(0, 2, *SIZES[axes]), 1), np_adaptive(reduce)),
            Sample(name, (normal(1, 1, *[1] * axes), 1), np_adaptive(reduce)),
        )
    ],
    *[
        Sample(
            name,
            (grid(rng, (2, 2, *SIZES[axes])), (None, 2, 3)[:axes]),
            np_adaptive(reduce),
            {},
            16,
        )
        for axes, name, reduce in (
            (2, "adaptive_max_pool2d", np.max),
            (3, "adaptive_max_pool3d", np.max),
            (2, "adaptive_avg_pool2d", np.mean),
            (3, "adaptive_avg_pool3d", np.mean),
        )
    ],
    Sample(
        "adaptive_max_pool2d",
        (np.array([[[[3.0, 1.0], [2.0, 5.0], [4.0, 0.5]]]]), (3, 1)),
        lambda x, output_size, return_indices: (x.max(3, keepdims=True), [[[[0], [3], [4]]]]),
        {"return_indices": True},
    ),
    *[
        Sample("global_max_pool2d", (grid(rng, s),), lambda x: x.max((2, 3), keepdims=True))
        for s in ((2, 3, 4, 5), (0, 2, 2, 2), (1, 1, 1, 1))
    ],
    *[
        sample
        for axes, name in ((1, "max_unpool1d"), (2, "max_unpool2d"), (3, "max_unpool3d"))
        for sample in (
            Sample(
                name,
                (normal(2, 2, *(3, 2, 2)[:axes]), places(2, 2, *(3, 2, 2)[:axes]), 2),
                np_unpool,
            ),
            Sample(
                name,
                (normal(1, 2, *[2] * axes), places(1, 2, *[2] * axes, window=1), 2),
                np_unpool,
                {"output_size": (5, 4, 6)[:axes]},
            ),
            Sample(name, (normal(0, 2, *[2] * axes), places(0, 2, *[2] * axes), 2), np_unpool),
            Sample(name, (normal(1, 1, *[1] * axes), places(1, 1, *[1] * axes), 2), np_unpool),
        )
    ],
]

lines = np.ones((2, 3, 5), np.float32)
images = np.ones((2, 3, 4, 5), np.float32)
zeros = np.zeros((2, 3, 4, 5), int)

BAD = [
    Bad("adaptive_avg_pool1d", (images, 2), {}, ShapeError, "adaptive_avg_pool1d: x has 4 axes"),
    Bad("adaptive_avg_pool1d", (lines, 0), {}, ShapeError, "output_size must be at least 1, got 0"),
    Bad("adaptive_avg_pool2d", (images, (None,)), {}, ShapeError, "must be one integer or two"),
    Bad("adaptive_avg_pool2d", (images, None), {}, ShapeError, "must be made of integers, got No"),
    Bad("adaptive_avg_pool3d", (images, 2), {}, ShapeError, "adaptive_avg_pool3d: x has 4 axes"),
    Bad("adaptive_max_pool1d", (lines, (2, 2)), {}, ShapeError, "output_size must be one integer,"),
    Bad("adaptive_max_pool2d", (lines, 2), {}, ShapeError, "adaptive_max_pool2d: x has 3 axes"),
    Bad("adaptive_max_pool2d", (zeros, 2), {}, DTypeError, "x must be floating-point"),
    Bad("adaptive_max_pool2d", (images[:, :, :0], 2), {}, ShapeError, "holds images without pixel"),
    Bad("adaptive_max_pool3d", (images, 2), {}, ShapeError, "adaptive_max_pool3d: x has 4 axes"),
    Bad("global_max_pool2d", (lines,), {}, ShapeError, "global_max_pool2d: x has 3 axes"),
    Bad("max_unpool1d", (images, zeros, 2), {}, ShapeError, "max_unpool1d: x has 4 axes"),
    Bad("max_unpool2d", (zeros, zeros, 2), {}, DTypeError, "max_unpool2d: x must be floating-"),
    Bad("max_unpool2d", (images, images, 2), {}, DTypeError, "indices must be integers but have"),
    Bad("max_unpool2d", (images, zeros[:1], 2), {}, ShapeError, "x and indices differ in shape"),
    Bad("max_unpool2d", (images, zeros - 1, 2), {}, RangeError, r"the indices lie in \[-1, -1\]"),
    Bad("max_unpool2d", (images, zeros, 1, 1, 3), {}, ShapeError, "max_unpool2d: nothing is left"),
    Bad("max_unpool2d", (images, zeros + 9, 2, 2, 0, 2), {}, RangeError, "has 4 pixels"),
    Bad("max_unpool3d", (images, zeros, 2), {}, ShapeError, "max_unpool3d: x has 4 axes"),
]


def adaptive(axes, indices):
    """Return a function that draws pixels and a size."""

    def draw(rng):
        size = choice(rng, 1, 2, 5, (3, 1, 4)[:axes])
        settings = {"return_indices": choice(rng, False, True)} if indices else {}
        x = pixels(rng, axes)
        # Numbers of a grid add up to 0 or nearly so, where no digit of a mean is right.
        return (x if indices else x + 3, size), settings

    return draw


def unpooled(axes):
    def draw(rng):
        size = (*map(int, rng.integers(1, 3, 2)), *map(int, rng.integers(1, 4, axes)))
        window = int(rng.integers(1, 4))
        corners = [np.arange(n) * window for n in size[2:]]
        whole = tuple(n * window for n in size[2:])
        corner = np.ravel_multi_index(np.meshgrid(*corners, indexing="ij"), whole)
        indices = np.broadcast_to(corner, size) + rng.integers(0, window, size)
        return (grid(rng, size), indices, window), {}

    return draw


FUNCTIONAL = "nn.functional."

SHARED = [
    *[
        Shared(name, f"{FUNCTIONAL}{name}", adaptive(axes, "max" in name))
        for axes in (1, 2, 3)
        for name in (f"adaptive_max_pool{axes}d", f"adaptive_avg_pool{axes}d")
        if name != "adaptive_avg_pool2d"
    ],
    *[
        Shared(name, f"{FUNCTIONAL}{name}", unpooled(axes))
        for axes in (1, 2, 3)
        for name in (f"max_unpool{axes}d",)
    ],
]
