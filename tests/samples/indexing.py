"""Indexing: samples, bad input, and what PyTorch has of them."""

import numpy as np

from odyssey.errors import ShapeError
from samples import Bad, Sample, Shared
from samples._draws import array, axis_of, choice, draws

rng, normal, positive = draws(__name__)

mask = np.array([[True, False, True], [False, False, True]])


def np_put(values, index, shape):
    out = np.zeros(shape, values.dtype)
    np.add.at(out, index, values)
    return out


def unstacked(x, axis=0):
    return tuple(np.moveaxis(x, axis, 0))


SAMPLES = [
    Sample("getitem", (normal(4, 5), (slice(None, None, -2), 1)), lambda x, i: x[i]),
    Sample("getitem", (normal(4, 5), np.array([0, 2, 2, 3])), lambda x, i: x[i]),
    Sample("getitem", (normal(2, 3), mask), lambda x, i: x[i]),
    Sample("getitem", (normal(4, 5), (None, ..., 2)), lambda x, i: x[i]),
    Sample("getitem", (normal(4, 5), (np.array([0, 1]), np.array([1, 1]))), lambda x, i: x[i]),
    Sample("put", (normal(2, 3), (slice(1, 3), slice(None, None, 2)), (4, 5)), np_put),
    Sample("put", (normal(3), np.array([0, 2, 2]), (4,)), np_put),
    Sample("getitem", (normal(0, 3), (slice(None), 1)), lambda x, i: x[i]),
    Sample("getitem", (normal(1), 0), lambda x, i: x[i]),
    Sample("put", (normal(0, 3), slice(0, 0), (4, 3)), np_put),
    Sample("put", (normal(1), slice(1, 2), (3,)), np_put),
    Sample("put", (normal(3), np.array([1, 1, 1]), (2,)), np_put, {}, 3),
    Sample("split", (normal(6, 2), 3), np.split),
    Sample("split", (normal(2, 5), [1, 1, -1], -1), np.split),
    Sample("split", (normal(4), np.array([2, 9])), np.split),
    Sample("split", (normal(2, 0), 2, 1), np.split),
    Sample("split", (normal(1), []), np.split),
    Sample("unstack", (normal(3, 2),), unstacked),
    Sample("unstack", (normal(2, 3, 4),), unstacked, {"axis": -2}),
    Sample("unstack", (normal(2, 0),), unstacked),
    Sample("unstack", (normal(1),), unstacked),
]

x = np.ones((2, 3), np.float32)
row = np.ones(2, np.float32)

BAD = [
    Bad(
        "getitem", (x, 2), {}, ShapeError, r"getitem: x of shape \(2, 3\): index 2 is out of bounds"
    ),
    Bad("getitem", (x, (0, 0, 0)), {}, ShapeError, "getitem: x of shape .*: too many indices"),
    Bad("put", (x, slice(0, 1), (2, 3)), {}, ShapeError, r"put: values of shape .* do not fit"),
    Bad(
        "put", (row, np.array([0, 9]), (4,)), {}, ShapeError, r"put: values of shape .* do not fit"
    ),
    Bad("split", (x, 2, 1), {}, ShapeError, "split: an axis of 3 elements does not make 2 equal"),
    Bad(
        "split", (x, 0), {}, ShapeError, "split: an axis of 2 elements does not make 0 equal parts"
    ),
    Bad("split", (x, [2, 1]), {}, ShapeError, "split: indices_or_sections must ascend, got"),
    Bad(
        "split", (x, 1.5), {}, ShapeError, "split: indices_or_sections must hold integers, got 1.5"
    ),
    Bad("unstack", (x, 2), {}, ShapeError, "unstack: axis 2 is out of range"),
]


def part(torch, x, index):
    return x[index]


def with_index(rng):
    x = array(rng, 2, 4, empty=False)
    places = rng.integers(-len(x), len(x), 4)
    return (x, choice(rng, 0, (slice(1, None), -1), (..., None, 0), places, x > 0)), {}


def in_parts(rng):
    x = array(rng, 1, empty=False)
    axis = axis_of(rng, x)
    n = x.shape[axis]
    cuts = sorted(rng.integers(0, n + 2, int(rng.integers(0, 4))).tolist())
    return (x, choice(rng, max(n, 1), cuts), axis), {}


def split(torch, x, parts, axis):
    return list(torch.tensor_split(x, parts, axis))  # torch.split takes the length of the parts


def along_something(rng):
    x = array(rng, 1, empty=False)
    return (x,), {"axis": axis_of(rng, x)}


SHARED = [
    Shared("getitem", part, with_index),
    Shared("split", split, in_parts),
    Shared("unstack", "unbind", along_something, {"axis": "dim"}),
]
NOT_SHARED = {"put": "torch.put writes into a given tensor"}
