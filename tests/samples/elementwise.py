"""Elementwise functions: samples, bad input, and what PyTorch has of them."""

import numpy as np

from odyssey.errors import DTypeError, OdysseyError, ShapeError
from odyssey.testing.cases import grid
from samples import Bad, Sample, Shared
from samples._draws import array, broadcasting, draws

rng, normal, positive = draws(__name__)

mask = np.array([[True, False, True], [False, False, True]])

UNARY = {
    "conj": np.conj,
    "imag": lambda x: np.imag(x) + 0.0,
    "positive": np.positive,
    "real": lambda x: np.real(x) + 0.0,
    "reciprocal": np.reciprocal,
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "square": np.square,
}

SAMPLES = [
    *[
        Sample(name, (np.asarray(positive(*s)),), f)
        for name, f in UNARY.items()
        for s in ((3, 4), (0, 3), (), (1,))
    ],
    *[Sample(name, (normal(5),), f) for name, f in UNARY.items() if name != "rsqrt"],
    Sample("abs", (grid(rng, (3, 5)),), np.abs),
    Sample("astype", (normal(2, 3), np.float64), lambda x, dtype: x.astype(dtype)),
    Sample("astype", (normal(3), "f8"), lambda x, dtype, **_: x.astype(dtype), {"copy": False}),
    Sample("astype", (normal(3), "f8"), lambda x, dtype, **_: x.astype(dtype), {"device": "cpu"}),
    Sample("exp", (normal(3, 4),), np.exp),
    Sample("log", (positive(3, 4),), np.log),
    Sample("sqrt", (positive(3, 4),), np.sqrt),
    Sample("where", (mask, normal(2, 3), normal(3)), np.where),
    Sample("where", (mask, normal(2, 1), 0.0), np.where),
    *[
        Sample(name, (positive(*shape),), f)
        for shape in ((0, 3), (), (1,))
        for name, f in (("abs", np.abs), ("exp", np.exp), ("log", np.log), ("sqrt", np.sqrt))
    ],
    *[
        Sample("astype", (normal(*shape), np.float64), lambda x, dtype: x.astype(dtype))
        for shape in ((0, 3), (1,))
    ],
    *[
        Sample("where", (np.ones(shape, bool), normal(*shape), normal(*shape)), np.where)
        for shape in ((0, 3), (1,))
    ],
]

x = np.ones((2, 3), np.float32)
row = np.ones(2, np.float32)

BAD = [
    *[
        Bad(name, (np.array(["a"]),), {}, DTypeError, rf"{name}: not defined .*\(x: <U1\)")
        for name in UNARY
    ],
    Bad("astype", (x, np.int64), {"device": "gpu"}, OdysseyError, "astype: device must be 'cpu'"),
    Bad(
        "where", (x > 0, x, row), {}, ShapeError, r"where: .* \(condition: \(2, 3\), x: .*y: \(2,\)"
    ),
]

NEVER_REFUSE = {"abs", "exp", "log", "sqrt"}


def drawn(rng):
    return (array(rng),), {}


def above_zero(rng):
    return (np.abs(array(rng)) + 0.1,), {}


def condition_and_two(rng):
    condition, x, y = broadcasting(rng, 3)
    return (condition > 0, x, y), {}


def only_complex(function):
    """Return torch's function on complex numbers: it refuses real ones."""
    return lambda torch, x: getattr(torch, function)(x + 0j)


SHARED = [
    Shared("conj", lambda torch, x: torch.conj(x).clone(), drawn),
    Shared("imag", only_complex("imag"), drawn, dtypes=("float64", "float32")),
    *[Shared(name, name, drawn) for name in ("positive", "real", "reciprocal", "square")],
    Shared("rsqrt", "rsqrt", above_zero),
    Shared("abs", "abs", drawn),
    Shared("exp", "exp", drawn),
    Shared("log", "log", above_zero),
    Shared("sqrt", "sqrt", above_zero),
    Shared("where", "where", condition_and_two),
]
