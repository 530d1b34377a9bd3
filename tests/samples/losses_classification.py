"""Losses of classes: samples, bad input, and what PyTorch has of them."""

import numpy as np

from odyssey.errors import DTypeError, OdysseyError, ShapeError
from samples import Bad, Sample, Shared
from samples._draws import array, choice, draws
from samples.loss import constant_weights, labels, maps, scores_and_labels, weight
from samples.losses_regression import REDUCTIONS, refused, samples

rng, normal, positive = draws(__name__)


def np_nll(x, target, weight=None, ignore_index=-100, reduction="mean"):
    axis = 0 if x.ndim == 1 else 1
    C = x.shape[axis]
    counts = np.where(target == ignore_index, 0, np.ones(C)[target % C])
    if weight is not None:
        counts = counts * weight[target % C]
    losses = -counts * np.take_along_axis(x, np.expand_dims(target % C, axis), axis).squeeze(axis)
    if reduction == "mean":
        return losses.sum() / counts.sum()
    return losses if reduction == "none" else losses.sum()


def chances(*shape):
    return rng.uniform(0.05, 0.95, shape)


def answers(*shape):
    return np.asarray(rng.integers(0, 2, shape))


def np_bce(x, target, weight=1):
    return -weight * (target * np.log(x) + (1 - target) * np.log1p(-x))


def np_sigmoid(x):
    return 1 / (1 + np.exp(-x))


def np_logits(x, target, weight=1, pos_weight=1):
    p = np_sigmoid(x)
    return -weight * (pos_weight * target * np.log(p) + (1 - target) * np.log1p(-p))


def np_focal(x, target, alpha=0.25, gamma=2.0):
    right = np.where(target == 1, np_sigmoid(x), np_sigmoid(-x))
    balance = 1 if alpha is None else np.where(target == 1, alpha, 1 - alpha)
    return -balance * (1 - right) ** gamma * np.log(right)


BCE, LOGITS = "binary_cross_entropy", "binary_cross_entropy_with_logits"
four = np.array([0.5, 1.0, 2.0, 1.5])

SAMPLES = [
    *[
        Sample("nll_loss", args, np_nll, kwargs, 24)
        for args, kwargs in [
            ((normal(4, 3), labels), {}),
            ((normal(4, 3), labels), {"weight": weight, "reduction": "none"}),
            ((normal(3), np.array(1)), {"reduction": "sum"}),
            ((normal(2, 3, 2, 2), maps), {"weight": weight, "ignore_index": 0}),
            ((normal(4, 3), np.array([2, -100, 1, -100])), {}),
            ((normal(0, 3), labels[:0]), {"reduction": "none"}),
            ((normal(1, 1), labels[1:2]), {}),
        ]
    ],
    *samples(BCE, np_bce, chances, chances),
    *samples(BCE, np_bce, chances, answers),
    Sample(BCE, (chances(3, 4), chances(3, 4)), lambda x, t, weight: np_bce(x, t, weight).mean(),
           {"weight": four}, 12),
    *samples(LOGITS, np_logits, normal, chances),
    *samples(LOGITS, np_logits, normal, answers),
    Sample(LOGITS, (normal(3, 4), chances(3, 4)),
           lambda x, t, weight, pos_weight: np_logits(x, t, weight, pos_weight).mean(),
           {"weight": four, "pos_weight": four[::-1]}, 12),
    *samples("focal_loss", np_focal, normal, answers),
    *samples("focal_loss", np_focal, normal, answers, alpha=None, gamma=0),
    *samples("focal_loss", np_focal, normal, answers, alpha=0.6, gamma=0.5),
]  # fmt: skip

x = np.full((2, 3), 0.5, np.float32)
pair = np.ones(2, np.float32)
classes = np.array([0, 2])

BAD = [
    *[
        Bad("nll_loss", args, kwargs, error, f"nll_loss: {message}")
        for args, kwargs, error, message in [
            ((x.astype(int), classes), {}, DTypeError, "x must be floating-point"),
            ((x, pair), {}, DTypeError, r"target must hold class numbers \(integers\) but has"),
            ((x, classes[:1]), {}, ShapeError, r"target must have the shape of x without its cl"),
            ((x, classes + 1), {}, ShapeError, "target holds the label 3, but x has 3 classes"),
            ((x, classes), {"weight": pair}, ShapeError, "weight must hold a number for each"),
            ((x, classes), {"reduction": "avg"}, OdysseyError, "reduction must be one of"),
        ]
    ],
    *refused(
        BCE,
        [
            ({"weight": pair}, ShapeError, r"weight must broadcast to x \(x: \(2, 3\), weight:"),
            ({"weight": x[None]}, ShapeError, "weight must broadcast to x"),
        ],
        x,
    ),
    Bad(BCE, (x + 1, x), {}, OdysseyError, r"in \[0, 1\] but holds 1.5; for scores there is bin"),
    *refused(
        LOGITS,
        [
            ({"weight": pair}, ShapeError, r"weight must broadcast to x \(x: \(2, 3\), weight:"),
            ({"pos_weight": pair}, ShapeError, "logits: pos_weight must broadcast to x"),
        ],
    ),
    *refused(
        "focal_loss",
        [
            ({"alpha": 2}, OdysseyError, r"focal_loss: alpha must lie in \[0, 1\] or be None"),
            ({"gamma": -1}, OdysseyError, "focal_loss: gamma must be positive or 0, got -1"),
        ],
    ),
]


def probabilities(rng):
    x = array(rng)
    shape = x.shape
    found = {"reduction": choice(rng, *REDUCTIONS)}
    if x.ndim and rng.random() < 0.5:
        found["weight"] = rng.uniform(0.5, 2, shape[-1:])
    return (rng.uniform(0.05, 0.95, shape), rng.uniform(0, 1, shape)), found


def scores(rng):
    (x, target), found = probabilities(rng)
    if x.ndim and rng.random() < 0.5:
        found["pos_weight"] = rng.uniform(0.5, 2, x.shape[-1:])
    return (rng.normal(0, 3, x.shape), target), found


def focal(torch, x, target, alpha, gamma, reduction):
    """Return what torchvision's sigmoid_focal_loss is."""
    t = target.to(x.dtype)
    p = torch.sigmoid(x)
    losses = torch.nn.functional.binary_cross_entropy_with_logits(x, t, reduction="none")
    losses = losses * (1 - p * t - (1 - p) * (1 - t)) ** gamma
    losses = losses * (1 if alpha is None else alpha * t + (1 - alpha) * (1 - t))
    return losses if reduction == "none" else getattr(losses, reduction)()


def yes_or_no(rng):
    x = array(rng)
    return (x, np.asarray(rng.integers(0, 2, x.shape))), {
        "alpha": choice(rng, 0.25, 0.6, None),
        "gamma": choice(rng, 0, 1, 2.0, 1.5),
        "reduction": choice(rng, *REDUCTIONS),
    }


SHARED = [
    Shared("nll_loss", constant_weights("nll_loss"), scores_and_labels),
    Shared(BCE, constant_weights(BCE), probabilities, dtypes=("float64", "float32")),
    Shared(LOGITS, constant_weights(LOGITS), scores, dtypes=("float64", "float32")),
    Shared("focal_loss", focal, yes_or_no, dtypes=("float64", "float32")),
]
