"""erf and the smooth activations once more, by other means than the kernels'.

The textbook's forms cancel where x is negative; they are computed in longdouble.
"""

import functools

import numpy as np

PI = 4 * np.arctan(np.longdouble(1))


def in_longdouble(formula):
    """Let a formula compute in longdouble, and return float64."""

    @functools.wraps(formula)
    def call(*args, **kwargs):
        args = [a.astype(np.longdouble) if isinstance(a, np.ndarray) else a for a in args]
        return np.asarray(formula(*args, **kwargs)).astype(np.float64)

    return call


def below(x):
    """Return x, but no large negative number: what is multiplied by 0 must be finite."""
    return np.maximum(x, -1e5)


def sigmoid(x):
    return (1 + np.tanh(x / 2)) / 2


def erf(x):
    """Return the sum of the series that has positive terms only, one for the other."""
    near = np.clip(x, -6.5, 6.5)
    term = 2 / np.sqrt(PI) * near * np.exp(-near * near)
    total = np.zeros(np.shape(x))
    for n in range(250):
        total = total + term
        term = term * 2 * near * near / (2 * n + 3)
    return total


def inner(x):
    return np.sqrt(2 / PI) * (x + 0.044715 * x**3)


def gelu(x, approximate=False):
    x = below(x)
    return x / 2 * (1 + (np.tanh(inner(x)) if approximate else erf(x / np.sqrt(np.longdouble(2)))))


def gelu_backward(grad, x, approximate=False):
    x = np.clip(x, -1e3, 1e3)
    if not approximate:
        density = np.exp(-x * x / 2) / np.sqrt(2 * PI)
        return grad * ((1 + erf(x / np.sqrt(np.longdouble(2)))) / 2 + x * density)
    t = np.tanh(inner(x))
    slope = np.sqrt(2 / PI) * (1 + 3 * 0.044715 * x**2)
    return grad * ((1 + t) / 2 + x / 2 * (1 - t * t) * slope)


def swish(x, beta=1.0):
    x = np.where(beta * x < -1e5, 0, x)
    return x * sigmoid(beta * x)


def swish_backward(grad, x, beta=1.0):
    z = np.clip(beta * x, -1e3, 1e3)
    return grad * (sigmoid(z) * (1 + z * sigmoid(-z)))


def softplus(x, beta=1.0):
    return np.logaddexp(0, beta * x) / beta


def mish(x):
    return below(x) * np.tanh(np.logaddexp(0, x))


def mish_backward(grad, x):
    x = np.clip(x, -1e3, 1e3)
    t = np.tanh(np.logaddexp(0, x))
    return grad * (t + x * (1 - t) * (1 + t) * sigmoid(x))


def elu(x, alpha=1.0):
    return np.maximum(x, 0) + alpha * np.expm1(np.minimum(x, 0))


FORMULAS = {
    "elu": elu,
    "elu_backward": lambda grad, x, alpha=1.0: (
        grad * np.where(x > 0, 1, alpha * np.exp(np.minimum(x, 0)))
    ),
    "erf": erf,
    "erf_backward": lambda grad, x: grad * 2 / np.sqrt(PI) * np.exp(-x * x),
    "gelu": gelu,
    "gelu_backward": gelu_backward,
    "mish": mish,
    "mish_backward": mish_backward,
    "softplus": softplus,
    "softplus_backward": lambda grad, x, beta=1.0: grad * sigmoid(beta * x),
    "swish": swish,
    "swish_backward": swish_backward,
}

TRANSCENDENTAL = {name: in_longdouble(formula) for name, formula in FORMULAS.items()}
