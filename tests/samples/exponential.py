"""Exponentials and logarithms: samples, bad input, and what PyTorch has of them."""

import numpy as np

from odyssey.errors import DTypeError, ShapeError
from samples import Bad, Sample, Shared
from samples._draws import array, broadcasting, draws

rng, normal, positive = draws(__name__)

ANYWHERE = {"exp2": np.exp2, "expm1": np.expm1}
ABOVE_ZERO = {"log1p": np.log1p, "log2": np.log2, "log10": np.log10}

SHAPES = ((3, 4), (0, 3), (), (1,))

SAMPLES = [
    *[Sample(name, (normal(*s),), f) for name, f in ANYWHERE.items() for s in SHAPES],
    *[
        Sample(name, (np.asarray(positive(*s)),), f)
        for name, f in ABOVE_ZERO.items()
        for s in SHAPES
    ],
    *[Sample("logaddexp", (normal(*s), normal(*s[1:])), np.logaddexp) for s in SHAPES],
    Sample("logaddexp", (normal(2, 1), 1.5), np.logaddexp),
    Sample("logaddexp", (np.array([800.0, -800.0]), np.array([799.0, -801.0])), np.logaddexp),
]

x = np.ones((2, 3), np.float32)

BAD = [
    *[
        Bad(name, (np.array(["a"]),), {}, DTypeError, rf"{name}: not defined .*\(x: <U1\)")
        for name in [*ANYWHERE, *ABOVE_ZERO]
    ],
    Bad("logaddexp", (x, x[0, :2]), {}, ShapeError, r"logaddexp: .*\(2, 3\).*\(2,\)"),
]


def drawn(rng):
    return (array(rng),), {}


def above_zero(rng):
    return (np.abs(array(rng)) + 0.1,), {}


def two(rng):
    return tuple(broadcasting(rng)), {}


SHARED = [
    *[Shared(name, name, drawn) for name in ANYWHERE],
    *[Shared(name, name, above_zero) for name in ABOVE_ZERO],
    Shared("logaddexp", "logaddexp", two, dtypes=("float64", "float32")),
]
