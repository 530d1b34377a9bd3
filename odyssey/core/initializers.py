r"""Initializers: first values for weights, scaled so that signals keep their size.

A weight of shape (O, I, ...) maps :math:`n_\mathrm{in} = I \cdot r` inputs to
:math:`n_\mathrm{out} = O \cdot r` outputs, with r the size of its window (1
without further axes).
"""

from __future__ import annotations

import math

import numpy as np

from odyssey.core.random import truncated_normal
from odyssey.errors import OdysseyError, ShapeError
from odyssey.tensor import Tensor
from odyssey.utils import random
from odyssey.utils.defaults import get_default_dtype

__all__ = [
    "calculate_gain",
    "constant",
    "kaiming_normal",
    "kaiming_uniform",
    "lecun_normal",
    "lecun_uniform",
    "normal",
    "uniform",
    "variance_scaling",
    "xavier_normal",
    "xavier_uniform",
]


def calculate_gain(nonlinearity="relu", slope=0.01):
    r"""Return the factor that a nonlinearity needs to keep the variance.

    1 for "linear" and "sigmoid", 5/3 for "tanh", :math:`\sqrt2` for "relu",
    :math:`\sqrt{2 / (1 + s^2)}` for "leaky_relu" with slope s, 3/4 for "selu".

    Raises
    ------
    OdysseyError
        If the nonlinearity is not one of these.

    Examples
    --------
    >>> calculate_gain("tanh")
    1.6666666666666667
    """
    gains = {
        "linear": 1.0,
        "sigmoid": 1.0,
        "tanh": 5 / 3,
        "relu": math.sqrt(2),
        "leaky_relu": math.sqrt(2 / (1 + slope**2)),
        "selu": 3 / 4,
    }
    if nonlinearity not in gains:
        raise OdysseyError(
            f"calculate_gain: nonlinearity must be one of {', '.join(gains)}, got {nonlinearity!r}"
        )
    return gains[nonlinearity]


def _fans(op, shape):
    """Return how many inputs and outputs a weight of ``shape`` connects."""
    if len(shape) < 2:
        raise ShapeError(f"{op}: a weight needs at least 2 axes to have fans, got shape {shape}")
    window = math.prod(shape[2:])
    return shape[1] * window, shape[0] * window


def _fan(op, shape, mode):
    fans = dict(zip(("fan_in", "fan_out"), _fans(op, shape), strict=True))
    if mode not in fans:
        raise OdysseyError(f"{op}: mode must be fan_in or fan_out, got {mode!r}")
    return fans[mode]


def uniform(shape, low=-0.1, high=0.1, dtype=None, rng=None):
    """Return samples of the uniform distribution over [low, high)."""
    samples = (rng or random.default_generator()).uniform(low, high, shape)
    return Tensor(np.asarray(samples, dtype or get_default_dtype()))


def normal(shape, mean=0.0, std=0.01, dtype=None, rng=None):
    """Return samples of the normal distribution."""
    samples = (rng or random.default_generator()).normal(mean, std, shape)
    return Tensor(np.asarray(samples, dtype or get_default_dtype()))


def constant(shape, value, dtype=None):
    """Return one value everywhere."""
    return Tensor(np.full(shape, value, dtype or get_default_dtype()))


def kaiming_uniform(shape, mode="fan_in", nonlinearity="relu", slope=0.0, dtype=None, rng=None):
    r"""Return weights that keep the variance through rectifiers, drawn uniformly.

    .. math:: w \sim U(-a, a), \qquad a = \mathrm{gain} \sqrt{3 / n}

    Parameters
    ----------
    shape : tuple of int, (O, I, ...)
    mode : {"fan_in", "fan_out"}
        Keep the variance forward (:math:`n = n_\mathrm{in}`) or backward.
    nonlinearity, slope
        See :func:`calculate_gain`.
    dtype : dtype, optional
    rng : numpy.random.Generator, optional
        By default the process's (:func:`odyssey.manual_seed`).

    Returns
    -------
    Tensor

    Raises
    ------
    ShapeError
        If ``shape`` has fewer than 2 axes.

    References
    ----------
    .. [1] K. He, X. Zhang, S. Ren, J. Sun, "Delving deep into rectifiers",
       ICCV 2015, section 2.2. https://arxiv.org/abs/1502.01852

    Examples
    --------
    >>> import odyssey as od
    >>> w = od.core.kaiming_uniform((64, 24))
    >>> bool(abs(w).max() <= 0.5)
    True
    """
    n = _fan("kaiming_uniform", shape, mode)
    bound = calculate_gain(nonlinearity, slope) * math.sqrt(3 / max(n, 1))
    return uniform(shape, -bound, bound, dtype, rng)


def kaiming_normal(shape, mode="fan_in", nonlinearity="relu", slope=0.0, dtype=None, rng=None):
    r"""Return weights that keep the variance through rectifiers, drawn normally.

    .. math:: w \sim N(0, \sigma^2), \qquad \sigma = \mathrm{gain} / \sqrt n

    Parameters, errors and source are those of :func:`kaiming_uniform`.
    """
    n = _fan("kaiming_normal", shape, mode)
    std = calculate_gain(nonlinearity, slope) / math.sqrt(max(n, 1))
    return normal(shape, 0.0, std, dtype, rng)


def xavier_uniform(shape, gain=1.0, dtype=None, rng=None):
    r"""Return weights that balance the variance forward and backward, drawn uniformly.

    .. math::

        w \sim U(-a, a), \qquad
        a = \mathrm{gain} \sqrt{6 / (n_\mathrm{in} + n_\mathrm{out})}

    Parameters
    ----------
    shape : tuple of int, (O, I, ...)
    gain : float
        See :func:`calculate_gain`.
    dtype : dtype, optional
    rng : numpy.random.Generator, optional

    Returns
    -------
    Tensor

    Raises
    ------
    ShapeError
        If ``shape`` has fewer than 2 axes.

    References
    ----------
    .. [1] X. Glorot, Y. Bengio, "Understanding the difficulty of training deep
       feedforward neural networks", AISTATS 2010, section 4.2.1.
    """
    bound = gain * math.sqrt(6 / max(sum(_fans("xavier_uniform", shape)), 1))
    return uniform(shape, -bound, bound, dtype, rng)


def xavier_normal(shape, gain=1.0, dtype=None, rng=None):
    r"""Return weights that balance the variance forward and backward, drawn normally.

    .. math::

        w \sim N(0, \sigma^2), \qquad
        \sigma = \mathrm{gain} \sqrt{2 / (n_\mathrm{in} + n_\mathrm{out})}

    Parameters, errors and source are those of :func:`xavier_uniform`.
    """
    std = gain * math.sqrt(2 / max(sum(_fans("xavier_normal", shape)), 1))
    return normal(shape, 0.0, std, dtype, rng)


def variance_scaling(
    shape, scale=1.0, mode="fan_in", distribution="truncated_normal", dtype=None, rng=None
):
    r"""Return weights of variance scale / n: all schemes of this file are cases of it.

    Parameters
    ----------
    shape : tuple of int, (O, I, ...)
    scale : float
        2 is He's choice for rectifiers, 1 LeCun's and, with "fan_avg", Xavier's.
    mode : {"fan_in", "fan_out", "fan_avg"}
        What n is: inputs, outputs, or their mean.
    distribution : {"truncated_normal", "normal", "uniform"}
        The first is cut at two standard deviations, and widened so that what is left
        has the variance.
    dtype : dtype, optional
    rng : numpy.random.Generator, optional
        By default the process's (:func:`odyssey.manual_seed`).

    Returns
    -------
    Tensor

    Raises
    ------
    ShapeError
        If ``shape`` has fewer than 2 axes.
    OdysseyError
        If ``scale`` is not positive, or mode or distribution is another.

    Examples
    --------
    >>> import odyssey as od
    >>> w = od.core.variance_scaling((40, 300), scale=3.0, distribution="uniform")
    >>> bool(abs(w).max() <= 0.1 * 3**0.5)
    True
    """
    op = "variance_scaling"
    if not scale > 0:
        raise OdysseyError(f"{op}: scale must be positive, got {scale}")
    fans = _fans(op, shape)
    n = sum(fans) / 2 if mode == "fan_avg" else _fan(op, shape, mode)
    std = math.sqrt(scale / max(n, 1))
    if distribution == "uniform":
        return uniform(shape, -math.sqrt(3) * std, math.sqrt(3) * std, dtype, rng)
    if distribution == "normal":
        return normal(shape, 0.0, std, dtype, rng)
    if distribution != "truncated_normal":
        raise OdysseyError(
            f"{op}: distribution must be truncated_normal, normal or uniform, got {distribution!r}"
        )
    std /= STD_OF_CUT
    return truncated_normal(shape, 0.0, std, -2 * std, 2 * std, dtype, rng)


STD_OF_CUT = math.sqrt(
    1 - 4 * math.exp(-2) / math.sqrt(2 * math.pi) / math.erf(math.sqrt(2))
)  # of the normal distribution between -2 and 2


def lecun_normal(shape, dtype=None, rng=None):
    r"""Return weights that keep the variance forward, drawn normally.

    .. math:: w \sim N(0, \sigma^2), \qquad \sigma = 1 / \sqrt{n_\mathrm{in}}

    What self-normalising networks (SELU) are derived for.

    Parameters, errors and source are those of :func:`lecun_uniform`.
    """
    return variance_scaling(shape, 1.0, "fan_in", "normal", dtype, rng)


def lecun_uniform(shape, dtype=None, rng=None):
    r"""Return weights that keep the variance forward, drawn uniformly.

    .. math:: w \sim U(-a, a), \qquad a = \sqrt{3 / n_\mathrm{in}}

    Parameters
    ----------
    shape : tuple of int, (O, I, ...)
    dtype : dtype, optional
    rng : numpy.random.Generator, optional

    Returns
    -------
    Tensor

    Raises
    ------
    ShapeError
        If ``shape`` has fewer than 2 axes.

    References
    ----------
    .. [1] Y. LeCun, L. Bottou, G. Orr, K.-R. Müller, "Efficient BackProp", 1998,
       section 4.6.
    """
    return variance_scaling(shape, 1.0, "fan_in", "uniform", dtype, rng)
