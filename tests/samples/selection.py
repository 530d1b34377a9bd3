"""Choosing between values: samples, bad input, and what PyTorch has of it."""

import numpy as np

from odyssey.errors import DTypeError, ShapeError
from samples import Bad, Sample, Shared
from samples._draws import array, broadcasting, choice, draws

rng, normal, positive = draws(__name__)

TWO = {"maximum": np.maximum, "minimum": np.minimum}
SHAPES = ((3, 4), (0, 3), (), (1,))

mask = np.array([[True, False, True], [False, False, True]])


def filled(x, mask, value):
    return np.where(mask, value, x)


def between(x, y, weight):
    return x + weight * (y - x)


two = np.array([[0.5, 1.5, -2.0]]), np.array([[1.0], [-1.0]])

SAMPLES = [
    *[Sample(name, (normal(*s), normal(*s)), f) for name, f in TWO.items() for s in SHAPES],
    *[Sample(name, two, f) for name, f in TWO.items()],
    *[Sample(name, (normal(3, 4), 0.5), f) for name, f in TWO.items()],
    *[Sample("clip", (normal(*s), -0.5, 0.5), np.clip) for s in SHAPES],
    Sample("clip", (normal(3, 4),), np.clip, {"min": -0.5, "max": None}),
    Sample("clip", (normal(3, 4), None, 0.25), np.clip),
    Sample("clip", (normal(3, 4),), lambda x: x),
    Sample(
        "clip", (normal(3, 4), np.array([[-0.75], [0.25], [-0.125]]), 1.0 + positive(4)), np.clip
    ),
    Sample("clip", (normal(4), np.array(0.25), np.array(-0.25)), np.clip),
    Sample("masked_fill", (normal(2, 3), mask, 2.5), filled),
    Sample("masked_fill", (normal(2, 3), mask[0], np.array(1.5)), filled),
    Sample("masked_fill", (normal(2, 3), mask, normal(3)), filled),
    *[Sample("masked_fill", (normal(*s), np.ones(s, bool), 1), filled) for s in SHAPES],
    *[Sample("lerp", (normal(*s), normal(*s), normal(*s[1:])), between) for s in SHAPES],
    Sample("lerp", (normal(2, 1), normal(3), 0.25), between),
]

x = np.ones((2, 3), np.float32)
row = np.ones(2, np.float32)
whole = np.ones((2, 3), np.int64)
words = np.array(["a"])

BAD = [
    *[Bad(name, (x, row), {}, ShapeError, rf"{name}: .*x: \(2, 3\), y: \(2,\)") for name in TWO],
    *[Bad(name, (x, words), {}, DTypeError, rf"{name}: not defined .*y: <U1") for name in TWO],
    Bad("clip", (x, row), {}, ShapeError, r"clip: .*x: \(2, 3\), min: \(2,\)"),
    Bad("clip", (x, 0, row), {}, ShapeError, r"clip: .*max: \(2,\)"),
    Bad("clip", (x, words), {}, DTypeError, "clip: not defined .*min: <U1"),
    Bad("masked_fill", (x, whole, 0), {}, DTypeError, "masked_fill: mask must be bool .*int64"),
    Bad("masked_fill", (x, row > 0, 0), {}, ShapeError, r"masked_fill: .*mask"),
    Bad("masked_fill", (x[0], x > 0, 0), {}, ShapeError, r"masked_fill: .*mask"),
    Bad("masked_fill", (x, x > 0, row), {}, ShapeError, r"masked_fill: .*value"),
    Bad("masked_fill", (whole, x > 0, 0.5), {}, DTypeError, "masked_fill: x of dtype int64 cannot"),
    Bad("lerp", (x, x, row), {}, ShapeError, r"lerp: .*weight: \(2,\)"),
]


def with_ties(rng):
    return tuple([np.round(2 * x) / 2 for x in broadcasting(rng)]), {}


def bounds(rng):
    x, low, high = broadcasting(rng, 3)
    x = x + 0 * (low + high)  # torch's gradient fails where bounds make the result larger
    kind = choice(rng, "numbers", "arrays", "min", "max")
    if kind == "numbers":
        return (x,), {"min": -0.8, "max": 0.9}
    if kind == "arrays":
        return (x, low - 1.5, high + 1.5), {}
    return (x,), {kind: choice(rng, 0.3, low)}


def drawn_mask(rng):
    x = array(rng)
    return (x, rng.random(x.shape) < 0.5, choice(rng, 0, -1.5, np.array(2.5))), {}


def three(rng):
    x, y, weight = broadcasting(rng, 3)
    return (x, y, choice(rng, weight, 0.75)), {}


def lerp(torch, x, y, weight):
    weight = weight if isinstance(weight, torch.Tensor) else torch.tensor(weight, dtype=x.dtype)
    return torch.lerp(*torch.broadcast_tensors(x, y, weight))


SHARED = [
    *[Shared(name, name, with_ties) for name in TWO],
    Shared("clip", "clip", bounds),
    Shared("masked_fill", "masked_fill", drawn_mask),
    Shared("lerp", lerp, three, dtypes=("float64", "float32")),
]
