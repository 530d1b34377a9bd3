"""What all normalisations share: their mathematics in operators, and their checks."""

from __future__ import annotations

from odyssey.core._checks import check_one_dtype
from odyssey.core.elementwise import sqrt
from odyssey.core.reduction import mean
from odyssey.errors import ShapeError

ALL = (True, True, True)


def standardized(x, axes, eps, centred=True):
    """Return x with mean 0 and variance 1 along axes, and the factor of its deviations."""
    d = x - mean(x, axes, True) if centred else x
    rstd = 1 / sqrt(mean(d * d, axes, True) + eps)
    return d * rstd, rstd


def through(u, hat, rstd, axes, centred=True):
    """Return the gradient for x from that for what :func:`standardized` made of it."""
    out = u - hat * mean(u * hat, axes, True)
    return rstd * (out - mean(u, axes, True) if centred else out)


def by_channel(weight, ndim):
    """Return numbers for each channel with axes for images (N, C, ...)."""
    return weight.reshape((1, -1, *[1] * (ndim - 2)) if weight.size else (1, 0, *[1] * (ndim - 2)))


def others(x):
    """Return the axes of images but for the channels."""
    return (0, *range(2, x.ndim))


def check(op, x, axes, shape, **weights):
    """Raise unless x has so many axes, and the weights its dtype and this shape."""
    check_one_dtype(op, x=x, **weights)
    if x.ndim < axes:
        raise ShapeError(f"{op}: x has {x.ndim} axes but needs at least {axes} (x: {x.shape})")
    for name, weight in weights.items():
        if weight is not None and weight.shape != shape:
            raise ShapeError(
                f"{op}: {name} must have shape {shape} but has {weight.shape} (x: {x.shape})"
            )
