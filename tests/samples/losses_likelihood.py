"""Losses of distributions: samples, bad input, and what PyTorch has of them."""

import numpy as np

from odyssey.errors import DTypeError, OdysseyError, ShapeError
from samples import Bad, Sample, Shared
from samples._draws import array, choice, draws
from samples.losses_regression import REDUCTIONS, refused, samples

rng, normal, positive = draws(__name__)


def np_kl(x, target, log_target=False):
    return np.exp(target) * (target - x) if log_target else target * (np.log(target) - x)


def np_poisson(x, target, log_input=True, full=False, eps=1e-8):
    losses = np.exp(x) - target * x if log_input else x - target * np.log(x + eps)
    stirling = target * np.log(target) - target + np.log(2 * np.pi * target) / 2
    return losses + np.where(full & (target > 1), stirling, 0)


def np_gaussian(x, target, var, full=False, eps=1e-6):
    var = np.maximum(var, eps)
    return (np.log(var) + (x - target) ** 2 / var + full * np.log(2 * np.pi)) / 2


def some(*shape):
    """Draw expected or real counts that are not close to 1."""
    return np.asarray(rng.choice([0.2, 0.5, 1.5, 2.2], shape) + rng.uniform(0, 0.2, shape))


def counts(*shape):
    return np.asarray(rng.integers(0, 5, shape))


SAMPLES = [
    *samples("kl_divergence", np_kl, normal, positive),
    *samples("kl_divergence", np_kl, normal, normal, log_target=True),
    Sample("kl_divergence", (normal(4, 3), positive(4, 3)),
           lambda x, t, reduction: np_kl(x, t).sum() / 4, {"reduction": "batchmean"}, 12),
    Sample("kl_divergence", (normal(3), np.array([0, 1, 0])),
           lambda x, t: -x[1] / 3, {}, 3),
    *samples("poisson_nll_loss", np_poisson, normal, some),
    *samples("poisson_nll_loss", np_poisson, normal, some, full=True),
    *samples("poisson_nll_loss", np_poisson, normal, counts),
    *samples("poisson_nll_loss", np_poisson, some, some, log_input=False, eps=1e-2),
    *samples("gaussian_nll_loss", np_gaussian, normal, normal, positive),
    *samples("gaussian_nll_loss", np_gaussian, normal, normal, positive, full=True),
    Sample("gaussian_nll_loss", (normal(3, 4), normal(3, 4), positive(3, 1)),
           lambda x, t, v: np_gaussian(x, t, v).mean(), {}, 12),
]  # fmt: skip

ones = np.ones((2, 3), np.float32)

BAD = [
    *refused("kl_divergence"),
    *refused("poisson_nll_loss"),
    *[
        Bad("gaussian_nll_loss", args, kwargs, error, f"gaussian_nll_loss: {message}")
        for args, kwargs, error, message in [
            ((ones.astype(int), ones, ones), {}, DTypeError, "x must be floating-point"),
            ((ones, ones, ones.astype(int)), {}, DTypeError, "var must be floating-point"),
            ((ones, ones, ones[:, :2]), {}, ShapeError, r"var must broadcast to x \(x: \(2, 3\)"),
            ((ones, ones[0], ones), {}, ShapeError, "x and target must have the same shape"),
            ((ones, ones, -ones), {}, OdysseyError, "var must hold variances but holds -1.0"),
            ((ones, ones, ones), {"reduction": 1}, OdysseyError, "reduction must be one of"),
        ]
    ],
]


def distributions(rng):
    x = array(rng)
    log_target = choice(rng, True, False)
    target = rng.normal(0, 1, x.shape) if log_target else rng.uniform(0.1, 1, x.shape)
    reductions = [*REDUCTIONS, "batchmean"] if x.ndim and len(x) else REDUCTIONS
    return (x, target), {"log_target": log_target, "reduction": choice(rng, *reductions)}


def expected_counts(rng):
    x = array(rng)
    log_input = choice(rng, True, False)
    x = x if log_input else rng.uniform(0.2, 3, x.shape)
    target = rng.choice([0.2, 0.5, 1.5, 2.2], x.shape) + rng.uniform(0, 0.2, x.shape)
    settings = {"log_input": log_input, "full": choice(rng, True, False)}
    return (x, np.asarray(target)), {**settings, "reduction": choice(rng, *REDUCTIONS)}


def numbers_and_variances(rng):
    x = array(rng, least=1)
    shape = choice(rng, x.shape, (*x.shape[:-1], 1))
    settings = {"full": choice(rng, True, False), "reduction": choice(rng, *REDUCTIONS)}
    return (x, rng.normal(0, 1, x.shape), rng.uniform(0.2, 2, shape)), settings


def kl_div(torch, x, target, log_target, reduction):
    """Return PyTorch's, without its warning that its mean is not the divergence."""
    function = torch.nn.functional.kl_div
    if reduction == "mean":
        return function(x, target, reduction="none", log_target=log_target).mean()
    return function(x, target, reduction=reduction, log_target=log_target)


SHARED = [
    Shared("kl_divergence", kl_div, distributions, dtypes=("float64", "float32")),
    Shared("poisson_nll_loss", "nn.functional.poisson_nll_loss", expected_counts,
           dtypes=("float64", "float32")),
    Shared("gaussian_nll_loss", "nn.functional.gaussian_nll_loss", numbers_and_variances,
           dtypes=("float64", "float32")),
]  # fmt: skip
