"""Losses with a margin: samples, bad input, and what PyTorch has of them."""

import numpy as np

from odyssey.errors import ShapeError
from samples import Bad, Shared
from samples._draws import array, choice, draws, numbers
from samples.losses_regression import REDUCTIONS, refused, samples

rng, normal, positive = draws(__name__)


def signs(*shape):
    return np.asarray(rng.choice([-1, 1], shape))


def scores(*shape):
    """Draw scores that stay away from the kinks at -1 and 1."""
    return np.asarray(rng.choice([-1.7, -0.6, 0.2, 1.4], shape) + rng.uniform(0, 0.2, shape))


def lower(*shape):
    return np.asarray(rng.choice([-0.1, 0.1], shape))


def np_hinge(x, target):
    return np.maximum(0, 1 - target * x)


def np_ranking(x, y, target, margin=0.0):
    return np.maximum(0, margin - target * (x - y))


SAMPLES = [
    *samples("hinge_loss", np_hinge, scores, signs),
    *samples("squared_hinge_loss", lambda x, target: np_hinge(x, target) ** 2, scores, signs),
    *samples("margin_ranking_loss", np_ranking, scores, lower, signs),
    *samples("margin_ranking_loss", np_ranking, scores, lower, signs, margin=1.0),
]

ones = np.ones((2, 3), np.float32)

BAD = [
    *refused("hinge_loss"),
    *refused("squared_hinge_loss"),
    *[
        Bad(bad.name, (*bad.args, ones), bad.kwargs, bad.error, bad.message)
        for bad in refused("margin_ranking_loss", other="y")
        if bad.error is not ShapeError and "share" not in bad.message
    ],
    Bad("margin_ranking_loss", (ones, ones, ones[0]), {}, ShapeError,
        r"margin_ranking_loss: x and target must have the same shape \(x: \(2, 3\), target: \(3"),
    Bad("margin_ranking_loss", (ones, ones[0], ones), {}, ShapeError,
        r"margin_ranking_loss: x and y must have the same shape"),
]  # fmt: skip


def drawn_signs(rng, shape):
    return np.asarray(rng.choice([-1, 1], shape))


def yes_or_no(rng):
    x = array(rng)
    return (x, drawn_signs(rng, x.shape)), {"reduction": choice(rng, *REDUCTIONS)}


def two_scores(rng):
    x = array(rng)
    y = x - numbers(rng, x.shape)
    settings = {"margin": choice(rng, 0.0, 0.02), "reduction": choice(rng, *REDUCTIONS)}
    return (x, y, drawn_signs(rng, x.shape)), settings


def hinge(power):
    def loss(torch, x, target, reduction):
        losses = (1 - target * x).clamp(min=0) ** power
        return losses if reduction == "none" else getattr(losses, reduction)()

    return loss


SHARED = [
    Shared("hinge_loss", hinge(1), yes_or_no),
    Shared("squared_hinge_loss", hinge(2), yes_or_no),
    Shared("margin_ranking_loss", "nn.functional.margin_ranking_loss", two_scores),
]
