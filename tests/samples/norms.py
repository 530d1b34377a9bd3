"""Norms: samples, bad input, and what PyTorch has of them."""

import numpy as np

from odyssey.errors import DTypeError, ShapeError
from samples import Bad, Sample, Shared
from samples._draws import array, axes_of, axis_of, choice, draws

rng, normal, positive = draws(__name__)


def vector_norm(x, axis=None, keepdims=False, ord=2):
    return np.linalg.vector_norm(x, axis=axis, keepdims=keepdims, ord=ord)


def matrix_norm(x, keepdims=False, ord="fro"):
    return np.linalg.norm(x, ord, (-2, -1), keepdims)


ORDERS = (2, 1, 3, 2.5, 0.5, -1, 0, np.inf, -np.inf)
OF_MATRICES = ("fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf)

SAMPLES = [
    *[Sample("vector_norm", (normal(2, 3),), vector_norm, {"axis": 1, "ord": ord}, 10)
      for ord in ORDERS],
    Sample("vector_norm", (normal(2, 3, 4),), vector_norm, {"axis": (0, -1), "keepdims": True}, 10),
    Sample("vector_norm", (normal(3, 5),), vector_norm, {}, 10),
    Sample("vector_norm", (normal(0, 3),), vector_norm, {"axis": 1}),
    Sample("vector_norm", (normal(1),), vector_norm),
    *[Sample("matrix_norm", (normal(3, 4),), matrix_norm, {"ord": ord}, 30) for ord in OF_MATRICES],
    *[Sample("matrix_norm", (normal(2, 3, 2),), matrix_norm, {"ord": ord, "keepdims": True}, 30)
      for ord in ("fro", "nuc", 2, 1)],
    Sample("matrix_norm", (normal(0, 3),), matrix_norm),
    Sample("matrix_norm", (normal(1, 1),), matrix_norm),
    Sample("norm", (normal(2, 3, 4),), np.linalg.norm, {}, 24),
    Sample("norm", (normal(2, 3, 4), 3, 1, True), np.linalg.norm, {}, 3),
    Sample("norm", (normal(2, 3, 4), "nuc", (2, 0)), np.linalg.norm, {}, 30),
    Sample("norm", (normal(2, 3, 4), 1, (0, 1), True), np.linalg.norm, {}, 4),
    Sample("norm", (normal(3, 4), np.inf), np.linalg.norm, {}, 4),
    Sample("norm", (normal(4), 1), np.linalg.norm, {}, 4),
    Sample("norm", (normal(0, 3),), np.linalg.norm, {"axis": 1}),
    Sample("norm", (normal(1),), np.linalg.norm),
]  # fmt: skip

x = np.ones((2, 3), np.float32)

BAD = [
    *[Bad(name, (np.ones((2, 2), np.int64),), {}, DTypeError, f"{name}: x must be floating-point")
      for name in ("vector_norm", "matrix_norm", "norm")],
    Bad("vector_norm", (x, (0, 0)), {}, ShapeError, r"vector_norm: axis \(0, 0\) names an axis tw"),
    Bad("vector_norm", (x,), {"ord": "fro"}, ShapeError, "vector_norm: ord must be a number"),
    Bad("vector_norm", (x[:0], 0), {"ord": np.inf}, ShapeError, "vector_norm: .* has no element"),
    Bad("matrix_norm", (x[0],), {}, ShapeError, "matrix_norm: x must be a matrix"),
    Bad("matrix_norm", (x,), {"ord": 3}, ShapeError, "matrix_norm: ord must be one of .* got 3"),
    Bad("matrix_norm", (x[:0],), {"ord": 2}, ShapeError, "matrix_norm: .* has no element"),
    Bad("norm", (x, 3), {}, ShapeError, "norm: ord must be one of .* got 3"),
    Bad("norm", (x, None, ()), {}, ShapeError, "norm: axis must be one, or two for matrices"),
    Bad("norm", (np.ones((1, 1, 1)), 2), {}, ShapeError, "norm: axis must be one, or two"),
]  # fmt: skip


def vectors(rng):
    x = array(rng, 0, 4, empty=False)
    ord = choice(rng, 2, 1, 3, 0.5, 0, np.inf, -np.inf)
    return (x,), {"axis": axes_of(rng, x), "keepdims": choice(rng, True, False), "ord": ord}


def matrices(rng):
    x = rng.standard_normal(array(rng, 2, 4, empty=False).shape)
    return (x,), {"keepdims": choice(rng, True, False), "ord": choice(rng, *OF_MATRICES)}


def plain(rng):
    x = array(rng, 1, 4, empty=False)
    return (x,), {"axis": choice(rng, None, axis_of(rng, x)), "keepdims": choice(rng, True, False)}


NAMES = {"axis": "dim", "keepdims": "keepdim"}
WIDE = ("float64", "float32")
SHARED = [
    # Their gradients of half precision take powers in it.
    Shared("vector_norm", "linalg.vector_norm", vectors, NAMES, dtypes=WIDE),
    Shared("matrix_norm", "linalg.matrix_norm", matrices, NAMES, dtypes=WIDE),
    Shared("norm", "linalg.norm", plain, NAMES),
]
