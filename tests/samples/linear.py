"""The linear layer: samples, bad input, and what PyTorch has of them."""

import numpy as np

from odyssey.errors import DTypeError, ShapeError
from samples import Bad, Sample, Shared
from samples._draws import array, choice, draws

rng, normal, positive = draws(__name__)


def np_linear(x, weight, bias=None):
    return np.einsum("...i,oi->...o", x, weight) + (0 if bias is None else bias)


SAMPLES = [
    Sample("linear", (normal(4, 3), normal(5, 3), normal(5)), np_linear, {}, 3),
    Sample("linear", (normal(2, 4, 3), normal(5, 3)), np_linear, {}, 3),
    Sample("linear", (normal(3), normal(5, 3), normal(5)), np_linear, {}, 3),
    Sample("linear", (normal(0, 3), normal(2, 3), normal(2)), np_linear, {}, 3),
    Sample("linear", (normal(1, 1), normal(1, 1), normal(1)), np_linear),
]

x = np.ones((2, 3), np.float32)
ints = np.ones((2, 3), np.int64)
half = np.ones((2, 3), np.float16)
row = np.ones(2, np.float32)

BAD = [
    Bad(
        "linear",
        (x, x.T),
        {},
        ShapeError,
        r"x has 3 features but weight expects 2 \(x: \(2, 3\), w",
    ),
    Bad("linear", (x, row), {}, ShapeError, "x needs at least 1 axis and weight 2"),
    Bad("linear", (x, x, row[:1]), {}, ShapeError, r"bias must have shape \(2,\) but has \(1,\)"),
    Bad("linear", (x, half), {}, DTypeError, "must share one dtype .x: float32, weight: float16"),
    Bad("linear", (ints, ints), {}, DTypeError, "linear: x must be floating-point"),
]


def features(rng):
    x = array(rng, 1, 3)
    weight = rng.standard_normal((int(rng.integers(1, 6)), x.shape[-1]))
    return (x, weight, choice(rng, None, rng.standard_normal(len(weight)))), {}


SHARED = [Shared("linear", "nn.functional.linear", features)]
