"""Cross-entropy: samples, bad input, and what PyTorch has of it."""

import numpy as np

from odyssey.errors import DTypeError, OdysseyError, ShapeError
from samples import Bad, Sample, Shared
from samples._draws import choice, draws, shape
from samples.activation import np_softmax

rng, normal, positive = draws(__name__)

labels = np.array([2, 0, 1, 2])
maps = rng.integers(0, 3, (2, 2, 2))
weight = np.array([0.5, 2.0, 1.5])


def np_cross_entropy(
    x, target, weight=None, ignore_index=-100, label_smoothing=0.0, reduction="mean"
):
    axis = 0 if x.ndim == 1 else 1
    C = x.shape[axis]
    weight = np.ones(C) if weight is None else weight
    if target.dtype.kind == "f":
        q, counts = np.moveaxis(target, axis, -1), np.ones(x.size // C)
    else:
        counts = np.where(target == ignore_index, 0, weight[target % C])
        q = np.eye(C)[target % C]
    q = q * (1 - label_smoothing) + label_smoothing / C
    losses = -(weight * q * np.log(np.moveaxis(np_softmax(x, axis), axis, -1))).sum(-1)
    if target.dtype.kind != "f":
        losses = losses * (target != ignore_index)
    if reduction == "mean":
        return losses.sum() / counts.sum()
    return losses if reduction == "none" else losses.sum()


def soft(*shape):
    return np_softmax(normal(*shape), 0 if len(shape) == 1 else 1)


SAMPLES = [
    Sample("cross_entropy", args, np_cross_entropy, kwargs, 24)
    for args, kwargs in [
        ((normal(4, 3), labels), {}),
        ((normal(4, 3), labels), {"reduction": "sum"}),
        ((normal(4, 3), labels), {"reduction": "none"}),
        ((normal(3), np.array(1)), {}),
        ((normal(2, 3, 2, 2), maps), {}),
        ((normal(2, 3, 5), rng.integers(0, 3, (2, 5))), {"reduction": "none"}),
        ((normal(0, 3), labels[:0]), {"reduction": "none"}),
        ((normal(1, 3), labels[:1]), {}),
        ((normal(4, 3), labels), {"weight": weight}),
        ((normal(2, 3, 2, 2), maps), {"weight": weight, "ignore_index": 1}),
        ((normal(4, 3), np.array([2, -100, 1, -100])), {}),
        ((normal(4, 3), labels), {"ignore_index": 2, "label_smoothing": 0.2, "weight": weight}),
        ((normal(2, 3, 2, 2), maps), {"label_smoothing": 0.1, "reduction": "none"}),
        ((normal(3), np.array(1)), {"label_smoothing": 1}),
        ((normal(4, 3), soft(4, 3)), {}),
        ((normal(2, 3, 2), soft(2, 3, 2)), {"weight": weight, "reduction": "none"}),
        ((normal(3), soft(3)), {"label_smoothing": 0.3, "reduction": "sum"}),
    ]
]

x = np.ones((2, 3), np.float32)
ints = np.ones((2, 3), np.int64)
classes = np.array([0, 2])
row = np.ones(2, np.float32)

BAD = [
    Bad("cross_entropy", args, kwargs, error, f"cross_entropy: {message}")
    for args, kwargs, error, message in [
        ((ints, classes), {}, DTypeError, "x must be floating-point"),
        ((x, classes > 0), {}, DTypeError, r"target must hold class numbers .* has dtype bool"),
        ((x, row), {}, ShapeError, r"target of probabilities must have the shape of x.*integers"),
        ((x, x.astype(float)), {}, DTypeError, r".*share one dtype \(x: float32, target: float64"),
        ((x, classes[:1]), {}, ShapeError, r"target .* without its class axis \(x: \(2, 3\), tar"),
        ((x[0], classes), {}, ShapeError, "target must have the shape of x without"),
        ((x, classes + 1), {}, ShapeError, r".*label 3, but x has 3 classes.* \[0, 3\)"),
        ((x, classes - 1), {}, ShapeError, "target holds the label -1, but x has 3 classes"),
        ((x, classes + 1), {"weight": x[0]}, ShapeError, "target holds the label 3, but"),
        ((x, classes + 1), {"label_smoothing": 0.1}, ShapeError, "target holds the label 3, but"),
        ((x, classes), {"weight": row}, ShapeError, r"weight must hold a number for each class"),
        ((x, x), {"weight": row}, ShapeError, r".*each class \(x: \(2, 3\), weight: \(2,\)\)"),
        ((x, classes), {"label_smoothing": 1.5}, OdysseyError, r".*lie in \[0, 1\], got 1.5"),
        ((x, classes), {"reduction": "avg"}, OdysseyError, ".*of mean, sum, none, got 'avg'"),
    ]
]


def scores_and_labels(rng, least=0):
    """Draw scores, labels (never all of them ignored), and settings that both losses have."""
    C = int(rng.integers(1, 6))
    rest = shape(rng, least, 3, empty=False)
    labels = np.asarray(rng.integers(0, C, rest))
    settings = {"reduction": choice(rng, "mean", "sum", "none")}
    if rng.random() < 0.5:
        settings["weight"] = rng.uniform(0.5, 2, C)
    if labels.size > 1 and rng.random() < 0.5:
        settings["ignore_index"] = choice(rng, -100, -1, 0)
        labels.flat[:-1] = np.where(
            rng.random(labels.size - 1) < 0.5, settings["ignore_index"], labels.flat[:-1]
        )
        labels.flat[-1] = C - 1
        if C == 1:
            settings["ignore_index"] = -1
            labels = np.where(labels == 0, 0, -1)
    return (rng.standard_normal((*rest[:1], C, *rest[1:])), labels), settings


def cross_entropies(rng):
    (x, target), settings = scores_and_labels(rng)
    settings["label_smoothing"] = choice(rng, 0.0, 0.0, 0.1, 1.0)
    if rng.random() < 0.3:
        settings.pop("ignore_index", None)
        target = np_softmax(rng.standard_normal(x.shape), 0 if x.ndim == 1 else 1)
    return (x, target), settings


def constant_weights(name):
    """Return PyTorch's loss of a name without a gradient for its weights: ours has none."""

    def loss(torch, x, target, **settings):
        settings = {key: getattr(value, "detach", lambda v=value: v)()
                    for key, value in settings.items()}  # fmt: skip
        return getattr(torch.nn.functional, name)(x, target, **settings)

    return loss


SHARED = [
    Shared(
        "cross_entropy",
        constant_weights("cross_entropy"),
        cross_entropies,
        dtypes=("float64", "float32"),  # PyTorch rounds log_softmax to half precision
    )
]
