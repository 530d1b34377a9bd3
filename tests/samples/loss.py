"""The losses: samples, bad input, and what PyTorch has of them."""

import numpy as np

from odyssey.errors import DTypeError, OdysseyError, ShapeError
from samples import Bad, Sample, Shared
from samples._draws import choice, draws, shape
from samples.activation import np_softmax

rng, normal, positive = draws(__name__)

labels = np.array([2, 0, 1, 2])


def np_cross_entropy(x, target, reduction="mean"):
    axis = 0 if x.ndim == 1 else 1
    p = np.take_along_axis(np_softmax(x, axis), np.expand_dims(target, axis), axis)
    losses = -np.log(p.squeeze(axis))
    return losses if reduction == "none" else getattr(losses, reduction)()


SAMPLES = [
    Sample("cross_entropy", (normal(4, 3), labels), np_cross_entropy, {}, 12),
    Sample("cross_entropy", (normal(4, 3), labels), np_cross_entropy, {"reduction": "sum"}, 12),
    Sample("cross_entropy", (normal(4, 3), labels), np_cross_entropy, {"reduction": "none"}, 12),
    Sample("cross_entropy", (normal(3), np.array(1)), np_cross_entropy, {}, 3),
    Sample(
        "cross_entropy",
        (normal(2, 3, 2, 2), labels.reshape(1, 2, 2).repeat(2, 0)),
        np_cross_entropy,
        {},
        24,
    ),
    Sample(
        "cross_entropy",
        (normal(2, 3, 5), rng.integers(0, 3, (2, 5))),
        np_cross_entropy,
        {"reduction": "none"},
        3,
    ),
    Sample("cross_entropy", (normal(0, 3), labels[:0]), np_cross_entropy, {"reduction": "none"}),
    Sample("cross_entropy", (normal(1, 3), labels[:1]), np_cross_entropy, {}, 3),
]

x = np.ones((2, 3), np.float32)
ints = np.ones((2, 3), np.int64)
classes = np.array([0, 2])
row = np.ones(2, np.float32)

BAD = [
    Bad(
        "cross_entropy", (ints, classes), {}, DTypeError, "cross_entropy: x must be floating-point"
    ),
    Bad(
        "cross_entropy",
        (x, row),
        {},
        DTypeError,
        r"class numbers \(integers\) but has dtype float32",
    ),
    Bad(
        "cross_entropy",
        (x, classes[:1]),
        {},
        ShapeError,
        r"without its class axis \(x: \(2, 3\), tar",
    ),
    Bad(
        "cross_entropy", (x[0], classes), {}, ShapeError, "target must have the shape of x without"
    ),
    Bad(
        "cross_entropy",
        (x, classes + 1),
        {},
        ShapeError,
        r"label 3, but x has 3 classes.* \[0, 3\)",
    ),
    Bad(
        "cross_entropy", (x, classes - 1), {}, ShapeError, "holds the label -1, but x has 3 classes"
    ),
    Bad(
        "cross_entropy", (x, classes, "avg"), {}, OdysseyError, "one of mean, sum, none, got 'avg'"
    ),
]


def scores_and_labels(rng):
    C = int(rng.integers(1, 6))
    rest = shape(rng, 0, 3, empty=False)
    x = rng.standard_normal((*rest[:1], C, *rest[1:]))
    labels = np.asarray(rng.integers(0, C, rest))
    return (x, labels), {"reduction": choice(rng, "mean", "sum", "none")}


SHARED = [
    Shared(
        "cross_entropy",
        "nn.functional.cross_entropy",
        scores_and_labels,
        dtypes=("float64", "float32"),  # PyTorch rounds log_softmax to half precision
    )
]
