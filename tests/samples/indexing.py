"""Indexing: samples, bad input, and what PyTorch has of them."""

import numpy as np

from odyssey.errors import ShapeError
from samples import Bad, Sample, Shared
from samples._draws import array, choice, draws

rng, normal, positive = draws(__name__)

mask = np.array([[True, False, True], [False, False, True]])


def np_put(values, index, shape):
    out = np.zeros(shape, values.dtype)
    np.add.at(out, index, values)
    return out


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
]


def part(torch, x, index):
    return x[index]


def with_index(rng):
    x = array(rng, 2, 4, empty=False)
    places = rng.integers(-len(x), len(x), 4)
    return (x, choice(rng, 0, (slice(1, None), -1), (..., None, 0), places, x > 0)), {}


SHARED = [Shared("getitem", part, with_index)]
NOT_SHARED = {"put": "torch.put writes into a given tensor"}
