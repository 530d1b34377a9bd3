"""Products and diagonals: samples, bad input, and what PyTorch has of them."""

import numpy as np

from odyssey.errors import ShapeError
from samples import Bad, Sample, Shared
from samples._draws import array, broadcasting, draws

rng, normal, positive = draws(__name__)


def vecdot(x1, x2, axis=-1):
    return np.sum(x1 * x2, axis)


def trace(x, offset=0):
    return np.trace(x, offset, -2, -1)


def diagonal(x, offset=0):
    return np.diagonal(x, offset, -2, -1)


def cross(x1, x2, axis=-1):
    return np.cross(*np.broadcast_arrays(x1, x2), axis=axis)


SAMPLES = [
    *[
        Sample(name, (normal(*a), normal(*b)), getattr(np, name), {}, 5)
        for name, shapes in (
            ("dot", (((4,), (4,)), ((2, 3), (3, 4)), ((2, 3), (3,)), ((2, 3), (4, 3, 2)),
                     ((), (3,)), ((1,), (1,)), ((0, 3), (3, 2)))),
            ("inner", (((4,), (4,)), ((2, 3), (4, 3)), ((2, 1, 3), (3,)), ((2, 3), ()),
                       ((1,), (1,)), ((0, 3), (2, 3)))),
            ("outer", (((4,), (3,)), ((2, 2), (3,)), ((1,), (1,)), ((0,), (3,)))),
            ("kron", (((2, 3), (4, 2)), ((3,), (2, 2)), ((2, 1, 3), (2,)), ((), (3,)),
                      ((1,), (1,)), ((0,), (3,)))),
        )
        for a, b in shapes
    ],
    Sample("tensordot", (normal(2, 3, 4), normal(3, 4, 2)), np.tensordot, {}, 12),
    Sample("tensordot", (normal(2, 3), normal(4)), np.tensordot, {"axes": 0}),
    Sample("tensordot", (normal(2, 3, 4), normal(4, 2)), np.tensordot, {"axes": ([0, -1], [1, 0])}),
    Sample("tensordot", (normal(3, 4), normal(2, 3)), np.tensordot, {"axes": (0, 1)}, 3),
    Sample("tensordot", (normal(0, 2), normal(2, 1)), np.tensordot, {"axes": 1}),
    Sample("tensordot", (normal(1), normal(1)), np.tensordot, {"axes": 1}),
    Sample("vecdot", (normal(2, 3), normal(2, 3)), vecdot, {}, 3),
    Sample("vecdot", (normal(3, 1, 4), normal(3, 2, 1)), vecdot, {"axis": 0}, 3),
    Sample("vecdot", (normal(3, 2), normal(2)), vecdot, {}, 3),
    Sample("vecdot", (normal(0, 1), normal(0, 1)), vecdot),
    Sample("vecdot", (normal(1), normal(1)), vecdot),
    Sample("cross", (normal(3), normal(3)), cross, {}, 2),
    Sample("cross", (normal(2, 1, 3), normal(4, 3)), cross, {}, 2),
    Sample("cross", (normal(3, 2), normal(3, 1)), cross, {"axis": 0}, 2),
    Sample("cross", (normal(0, 3), normal(1, 3)), cross),
    Sample("cross", (normal(3), normal(1)), cross, {}, 2),
    Sample("cross", (normal(3, 1), normal(3, 1)), cross, {"axis": -2}, 2),
    *[
        Sample(name, (normal(*shape),), f, {"offset": offset}, 3)
        for name, f in (("trace", trace), ("diagonal", diagonal))
        for shape, offset in (((3, 4), 0), ((2, 4, 3), -1), ((3, 5), 3), ((2, 2), 5),
                              ((0, 3), 0), ((1, 1), 0))
    ],
    *[
        Sample("matrix_transpose", (normal(*shape),), lambda x: np.swapaxes(x, -1, -2))
        for shape in ((2, 3), (2, 3, 4), (0, 3), (1, 1))
    ],
]  # fmt: skip

x = np.ones((2, 3), np.float32)

BAD = [
    Bad("dot", (x, x), {}, ShapeError, r"dot: axes \(1,\) of a and \(0,\) of b have different"),
    Bad("inner", (x, x.T), {}, ShapeError, r"inner: axes \(1,\) of a and \(1,\) of b have differ"),
    Bad("tensordot", (x, x, 3), {}, ShapeError, "tensordot: axes 3 is out of range"),
    Bad("tensordot", (x, x, 1), {}, ShapeError, "of b have different lengths"),
    Bad("tensordot", (x, x, ((0,), (0, 1))), {}, ShapeError, "of b have different lengths"),
    Bad("tensordot", (x, x, ((0,), (5,))), {}, ShapeError, "tensordot: axis 5 is out of range"),
    Bad("tensordot", (x, x, (0,)), {}, ShapeError, "axes must be a number or a pair"),
    Bad("vecdot", (x, x.T), {}, ShapeError, "vecdot: the operands do not broadcast"),
    Bad("vecdot", (x, x[:, :1]), {}, ShapeError, "vecdot: axis -1 has lengths 3 and 1"),
    Bad("cross", (x, x.T), {}, ShapeError, "cross: the operands do not broadcast"),
    Bad("cross", (x, x, 0), {}, ShapeError, "cross: axis 0 must have length 3"),
    Bad("trace", (x[0],), {}, ShapeError, r"trace: x must be a matrix .* got shape \(3,\)"),
    Bad("diagonal", (x[0],), {}, ShapeError, "diagonal: x must be a matrix"),
    Bad("matrix_transpose", (x[0],), {}, ShapeError, "matrix_transpose: x must be a matrix"),
]
NEVER_REFUSE = ["kron", "outer"]  # any two shapes will do


def vectors(rng):
    n = int(rng.integers(0, 6))
    return (rng.standard_normal(n), rng.standard_normal(n)), {}


def two_vectors(rng):
    return (array(rng, 1, 1), array(rng, 1, 1)), {}


def last_alike(rng):
    n = int(rng.integers(0, 6))
    a, b = (array(rng, 0, 2).shape for _ in range(2))
    return (rng.standard_normal((*a, n)), rng.standard_normal((*b, n))), {}


def paired(rng):
    a, b, shared = (array(rng, 0, 2).shape for _ in range(3))
    if rng.random() < 0.5:
        args = rng.standard_normal((*a, *shared)), rng.standard_normal((*shared, *b))
        return args, {"axes": len(shared)}
    args = rng.standard_normal((*a, *shared)), rng.standard_normal((*b, *shared))
    return args, {"axes": tuple([[i - len(shared) for i in range(len(shared))]] * 2)}


def along_one(rng):
    x, y = broadcasting(rng)
    n = int(rng.integers(1, 5))
    return (rng.standard_normal((*x.shape, n)), rng.standard_normal((*y.shape, n))), {"axis": -1}


def triples(rng):
    x, y = broadcasting(rng, 2, 3)
    return (rng.standard_normal((*x.shape, 3)), rng.standard_normal((*y.shape, 3))), {"axis": -1}


def any_two(rng):
    return (array(rng, 0, 3, empty=False), array(rng, 0, 3, empty=False)), {}


def matrix(rng):
    return (array(rng, 2, 2),), {}


def off_diagonal(rng):
    x = array(rng, 2, 4)
    return (x,), {"offset": int(rng.integers(-min(2, x.shape[-2]), min(2, x.shape[-1]) + 1))}


def transposed(rng):
    return (array(rng, 2, 4),), {}


def diagonal_of_torch(torch, x, offset):
    return torch.diagonal(x, offset, -2, -1)


def cross_of_torch(torch, x, y, axis):
    return torch.linalg.cross(*torch.broadcast_tensors(x, y), dim=axis)


SHARED = [
    Shared("dot", "dot", vectors),
    Shared("inner", "inner", last_alike),
    Shared("outer", "outer", two_vectors),
    Shared("tensordot", "tensordot", paired, {"axes": "dims"}),
    Shared("vecdot", "linalg.vecdot", along_one, {"axis": "dim"}),
    Shared("cross", cross_of_torch, triples),
    Shared("kron", "kron", any_two),
    Shared("trace", "trace", matrix),
    Shared("diagonal", diagonal_of_torch, off_diagonal),
]
