"""Scatter: samples, bad input, and what PyTorch has of it."""

import numpy as np

from odyssey.errors import DTypeError, RangeError, ShapeError
from samples import Bad, Sample, Shared
from samples._draws import array, axis_of, choice, draws, numbers

rng, normal, positive = draws(__name__)


def np_scatter(x, axis, index, src, add=False):
    """Loop over the definition, in C order."""
    out, src = x.copy(), np.broadcast_to(src, index.shape) if np.ndim(src) == 0 else src
    for place in np.ndindex(index.shape):
        to = list(place)
        to[axis] = index[place]
        out[tuple(to)] = src[place] + (out[tuple(to)] if add else 0)
    return out


def np_scatter_add(x, axis, index, src):
    return np_scatter(x, axis, index, src, add=True)


def np_index_add(x, axis, index, src):
    out = np.moveaxis(x.copy(), axis, 0)
    np.add.at(out, index, np.moveaxis(src, axis, 0))
    return np.moveaxis(out, 0, axis)


def np_index_put(x, index, values, accumulate=False):
    out = x.copy()
    if accumulate:
        np.add.at(out, index, values)
    else:
        out[index] = values
    return out


twice = np.array([[0, 2, 2, -1], [1, 1, 0, 0]])
mask = np.array([[True, False, True], [False, False, True]])
rows, columns = np.array([1, 1, 0]), np.array([2, 2, 0])

SAMPLES = [
    *[
        Sample(name, args, f, {}, 4)
        for name, f in (("scatter", np_scatter), ("scatter_add", np_scatter_add))
        for args in (
            (normal(2, 3), 1, twice, normal(2, 4)),
            (normal(3, 5), 0, twice, normal(3, 5)),
            (normal(2, 3, 4), -2, twice[:, None], normal(2, 1, 4)),
            (normal(2, 3), 1, twice, 2.5),
            (normal(2, 3), 1, twice, np.array(1.5)),
            (normal(3, 0), 0, np.zeros((2, 0), int), normal(2, 0)),
            (normal(1), 0, np.array([0, 0]), normal(2)),
        )
    ],
    Sample("index_add", (normal(3, 4), 0, np.array([2, 0, 2, -1]), normal(4, 4)), np_index_add,
           {}, 4),
    Sample("index_add", (normal(2, 3, 4), -2, np.array([1]), normal(2, 1, 4)), np_index_add),
    Sample("index_add", (normal(0, 3), 1, np.array([1, 1]), normal(0, 2)), np_index_add),
    Sample("index_add", (normal(1), 0, np.array([0, 0]), normal(2)), np_index_add, {}, 3),
    *[
        Sample("index_put", args, np_index_put, {"accumulate": accumulate}, 4)
        for accumulate in (False, True)
        for args in (
            (normal(2, 3), (rows, columns), normal(3)),
            (normal(2, 3), rows, normal(3)),
            (normal(2, 3), mask, normal(3)),
            (normal(2, 3), mask, -1.5),
            (normal(4, 5), (slice(1, 3), slice(None, None, -2)), normal(2, 1)),
            (normal(4, 5), 2, normal(5)),
            (normal(2, 3), (1, 2), np.array(0.5)),
            (normal(0, 3), (slice(None), 1), normal(0)),
            (normal(1), np.array([0, 0]), normal(2)),
        )
    ],
]  # fmt: skip

x = np.ones((2, 3), np.float32)
wide = np.ones((2, 3))
row = np.array([0, 1])
index = np.zeros((2, 3), int)

BAD = [
    *[
        bad
        for op in ("scatter", "scatter_add")
        for bad in (
            Bad(op, (x, 1, row, x), {}, ShapeError, rf"{op}: index of shape \(2,\) does not lie"),
            Bad(op, (x, 1, index + 3, x), {}, RangeError, r"index must lie in \[-3, 3\), but"),
            Bad(op, (x, 1, x, x), {}, DTypeError, f"{op}: index must hold integers"),
            Bad(op, (x, 1, index, x[:1]), {}, ShapeError, rf"{op}: src of shape \(1, 3\) is smal"),
            Bad(op, (x, 1, index, wide), {}, DTypeError, "src has dtype float64 but x has float32"),
        )
    ],
    Bad("index_add", (x, 1, row, x), {}, ShapeError, r"index_add: src of shape \(2, 3\) and index"),
    Bad("index_add", (x, 1, row + 2, x[:, :2]), {}, RangeError, r"index must lie in \[-3, 3\)"),
    Bad("index_add", (x, 0, row, wide), {}, DTypeError, "src has dtype float64 but x has float32"),
    Bad("index_put", (x, row + 1, 0.0), {}, RangeError, "index_put: values of shape .* do not fit"),
    Bad(
        "index_put", (x, row, x[:, :2]), {}, ShapeError, "index_put: values of shape .* do not fit"
    ),
    Bad("index_put", (x, row, wide), {}, DTypeError, "values has dtype float64 but x has float32"),
]


def different(rng, x, axis):
    """Draw an index that names no place twice: torch does not say which value stays there."""
    index = np.argsort(rng.random(x.shape), axis)
    return index[tuple([slice(int(rng.integers(0, n + 1))) for n in x.shape])]


def scattered(rng):
    x = array(rng, 1, empty=False)
    axis = axis_of(rng, x)
    index = different(rng, x, axis)
    return (x, axis, index, numbers(rng, index.shape)), {}


def added(rng):
    x = array(rng, 1, empty=False)
    axis = axis_of(rng, x)
    index = rng.integers(0, x.shape[axis], [int(rng.integers(0, n + 1)) for n in x.shape])
    return (x, axis, index, numbers(rng, index.shape)), {}


def slices(rng):
    x = array(rng, 1, empty=False)
    axis = axis_of(rng, x)
    index = rng.integers(0, x.shape[axis], int(rng.integers(0, 5)))
    shape = list(x.shape)
    shape[axis] = len(index)
    return (x, axis, index, numbers(rng, tuple(shape))), {}


def placed(rng):
    x = array(rng, 1, empty=False)
    accumulate = choice(rng, False, True)
    places = rng.integers(0, len(x), 4) if accumulate else rng.permutation(len(x))[:2]
    values = numbers(rng, choice(rng, (len(places), *x.shape[1:]), x.shape[1:]))
    return (x, (places,), values, accumulate), {}


def put(torch, x, index, values, accumulate):
    return torch.index_put(x, index, values, accumulate)


SHARED = [
    Shared("index_add", "index_add", slices),
    Shared("index_put", put, placed),
    Shared("scatter", "scatter", scattered),
    Shared("scatter_add", "scatter_add", added),
]
