"""Smooth activations, made of exp, erf and tanh."""

from __future__ import annotations

import math

from odyssey.backend import kernel
from odyssey.core._activations import floating
from odyssey.core.activation import sigmoid, tanh
from odyssey.core.elementwise import exp
from odyssey.tape import differentiable

__all__ = [
    "erf",
    "erf_backward",
    "gelu",
    "gelu_backward",
    "log_sigmoid",
    "log_sigmoid_backward",
    "mish",
    "mish_backward",
    "quick_gelu",
    "quick_gelu_backward",
    "softplus",
    "softplus_backward",
    "swish",
    "swish_backward",
]

QUICK = 1.702
"""The slope at which a sigmoid is nearest to the normal distribution."""


# -- the error function, and the Gaussian error linear unit ----------------------------------------


@differentiable
def erf(x):
    r"""Return the error function of each element: twice the area under a bell from 0 to x.

    Parameters
    ----------
    x : Tensor or ndarray
        Floating-point, of any shape.

    Returns
    -------
    Tensor or ndarray
        In the shape and dtype of ``x``, within 2 ulp.

    Raises
    ------
    DTypeError
        If ``x`` is not floating-point.

    Notes
    -----
    Forward:

    .. math:: y = \frac{2}{\sqrt\pi} \int_0^x e^{-t^2} dt

    Backward: :math:`\partial x = g \, \frac{2}{\sqrt\pi} e^{-x^2}`.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.erf(od.tensor([-100.0, 0.0, 0.5]))
    tensor([-1.       ,  0.       ,  0.5204999])
    """
    return kernel("erf")(floating("erf", x))


@erf.backward_rule(wrt=("x",))
def erf_backward(grad, x):
    """Return the gradient of :func:`erf`."""
    return kernel("erf_backward")(grad, x)


@erf.backward_formula
def erf_backward_formula(grad, x):
    """Return the same in operators."""
    return grad * (2 / math.sqrt(math.pi) * exp(-x * x))


@differentiable
def gelu(x, approximate=False):
    r"""Weigh each element with the share of the normal distribution that lies below it.

    Parameters
    ----------
    x : Tensor or ndarray
        Floating-point, of any shape.
    approximate : bool
        Take the form with tanh, which GPT-2 was trained with; it differs by up
        to 5e-4.

    Returns
    -------
    Tensor or ndarray
        In the shape and dtype of ``x``.

    Raises
    ------
    DTypeError
        If ``x`` is not floating-point.
    OdysseyError
        If ``approximate`` is not True or False.

    Notes
    -----
    Forward, exactly and approximated; at minus infinity both are 0:

    .. math::

        y &= x \, \Phi(x) = \tfrac12 x \, (1 + \operatorname{erf}(x / \sqrt 2)) \\
        y &\approx \tfrac12 x \, (1 + \tanh u), \qquad
        u = \sqrt{2 / \pi} \, (x + 0.044715 x^3)

    Backward: :math:`\partial x = g \, (\Phi(x) + x e^{-x^2 / 2} / \sqrt{2 \pi})`, or
    with :math:`s = \tfrac12 (1 + \tanh u)`,
    :math:`\partial x = g \, (s + 2 x s (1 - s) u')`. It saves ``x``.

    References
    ----------
    .. [1] D. Hendrycks, K. Gimpel, "Gaussian error linear units", arXiv:1606.08415.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.gelu(od.tensor([-1e4, 0.0, 1.0]))
    tensor([0.       , 0.       , 0.8413448])
    """
    return kernel("gelu")(floating("gelu", x), approximate)


@gelu.backward_rule(wrt=("x",))
def gelu_backward(grad, x, approximate=False):
    """Return the gradient of :func:`gelu`."""
    return kernel("gelu_backward")(grad, x, approximate)


@gelu.backward_formula
def gelu_backward_formula(grad, x, approximate=False):
    """Return the same in operators."""
    if approximate:
        twice = 2 * math.sqrt(2 / math.pi)
        z = twice * x * (1 + 0.044715 * x * x)
        slope = twice * (1 + 3 * 0.044715 * x * x)
        return grad * (sigmoid(z) + x * slope * (sigmoid(z) * sigmoid(-z)))
    density = exp(-0.5 * x * x) / math.sqrt(2 * math.pi)
    return grad * (0.5 * (1 + erf(x * math.sqrt(0.5))) + x * density)


# -- swish and its kin: x times a sigmoid ----------------------------------------------------------


@differentiable
def swish(x, beta=1.0):
    r"""Weigh each element with its own sigmoid; for beta = 1 also called SiLU.

    Parameters
    ----------
    x : Tensor or ndarray
        Floating-point, of any shape.
    beta : float
        From 0 (half of x) to infinity (the rectifier).

    Returns
    -------
    Tensor or ndarray
        In the shape and dtype of ``x``.

    Raises
    ------
    DTypeError
        If ``x`` is not floating-point, or ``beta`` no number.

    Notes
    -----
    Forward, with the sigmoid :math:`\sigma`; at minus infinity it is 0:

    .. math:: y = x \, s, \qquad s = \sigma(\beta x) = \frac{1}{1 + e^{-\beta x}}

    Backward: :math:`\partial x = g \, (s + \beta x \, s (1 - s))`. It saves ``x``.

    References
    ----------
    .. [1] P. Ramachandran, B. Zoph, Q. Le, "Searching for activation functions",
       arXiv:1710.05941.
    .. [2] S. Elfwing, E. Uchibe, K. Doya, "Sigmoid-weighted linear units for
       neural network function approximation in reinforcement learning",
       arXiv:1702.03118.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.swish(od.tensor([-1e4, 0.0, 1.0]))
    tensor([0.       , 0.       , 0.7310586])
    """
    return kernel("swish")(floating("swish", x), beta)


@swish.backward_rule(wrt=("x",))
def swish_backward(grad, x, beta=1.0):
    """Return the gradient of :func:`swish`."""
    return kernel("swish_backward")(grad, x, beta)


@swish.backward_formula
def swish_backward_formula(grad, x, beta=1.0):
    """Return the same in operators."""
    z = beta * x
    return grad * (sigmoid(z) + z * (sigmoid(z) * sigmoid(-z)))


@differentiable
def quick_gelu(x):
    r"""Weigh each element with a sigmoid close to the normal distribution.

    Parameters
    ----------
    x : Tensor or ndarray
        Floating-point, of any shape.

    Returns
    -------
    Tensor or ndarray
        In the shape and dtype of ``x``, within 0.021 of :func:`gelu`.

    Raises
    ------
    DTypeError
        If ``x`` is not floating-point.

    Notes
    -----
    Forward: :math:`y = x \, \sigma(1.702 x)`, :func:`swish` with that beta.

    Backward: :math:`\partial x = g \, (s + 1.702 x \, s (1 - s))` with
    :math:`s = \sigma(1.702 x)`.

    References
    ----------
    .. [1] D. Hendrycks, K. Gimpel, "Gaussian error linear units",
       arXiv:1606.08415, section 2.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.quick_gelu(od.tensor([0.0, 1.0])).numpy().round(4)
    array([0.    , 0.8458], dtype=float32)
    """
    return kernel("swish")(floating("quick_gelu", x), QUICK)


@quick_gelu.backward_rule(wrt=("x",))
def quick_gelu_backward(grad, x):
    """Return the gradient of :func:`quick_gelu`."""
    return kernel("swish_backward")(grad, x, QUICK)


@quick_gelu.backward_formula
def quick_gelu_backward_formula(grad, x):
    """Return the same in operators."""
    return swish_backward_formula(grad, x, QUICK)


# -- softplus and its kin: logarithms of a sigmoid -------------------------------------------------


@differentiable
def softplus(x, beta=1.0):
    r"""Rectify each element smoothly.

    Parameters
    ----------
    x : Tensor or ndarray
        Floating-point, of any shape.
    beta : float
        How sharp the bend at 0 is; any number but 0.

    Returns
    -------
    Tensor or ndarray
        In the shape and dtype of ``x``, within 4 ulp for all x: there is no
        threshold from which on it would be linear.

    Raises
    ------
    DTypeError
        If ``x`` is not floating-point, or ``beta`` no number.
    OdysseyError
        If ``beta`` is 0.

    Notes
    -----
    Forward; the second form cannot overflow:

    .. math:: y = \frac{1}{\beta} \ln(1 + e^{\beta x})
              = \frac{1}{\beta} \big(\max(\beta x, 0) + \ln(1 + e^{-|\beta x|})\big)

    Backward: :math:`\partial x = g \, \sigma(\beta x)`. It saves ``x``.

    References
    ----------
    .. [1] C. Dugas, Y. Bengio, F. Bélisle, C. Nadeau, R. Garcia, "Incorporating
       second-order functional knowledge for better option pricing", NIPS 2000.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.softplus(od.tensor([-1e4, 0.0, 100.0]))
    tensor([  0.       ,   0.6931472, 100.       ])
    """
    return kernel("softplus")(floating("softplus", x), beta)


@softplus.backward_rule(wrt=("x",))
def softplus_backward(grad, x, beta=1.0):
    """Return the gradient of :func:`softplus`."""
    return kernel("softplus_backward")(grad, x, beta)


@softplus.backward_formula
def softplus_backward_formula(grad, x, beta=1.0):
    """Return the same in operators."""
    return grad * sigmoid(beta * x)


@differentiable
def log_sigmoid(x):
    r"""Return the logarithm of the sigmoid, computed without ever taking ln 0.

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
    Forward: :math:`y = \ln \sigma(x) = -\ln(1 + e^{-x})`, which is :func:`softplus`
    with beta = -1.

    Backward: :math:`\partial x = g \, \sigma(-x)`.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.log_sigmoid(od.tensor([-100.0, 0.0]))
    tensor([-100.       ,   -0.6931472])
    """
    return kernel("softplus")(floating("log_sigmoid", x), -1.0)


@log_sigmoid.backward_rule(wrt=("x",))
def log_sigmoid_backward(grad, x):
    """Return the gradient of :func:`log_sigmoid`."""
    return kernel("softplus_backward")(grad, x, -1.0)


@log_sigmoid.backward_formula
def log_sigmoid_backward_formula(grad, x):
    """Return the same in operators."""
    return grad * sigmoid(-x)


@differentiable
def mish(x):
    r"""Weigh each element with the tanh of its softplus.

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
    Forward; at minus infinity it is 0:

    .. math:: y = x \, t, \qquad t = \tanh(\ln(1 + e^x))

    Backward: :math:`\partial x = g \, (t + x (1 - t^2) \, \sigma(x))`. It saves ``x``.

    References
    ----------
    .. [1] D. Misra, "Mish: a self regularized non-monotonic activation
       function", arXiv:1908.08681.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.mish(od.tensor([-1e4, 0.0, 1.0]))
    tensor([0.       , 0.       , 0.8650984])
    """
    return kernel("mish")(floating("mish", x))


@mish.backward_rule(wrt=("x",))
def mish_backward(grad, x):
    """Return the gradient of :func:`mish`."""
    return kernel("mish_backward")(grad, x)


@mish.backward_formula
def mish_backward_formula(grad, x):
    """Return the same in operators."""
    t = tanh(softplus(x))
    return grad * (t + x * (1 - t) * (1 + t) * sigmoid(x))
