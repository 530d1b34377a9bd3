"""Decompositions: samples, bad input, and what PyTorch has of them."""

import numpy as np

from odyssey.errors import DTypeError, ShapeError
from samples import Bad, Sample, Shared
from samples._draws import choice, draws
from samples.linalg import of_symmetric_part

rng, normal, positive = draws(__name__)


def graded(rng, *shape):
    """Draw matrices with singular values (and eigenvalues) that lie apart, also from 0."""
    k = min(shape[-2:])
    middle = np.zeros(shape)
    middle[..., range(k), range(k)] = np.arange(1, k + 1)
    return middle + 0.15 * rng.uniform(-1, 1, shape)


def matrices(*shape):
    return graded(rng, *shape)


def symmetrised(function):
    return lambda x: function((x + np.swapaxes(x, -1, -2)) / 2)


def least(a, b):
    matrix = b[:, None] if b.ndim == 1 else b
    out = np.linalg.pinv(a, rtol=None) @ matrix
    return out[..., 0] if b.ndim == 1 else out


def pinv(x, rtol=None):
    return np.linalg.pinv(x, rtol=rtol)


def svd(x, full_matrices=True):
    return np.linalg.svd(x, full_matrices)


DOUBLE = ("float64",)  # signs of vectors may differ between dtypes; tests/test_linalg.py has more
TALL_AND_WIDE = ((3, 2), (2, 4), (2, 3, 3), (0, 2, 2), (1, 1))
rank_one = np.outer([1.0, 2.0, -1.0], [3.0, 1.0])

SAMPLES = [
    *[
        Sample(name, (matrices(*shape),), symmetrised(f), {}, 30, dtypes=dtypes)
        for name, f, dtypes in (("eigh", np.linalg.eigh, DOUBLE),
                                ("eigvalsh", np.linalg.eigvalsh, ("float16", "float32", "float64")))
        for shape in ((3, 3), (2, 2, 2), (0, 2, 2), (1, 1))
    ],
    *[
        Sample("svd", (matrices(*shape),), svd, {"full_matrices": False}, 30, dtypes=DOUBLE)
        for shape in TALL_AND_WIDE
    ],
    Sample("svd", (matrices(3, 3),), svd, {}, 30, dtypes=DOUBLE),
    *[Sample("svdvals", (matrices(*shape),), lambda x: np.linalg.svd(x, compute_uv=False), {}, 30)
      for shape in TALL_AND_WIDE],
    *[Sample("qr", (matrices(*shape),), np.linalg.qr, {}, 30) for shape in TALL_AND_WIDE],
    Sample("qr", (matrices(3, 3), "complete"), np.linalg.qr, {}, 30),
    *[Sample("pinv", (matrices(*shape),), pinv, {}, 30) for shape in TALL_AND_WIDE],
    *[
        Sample("lstsq", (matrices(*a), normal(*b)), least, {}, 30)
        for a, b in (((4, 2), (4,)), ((2, 4), (2, 3)), ((2, 4, 3), (4,)), ((2, 1, 3, 2), (2, 3, 1)),
                     ((1, 1), (1,)), ((0, 3, 2), (3, 1)))
    ],
    *[Sample("matrix_rank", (x,), np.linalg.matrix_rank)
      for x in (rank_one, normal(2, 4, 3), normal(0, 3, 3), np.zeros((1, 1)))],
    Sample("matrix_rank", (normal(0, 3),), lambda x: np.zeros((), np.int64)),
]  # fmt: skip

x = np.ones((2, 3), np.float32)
ints = np.ones((3, 3), np.int64)
NAMES = ("eigh", "eigvalsh", "svd", "svdvals", "qr", "pinv", "matrix_rank")

BAD = [
    *[Bad(name, (x[0],), {}, ShapeError, f"{name}: x must be a matrix or a stack")
      for name in NAMES],
    *[Bad(name, (ints,), {}, DTypeError, f"{name}: x must be floating-point") for name in NAMES],
    *[Bad(name, (x,), {}, ShapeError, rf"{name}: x must be square, got shape \(2, 3\)")
      for name in ("eigh", "eigvalsh")],
    Bad("qr", (x, "r"), {}, ShapeError, "qr: mode must be 'reduced' or 'complete', got 'r'"),
    Bad("lstsq", (x[0], x), {}, ShapeError, "lstsq: a must be a matrix"),
    Bad("lstsq", (x, x[0]), {}, ShapeError, "lstsq: b has 3 rows but a has 2"),
    Bad("lstsq", (np.ones((2, 2, 2)), np.ones((3, 2, 1))), {}, ShapeError, "the leading axes do"),
]  # fmt: skip


def any_matrix(rng):
    return (graded(rng, *choice(rng, (), (2,), (0,)), *map(int, rng.integers(1, 5, 2))),), {}


def some_matrix(rng):
    return (graded(rng, *choice(rng, (), (2,), (2, 1)), *map(int, rng.integers(1, 5, 2))),), {}


def square(rng):
    return (graded(rng, *choice(rng, (), (2,), (0,)), *[int(rng.integers(1, 5))] * 2),), {}


def overdetermined(rng):
    n, more, k = map(int, rng.integers(1, 4, 3))
    stack = choice(rng, (), (2,))
    return (graded(rng, *stack, n + more, n), rng.standard_normal((*stack, n + more, k))), {}


def solution(torch, a, b):
    return torch.linalg.lstsq(a, b).solution


WIDE = ("float64", "float32")  # no LAPACK of theirs takes half precision
SHARED = [
    Shared("eigvalsh", of_symmetric_part("eigvalsh"), square, dtypes=WIDE),
    Shared("svdvals", "linalg.svdvals", any_matrix, dtypes=WIDE),
    Shared("qr", "linalg.qr", some_matrix, dtypes=WIDE),
    Shared("pinv", "linalg.pinv", any_matrix, dtypes=WIDE),
    Shared("lstsq", solution, overdetermined, dtypes=WIDE),
    Shared("matrix_rank", "linalg.matrix_rank", any_matrix, dtypes=WIDE),
]
NOT_SHARED = {
    "eigh": "each LAPACK chooses the signs of the vectors; tests/test_linalg.py compares the rest",
    "svd": "each LAPACK chooses the signs of the vectors; tests/test_linalg.py compares the rest",
}
