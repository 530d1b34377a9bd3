"""The reductions: samples, bad input, and what PyTorch has of them."""

import numpy as np

from odyssey.errors import DTypeError, ShapeError
from odyssey.testing.cases import grid
from samples import Bad, Sample, Shared
from samples._draws import array, axes_of, axis_of, draws

rng, normal, positive = draws(__name__)

NAMES_OF_NUMPY = ("all", "any", "argmax", "max", "mean", "min", "prod", "sum")
with_zeros = normal(3, 2, 4)
with_zeros[0, 1, 2] = with_zeros[1, 1, 0] = with_zeros[2, 0, 3] = 0

SAMPLES = [
    Sample("max", (grid(rng, (3, 5)),), np.max),
    Sample("max", (grid(rng, (2, 3, 4)),), np.max, {"axis": 1}),
    Sample("max", (grid(rng, (2, 3, 4)),), np.max, {"axis": (0, -1), "keepdims": True}),
    Sample("mean", (normal(3, 5),), np.mean, {}, 15),
    Sample("mean", (normal(2, 3, 4),), np.mean, {"axis": (0, 2)}, 8),
    Sample("mean", (normal(2, 3, 4),), np.mean, {"axis": -2, "keepdims": True}, 3),
    Sample("sum", (normal(3, 5),), np.sum, {}, 15),
    Sample("sum", (normal(2, 3, 4),), np.sum, {"axis": (0, 2)}, 8),
    Sample("sum", (normal(2, 3, 4),), np.sum, {"axis": 1, "keepdims": True}, 3),
    Sample("argmax", (normal(3, 5),), np.argmax),
    Sample("argmax", (normal(3, 5),), np.argmax, {"axis": 0, "keepdims": True}),
    Sample("min", (grid(rng, (3, 5)),), np.min),
    Sample("min", (grid(rng, (2, 3, 4)),), np.min, {"axis": (0, -1), "keepdims": True}),
    Sample("prod", (normal(3, 5),), np.prod),
    Sample("prod", (normal(2, 3, 4),), np.prod, {"axis": 1, "keepdims": True}),
    Sample("prod", (with_zeros,), np.prod, {"axis": (0, 2)}),
    Sample("any", (with_zeros,), np.any, {"axis": (1, -1)}),
    Sample("any", (np.zeros((2, 3)),), np.any, {"axis": 0, "keepdims": True}),
    Sample("all", (with_zeros,), np.all, {"axis": (1, -1)}),
    Sample("all", (normal(2, 3),), np.all, {"keepdims": True}),
    *[Sample(name, (normal(0, 3),), getattr(np, name), {"axis": 1}) for name in NAMES_OF_NUMPY],
    *[Sample(name, (normal(1),), getattr(np, name)) for name in NAMES_OF_NUMPY],
]

x = np.ones((2, 3), np.float32)
ints = np.ones((2, 3), np.int64)

BAD = [
    Bad("mean", (ints,), {}, DTypeError, "mean: x must be floating-point"),
    Bad("mean", (x, 2), {}, ShapeError, "mean: axis 2 is out of range"),
    Bad("sum", (x, (0, -2)), {}, ShapeError, r"sum: axis \(0, -2\) names an axis twice"),
    Bad("sum", (x, 1.0), {}, ShapeError, "sum: axis must be an integer, got 1.0"),
    Bad("max", (x, 2), {}, ShapeError, "max: axis 2 is out of range"),
    Bad("max", (x[:0],), {}, ShapeError, r"max: x of shape \(0, 3\) has no element"),
    Bad("min", (x[:0],), {}, ShapeError, r"min: x of shape \(0, 3\) has no element"),
    Bad("prod", (x, (1, 1)), {}, ShapeError, r"prod: axis \(1, 1\) names an axis twice"),
    Bad("any", (x, 3), {}, ShapeError, "any: axis 3 is out of range"),
    Bad("all", (x, -3), {}, ShapeError, "all: axis -3 is out of range"),
    Bad("argmax", (x, -4), {}, ShapeError, "argmax: axis -4 is out of range"),
    Bad(
        "argmax",
        (x[:0], 0),
        {},
        ShapeError,
        r"argmax: x of shape \(0, 3\) has no element along axis",
    ),
]


def over_axes(rng):
    x = array(rng)
    return (x,), {"axis": axes_of(rng, x), "keepdims": bool(rng.integers(0, 2))}


def over_something(rng):
    x = array(rng, empty=False)
    return (x,), {"axis": axes_of(rng, x), "keepdims": bool(rng.integers(0, 2))}


def over_one_axis(rng):
    x = array(rng, 1, 4, empty=False)
    return (x,), {"axis": axis_of(rng, x), "keepdims": bool(rng.integers(0, 2))}


def flags(rng):
    (x,), kwargs = over_axes(rng)
    return (rng.random(x.shape) < rng.choice([0.1, 0.9]),), kwargs


def factors(rng):
    """Draw numbers of size about 1, for products; one in eight is zero."""
    (x,), kwargs = over_axes(rng)
    size = rng.choice([-1, 1], x.shape) * rng.uniform(0.7, 1.3, x.shape)
    return (np.where(rng.random(x.shape) < 0.125, 0.0, size),), kwargs


def extreme(name):
    def of_torch(torch, x, axis, keepdims):
        axes = tuple(range(x.ndim)) if axis is None else axis
        return getattr(torch, name)(x, axes, keepdim=keepdims)

    return of_torch


def product(torch, x, axis, keepdims):
    """Multiply along axes in PyTorch, which can only along one."""
    axes = range(x.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    for one in axes:
        x = x.prod(one, keepdim=True)
    return x if keepdims else x.squeeze(tuple(axes))


NAMES = {"axis": "dim", "keepdims": "keepdim"}
SHARED = [
    Shared("sum", "sum", over_axes, NAMES, 700),
    Shared("mean", "mean", over_something, NAMES, 700),
    Shared("max", extreme("amax"), over_something),
    Shared("min", extreme("amin"), over_something),
    Shared("prod", product, factors, dtypes=("float64", "float32")),
    Shared("any", "any", flags, NAMES),
    Shared("all", "all", flags, NAMES),
    Shared("argmax", "argmax", over_one_axis, NAMES),
]
