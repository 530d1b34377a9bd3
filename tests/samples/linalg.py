"""Linear algebra: samples, bad input, and what PyTorch has of it."""

import numpy as np

from odyssey.errors import DTypeError, OdysseyError, ShapeError
from samples import Bad, Sample, Shared
from samples._draws import broadcasting, choice, draws

rng, normal, positive = draws(__name__)


def regular(rng, *shape):
    """Draw matrices that are far from singular."""
    n = shape[-1]
    return 0.3 * rng.uniform(-1, 1, shape) + np.diag(rng.permutation(np.linspace(1.5, 2.5, n)))


def regulars(*shape):
    return regular(rng, *shape)


def definite(x, upper=False):
    out = np.linalg.cholesky((x + np.swapaxes(x, -1, -2)) / 2)
    return np.swapaxes(out, -1, -2) if upper else out


def solution(a, b):
    return np.linalg.solve(a, b[:, None])[..., 0] if b.ndim == 1 else np.linalg.solve(a, b)


singular = np.array([[1.0, 2.0, 0.5], [2.0, 4.0, 1.0], [0.5, 0.0, 3.0]])
SHAPES = ((3, 3), (2, 3, 3), (0, 2, 2), (0, 0), (1, 1))

SAMPLES = [
    *[
        Sample(name, (regulars(*shape),), expected, kwargs, 30)
        for name, expected, kwargs in (
            ("inv", np.linalg.inv, {}),
            ("det", np.linalg.det, {}),
            ("slogdet", np.linalg.slogdet, {}),
            ("cholesky", definite, {}),
            ("cholesky", definite, {"upper": True}),
            ("matrix_power", np.linalg.matrix_power, {"n": 3}),
            ("matrix_power", np.linalg.matrix_power, {"n": -2}),
            ("matrix_power", np.linalg.matrix_power, {"n": 0}),
            ("matrix_power", np.linalg.matrix_power, {"n": 6}),
        )
        for shape in SHAPES
    ],
    Sample("det", (singular,), np.linalg.det, {}, 30, dtypes=("float64",)),
    *[
        Sample("solve", (regulars(*a), normal(*b)), solution, {}, 30)
        for a, b in (((3, 3), (3,)), ((2, 3, 3), (3,)), ((2, 1, 3, 3), (4, 3, 2)), ((1, 1), (1,)),
                     ((0, 0), (0, 2)), ((3, 3), (2, 3, 1)))
    ],
]  # fmt: skip

x = np.ones((2, 3), np.float32)
ints = np.ones((3, 3), np.int64)
flat = np.ones((2, 2))

BAD = [
    *[
        Bad(name, args, {}, error, message.format(name))
        for name, more in (("inv", ()), ("det", ()), ("slogdet", ()), ("cholesky", ()),
                           ("matrix_power", (2,)))
        for args, error, message in (
            ((x, *more), ShapeError, r"{}: x must be square, got shape \(2, 3\)"),
            ((x[0], *more), ShapeError, "{}: x must be a matrix or a stack"),
            ((ints, *more), DTypeError, "{}: x must be floating-point"),
        )
    ],
    Bad("inv", (flat,), {}, OdysseyError, "inv: Singular matrix"),
    Bad("cholesky", (-flat,), {}, OdysseyError, "cholesky: Matrix is not positive definite"),
    Bad("matrix_power", (flat, 1.5), {}, ShapeError, "n must be an integer, got 1.5"),
    Bad("matrix_power", (flat, -1), {}, OdysseyError, "matrix_power: Singular matrix"),
    Bad("solve", (flat, flat), {}, OdysseyError, "solve: Singular matrix"),
    Bad("solve", (x, x), {}, ShapeError, "solve: a must be square"),
    Bad("solve", (flat, x[0]), {}, ShapeError, "solve: b has 3 rows but a is of order 2"),
    Bad("solve", (np.ones((2, 2, 2)), np.ones((3, 2, 1))), {}, ShapeError, "the leading axes do"),
]  # fmt: skip


def square(rng):
    return (regular(rng, *choice(rng, (), (2,), (3, 1), (0,)), *[int(rng.integers(1, 5))] * 2),), {}


def triangle(rng):
    return square(rng)[0], {"upper": choice(rng, True, False)}


def raised(rng):
    return (*square(rng)[0], int(rng.integers(-3, 6))), {}


def system(rng):
    n = int(rng.integers(1, 5))
    a, b = (one.shape for one in broadcasting(rng, 2, 2))
    right = choice(rng, (n,), (*b, n, int(rng.integers(1, 4))))
    return (regular(rng, *a, n, n), rng.standard_normal(right)), {}


def of_symmetric_part(name):
    """Return a function of PyTorch, which reads one triangle, of the symmetric part."""

    def function(torch, x, **kwargs):
        return getattr(torch.linalg, name)((x + x.mT) / 2, **kwargs)

    return function


def solve(torch, a, b):
    """Solve in PyTorch, for which a matrix below a stack would be a stack of vectors."""
    right = b[:, None] if b.ndim == 1 else b
    right = right.reshape((1,) * (a.ndim - right.ndim) + tuple(right.shape))
    out = torch.linalg.solve(a, right)
    return out[..., 0] if b.ndim == 1 else out


WIDE = ("float64", "float32")  # no LAPACK of theirs takes half precision
SHARED = [
    Shared("inv", "linalg.inv", square, dtypes=WIDE),
    Shared("det", "linalg.det", square, dtypes=WIDE),
    Shared("slogdet", "linalg.slogdet", square, dtypes=WIDE),
    Shared("cholesky", of_symmetric_part("cholesky"), triangle, dtypes=WIDE),
    Shared("matrix_power", "linalg.matrix_power", raised, dtypes=WIDE),
    Shared("solve", solve, system, dtypes=WIDE),
]
