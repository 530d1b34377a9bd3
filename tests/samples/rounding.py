"""Rounding: samples, bad input, and what PyTorch has of it."""

import numpy as np

from odyssey.errors import DTypeError, ShapeError
from odyssey.testing.cases import grid
from samples import Bad, Sample, Shared
from samples._draws import array, broadcasting, choice, draws

rng, normal, positive = draws(__name__)


def between(*shape):
    """Return numbers whose rounding no float16 of them, and no small step, changes."""
    return np.asarray(rng.integers(-5, 5, shape) + rng.choice([0.125, 0.375, 0.625, 0.875], shape))


STEPS = {"floor": np.floor, "ceil": np.ceil, "trunc": np.trunc, "round": np.round}
SHAPES = ((3, 4), (0, 3), (), (1,))

SAMPLES = [
    *[Sample(name, (between(*s),), f) for name, f in STEPS.items() for s in SHAPES],
    Sample(
        "round", (between(3, 4) / 8,), lambda x, decimals: np.round(x, decimals), {"decimals": 1}
    ),
    Sample("round", (between(3) * 16, -1), lambda x, decimals: np.round(x, decimals)),
    *[Sample("sign", (between(*s),), np.sign) for s in SHAPES],
    *[Sample("frac", (between(*s),), lambda x: x - np.trunc(x)) for s in SHAPES],
    *[Sample("signbit", (between(*s),), np.signbit) for s in SHAPES],
    *[Sample("copysign", (between(*s), grid(rng, s[1:])), np.copysign) for s in SHAPES],
    Sample("copysign", (between(2, 3), -2.0), np.copysign),
    *[
        Sample("nextafter", (normal(*s), normal(*s)), np.nextafter, dtypes=("float64",))
        for s in SHAPES
    ],
]

x = np.ones((2, 3), np.float32)
words = np.array(["a"])

BAD = [
    *[
        Bad(name, (words,), {}, DTypeError, rf"{name}: not defined .*\(x: <U1\)")
        for name in [*STEPS, "sign", "signbit", "frac"]
    ],
    Bad("round", (x, 1.5), {}, DTypeError, "round: decimals must be an integer, got 1.5"),
    Bad("copysign", (x, x[0, :2]), {}, ShapeError, r"copysign: .*\(2, 3\).*\(2,\)"),
    Bad("nextafter", (x, x[0, :2]), {}, ShapeError, r"nextafter: .*\(2, 3\).*\(2,\)"),
]


def drawn(rng):
    return (array(rng),), {}


def with_zeros_and_halves(rng):
    return (np.round(array(rng) * 2) / 2,), {}


def two(rng):
    return tuple(broadcasting(rng)), {}


def with_decimals(rng):
    return (array(rng),), {"decimals": choice(rng, 0, 1, 2)}


SHARED = [
    *[Shared(name, name, with_zeros_and_halves) for name in [*STEPS, "sign", "signbit"]],
    Shared("round", "round", with_decimals, dtypes=("float64",)),
    Shared("frac", "frac", drawn),
    Shared("copysign", "copysign", two),
    # torch's has no gradient, as ours has none: it gets no tensor that asks for one.
    Shared(
        "nextafter",
        lambda torch, x, y: torch.nextafter(x.detach(), y.detach()),
        two,
        dtypes=("float64", "float32"),
    ),
]
