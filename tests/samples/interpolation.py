"""Interpolation: samples, bad input, and what PyTorch has of it."""

import numpy as np

from odyssey.errors import DTypeError, OdysseyError, ShapeError
from samples import Bad, Sample, Shared
from samples._draws import choice, draws, numbers

rng, normal, positive = draws(__name__)


def along_each_axis(resize):
    """Return a function that resizes one axis after the other: ``resize(n, m)`` is a matrix."""

    def function(x, size=None, scale_factor=None, **settings):
        for axis in range(2, x.ndim):
            n = x.shape[axis]
            m = int(np.broadcast_to(size, x.ndim - 2)[axis - 2]) if size else n * scale_factor
            x = np.moveaxis(np.tensordot(resize(n, m, **settings), x, (1, axis)), 0, axis)
        return x

    return function


@along_each_axis
def np_nearest(n, m, mode="nearest"):
    return np.stack([np.eye(n)[int((i + (0.5 if "exact" in mode else 0)) * n / m)]
                     for i in range(m)])  # fmt: skip


@along_each_axis
def np_area(n, m, mode):
    return np.stack([np.eye(n)[i * n // m : -(-(i + 1) * n // m)].mean(0) for i in range(m)])


@along_each_axis
def np_linear(n, m, mode, align_corners=False):
    """Let NumPy interpolate each unit vector."""
    places = np.arange(m) * (n - 1) / max(m - 1, 1) if align_corners else None
    places = (np.arange(m) + 0.5) * n / m - 0.5 if places is None else places
    return np.stack([np.interp(places, np.arange(n), row) for row in np.eye(n)], 1)


@along_each_axis
def np_cubic(n, m, mode):
    """Read the weights off the four polynomials of Keys's paper."""
    a, matrix = -0.75, np.zeros((m, n))
    for i in range(m):
        place = (i + 0.5) * n / m - 0.5
        first = int(np.floor(place))
        t = place - first
        weights = [a * (t**3 - 2 * t**2 + t), (a + 2) * t**3 - (a + 3) * t**2 + 1,
                   -(a + 2) * t**3 + (2 * a + 3) * t**2 - a * t, a * (t**2 - t**3)]  # fmt: skip
        for j, weight in zip(range(first - 1, first + 3), weights, strict=True):
            matrix[i, min(max(j, 0), n - 1)] += weight
    return matrix


@along_each_axis
def np_shrunk(n, m, mode, antialias):
    """Weigh with a triangle as wide as two new pixels: for m that divide n."""
    places, pixels = (np.arange(m) + 0.5) * n / m, np.arange(n) + 0.5
    triangle = np.maximum(1 - np.abs(pixels - places[:, None]) * m / n, 0)
    return triangle / triangle.sum(1, keepdims=True)


op = "interpolate"

SAMPLES = [
    Sample(op, (normal(2, 3, 5),), np_nearest, {"size": 7}),
    Sample(op, (normal(1, 2, 3, 4),), np_nearest, {"scale_factor": 2}),
    Sample(op, (normal(1, 2, 4, 6),), np_nearest, {"size": (3, 4), "mode": "nearest-exact"}),
    Sample(op, (normal(1, 2, 3, 4, 5),), np_area, {"size": (2, 3, 4), "mode": "area"}, 8),
    Sample(op, (normal(2, 2, 5),), np_linear, {"size": 8, "mode": "linear"}, 2),
    Sample(op, (normal(2, 1, 4, 5),), np_linear, {"size": (7, 3), "mode": "bilinear"}, 4),
    Sample(
        op,
        (normal(1, 2, 3, 2, 4),),
        np_linear,
        {"scale_factor": 2, "mode": "trilinear", "align_corners": True},
        8,
    ),
    Sample(op, (normal(1, 2, 4, 5),), np_cubic, {"size": (6, 9), "mode": "bicubic"}, 16),
    Sample(
        op,
        (normal(1, 2, 6, 8),),
        np_shrunk,
        {"size": (3, 2), "mode": "bilinear", "antialias": True},
        48,
    ),
    Sample(op, (normal(0, 2, 3, 4),), np_linear, {"size": (2, 5), "mode": "bilinear"}),
    Sample(op, (normal(1, 1, 1),), np_linear, {"size": 3, "mode": "linear"}),
]

images = np.ones((2, 3, 4, 5), np.float32)

BAD = [
    Bad(op, (images.astype(int), 2), {}, DTypeError, "interpolate: x must be floating-point"),
    Bad(
        op, (images[0, 0], 2), {}, ShapeError, r"interpolate: x must have a shape like \(N, C, L\)"
    ),
    Bad(op, (images,), {}, ShapeError, "interpolate: give either size or scale_factor"),
    Bad(op, (images, 2, 2), {}, ShapeError, "interpolate: give either size or scale_factor"),
    Bad(op, (images, 0), {}, ShapeError, "interpolate: size must be at least 1, got 0"),
    Bad(op, (images, (1, 2, 3)), {}, ShapeError, "size must be one integer or two, got"),
    Bad(op, (images, None, 0.1), {}, ShapeError, r"nothing is left of \(4, 5\) pixels times"),
    Bad(op, (images, None, -1), {}, ShapeError, "scale_factor must be a positive number, or 2"),
    Bad(op, (images[:, :, :0], 2), {}, ShapeError, "interpolate: x holds images without pixels"),
    Bad(op, (images, 2, None, "cubic"), {}, OdysseyError, "interpolate: mode: expected one of"),
    Bad(op, (images[0], 2, None, "bilinear"), {}, ShapeError, "'bilinear' needs x as .N, C, H, W"),
    Bad(op, (images, 2, None, "area", True), {}, OdysseyError, "align_corners is for linear"),
    Bad(op, (images[0], 2, None, "linear", False, True), {}, OdysseyError, "antialias is for bil"),
]

SMOOTH = {1: ("linear",), 2: ("bilinear", "bicubic"), 3: ("trilinear",)}


def resized(rng):
    axes = int(rng.integers(1, 4))
    x = numbers(rng, (*map(int, rng.integers(1, 3, 2)), *map(int, rng.integers(2, 6, axes))))
    mode = choice(rng, "nearest", "nearest-exact", "area", *SMOOTH[axes], *SMOOTH[axes])
    # With antialias PyTorch repeats the first row in an image of width 1.
    size = tuple(map(int, rng.integers(2, 9, axes)))
    kwargs = choice(rng, {"size": size}, {"scale_factor": choice(rng, 1.5, 2.0, 2.5)})
    if mode in SMOOTH[axes]:
        kwargs = {**kwargs, "align_corners": choice(rng, False, True)}
        if axes == 2:
            kwargs["antialias"] = choice(rng, False, True)
    return (x,), {**kwargs, "mode": mode}


SHARED = [Shared(op, "nn.functional.interpolate", resized, dtypes=("float64", "float32"))]
