"""Questions of elements, logic and bits: samples, bad input, and what PyTorch has of them."""

from operator import and_, invert, lshift, or_, rshift, xor

import numpy as np

from odyssey.errors import DTypeError, ShapeError
from samples import Bad, Sample, Shared
from samples._draws import array, broadcasting, choice, draws

rng, normal, positive = draws(__name__)

QUESTIONS = {"isfinite": np.isfinite, "isinf": np.isinf, "isnan": np.isnan}
LOGIC = {
    "logical_and": np.logical_and,
    "logical_or": np.logical_or,
    "logical_xor": np.logical_xor,
}
# In Python's own words: NumPy's functions would be asked for NaN, which has no such bits.
BITS = {"bitwise_and": and_, "bitwise_or": or_, "bitwise_xor": xor}
SHIFTS = {"bitwise_left_shift": lshift, "bitwise_right_shift": rshift}
CLOSE = {"isclose": np.isclose, "allclose": np.allclose, "array_equal": np.array_equal}

SHAPES = ((3, 4), (0, 3), (), (1,))


def integers(*shape):
    return np.asarray(rng.integers(-9, 10, shape))


def ternary(*shape):
    return rng.integers(-1, 2, shape) * 1.0 if shape else np.asarray(1.0)


unusual = np.array([1.0, np.nan, np.inf, -np.inf])
near = np.array([1.0 + 1e-7, np.nan, np.inf, np.inf])

SAMPLES = [
    *[Sample(name, (unusual,), f) for name, f in QUESTIONS.items()],
    *[Sample(name, (np.zeros(s),), f) for name, f in QUESTIONS.items() for s in SHAPES],
    *[Sample(name, (ternary(*s), ternary(*s[1:])), f) for name, f in LOGIC.items() for s in SHAPES],
    *[Sample("logical_not", (ternary(*s),), np.logical_not) for s in SHAPES],
    *[Sample(name, (integers(*s), integers(*s)), f) for name, f in BITS.items() for s in SHAPES],
    *[Sample(name, (integers(3, 4), integers(4)), f) for name, f in BITS.items()],
    *[Sample(name, (np.array([True, False]), True), f) for name, f in BITS.items()],
    *[
        Sample(name, (integers(*s), np.abs(integers(*s[1:]))), f)
        for name, f in SHIFTS.items()
        for s in SHAPES
    ],
    *[Sample("bitwise_invert", (integers(*s),), invert) for s in SHAPES],
    Sample("bitwise_invert", (np.array([True, False]),), invert),
    *[Sample(name, (normal(*s), normal(*s)), f) for name, f in CLOSE.items() for s in SHAPES],
    *[
        Sample(name, (unusual, near), f, {"equal_nan": equal_nan}, dtypes=("float64",))
        for name, f in CLOSE.items()
        for equal_nan in (False, True)
    ],
    *[
        Sample(name, (x, x), f, {"equal_nan": equal_nan})
        for name, f in CLOSE.items()
        for equal_nan in (False, True)
        for x in (unusual, np.ones((2, 3)))
    ],
    Sample("isclose", (normal(3, 4), normal(4), 0.1, 0.5), np.isclose, dtypes=("float64",)),
    Sample("allclose", (np.ones((3, 1)), np.full(4, 1.25), 0.5, 0.0), np.allclose),
    Sample("array_equal", (np.ones((2, 3)), np.ones(3)), np.array_equal),
]  # fmt: skip

x = np.ones((2, 3), np.float32)
whole = np.ones((2, 3), np.int64)
words = np.array(["a"])

BAD = [
    *[
        Bad(name, (words,), {}, DTypeError, rf"{name}: not defined .*\(x: <U1\)")
        for name in [*QUESTIONS, "logical_not", "bitwise_invert"]
    ],
    Bad("bitwise_invert", (x,), {}, DTypeError, r"bitwise_invert: not defined .*\(x: float32\)"),
    *[
        Bad(name, (x, whole), {}, DTypeError, rf"{name}: not defined .*x: float32, y: int64")
        for name in [*BITS, *SHIFTS]
    ],
    *[
        Bad(name, (whole, whole[0, :2]), {}, ShapeError, rf"{name}: .*\(2, 3\).*\(2,\)")
        for name in [*LOGIC, *BITS, *SHIFTS, "isclose", "allclose"]
    ],
    *[
        Bad(name, (words, x), {}, DTypeError, rf"{name}: not defined .*x: <U1, y: float32")
        for name in ("isclose", "allclose")
    ],
]

NEVER_REFUSE = {"array_equal"}


def drawn_unusual(rng):
    x = array(rng)
    return (np.where(rng.random(x.shape) < 0.5, x, choice(rng, np.nan, np.inf, -np.inf)),), {}


def with_zeros(rng):
    return tuple([np.trunc(x) for x in broadcasting(rng)]), {}


def drawn_integers(rng):
    return tuple([np.round(9 * x).astype(np.int32) for x in broadcasting(rng)]), {}


def bits_and_steps(rng):
    x, y = broadcasting(rng)
    return (np.round(9 * x).astype(np.int32), np.round(np.abs(y)).astype(np.int32)), {}


def nearly_equal(rng):
    (x,) = (array(rng),)
    y = x * (1 + rng.choice([0, 0, 0, 0.25], x.shape))
    return (x, y), {"rtol": choice(rng, 1e-5, 0.3), "equal_nan": choice(rng, True, False)}


def same_or_not(rng):
    x = array(rng)
    return (x, choice(rng, x.copy(), x + 1)), {}


def whether(function):
    """Return a function that gives torch's Python bool as a tensor."""
    return lambda torch, *args, **kwargs: torch.tensor(getattr(torch, function)(*args, **kwargs))


SHARED = [
    *[Shared(name, name, drawn_unusual) for name in QUESTIONS],
    *[Shared(name, name, with_zeros) for name in LOGIC],
    Shared("logical_not", "logical_not", lambda rng: (with_zeros(rng)[0][:1], {})),
    *[Shared(name, name, drawn_integers) for name in BITS],
    *[Shared(name, name, bits_and_steps) for name in SHIFTS],
    Shared("isclose", "isclose", nearly_equal, dtypes=("float64", "float32")),
    Shared("allclose", whether("allclose"), nearly_equal, dtypes=("float64", "float32")),
]
