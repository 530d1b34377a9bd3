"""Pools along one axis and three, and norms: samples, bad input, what PyTorch has of them."""

import numpy as np

from odyssey.errors import DTypeError, OdysseyError, ShapeError
from odyssey.testing.cases import grid
from samples import FLOATS, Bad, Sample, Shared
from samples._draws import choice, draws

rng, normal, positive = draws(__name__)


def windows_of(x, kernel_size, stride=None, padding=0, fill=0.0):
    """Return the windows of the padded pixels, and the axes of their taps."""
    axes = tuple(range(2, x.ndim))
    window = tuple(map(int, np.broadcast_to(kernel_size, len(axes))))
    steps = np.broadcast_to(window if stride is None else stride, len(axes))
    around = [(int(n), int(n)) for n in np.broadcast_to(padding, len(axes))]
    x = np.pad(x, [(0, 0), (0, 0), *around], constant_values=fill)
    views = np.lib.stride_tricks.sliding_window_view(x, window, axes)
    every = (slice(None), slice(None), *[slice(None, None, int(s)) for s in steps])
    return views[every], tuple(range(-len(axes), 0))


def np_max_pool(x, kernel_size, return_indices=False, **settings):
    windows, taps = windows_of(x, kernel_size, fill=-np.inf, **settings)
    out = windows.max(taps)
    if not return_indices:
        return out
    # No two numbers of a sample are equal: where one stands is where it is found.
    flat = x.reshape(*x.shape[:2], -1)
    places = [
        np.searchsorted(np.sort(pixels), wanted.ravel())
        for image, largest in zip(flat, out, strict=True)
        for pixels, wanted in zip(image, largest, strict=True)
    ]
    order = np.argsort(flat.reshape(-1, flat.shape[2]), -1)
    found = [row[place] for row, place in zip(order, places, strict=True)]
    return out, np.reshape(found, out.shape)


def np_avg_pool(x, kernel_size, **settings):
    windows, taps = windows_of(x, kernel_size, **settings)
    return windows.mean(taps)


def np_lp_pool(x, norm_type, kernel_size, **settings):
    windows, taps = windows_of(np.abs(x) ** norm_type, kernel_size, **settings)
    return windows.sum(taps) ** (1 / norm_type)


SIZES = {1: (7,), 2: (4, 5), 3: (4, 5, 3)}

SAMPLES = [
    *[
        sample
        for axes, name in ((1, "max_pool1d"), (3, "max_pool3d"))
        for sample in (
            Sample(name, (grid(rng, (2, 3, *SIZES[axes])), 2), np_max_pool),
            Sample(
                name,
                (grid(rng, (1, 2, *SIZES[axes])), (3, 2, 2)[:axes]),
                np_max_pool,
                {"stride": (2, 1, 2)[:axes], "padding": 1},
            ),
            Sample(name, (normal(0, 2, *SIZES[axes]), 2), np_max_pool),
            Sample(name, (normal(1, 1, *[1] * axes), 1), np_max_pool),
        )
    ],
    Sample(
        "max_pool2d",
        (grid(rng, (1, 1, 4, 5)), 2),
        lambda x, kernel_size, return_indices: tuple(
            part.astype(kind)
            for part, kind in zip(
                np_max_pool(x, kernel_size, True), (x.dtype, np.int32), strict=True
            )
        ),
        {"return_indices": True},
    ),
    Sample(
        "max_pool3d",
        (grid(rng, (2, 2, 3, 4, 3)), 2),
        np_max_pool,
        {"stride": 1, "return_indices": True},
    ),
    *[
        sample
        for axes, name in ((1, "avg_pool1d"), (3, "avg_pool3d"))
        for sample in (
            Sample(name, (normal(2, 3, *SIZES[axes]), 2), np_avg_pool, {}, 2**axes),
            Sample(
                name,
                (normal(1, 2, *SIZES[axes]), (3, 2, 2)[:axes]),
                np_avg_pool,
                {"stride": (2, 1, 2)[:axes], "padding": 1},
                12,
            ),
            Sample(name, (normal(0, 2, *SIZES[axes]), 2), np_avg_pool),
            Sample(name, (normal(1, 1, *[1] * axes), 1), np_avg_pool),
        )
    ],
    *[
        sample
        for axes, name in ((1, "lp_pool1d"), (2, "lp_pool2d"))
        for sample in (
            Sample(name, (grid(rng, (2, 3, *SIZES[axes])), 2, 2), np_lp_pool, {}, 4),
            Sample(name, (grid(rng, (1, 2, *SIZES[axes])), 3.5, 3), np_lp_pool, {"stride": 2}, 9),
            Sample(name, (grid(rng, (1, 2, *SIZES[axes])), 1, 2), np_lp_pool, {}, 4),
            Sample(name, (normal(0, 2, *SIZES[axes]), 2, 2), np_lp_pool),
            Sample(name, (grid(rng, (1, 1, *[1] * axes)), 2, 1), np_lp_pool),
        )
    ],
]

lines = np.ones((2, 3, 5), np.float32)
images = np.ones((2, 3, 4, 5), np.float32)
volumes = np.ones((2, 3, 4, 5, 6), np.float32)

BAD = [
    Bad("max_pool1d", (lines.astype(int), 2), {}, DTypeError, "max_pool1d: x must be floating"),
    Bad("max_pool1d", (images, 2), {}, ShapeError, r"max_pool1d: x has 4 axes .* \(N, C, L\)"),
    Bad("max_pool1d", (lines, (2, 2)), {}, ShapeError, "kernel_size must be one integer, got"),
    Bad("max_pool1d", (lines, 2, 0), {}, ShapeError, "max_pool1d: stride must be at least 1"),
    Bad("max_pool1d", (lines, 6), {}, ShapeError, "max_pool1d: the window is larger than"),
    Bad("max_pool3d", (lines, 2), {}, ShapeError, r"max_pool3d: x has 3 axes .*C, D, H, W\)"),
    Bad("max_pool3d", (volumes, (2, 2)), {}, ShapeError, "must be one integer or three, got"),
    Bad("max_pool3d", (volumes, 2), {"padding": 2}, ShapeError, "max_pool3d: padding .* half of"),
    Bad("max_pool3d", (volumes, (5, 1, 1)), {}, ShapeError, "max_pool3d: the window is larger"),
    Bad("avg_pool1d", (images, 2), {}, ShapeError, "avg_pool1d: x has 4 axes but needs 3"),
    Bad("avg_pool1d", (lines, 6), {}, ShapeError, "avg_pool1d: the window is larger than"),
    Bad("avg_pool3d", (lines, 2), {}, ShapeError, "avg_pool3d: x has 3 axes but needs 5"),
    Bad("avg_pool3d", (volumes, 5), {}, ShapeError, "avg_pool3d: the window is larger than"),
    Bad("lp_pool1d", (lines, 0, 2), {}, OdysseyError, "lp_pool1d: norm_type must be a positive"),
    Bad("lp_pool2d", (images, "a", 2), {}, OdysseyError, "norm_type must be a positive number"),
    Bad("lp_pool2d", (images, 2, (1, 2, 3)), {}, ShapeError, "lp_pool2d: kernel_size must be one"),
    Bad("lp_pool2d", (lines, 2, 2), {}, ShapeError, "lp_pool2d: x has 3 axes but needs 4"),
    Bad("lp_pool1d", (images, 2, 2), {}, ShapeError, "lp_pool1d: x has 4 axes but needs 3"),
    Bad("lp_pool1d", (lines, 2, 6), {}, ShapeError, "lp_pool1d: the window is larger than"),
]


def pixels(rng, axes):
    least, most = (3, 5) if axes == 3 else (4, 9)
    return grid(rng, (*map(int, rng.integers(1, 4, 2)), *map(int, rng.integers(least, most, axes))))


def with_window(axes, **others):
    """Return a function that draws pixels, a window and settings."""

    def draw(rng):
        size = choice(rng, 2, 3, (3, 2, 2)[:axes] if axes > 1 else 4)
        settings = {name: choice(rng, *options) for name, options in others.items()}
        settings["ceil_mode"] = choice(rng, False, True)
        return (pixels(rng, axes), size), {**settings, "stride": choice(rng, None, 1, 2)}

    return draw


def with_norm(axes):
    def draw(rng):
        (x, size), settings = with_window(axes)(rng)
        return (np.abs(x), choice(rng, 1, 2, 3), size), settings

    return draw


FUNCTIONAL = "nn.functional."

SHARED = [
    *[
        Shared(f"max_pool{axes}d", f"{FUNCTIONAL}max_pool{axes}d", draw)
        for axes in (1, 2, 3)
        for draw in [with_window(axes, padding=(0, 1), return_indices=(False, True))]
    ],
    *[
        Shared(f"avg_pool{axes}d", f"{FUNCTIONAL}avg_pool{axes}d", draw, dtypes=dtypes)
        for axes, dtypes in ((1, FLOATS), (3, ("float64", "float32")))
        for draw in [with_window(axes, padding=(0, 1), count_include_pad=(False, True))]
    ],
    *[Shared(f"lp_pool{axes}d", f"{FUNCTIONAL}lp_pool{axes}d", with_norm(axes)) for axes in (1, 2)],
]
