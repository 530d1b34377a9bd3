"""Losses of numbers: samples, bad input, and what PyTorch has of them."""

import numpy as np

from odyssey.errors import DTypeError, OdysseyError, ShapeError
from samples import Bad, Sample, Shared
from samples._draws import array, choice, draws, numbers

rng, normal, positive = draws(__name__)

REDUCTIONS = ("mean", "sum", "none")
SHAPES = [(3, 4), (1,), (), (2, 0)]


def np_reduced(pieces):
    """Return a loss in NumPy from the function of its elements."""

    def loss(*args, reduction="mean", **kwargs):
        losses = np.asarray(pieces(*args, **kwargs))
        return losses if reduction == "none" else getattr(losses, reduction)()

    return loss


def samples(name, pieces, *inputs, terms=12, **settings):
    """Return samples of a loss with each reduction; ``inputs`` make an argument from a shape."""
    expected = np_reduced(pieces)
    found = [
        Sample(name, tuple(make(*shape) for make in inputs), expected,
               {"reduction": "none" if 0 in shape else reduction, **settings}, terms)
        for shape, reduction in zip(SHAPES, (*REDUCTIONS, "none"), strict=True)
    ]  # fmt: skip
    return [*found, Sample(name, found[0].args, expected, settings, terms)]


def apart(*shape):
    """Draw differences that stay away from 0 and 1, in pairs of equal ones in the target."""
    return np.asarray(rng.choice([-2.3, -0.6, 0.3, 1.7], shape) + rng.uniform(0, 0.2, shape))


def zeros(*shape):
    return np.zeros(shape)


def integers(*shape):
    return np.asarray(rng.integers(-2, 3, shape))


def np_huber(x, target, delta=1.0):
    d = np.abs(x - target)
    return np.where(d <= delta, d * d / 2, delta * (d - delta / 2))


def np_smooth_l1(x, target, beta=1.0):
    return np_huber(x, target, beta) / beta if beta else np.abs(x - target)


def np_log_cosh(x, target):
    return np.log(np.cosh(x - target))


def np_squared(x, target):
    return (x - target) ** 2


def np_absolute(x, target):
    return np.abs(x - target)


SAMPLES = [
    *samples("mean_squared_error", np_squared, normal, normal),
    *samples("mean_squared_error", np_squared, normal, integers),
    *samples("l1_loss", np_absolute, apart, zeros),
    *samples("l1_loss", np_absolute, apart, integers),
    *samples("huber_loss", np_huber, apart, zeros),
    *samples("huber_loss", np_huber, apart, zeros, delta=0.9),
    *samples("smooth_l1_loss", np_smooth_l1, apart, zeros),
    *samples("smooth_l1_loss", np_smooth_l1, apart, zeros, beta=2.0),
    *samples("smooth_l1_loss", np_smooth_l1, apart, zeros, beta=0),
    *samples("log_cosh_loss", np_log_cosh, normal, normal),
]

ones = np.ones((2, 3), np.float32)


def refused(name, more=(), y=ones, other="target"):
    """Return what every loss of two arrays refuses."""
    return [
        Bad(name, (y.astype(int), y), {}, DTypeError, f"{name}: x must be floating-point"),
        Bad(name, (y, y.astype(float)), {}, DTypeError,
            rf"{name}: .*share one dtype \(x: float32, {other}: float64"),
        Bad(name, (y, y[:1]), {}, ShapeError,
            rf"{name}: x and {other} must have the same shape \(x: \(2, 3\), {other}: \(1, 3\)"),
        Bad(name, (y, y), {"reduction": "avg"}, OdysseyError,
            f"{name}: reduction must be one of mean, sum, none.*, got 'avg'"),
        *[Bad(name, (y, y), *rest) for rest in more],
    ]  # fmt: skip


BAD = [
    *refused("mean_squared_error"),
    *refused("l1_loss"),
    *refused(
        "huber_loss", [({"delta": 0}, OdysseyError, "huber_loss: delta must be positive, got 0")]
    ),
    *refused(
        "smooth_l1_loss",
        [({"beta": -1}, OdysseyError, "smooth_l1_loss: beta must be positive or 0, got -1")],
    ),
    *refused("log_cosh_loss"),
]


def pair(rng, **options):
    """Draw two arrays of one shape, and the settings of a loss."""
    x = array(rng)
    target = x - numbers(rng, x.shape) * 1.5
    settings = {name: choice(rng, *values) for name, values in options.items()}
    return (x, target), {"reduction": choice(rng, *REDUCTIONS), **settings}


def log_cosh(torch, x, target, reduction):
    losses = torch.log1p(2 * torch.sinh((x - target) / 2) ** 2)  # log(cosh) loses digits
    return losses if reduction == "none" else getattr(losses, reduction)()


SHARED = [
    Shared("mean_squared_error", "nn.functional.mse_loss", pair),
    Shared("l1_loss", "nn.functional.l1_loss", pair),
    Shared(
        "huber_loss",
        "nn.functional.huber_loss",
        lambda rng: pair(rng, delta=(1.0, 0.5, 2.0)),
    ),
    Shared(
        "smooth_l1_loss",
        "nn.functional.smooth_l1_loss",
        lambda rng: pair(rng, beta=(1.0, 0.5, 0.0)),
    ),
    Shared("log_cosh_loss", log_cosh, pair, dtypes=("float64", "float32")),
]
