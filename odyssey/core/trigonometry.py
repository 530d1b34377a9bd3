"""Circular and hyperbolic functions, their inverses, and the length of a vector of two."""

from __future__ import annotations

import numpy as np

from odyssey.core._broadcast import unbroadcast
from odyssey.core._pointwise import pointwise
from odyssey.core.arithmetic import divide
from odyssey.core.elementwise import sqrt, where

__all__ = [
    "acos",
    "acos_backward",
    "acosh",
    "acosh_backward",
    "asin",
    "asin_backward",
    "asinh",
    "asinh_backward",
    "atan",
    "atan2",
    "atan2_backward",
    "atan_backward",
    "atanh",
    "atanh_backward",
    "cos",
    "cos_backward",
    "cosh",
    "cosh_backward",
    "hypot",
    "hypot_backward",
    "sin",
    "sin_backward",
    "sinh",
    "sinh_backward",
    "tan",
    "tan_backward",
]


@pointwise("sin([0.0, 1.0]) = [0. , 0.8414...]", r":math:`\partial x = g \cos x`")
def sin(x):
    r"""Return the sine :math:`\sin x` of each element, in radians."""
    return np.sin(x)


@sin.backward_rule(wrt=("x",))
def sin_backward(grad, x):
    """Return the gradient of :func:`sin`."""
    return grad * cos(x)


@pointwise("cos([0.0, 1.0]) = [1. , 0.5403...]", r":math:`\partial x = -g \sin x`")
def cos(x):
    r"""Return the cosine :math:`\cos x` of each element, in radians."""
    return np.cos(x)


@cos.backward_rule(wrt=("x",))
def cos_backward(grad, x):
    """Return the gradient of :func:`cos`."""
    return -grad * sin(x)


@pointwise("tan([0.0, 1.0]) = [0. , 1.5574...]", r":math:`\partial x = g\,(1 + y^2)`")
def tan(x):
    r"""Return the tangent :math:`y = \tan x` of each element, in radians."""
    return np.tan(x)


@tan.backward_rule(wrt=("x",))
def tan_backward(grad, out):
    """Return the gradient of :func:`tan`."""
    return grad * (1 + out * out)


@pointwise("asin([0.0, 1.0]) = [0. , 1.5707...]", r":math:`\partial x = g / \sqrt{1 - x^2}`")
def asin(x):
    r"""Return the angle :math:`\arcsin x` in [-π/2, π/2] of each sine; NaN outside of [-1, 1]."""
    return np.arcsin(x)


@asin.backward_rule(wrt=("x",))
def asin_backward(grad, x):
    """Return the gradient of :func:`asin`."""
    return divide(grad, sqrt((1 - x) * (1 + x)))  # 1 - x * x would cancel near 1


@pointwise("acos([0.0, 1.0]) = [1.5707..., 0. ]", r":math:`\partial x = -g / \sqrt{1 - x^2}`")
def acos(x):
    r"""Return the angle :math:`\arccos x` in [0, π] of each cosine; NaN outside of [-1, 1]."""
    return np.arccos(x)


@acos.backward_rule(wrt=("x",))
def acos_backward(grad, x):
    """Return the gradient of :func:`acos`."""
    return -asin_backward(grad, x)


@pointwise("atan([0.0, 1.0]) = [0. , 0.7853...]", r":math:`\partial x = g / (1 + x^2)`")
def atan(x):
    r"""Return the angle :math:`\arctan x` in [-π/2, π/2] of each tangent."""
    return np.arctan(x)


@atan.backward_rule(wrt=("x",))
def atan_backward(grad, x):
    """Return the gradient of :func:`atan`."""
    length = hypot(x, 1)  # its square would overflow
    return divide(divide(grad, length), length)


@pointwise(
    "atan2([1.0, 1.0], [1.0, -1.0]) = [0.7853..., 2.3561...]",
    r""":math:`\partial y = g\,x / (x^2 + y^2)` and
:math:`\partial x = -g\,y / (x^2 + y^2)`, summed over the axes that were broadcast; both are 0
at the origin, where the angle has no derivative""",
)
def atan2(y, x):
    r"""Return the angle :math:`\arctan(y / x)` in [-π, π] of each point (x, y)."""
    return np.arctan2(y, x)


@atan2.backward_rule(wrt=("y", "x"))
def atan2_backward(grad, y, x, needs=(True, True)):
    """Return the gradients of :func:`atan2` for ``y`` and ``x``."""
    length = _nonzero(hypot(x, y))
    share = divide(grad, length)
    return (
        unbroadcast(share * divide(x, length), np.shape(y)) if needs[0] else None,
        unbroadcast(-share * divide(y, length), np.shape(x)) if needs[1] else None,
    )


@pointwise(
    "hypot([3.0, 5.0], [4.0, 12.0]) = [ 5., 13.]",
    r""":math:`\partial x = g\,x / \sqrt{x^2 + y^2}`, and likewise for y, summed over the
axes that were broadcast; both are 0 at the origin, as that of :func:`abs` is""",
)
def hypot(x, y):
    r"""Return the length :math:`\sqrt{x^2 + y^2}`, where no square overflows."""
    return np.hypot(x, y)


@hypot.backward_rule(wrt=("x", "y"))
def hypot_backward(grad, x, y, out, needs=(True, True)):
    """Return the gradients of :func:`hypot` for ``x`` and ``y``."""
    out = _nonzero(out)
    return (
        unbroadcast(grad * divide(x, out), np.shape(x)) if needs[0] else None,
        unbroadcast(grad * divide(y, out), np.shape(y)) if needs[1] else None,
    )


def _nonzero(length):
    """Return lengths to divide by: what has length 0 is 0, whatever it is divided by."""
    return where(np.asarray(length) == 0, 1, length)


@pointwise("sinh([0.0, 1.0]) = [0. , 1.1752...]", r":math:`\partial x = g \cosh x`")
def sinh(x):
    r"""Return the hyperbolic sine :math:`\sinh x = (e^x - e^{-x}) / 2` of each element."""
    return np.sinh(x)


@sinh.backward_rule(wrt=("x",))
def sinh_backward(grad, x):
    """Return the gradient of :func:`sinh`."""
    return grad * cosh(x)


@pointwise("cosh([0.0, 1.0]) = [1. , 1.5430...]", r":math:`\partial x = g \sinh x`")
def cosh(x):
    r"""Return the hyperbolic cosine :math:`\cosh x = (e^x + e^{-x}) / 2` of each element."""
    return np.cosh(x)


@cosh.backward_rule(wrt=("x",))
def cosh_backward(grad, x):
    """Return the gradient of :func:`cosh`."""
    return grad * sinh(x)


@pointwise("asinh([0.0, 1.0]) = [0. , 0.8813...]", r":math:`\partial x = g / \sqrt{x^2 + 1}`")
def asinh(x):
    r"""Return the inverse :math:`\mathrm{arsinh}\,x = \ln(x + \sqrt{x^2 + 1})` of :func:`sinh`."""
    return np.arcsinh(x)


@asinh.backward_rule(wrt=("x",))
def asinh_backward(grad, x):
    """Return the gradient of :func:`asinh`."""
    return divide(grad, hypot(x, 1))


@pointwise("acosh([1.0, 2.0]) = [0. , 1.3169...]", r":math:`\partial x = g / \sqrt{x^2 - 1}`")
def acosh(x):
    r"""Return :math:`\mathrm{arcosh}\,x = \ln(x + \sqrt{x^2 - 1})`, the inverse of :func:`cosh`.

    It is NaN below 1.
    """
    return np.arccosh(x)


@acosh.backward_rule(wrt=("x",))
def acosh_backward(grad, x):
    """Return the gradient of :func:`acosh`."""
    return divide(grad, sqrt(x - 1) * sqrt(x + 1))  # x * x - 1 would cancel near 1, or overflow


@pointwise("atanh([0.0, 0.5]) = [0. , 0.5493...]", r":math:`\partial x = g / (1 - x^2)`")
def atanh(x):
    r"""Return the inverse :math:`\mathrm{artanh}\,x = \frac12 \ln \frac{1 + x}{1 - x}` of tanh.

    It is infinite at -1 and 1, and NaN outside of them.
    """
    return np.arctanh(x)


@atanh.backward_rule(wrt=("x",))
def atanh_backward(grad, x):
    """Return the gradient of :func:`atanh`."""
    return divide(grad, (1 - x) * (1 + x))
