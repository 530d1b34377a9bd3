"""The reductions: samples, bad input, and what PyTorch has of them."""

import numpy as np

from odyssey.errors import DTypeError, ShapeError
from odyssey.testing.cases import grid
from samples import Bad, Sample, Shared
from samples._draws import array, axes_of, axis_of, draws

rng, normal, positive = draws(__name__)

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
    *[
        Sample(name, (normal(0, 3),), f, {"axis": 1})
        for name, f in (("argmax", np.argmax), ("max", np.max), ("mean", np.mean), ("sum", np.sum))
    ],
    *[
        Sample(name, (normal(1),), f)
        for name, f in (("argmax", np.argmax), ("max", np.max), ("mean", np.mean), ("sum", np.sum))
    ],
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


def largest(torch, x, axis, keepdims):
    return torch.amax(x, tuple(range(x.ndim)) if axis is None else axis, keepdim=keepdims)


NAMES = {"axis": "dim", "keepdims": "keepdim"}
SHARED = [
    Shared("sum", "sum", over_axes, NAMES, 700),
    Shared("mean", "mean", over_something, NAMES, 700),
    Shared("max", largest, over_something),
    Shared("argmax", "argmax", over_one_axis, NAMES),
]
