"""Gather: samples, bad input, and what PyTorch has of it."""

import numpy as np

from odyssey.errors import DTypeError, RangeError, ShapeError
from samples import Bad, Sample, Shared
from samples._draws import array, axis_of, choice, draws

rng, normal, positive = draws(__name__)


def np_gather(x, axis, index):
    """Loop over the definition: the place of an element along one axis is its index."""
    out = np.empty(index.shape)
    for place in np.ndindex(index.shape):
        taken = list(place)
        taken[axis] = index[place]
        out[place] = x[tuple(taken)]
    return out


twice = np.array([[0, 2, 2, -1], [1, 1, 0, 0]])

SAMPLES = [
    Sample("gather", (normal(2, 3), 1, twice), np_gather, {}, 3),
    Sample("gather", (normal(3, 5), 0, twice), np_gather, {}, 2),
    Sample("gather", (normal(2, 3, 4), -2, twice[:, None]), np_gather, {}, 2),
    Sample("gather", (normal(3, 0), 0, np.zeros((2, 0), int)), np_gather),
    Sample("gather", (normal(1), 0, np.array([0, 0])), np_gather, {}, 2),
    Sample("take", (normal(3, 4), twice), np.take, {}, 3),
    Sample("take", (normal(3, 4), twice, 0), np.take, {}, 3),
    Sample("take", (normal(2, 3, 4), np.array(-2), -1), np.take),
    Sample("take", (normal(0, 3), np.array([1, 1], np.uint8), 1), np.take),
    Sample("take", (normal(1), np.array([0], np.int8)), np.take),
    Sample("take_along_axis", (normal(2, 3), twice, 1), np.take_along_axis, {}, 3),
    Sample("take_along_axis", (normal(3, 4), twice[:1], 0), np.take_along_axis),
    Sample("take_along_axis", (normal(1, 3), twice), np.take_along_axis, {"axis": -1}, 5),
    Sample("take_along_axis", (normal(0, 3), np.zeros((0, 1), int)), np.take_along_axis,
           {"axis": 1}),
    Sample("take_along_axis", (normal(1), np.array([0])), np.take_along_axis, {"axis": 0}),
]  # fmt: skip

x = np.ones((2, 3), np.float32)
row = np.array([0, 1])

BAD = [
    Bad("gather", (x, 1, row), {}, ShapeError, r"index of shape \(2,\) does not lie within x"),
    Bad("gather", (x, 1, np.ones((3, 3), int)), {}, ShapeError, "gather: index of shape"),
    Bad("gather", (x, 1, row[None] + 2), {}, RangeError, r"lie in \[-3, 3\), but .* from 2 to 3"),
    Bad("gather", (x, 1, x), {}, DTypeError, "gather: index must hold integers, but its dtype is"),
    Bad(
        "take", (x, row + 5), {}, RangeError, r"take: indices must lie in \[-6, 6\), but .* 5 to 6"
    ),
    Bad("take", (x, row - 3, 0), {}, RangeError, r"take: indices must lie in \[-2, 2\), but"),
    Bad("take", (x, x), {}, DTypeError, "take: indices must hold integers, but its dtype is float"),
    Bad("take_along_axis", (x, row), {}, ShapeError, r"indices of shape \(2,\) do not fit x \(2"),
    Bad("take_along_axis", (x, np.ones((3, 3), int)), {}, ShapeError, "do not fit x"),
    Bad("take_along_axis", (x, row[:, None] + 2), {}, RangeError, r"lie in \[-3, 3\)"),
    Bad("take_along_axis", (x, x), {}, DTypeError, "take_along_axis: indices must hold integers"),
]


def index_for(rng, x, axis, same=False):
    """Draw an index for gather: as long as ``x``, or shorter, but for ``axis``."""
    shape = [n if same else int(rng.integers(0, n + 1)) for n in x.shape]
    shape[axis] = int(rng.integers(0, 5))
    return rng.integers(0, x.shape[axis], shape)


def gathered(rng):
    x = array(rng, 1, empty=False)
    axis = axis_of(rng, x)
    return (x, axis, index_for(rng, x, axis)), {}


def taken(rng):
    x = array(rng, 0, empty=False)
    return (x, rng.integers(-x.size, x.size, choice(rng, (), 0, 3, (2, 4)))), {}


def taken_along(rng):
    x = array(rng, 1, empty=False)
    axis = axis_of(rng, x)
    return (x, index_for(rng, x, axis, same=True), axis), {}


SHARED = [
    Shared("gather", "gather", gathered),
    Shared("take", "take", taken),
    Shared("take_along_axis", "take_along_dim", taken_along),
]
