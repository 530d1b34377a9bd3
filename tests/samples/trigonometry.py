"""Circular and hyperbolic functions: samples, bad input, and what PyTorch has of them."""

import numpy as np

from odyssey.errors import DTypeError, ShapeError
from samples import Bad, Sample, Shared
from samples._draws import array, broadcasting, draws

rng, normal, positive = draws(__name__)


def inside(*shape):
    return rng.uniform(-0.8, 0.8, shape)


ANYWHERE = {
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "atan": np.arctan,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "asinh": np.arcsinh,
}
INSIDE = {"asin": np.arcsin, "acos": np.arccos, "atanh": np.arctanh}
TWO = {"atan2": np.arctan2, "hypot": np.hypot}

SHAPES = ((3, 4), (0, 3), (), (1,))

SAMPLES = [
    *[Sample(name, (normal(*s),), f) for name, f in ANYWHERE.items() for s in SHAPES],
    *[Sample(name, (inside(*s),), f) for name, f in INSIDE.items() for s in SHAPES],
    *[Sample("acosh", (np.asarray(positive(*s) + 1),), np.arccosh) for s in SHAPES],
    *[Sample(name, (normal(*s), normal(*s[1:])), f) for name, f in TWO.items() for s in SHAPES],
    *[Sample(name, (normal(2, 1), 1.5), f) for name, f in TWO.items()],
    *[Sample(name, (2, normal(2, 3)), f) for name, f in TWO.items()],
]

x = np.ones((2, 3), np.float32)

BAD = [
    *[
        Bad(name, (np.array(["a"]),), {}, DTypeError, rf"{name}: not defined .*\(x: <U1\)")
        for name in [*ANYWHERE, *INSIDE, "acosh"]
    ],
    *[Bad(name, (x, x[0, :2]), {}, ShapeError, rf"{name}: .*\(2, 3\).*\(2,\)") for name in TWO],
]


def drawn(rng):
    return (array(rng),), {}


def drawn_inside(rng):
    return (array(rng) / 3,), {}


def above_one(rng):
    return (np.abs(array(rng)) + 1.05,), {}


def two(rng):
    return tuple(broadcasting(rng)), {}


SHARED = [
    *[Shared(name, name, drawn) for name in ANYWHERE if name != "tan"],
    Shared("tan", "tan", drawn_inside),  # away from its poles
    *[Shared(name, name, drawn_inside) for name in INSIDE],
    Shared("acosh", "acosh", above_one),
    *[Shared(name, name, two) for name in TWO],
]
