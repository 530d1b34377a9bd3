"""Losses of angles: samples, bad input, and what PyTorch has of them."""

import numpy as np

from odyssey.errors import DTypeError, OdysseyError, ShapeError
from samples import Bad, Sample, Shared
from samples._draws import array, axis_of, choice, draws
from samples.losses_regression import REDUCTIONS

rng, normal, positive = draws(__name__)


def np_cosine(x, y, axis=1, eps=1e-8):
    x, y = np.broadcast_arrays(x, y)
    lengths = [np.maximum(np.sqrt((a * a).sum(axis, keepdims=True)), eps) for a in (x, y)]
    return ((x / lengths[0]) * (y / lengths[1])).sum(axis)


def np_embedding(x, y, target, margin=0.0, reduction="mean"):
    c = (x * y).sum(-1) / np.sqrt(((x * x).sum(-1) + 1e-12) * ((y * y).sum(-1) + 1e-12))
    losses = np.where(target == 1, 1 - c, np.where(target == -1, np.maximum(c - margin, 0), 0))
    return losses if reduction == "none" else getattr(losses, reduction)()


def np_info_nce(x, y, temperature=0.1, reduction="mean"):
    x, y = (a / np.sqrt((a * a).sum(1, keepdims=True)) for a in (x, y))
    scores = x @ y.T / temperature
    losses = np.log(np.exp(scores).sum(1)) - scores.diagonal()
    return losses if reduction == "none" else getattr(losses, reduction)()


def acute(*shape):
    """Return two arrays of vectors with cosines well above 0 and below 1."""
    x = positive(*shape)
    return x, x * rng.uniform(0.1, 4, shape)


signs = np.array([1, -1, 1, -1])

SAMPLES = [
    *[
        Sample("cosine_similarity", args, np_cosine, kwargs, 12)
        for args, kwargs in [
            ((normal(3, 4), normal(3, 4)), {}),
            ((normal(3, 4, 2), normal(3, 1, 2)), {"axis": -1}),
            ((normal(4), normal(3, 4)), {"axis": -1}),
            ((normal(4), normal(1)), {"axis": 0}),
            ((normal(0, 3), normal(0, 3)), {"axis": 1}),
            ((normal(3, 4) / 10, normal(3, 4)), {"axis": 0, "eps": 0.5}),
        ]
    ],
    *[
        Sample("cosine_embedding_loss", args, np_embedding, kwargs, 24)
        for args, kwargs in [
            ((*acute(4, 3), signs), {}),
            ((*acute(4, 3), signs), {"margin": 0.1, "reduction": "sum"}),
            ((*acute(4, 3), signs), {"margin": 1.1, "reduction": "none"}),
            ((*acute(4, 3), signs * 2), {"reduction": "none"}),
            ((normal(3), normal(3), np.array(1)), {}),
            ((normal(0, 3), normal(0, 3), signs[:0]), {"reduction": "none"}),
        ]
    ],
    *[
        Sample("info_nce_loss", args, np_info_nce, {"temperature": 0.7, **kwargs}, 100)
        for args, kwargs in [
            ((normal(3, 4), normal(3, 4)), {}),
            ((normal(3, 4), normal(5, 4)), {"reduction": "none", "temperature": 0.3}),
            ((normal(1, 1), normal(2, 1)), {"reduction": "sum"}),
            ((normal(0, 3), normal(2, 3)), {"reduction": "none"}),
        ]
    ],
]

ones = np.ones((2, 3), np.float32)
row = np.ones(2, np.float32)

BAD = [
    *[
        Bad("cosine_similarity", args, {}, error, f"cosine_similarity: {message}")
        for args, error, message in [
            ((ones.astype(int), ones), DTypeError, "x must be floating-point"),
            ((ones, ones.astype(float)), DTypeError, ".*share one dtype"),
            ((ones, ones[:, :2]), ShapeError, "the operands do not broadcast"),
            ((row, row), ShapeError, "axis 1 is out of range for 1 axes"),
        ]
    ],
    *[
        Bad("cosine_embedding_loss", args, kwargs, error, f"cosine_embedding_loss: {message}")
        for args, kwargs, error, message in [
            ((ones.astype(int), ones, row), {}, DTypeError, "x must be floating-point"),
            ((ones, ones.astype(float), row), {}, DTypeError, ".*share one dtype"),
            ((ones, ones[:1], row), {}, ShapeError, "x and y must have the same shape"),
            ((ones, ones, row[:1]), {}, ShapeError, "target must have the shape of x without"),
            ((row[0], row[0], row[0]), {}, ShapeError, "target must have the shape of x without"),
            ((ones, ones, row), {"reduction": "avg"}, OdysseyError, "reduction must be one of"),
        ]
    ],
    *[
        Bad("info_nce_loss", args, kwargs, error, f"info_nce_loss: {message}")
        for args, kwargs, error, message in [
            ((ones.astype(int), ones), {}, DTypeError, "x must be floating-point"),
            ((ones, ones.astype(float)), {}, DTypeError, ".*share one dtype"),
            ((ones, ones[:1]), {}, ShapeError, r"x must have shape \(N, D\) and y \(M, D\) with M"),
            ((ones, row), {}, ShapeError, r"x must have shape.*x: \(2, 3\), y: \(2,\)"),
            ((ones, ones), {"temperature": 0}, OdysseyError, "temperature must be positive, got 0"),
            ((ones, ones), {"reduction": "avg"}, OdysseyError, "reduction must be one of"),
        ]
    ],
]


# The cosine of two numbers is 1 or -1, so that its gradient is nothing but rounding: PyTorch is
# asked of vectors with two numbers or more. Below eps its gradient is not the derivative.


def vectors(rng):
    x = array(rng, least=1)
    axis = axis_of(rng, x)
    x = np.concatenate([x, rng.normal(0, 1, x.shape) + 0.1], axis)
    last = axis % x.ndim == x.ndim - 1
    return (x, rng.normal(0, 1, x.shape[-1:] if last else x.shape)), {"axis": axis}


def pairs(rng):
    N, D = map(int, rng.integers(2, 6, 2))
    shape = choice(rng, (N, D), (D,))
    target = np.asarray(rng.choice([-1, 1], shape[:-1]))
    settings = {"margin": choice(rng, 0.0, 0.3), "reduction": choice(rng, *REDUCTIONS)}
    return (rng.normal(0, 1, shape), rng.normal(0, 1, shape), target), settings


def candidates(rng):
    N, more, D = map(int, rng.integers([1, 1, 2], 5))
    settings = {"temperature": choice(rng, 0.1, 1.0), "reduction": choice(rng, *REDUCTIONS)}
    return (rng.normal(0, 1, (N, D)), rng.normal(0, 1, (N + more, D))), settings


def info_nce(torch, x, y, temperature, reduction):
    F = torch.nn.functional
    scores = F.normalize(x) @ F.normalize(y).T / temperature
    return F.cross_entropy(scores, torch.arange(len(x)), reduction=reduction)


SHARED = [
    Shared("cosine_similarity", "nn.functional.cosine_similarity", vectors, {"axis": "dim"},
           dtypes=("float64", "float32")),
    Shared("cosine_embedding_loss", "nn.functional.cosine_embedding_loss", pairs,
           dtypes=("float64", "float32")),
    Shared("info_nce_loss", info_nce, candidates, dtypes=("float64", "float32")),
]  # fmt: skip
