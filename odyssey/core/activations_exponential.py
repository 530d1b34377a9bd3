"""Exponential linear units, and other smooth activations that keep what is negative in bounds."""

from __future__ import annotations

import math

import numpy as np

from odyssey.backend import kernel
from odyssey.core._activations import at_least, floating
from odyssey.core.arithmetic import divide
from odyssey.core.elementwise import abs as absolute
from odyssey.core.elementwise import exp, where
from odyssey.tape import differentiable

__all__ = [
    "celu",
    "celu_backward",
    "elu",
    "elu_backward",
    "selu",
    "selu_backward",
    "softsign",
    "softsign_backward",
    "squareplus",
    "squareplus_backward",
]

SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805
"""The solution of the two equations that :func:`selu` states, from its paper."""


def _below_zero(x):
    """Return min(x, 0), whose exponential cannot overflow."""
    return where(np.asarray(x) > 0, 0, x)


@differentiable
def elu(x, alpha=1.0):
    r"""Let positive elements pass, and bound the negative ones by -alpha.

    Parameters
    ----------
    x : Tensor or ndarray
        Floating-point, of any shape.
    alpha : float
        The value at minus infinity is -alpha.

    Returns
    -------
    Tensor or ndarray
        In the shape and dtype of ``x``, within 4 ulp, close to 0 as well.

    Raises
    ------
    DTypeError
        If ``x`` is not floating-point, or ``alpha`` no number.

    Notes
    -----
    Forward:

    .. math:: y = \begin{cases} x & x > 0 \\ \alpha (e^x - 1) & x \le 0 \end{cases}

    Backward: :math:`\partial x = g` above 0, else :math:`g \, \alpha e^x`; so the
    derivative at 0 is alpha. It saves ``x``.

    References
    ----------
    .. [1] D. Clevert, T. Unterthiner, S. Hochreiter, "Fast and accurate deep
       network learning by exponential linear units", arXiv:1511.07289.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.elu(od.tensor([-1e4, 0.0, 2.0]))
    tensor([-1.,  0.,  2.])
    """
    return kernel("elu")(floating("elu", x), alpha)


@elu.backward_rule(wrt=("x",))
def elu_backward(grad, x, alpha=1.0):
    """Return the gradient of :func:`elu`."""
    return kernel("elu_backward")(grad, x, alpha)


@elu.backward_formula
def elu_backward_formula(grad, x, alpha=1.0):
    """Return the same in operators."""
    return grad * where(np.asarray(x) > 0, 1, alpha * exp(_below_zero(x)))


@differentiable
def selu(x):
    r"""Scale an exponential linear unit so that mean 0 and variance 1 reproduce themselves.

    Parameters
    ----------
    x : Tensor or ndarray
        Floating-point, of any shape.

    Returns
    -------
    Tensor or ndarray
        In the shape and dtype of ``x``.

    Raises
    ------
    DTypeError
        If ``x`` is not floating-point.

    Notes
    -----
    Forward; :math:`\alpha = 1.6733` and :math:`\lambda = 1.0507` solve
    :math:`E[y] = 0` and :math:`E[y^2] = 1` for a normal x:

    .. math:: y = \lambda \begin{cases} x & x > 0 \\ \alpha (e^x - 1) & x \le 0 \end{cases}

    Backward: :math:`\partial x = \lambda g` above 0, else
    :math:`\lambda \alpha e^x g`. It saves ``x``.

    References
    ----------
    .. [1] G. Klambauer, T. Unterthiner, A. Mayr, S. Hochreiter,
       "Self-normalizing neural networks", arXiv:1706.02515.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.selu(od.tensor([-1e4, 0.0, 1.0]))
    tensor([-1.7580993,  0.       ,  1.050701 ])
    """
    y = kernel("elu")(floating("selu", x), SELU_ALPHA)
    with np.errstate(over="ignore"):
        return y * SELU_SCALE


@selu.backward_rule(wrt=("x",))
def selu_backward(grad, x):
    """Return the gradient of :func:`selu`."""
    below = SELU_SCALE * SELU_ALPHA * exp(_below_zero(x))
    return grad * where(np.asarray(x) > 0, SELU_SCALE, below)


@differentiable
def celu(x, alpha=1.0):
    r"""Let positive elements pass, and bound the negative ones; of slope 1 at 0 for every alpha.

    Parameters
    ----------
    x : Tensor or ndarray
        Floating-point, of any shape.
    alpha : float
        The value at minus infinity is -alpha; larger than 0.

    Returns
    -------
    Tensor or ndarray
        In the shape and dtype of ``x``.

    Raises
    ------
    DTypeError
        If ``x`` is not floating-point, or ``alpha`` no number.
    OdysseyError
        If ``alpha`` is not larger than 0.

    Notes
    -----
    Forward:

    .. math:: y = \begin{cases} x & x > 0 \\ \alpha (e^{x / \alpha} - 1) & x \le 0 \end{cases}

    Backward: :math:`\partial x = g \, e^{\min(x, 0) / \alpha}`. It saves ``x``.

    References
    ----------
    .. [1] J. Barron, "Continuously differentiable exponential linear units",
       arXiv:1704.07483.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.celu(od.tensor([-1e4, 0.0, 2.0]), alpha=0.5)
    tensor([-0.5,  0. ,  2. ])
    """
    x, alpha = floating("celu", x), at_least("celu", "alpha", alpha, reached=False)
    with np.errstate(all="ignore"):
        return np.where(x > 0, x, alpha * kernel("elu")(np.asarray(np.minimum(x, 0) / alpha), 1.0))


@celu.backward_rule(wrt=("x",))
def celu_backward(grad, x, alpha=1.0):
    """Return the gradient of :func:`celu`."""
    return grad * exp(divide(_below_zero(x), alpha))


@differentiable
def softsign(x):
    r"""Squash each element into (-1, 1), with tails that fall off like 1 / x.

    Parameters
    ----------
    x : Tensor or ndarray
        Floating-point, of any shape.

    Returns
    -------
    Tensor or ndarray
        In the shape and dtype of ``x``; NaN for an infinity.

    Raises
    ------
    DTypeError
        If ``x`` is not floating-point.

    Notes
    -----
    Forward: :math:`y = x / (1 + |x|)`.

    Backward: :math:`\partial x = g / (1 + |x|)^2`. It saves ``x``.

    References
    ----------
    .. [1] X. Glorot, Y. Bengio, "Understanding the difficulty of training deep
       feedforward neural networks", AISTATS 2010.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.softsign(od.tensor([-1.0, 0.0, 3.0]))
    tensor([-0.5 ,  0.  ,  0.75])
    """
    x = floating("softsign", x)
    with np.errstate(all="ignore"):
        return x / (1 + np.abs(x))


@softsign.backward_rule(wrt=("x",))
def softsign_backward(grad, x):
    """Return the gradient of :func:`softsign`."""
    size = 1 + absolute(x)
    return divide(divide(grad, size), size)  # the square could overflow


@differentiable
def squareplus(x, b=4.0):
    r"""Rectify each element smoothly, without an exponential: a hyperbola.

    Parameters
    ----------
    x : Tensor or ndarray
        Floating-point, of any shape.
    b : float
        How round the bend at 0 is; larger than 0. With 4 the value at 0 is 1.

    Returns
    -------
    Tensor or ndarray
        In the shape and dtype of ``x``.

    Raises
    ------
    DTypeError
        If ``x`` is not floating-point, or ``b`` no number.
    OdysseyError
        If ``b`` is not larger than 0.

    Notes
    -----
    Forward; the second form does not subtract nearly equal numbers below 0:

    .. math:: y = \frac{x + r}{2} = \frac{b}{2 (r - x)}, \qquad r = \sqrt{x^2 + b}

    Backward: :math:`\partial x = g \, y / r`, where :math:`r = y + (y - x)`.

    References
    ----------
    .. [1] J. Barron, "Squareplus: a softplus-like algebraic rectifier",
       arXiv:2112.11687.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.squareplus(od.tensor([-1.5, 0.0, 1.5]))
    tensor([0.5, 1. , 2. ])
    """
    x, b = floating("squareplus", x), at_least("squareplus", "b", b, reached=False)
    with np.errstate(all="ignore"):
        size = np.abs(x)
        larger = (size + np.hypot(size, x.dtype.type(math.sqrt(b)))) / 2
        return np.where(x < 0, b / 4 / larger, larger)


@squareplus.backward_rule(wrt=("x",))
def squareplus_backward(grad, x, out):
    """Return the gradient of :func:`squareplus`."""
    return grad * divide(out, out + (out - x))
