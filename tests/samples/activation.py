"""The activations: samples, bad input, and what PyTorch has of them."""

import numpy as np

from odyssey.errors import DTypeError, ShapeError
from odyssey.testing.cases import grid
from samples import Bad, Sample, Shared
from samples._draws import array, axis_of, draws

rng, normal, positive = draws(__name__)


def np_softmax(x, axis=-1):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


SAMPLES = [
    Sample("sigmoid", (normal(3, 4),), lambda x: 1 / (1 + np.exp(-x))),
    Sample("tanh", (normal(3, 4),), np.tanh),
    Sample("log_softmax", (normal(3, 4),), lambda x, axis=-1: np.log(np_softmax(x, axis)), {}, 4),
    Sample(
        "log_softmax",
        (normal(2, 3, 4),),
        lambda x, axis=-1: np.log(np_softmax(x, axis)),
        {"axis": 1},
        3,
    ),
    Sample("relu", (grid(rng, (4, 5)),), lambda x: np.maximum(x, 0)),
    Sample("softmax", (normal(3, 4),), np_softmax, {}, 4),
    Sample("softmax", (normal(2, 3, 4),), np_softmax, {"axis": 0}, 2),
    *[
        Sample(name, (normal(*shape),), f)
        for shape in ((0, 3), (1,))
        for name, f in (
            ("relu", lambda x: np.maximum(x, 0)),
            ("sigmoid", lambda x: 1 / (1 + np.exp(-x))),
            ("tanh", np.tanh),
        )
    ],
    *[
        Sample(name, (normal(*shape),), f)
        for shape in ((0, 3), (1, 1))
        for name, f in (
            ("softmax", np_softmax),
            ("log_softmax", lambda x, axis=-1: np.log(np_softmax(x, axis))),
        )
    ],
]

x = np.ones((2, 3), np.float32)
ints = np.ones((2, 3), np.int64)

BAD = [
    Bad("relu", (ints,), {}, DTypeError, "relu: x must be floating-point .* has dtype int64"),
    Bad("sigmoid", (ints,), {}, DTypeError, "sigmoid: x must be floating-point"),
    Bad("tanh", (ints,), {}, DTypeError, "tanh: x must be floating-point"),
    Bad("softmax", (ints,), {}, DTypeError, "softmax: x must be floating-point"),
    Bad("softmax", (x, 2), {}, ShapeError, "softmax: axis 2 is out of range for 2 axes"),
    Bad("softmax", (x, "rows"), {}, ShapeError, "softmax: axis must be an integer, got 'rows'"),
    Bad("log_softmax", (ints,), {}, DTypeError, "log_softmax: x must be floating-point"),
    Bad("log_softmax", (x, -3), {}, ShapeError, "log_softmax: axis -3 is out of range for 2 axes"),
]


def drawn(rng):
    return (array(rng),), {}


def rows(rng):
    x = array(rng, least=1)
    return (x,), {"axis": axis_of(rng, x)}


SHARED = [
    Shared("relu", "relu", drawn),
    Shared("sigmoid", "sigmoid", drawn),
    Shared("tanh", "tanh", drawn),
    Shared("softmax", "softmax", rows, {"axis": "dim"}),
    Shared("log_softmax", "log_softmax", rows, {"axis": "dim"}),
]
