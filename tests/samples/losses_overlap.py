"""Losses of overlaps: samples, bad input, and the same in PyTorch's operators."""

import numpy as np

from odyssey.errors import OdysseyError
from samples import Sample, Shared
from samples._draws import array, axes_of, choice, draws
from samples.losses_regression import REDUCTIONS, refused

rng, normal, positive = draws(__name__)


def chances(*shape):
    return rng.uniform(0.05, 0.95, shape)


def region(*shape):
    return np.asarray(rng.integers(0, 2, shape))


def tversky(x, t, alpha=0.5, beta=0.5, smooth=1.0, axis=None, reduction="mean"):
    """Return the loss of arrays, of NumPy's or PyTorch's."""
    axis = tuple(range(len(x.shape))) if axis is None else axis

    def total(values):
        return values.sum(axis) if axis != () else values

    both, false, missed = total(x * t), total(x * (1 - t)), total((1 - x) * t)
    losses = 1 - (both + smooth) / (both + alpha * false + beta * missed + smooth)
    return losses if reduction == "none" else getattr(losses, reduction)()


def dice(x, t, smooth=1.0, **settings):
    return tversky(x, t, 0.5, 0.5, smooth / 2, **settings)


SAMPLES = [
    Sample(name, args, {"tversky_loss": tversky, "dice_loss": dice}[name], kwargs, 24)
    for name, settings in [
        ("tversky_loss", {"alpha": 0.3, "beta": 0.8, "smooth": 0.5}),
        ("dice_loss", {"smooth": 2.0}),
    ]
    for args, kwargs in [
        ((chances(3, 4), chances(3, 4)), {}),
        ((chances(3, 4), region(3, 4)), {"axis": 1}),
        ((chances(2, 3, 4), chances(2, 3, 4)), {"axis": (0, -1), **settings}),
        ((chances(2, 3, 4), region(2, 3, 4)), {"axis": -1, "reduction": "none", **settings}),
        ((chances(1), chances(1)), {"reduction": "sum"}),
        ((chances(2, 0), chances(2, 0)), {"axis": 1, "reduction": "none"}),
    ]
]

BAD = [
    *refused(
        "tversky_loss",
        [
            ({"alpha": -1}, OdysseyError, "tversky_loss: alpha must be positive or 0, got -1"),
            ({"beta": -1}, OdysseyError, "tversky_loss: beta must be positive or 0, got -1"),
        ],
    ),
    *refused(
        "dice_loss",
        [({"smooth": -1}, OdysseyError, "dice_loss: smooth must be positive or 0, got -1")],
    ),
]


def regions(rng):
    x = array(rng)
    settings = {"axis": axes_of(rng, x), "smooth": choice(rng, 1.0, 0.1)}
    arrays = rng.uniform(0.05, 0.95, x.shape), rng.uniform(0, 1, x.shape)
    return arrays, {**settings, "reduction": choice(rng, *REDUCTIONS)}


def weighed_regions(rng):
    arrays, settings = regions(rng)
    return arrays, {"alpha": choice(rng, 0.5, 0.3), "beta": choice(rng, 0.7, 0.0), **settings}


SHARED = [
    Shared("dice_loss", lambda torch, *args, **kwargs: dice(*args, **kwargs), regions,
           dtypes=("float64", "float32")),
    Shared("tversky_loss", lambda torch, *args, **kwargs: tversky(*args, **kwargs),
           weighed_regions, dtypes=("float64", "float32")),
]  # fmt: skip
