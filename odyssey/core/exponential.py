"""Exponentials and logarithms of other bases, and those that stay exact near zero."""

from __future__ import annotations

import math

import numpy as np

from odyssey.core._broadcast import unbroadcast
from odyssey.core._pointwise import pointwise
from odyssey.core.activation import sigmoid
from odyssey.core.arithmetic import divide, subtract
from odyssey.core.elementwise import where

__all__ = [
    "exp2",
    "exp2_backward",
    "expm1",
    "expm1_backward",
    "log1p",
    "log1p_backward",
    "log2",
    "log2_backward",
    "log10",
    "log10_backward",
    "logaddexp",
    "logaddexp_backward",
]


@pointwise("exp2([3.0, -1.0]) = [8. , 0.5]", r":math:`\partial x = g\,2^x \ln 2`")
def exp2(x):
    r"""Return the power of two :math:`2^x` of each element."""
    return np.exp2(x)


@exp2.backward_rule(wrt=("x",))
def exp2_backward(grad, out):
    """Return the gradient of :func:`exp2`."""
    return grad * (out * math.log(2))


@pointwise("expm1([0.0, 1e-10]) = [0.e+00, 1.e-10]", r":math:`\partial x = g\,e^x`")
def expm1(x):
    r"""Return :math:`e^x - 1` of each element, exact near 0 where the difference would cancel."""
    return np.expm1(x)


@expm1.backward_rule(wrt=("x",))
def expm1_backward(grad, out):
    """Return the gradient of :func:`expm1`."""
    return grad * (out + 1)


@pointwise("log1p([0.0, 1e-10]) = [0.e+00, 1.e-10]", r":math:`\partial x = g / (1 + x)`")
def log1p(x):
    r"""Return :math:`\ln(1 + x)` of each element, exact near 0 where the sum would round x away."""
    return np.log1p(x)


@log1p.backward_rule(wrt=("x",))
def log1p_backward(grad, x):
    """Return the gradient of :func:`log1p`."""
    return divide(grad, 1 + x)


@pointwise("log2([8.0, 0.5]) = [ 3., -1.]", r":math:`\partial x = g / (x \ln 2)`")
def log2(x):
    r"""Return the logarithm :math:`\log_2 x` of base 2 of each element."""
    return np.log2(x)


@log2.backward_rule(wrt=("x",))
def log2_backward(grad, x):
    """Return the gradient of :func:`log2`."""
    return divide(grad, x * math.log(2))


@pointwise("log10([1.0, 0.0]) = [  0., -inf]", r":math:`\partial x = g / (x \ln 10)`")
def log10(x):
    r"""Return the logarithm :math:`\log_{10} x` of base 10 of each element."""
    return np.log10(x)


@log10.backward_rule(wrt=("x",))
def log10_backward(grad, x):
    """Return the gradient of :func:`log10`."""
    return divide(grad, x * math.log(10))


@pointwise(
    "logaddexp([0.0, 1000.0], [0.0, 0.0]) = [6.931...e-01, 1.000...e+03]",
    r""":math:`\partial x = g\,e^{x - z} = g\,\sigma(x - y)` and
:math:`\partial y = g\,\sigma(y - x)` for the result z, summed over the axes that were broadcast;
equal ones share, infinite ones too""",
)
def logaddexp(x, y):
    r"""Return :math:`z = \ln(e^x + e^y)`, where no exponential overflows."""
    return np.logaddexp(x, y)


@logaddexp.backward_rule(wrt=("x", "y"))
def logaddexp_backward(grad, x, y, needs=(True, True)):
    """Return the gradients of :func:`logaddexp` for ``x`` and ``y``."""
    # Equal infinities have no difference: a constant 0 stands for it, and halves are shared.
    same = (np.asarray(x) == np.asarray(y)) & np.isinf(np.asarray(x))
    ahead = subtract(where(same, 0, x), where(same, 0, y))
    return (
        unbroadcast(grad * sigmoid(ahead), np.shape(x)) if needs[0] else None,
        unbroadcast(grad * sigmoid(-ahead), np.shape(y)) if needs[1] else None,
    )
