"""Diagonals: samples, bad input, and what PyTorch has of them."""

import numpy as np

from odyssey.errors import ShapeError
from samples import Bad, Sample, Shared
from samples._draws import array, draws

rng, normal, positive = draws(__name__)

SAMPLES = [
    *[
        Sample(name, (normal(*shape), k), f)
        for name, f in (("tril", np.tril), ("triu", np.triu))
        for shape, k in (((3, 3), 0), ((2, 3, 4), 1), ((4, 2), -2), ((0, 3), 0), ((1, 1), 5))
    ],
    *[Sample("diag", (normal(3), k), np.diag) for k in (0, 2, -1)],
    *[Sample("diag", (normal(3, 4), k), np.diag) for k in (0, 2, -1, 9)],
    *[Sample("diag", (normal(*shape),), np.diag) for shape in ((1,), (1, 1), (0, 3), (0,))],
]

x = np.ones((2, 3), np.float32)

BAD = [
    Bad("tril", (x[0],), {}, ShapeError, r"tril: x must have 2 axes at least, but .* \(3,\)"),
    Bad("tril", (x, 0.5), {}, ShapeError, "tril: k must be an integer, got 0.5"),
    Bad("triu", (x[0],), {}, ShapeError, r"triu: x must have 2 axes at least, but .* \(3,\)"),
    Bad("triu", (x, "a"), {}, ShapeError, "triu: k must be an integer, got 'a'"),
    Bad("diag", (x[None],), {}, ShapeError, r"diag: x must have 1 axis or 2, but .* \(1, 2, 3\)"),
    Bad("diag", (x, 0.5), {}, ShapeError, "diag: k must be an integer, got 0.5"),
]


def of_axes(least, most):
    return lambda rng: ((array(rng, least, most), int(rng.integers(-3, 4))), {})


def diag(torch, x, k):
    if x.ndim == 2 and not -x.shape[0] <= k <= x.shape[1]:  # they refuse, NumPy gives nothing
        return x[:0, 0] if x.shape[1] else x.reshape(-1)
    return torch.diag(x, k)


SHARED = [
    Shared("diag", diag, of_axes(1, 2)),
    Shared("tril", "tril", of_axes(2, 4)),
    Shared("triu", "triu", of_axes(2, 4)),
]
