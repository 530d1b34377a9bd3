"""The manipulation functions: samples, bad input, and what PyTorch has of them."""

import numpy as np

from odyssey.errors import RangeError, ShapeError
from samples import Bad, Sample, Shared
from samples._draws import array, axes_of, axis_of, choice, draws

rng, normal, positive = draws(__name__)


def np_slice(x, start, stop, step=1, axis=0):
    return np.moveaxis(np.moveaxis(x, axis, 0)[start:stop:step], 0, axis)


counts = np.array([0, 2, 3])

SAMPLES = [
    Sample("flip", (normal(3, 4),), np.flip),
    Sample("flip", (normal(2, 3, 4),), np.flip, {"axis": (0, -1)}),
    Sample("moveaxis", (normal(2, 3, 4, 5), 1, -1), np.moveaxis),
    Sample("moveaxis", (normal(2, 3, 4), (0, 1), (2, 0)), np.moveaxis),
    Sample("permute", (normal(2, 3, 4), (2, 0, -2)), np.transpose),
    Sample("permute", (np.array(1.5), ()), np.transpose),
    Sample("ravel", (normal(2, 3, 4),), np.ravel),
    Sample("repeat", (normal(2, 3), 3), np.repeat, {}, 3),
    Sample("repeat", (normal(2, 3), 2, -1), np.repeat, {}, 2),
    Sample("repeat", (normal(2, 3), np.array([3]), 0), np.repeat, {}, 3),
    Sample("repeat", (normal(2, 3), counts, 1), np.repeat, {}, 3),
    Sample("repeat", (normal(3), counts), np.repeat, {}, 3),
    Sample("repeat", (normal(2, 3), 0, 1), np.repeat),
    Sample("roll", (normal(2, 3), -2), np.roll),
    Sample("roll", (normal(2, 3, 4), 7, 1), np.roll),
    Sample("roll", (normal(2, 3, 4), (1, -2), (0, -1)), np.roll),
    Sample("roll", (normal(2, 3, 4), 1, (0, 1)), np.roll),
    Sample("slice", (normal(4, 3), 1, -1), np_slice),
    Sample("slice", (normal(2, 7), None, None, -2, 1), np_slice),
    Sample("slice", (normal(2, 7), -3, 99, 1), np_slice, {"axis": -1}),
    Sample("slice", (normal(2, 3), 2, 1), np_slice),
    Sample("tile", (normal(2, 3), 2), np.tile, {}, 2),
    Sample("tile", (normal(3), (2, 1, 3)), np.tile, {}, 6),
    Sample("tile", (normal(2, 3, 4), (3, 2)), np.tile, {}, 6),
    Sample("tile", (normal(2, 1), (0, 2)), np.tile),
    Sample("tile", (np.array(1.5), ()), np.tile),
    *[
        Sample(name, (normal(*shape), *args), f)
        for shape in ((0, 1), (1, 1))
        for name, args, f in (
            ("flip", (), np.flip),
            ("moveaxis", (0, 1), np.moveaxis),
            ("permute", ((1, 0),), np.transpose),
            ("ravel", (), np.ravel),
            ("repeat", (2, 0), np.repeat),
            ("roll", (1,), np.roll),
            ("slice", (0, 1), np_slice),
            ("tile", ((2, 1),), np.tile),
        )
    ],
]

x = np.ones((2, 3), np.float32)

BAD = [
    Bad("flip", (x, 2), {}, RangeError, "flip: axis 2 is out of range"),
    Bad("moveaxis", (x, 2, 0), {}, RangeError, "moveaxis: source: axis 2 is out of range"),
    Bad("moveaxis", (x, 0, -3), {}, RangeError, "moveaxis: destination: axis -3 is out of range"),
    Bad("moveaxis", (x, (0, 1), 0), {}, ShapeError, "source names 2 axes, destination 1"),
    Bad("moveaxis", (x, (0, 0), (0, 1)), {}, ShapeError, "names an axis twice"),
    Bad("permute", (x, (0,)), {}, ShapeError, r"permute: axes \(0,\) names 1 of 2 axes"),
    Bad("permute", (x, None), {}, ShapeError, "permute: axes None names 0 of 2 axes"),
    Bad("permute", (x, (0, 0)), {}, ShapeError, "names an axis twice"),
    Bad("repeat", (x, -1), {}, ShapeError, "repeat: repeats must hold integers from 0 on, got -1"),
    Bad("repeat", (x, 1.5), {}, ShapeError, "repeat: repeats must hold integers from 0 on"),
    Bad("repeat", (x, np.array([1, 2]), 1), {}, ShapeError, r"shape \(2,\) for 3 elements \(x: \("),
    Bad("repeat", (x, 2, 2), {}, RangeError, "repeat: axis 2 is out of range"),
    Bad("roll", (x, (1, 2), 0), {}, ShapeError, "roll: 2 shifts for 1 axes"),
    Bad("roll", (x, (1, 2)), {}, ShapeError, "roll: 2 shifts for 1 axes"),
    Bad("roll", (x, 0.5), {}, ShapeError, "roll: shift must hold integers, got 0.5"),
    Bad("slice", (x, 0, 1, 0), {}, ShapeError, r"slice: 0:1:0 of x \(2, 3\): slice step cannot be"),
    Bad("slice", (x, 0.5, 1), {}, ShapeError, "slice: 0.5:1:1 of x"),
    Bad("tile", (x, (2, -1)), {}, ShapeError, r"tile: reps must hold integers from 0 on, got \(2"),
]
NEVER_REFUSE = ["ravel"]


def over_some(rng):
    x = array(rng)
    axes = axes_of(rng, x)
    axes = tuple(range(x.ndim)) if axes is None else axes
    return (x,), {"axis": axes if isinstance(axes, tuple) else (axes,)}


def order(rng):
    x = array(rng)
    return (x, tuple(rng.permutation(x.ndim).tolist())), {}


def one_moved(rng):
    x = array(rng, 1)
    return (x, axis_of(rng, x), axis_of(rng, x)), {}


def rolled(rng):
    x = array(rng, 1)
    if rng.random() < 0.3:
        return (x, int(rng.integers(-9, 9))), {}
    axes = tuple(rng.choice(x.ndim, int(rng.integers(1, x.ndim + 1)), replace=False).tolist())
    return (x, tuple(rng.integers(-9, 9, len(axes)).tolist())), {"axis": axes}


def repeated(rng):
    x = array(rng, 1)
    axis = choice(rng, None, axis_of(rng, x))
    n = x.size if axis is None else x.shape[axis]
    return (x, choice(rng, int(rng.integers(0, 4)), rng.integers(0, 4, n))), {"axis": axis}


def tiled(rng):
    x = array(rng, 0, 3)
    return (x, tuple(rng.integers(0, 4, int(rng.integers(0, 4))).tolist())), {}


SHARED = [
    Shared("flip", "flip", over_some, {"axis": "dims"}),
    Shared("moveaxis", "moveaxis", one_moved),
    Shared("permute", "permute", order),
    Shared("ravel", "ravel", lambda rng: ((array(rng),), {})),
    Shared("repeat", "repeat_interleave", repeated, {"axis": "dim"}),
    Shared("roll", "roll", rolled, {"axis": "dims"}),
    Shared("tile", "tile", tiled),
]
