"""Distances and the triplet loss: samples, bad input, and what PyTorch has of them."""

import numpy as np

from odyssey.errors import DTypeError, OdysseyError, ShapeError
from samples import Bad, Sample, Shared
from samples._draws import array, choice, draws
from samples.losses_regression import REDUCTIONS

rng, normal, positive = draws(__name__)


def np_distance(x, y, p=2.0, eps=1e-6, keepdims=False):
    return (np.abs(x - y + eps) ** p).sum(-1, keepdims=keepdims) ** (1 / p)


def np_triplet(x, friend, stranger, margin=1.0, swap=False, reduction="mean", **settings):
    far = np_distance(x, stranger, **settings)
    if swap:
        far = np.minimum(far, np_distance(friend, stranger, **settings))
    losses = np.maximum(margin + np_distance(x, friend, **settings) - far, 0)
    return losses if reduction == "none" else getattr(losses, reduction)()


# Neither the margin nor a swap is close: distances from the origin of about 1, 2 and 4.
directions = normal(4, 3) / 4
near, middle, distant = directions + 0.4, directions * 2 + 1.3, directions * 3 - 2.2

SAMPLES = [
    *[
        Sample("pairwise_distance", args, np_distance, kwargs, 24)
        for args, kwargs in [
            ((normal(3, 4), normal(3, 4)), {}),
            ((normal(3, 4), normal(4)), {"p": 1}),
            ((normal(2, 3, 1), normal(2, 1, 4)), {"p": 3, "keepdims": True}),
            ((normal(1), normal(1)), {"eps": 0.1}),
            ((normal(0, 3), normal(0, 3)), {}),
        ]
    ],
    *[
        Sample("triplet_margin_loss", args, np_triplet, kwargs, 24)
        for args, kwargs in [
            ((near, middle, distant), {}),
            ((near, distant, middle), {"reduction": "none"}),
            ((near, distant, middle), {"p": 1.5, "margin": 0.3, "reduction": "sum"}),
            ((middle, distant, near), {"swap": True}),
            ((distant, middle, near), {"swap": True, "reduction": "none", "eps": 0.01}),
            ((near[0], middle[0], distant[0]), {"margin": 9.0}),
            ((near[:0], near[:0], near[:0]), {"reduction": "none"}),
            ((normal(1), normal(1), normal(1)), {"margin": 9.0}),
        ]
    ],
]

ones = np.ones((2, 3), np.float32)
one = ones[0, 0]

BAD = [
    *[
        Bad("pairwise_distance", args, kwargs, error, f"pairwise_distance: {message}")
        for args, kwargs, error, message in [
            ((ones.astype(int), ones), {}, DTypeError, "x must be floating-point"),
            ((ones, ones.astype(float)), {}, DTypeError, ".*share one dtype"),
            ((ones, ones[:, :2]), {}, ShapeError, "the operands do not broadcast"),
            ((one, one), {}, ShapeError, "axis -1 is out of range for 0 axes"),
            ((ones, ones), {"p": 0.5}, OdysseyError, "p must be at least 1 and finite, got 0.5"),
        ]
    ],
    *[
        Bad("triplet_margin_loss", args, kwargs, error, f"triplet_margin_loss: {message}")
        for args, kwargs, error, message in [
            ((ones.astype(int), ones, ones), {}, DTypeError, "x must be floating-point"),
            ((ones, ones.astype(float), ones), {}, DTypeError, ".*share one dtype"),
            ((ones, ones[0], ones), {}, ShapeError, "x and positive must have the same shape"),
            ((ones, ones, ones[0]), {}, ShapeError, "x and negative must have the same shape"),
            ((one, one, one), {}, ShapeError, "axis -1 is out of range for 0 axes"),
            ((ones, ones, ones), {"p": np.inf}, OdysseyError, "p must be at least 1 and finite"),
            ((ones, ones, ones), {"reduction": 0}, OdysseyError, "reduction must be one of"),
        ]
    ],
]


def two_vectors(rng):
    x = array(rng, least=1, empty=False)
    y = rng.normal(0, 1, choice(rng, x.shape, x.shape[-1:]))
    settings = {"p": choice(rng, 1, 2, 3.0), "eps": choice(rng, 1e-6, 0.1)}
    return (x, y), {**settings, "keepdims": choice(rng, True, False)}


def triplets(rng):
    N, D = map(int, rng.integers(1, 5, 2))
    shape = choice(rng, (N, D), (D,))
    settings = {"p": choice(rng, 1, 2, 3.0), "margin": choice(rng, 1.0, 0.3)}
    settings |= {"swap": choice(rng, True, False), "reduction": choice(rng, *REDUCTIONS)}
    return tuple(rng.normal(0, 1, shape) for _ in range(3)), settings


SHARED = [
    Shared("pairwise_distance", "nn.functional.pairwise_distance", two_vectors,
           {"keepdims": "keepdim"}, dtypes=("float64", "float32")),
    Shared("triplet_margin_loss", "nn.functional.triplet_margin_loss", triplets,
           dtypes=("float64", "float32")),
]  # fmt: skip
