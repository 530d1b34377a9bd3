"""Matrices: samples, bad input, and what PyTorch has of them."""

import numpy as np

from odyssey.errors import ShapeError
from samples import Bad, Sample, Shared
from samples._draws import array, axis_of, broadcasting, choice, draws

rng, normal, positive = draws(__name__)

SAMPLES = [
    Sample("matmul", (normal(3, 4), normal(4, 5)), np.matmul, {}, 4),
    Sample("matmul", (normal(4), normal(4)), np.matmul, {}, 4),
    Sample("matmul", (normal(3, 4), normal(4)), np.matmul, {}, 4),
    Sample("matmul", (normal(4), normal(2, 4, 5)), np.matmul, {}, 4),
    Sample("matmul", (normal(2, 3, 4), normal(4, 5)), np.matmul, {}, 4),
    Sample("matmul", (normal(2, 1, 3, 4), normal(5, 4, 2)), np.matmul, {}, 4),
    Sample("swapaxes", (normal(2, 3, 4), 0, -1), np.swapaxes),
    Sample("transpose", (normal(2, 3, 4),), np.transpose),
    Sample("transpose", (normal(2, 3, 4), (1, 2, 0)), np.transpose),
    Sample("matmul", (normal(0, 3), normal(3, 2)), np.matmul, {}, 3),
    Sample("matmul", (normal(1), normal(1)), np.matmul),
    *[Sample("swapaxes", (normal(*shape), 0, 1), np.swapaxes) for shape in ((0, 3), (1, 1))],
    *[Sample("transpose", (normal(*shape),), np.transpose) for shape in ((0, 3), (1, 1))],
]

x = np.ones((2, 3), np.float32)

BAD = [
    Bad(
        "matmul", (x, x), {}, ShapeError, r"matmul: a has 3 columns but b has 2 rows \(a: \(2, 3\)"
    ),
    Bad(
        "matmul",
        (x, 2.0),
        {},
        ShapeError,
        r"matmul: the operands need at least one axis .* with \*",
    ),
    Bad(
        "matmul",
        (np.ones((2, 1, 3)), np.ones((4, 3, 1))),
        {},
        ShapeError,
        "leading axes do not broad",
    ),
    Bad("swapaxes", (x, 0, 2), {}, ShapeError, "swapaxes: axis2 2 is out of range for 2 axes"),
    Bad("transpose", (x, (0,)), {}, ShapeError, r"transpose: axes \(0,\) names 1 of 2 axes"),
    Bad("transpose", (x, (0, 0)), {}, ShapeError, "names an axis twice"),
]


def matrices(rng):
    M, K, N = (int(n) for n in rng.choice([0, 1, 2, 3, 5], 3))
    stacks = [a.shape for a in broadcasting(rng, 2, 2)]
    left = choice(rng, (K,), (*stacks[0], M, K))
    right = choice(rng, (K,), (*stacks[1], K, N))
    return (rng.standard_normal(left), rng.standard_normal(right)), {}


def two_axes(rng):
    x = array(rng, 1)
    return (x, axis_of(rng, x), axis_of(rng, x)), {}


def order(rng):
    x = array(rng, 1)
    return (x, tuple(map(int, rng.permutation(x.ndim)))), {}


SHARED = [
    Shared("matmul", "matmul", matrices),
    Shared("swapaxes", "swapaxes", two_axes),
    Shared("transpose", "permute", order),
]
