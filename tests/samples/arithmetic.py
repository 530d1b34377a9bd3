"""Arithmetic: samples, bad input, and what PyTorch has of them."""

import numpy as np

from odyssey.errors import DTypeError, ShapeError
from samples import Bad, Sample, Shared
from samples._draws import array, broadcasting, choice, draws

rng, normal, positive = draws(__name__)

# Their quotients by numbers between 0.5 and 2 are not next to an integer.
away = rng.permutation(np.linspace(0.6, 5.3, 12)).reshape(3, 4)

SAMPLES = [
    Sample("add", (normal(3, 4), normal(3, 4)), np.add),
    Sample("add", (normal(2, 3, 4), normal(3, 1)), np.add),
    Sample("add", (normal(3, 1), 2.5), np.add),
    Sample("divide", (normal(3, 4), positive(3, 4)), np.divide),
    Sample("divide", (normal(3, 1), positive(4)), np.divide),
    Sample("divide", (2.0, positive(4)), np.divide),
    Sample("modulo", (away, positive(4) + 0.01), np.remainder),
    Sample("multiply", (normal(3, 4), normal(3, 4)), np.multiply),
    Sample("multiply", (normal(2, 3, 4), normal(3, 1)), np.multiply),
    Sample("multiply", (normal(4), 3), np.multiply),
    Sample("negate", (normal(3, 4),), np.negative),
    Sample("power", (positive(3, 4), normal(4)), np.power),
    Sample("power", (normal(3, 4), 3), np.power),
    Sample("power", (normal(3, 4), 2), np.power),
    Sample("power", (2.0, normal(3, 4)), np.power),
    Sample("subtract", (normal(3, 4), normal(3, 4)), np.subtract),
    Sample("subtract", (1.0, normal(2, 1)), np.subtract),
    Sample("floor_divide", (normal(3, 4), positive(4)), np.floor_divide),
    *[
        Sample(name, (positive(*shape), positive(*shape[1:]) + 2.01), f)
        for shape in ((0, 3), (1, 1))
        for name, f in (
            ("add", np.add),
            ("divide", np.divide),
            ("floor_divide", np.floor_divide),
            ("modulo", np.remainder),
            ("multiply", np.multiply),
            ("power", np.power),
            ("subtract", np.subtract),
        )
    ],
    *[Sample("negate", (normal(*shape),), np.negative) for shape in ((0, 3), (1, 1))],
]

x = np.ones((2, 3), np.float32)
row = np.ones(2, np.float32)

BAD = [
    Bad(
        "add",
        (x, x.T),
        {},
        ShapeError,
        r"add: the operands do not broadcast: axis -1 has lengths 3",
    ),
    Bad("subtract", (x, row), {}, ShapeError, r"subtract: .* \(x: \(2, 3\), y: \(2,\)\)"),
    Bad("multiply", (x, row), {}, ShapeError, "multiply: the operands do not broadcast"),
    Bad("divide", (x, row), {}, ShapeError, "divide: the operands do not broadcast"),
    Bad("power", (x, row), {}, ShapeError, "power: the operands do not broadcast"),
    Bad("power", (np.ones(2, int), -1), {}, DTypeError, "power: integers have no negative powers"),
    Bad("power", (np.array(["a"]), x), {}, DTypeError, "power: not defined .*x: <U1, y: float32"),
    Bad("modulo", (x, row), {}, ShapeError, "modulo: the operands do not broadcast"),
    Bad("floor_divide", (x, row), {}, ShapeError, "floor_divide: the operands do not broadcast"),
]

NEVER_REFUSE = {"negate"}


def two(rng):
    return tuple(broadcasting(rng)), {}


def quotient(rng):
    x, y = broadcasting(rng)
    return (x, y + np.copysign(0.5, y)), {}


def floor_of_quotient(torch, x, y):
    return torch.div(x, y, rounding_mode="floor")  # its floor_divide has no gradient


def base_and_exponent(rng):
    x, y = broadcasting(rng)
    return (np.abs(x) + 0.5, choice(rng, y, 2, 3, 0.5)), {}


SHARED = [
    *[Shared(name, name, two) for name in ("add", "multiply", "subtract")],
    Shared("divide", "divide", quotient),
    Shared("negate", "neg", lambda rng: ((array(rng),), {})),
    Shared("power", "pow", base_and_exponent),
    # In float64: next to an integer the libraries round a quotient differently.
    Shared("floor_divide", floor_of_quotient, quotient, dtypes=("float64",)),
    Shared("modulo", "remainder", quotient, dtypes=("float64",)),
]
