"""The error function, and the smooth activations made of it, of exp and of tanh.

Each is computed in float32 at least, one element at a time. At an infinity the
results are the limits: where a factor is 0, the product is.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from odyssey.utils.kernel_checks import check_arrays, check_same_shape
from odyssey.utils.kernel_checks_transcendental import check_factor, check_number, check_truth

__all__ = [
    "elu",
    "elu_backward",
    "erf",
    "erf_backward",
    "gelu",
    "gelu_backward",
    "mish",
    "mish_backward",
    "softplus",
    "softplus_backward",
    "swish",
    "swish_backward",
]


@np.errstate(all="ignore")
def _each(function: Callable[..., Any], *arrays: np.ndarray) -> np.ndarray:
    """Return the function of each element, computed in float32 at least."""
    wide = np.result_type(arrays[0], np.float32).type
    out = np.empty(arrays[0].shape, arrays[0].dtype)
    for i in np.ndindex(out.shape):
        out[i] = function(*[wide(array[i]) for array in arrays])
    return out


def _pair(op: str, grad: np.ndarray, x: np.ndarray) -> None:
    check_arrays(op, grad=grad, x=x)
    check_same_shape(op, grad=grad, x=x)


def _times(x: Any, factor: Any) -> Any:
    """Return x times a factor that falls to 0 faster than x grows: 0 where the factor is."""
    return x * factor if factor else factor


def _logistic(x: Any) -> Any:
    e = np.exp(-abs(x))
    return (e if x < 0 else 1) / (1 + e)


def _logistic_slope(x: Any) -> Any:
    """Return s (1 - s), with s the sigmoid: not as a difference, which cancels for large x."""
    e = np.exp(-abs(x))
    return e / (1 + e) / (1 + e)


# -- the error function, and the Gaussian error linear unit ----------------------------------------


def erf(x: np.ndarray) -> np.ndarray:
    r"""Error function of each element.

    Parameters
    ----------
    x : ndarray, any shape
        float16, float32 or float64.

    Returns
    -------
    out : ndarray, shape and dtype of ``x``

    Notes
    -----
    .. math:: y = \frac{2}{\sqrt\pi} \int_0^x e^{-t^2} dt

    Examples
    --------
    >>> erf(np.array([-np.inf, 0.0, 0.5])).round(4)
    array([-1.    ,  0.    ,  0.5205])
    """
    check_arrays("erf", x=x)
    return _each(math.erf, x)


def erf_backward(grad: np.ndarray, x: np.ndarray) -> np.ndarray:
    r"""Gradient of :func:`erf`: :math:`\bar x = \bar y \, \frac{2}{\sqrt\pi} e^{-x^2}`.

    Examples
    --------
    >>> erf_backward(np.ones(2), np.array([0.0, 40.0])).round(4)
    array([1.1284, 0.    ])
    """
    _pair("erf_backward", grad, x)
    return _each(lambda g, x: g * (2 / math.sqrt(math.pi) * np.exp(-x * x)), grad, x)


def _gaussian_share(x: Any) -> Any:
    """Return how much of the normal distribution lies below x, small shares with all digits."""
    return type(x)(0.5 * math.erfc(-float(x) * math.sqrt(0.5)))


def _twice_inner(x: Any) -> Any:
    """Return twice the argument of tanh in gelu's approximation."""
    return 2 * math.sqrt(2 / math.pi) * x * (1 + 0.044715 * x * x)


def gelu(x: np.ndarray, approximate: bool = False) -> np.ndarray:
    r"""Gaussian error linear unit of each element.

    Parameters
    ----------
    x : ndarray, any shape
        float16, float32 or float64.
    approximate : bool
        The form with tanh.

    Returns
    -------
    out : ndarray, shape and dtype of ``x``

    Notes
    -----
    x times the share of the normal distribution below it, exactly or nearly [1]_:

    .. math::

        y &= x \, \Phi(x) = \tfrac12 x \operatorname{erfc}(-x / \sqrt 2) \\
        y &\approx \tfrac12 x (1 + \tanh u) = x \, \sigma(2 u), \qquad
        u = \sqrt{2 / \pi} \, (x + 0.044715 x^3)

    The second forms do not subtract nearly equal numbers where x is negative.

    References
    ----------
    .. [1] D. Hendrycks, K. Gimpel, "Gaussian error linear units", arXiv:1606.08415.

    Examples
    --------
    >>> gelu(np.array([-np.inf, 0.0, 1.0])).round(4)
    array([0.    , 0.    , 0.8413])
    >>> gelu(np.array([1.0]), approximate=True).round(4)
    array([0.8412])
    """
    check_arrays("gelu", x=x)
    if check_truth("gelu", "approximate", approximate):
        return _each(lambda x: _times(x, _logistic(_twice_inner(x))), x)
    return _each(lambda x: _times(x, _gaussian_share(x)), x)


def gelu_backward(grad: np.ndarray, x: np.ndarray, approximate: bool = False) -> np.ndarray:
    r"""Gradient of :func:`gelu`.

    Notes
    -----
    .. math::

        \bar x &= \bar y \, (\Phi(x) + x \, \varphi(x)), \qquad
        \varphi(x) = e^{-x^2 / 2} / \sqrt{2 \pi} \\
        \bar x &\approx \bar y \, (s + x s (1 - s) \, 2 u'), \qquad s = \sigma(2 u), \quad
        u' = \sqrt{2 / \pi} \, (1 + 3 \cdot 0.044715 x^2)

    Examples
    --------
    >>> gelu_backward(np.ones(3), np.array([-np.inf, 0.0, np.inf]))
    array([0. , 0.5, 1. ])
    """
    _pair("gelu_backward", grad, x)

    def exact(g: Any, x: Any) -> Any:
        density = np.exp(-x * x / 2) / math.sqrt(2 * math.pi)
        return g * (_gaussian_share(x) + _times(x, density))

    def nearly(g: Any, x: Any) -> Any:
        z = _twice_inner(x)
        slope = 2 * math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * x * x)
        return g * (_logistic(z) + _times(x * slope, _logistic_slope(z)))

    return _each(nearly if check_truth("gelu_backward", "approximate", approximate) else exact,
                 grad, x)  # fmt: skip


# -- swish, softplus and mish ----------------------------------------------------------------------


def swish(x: np.ndarray, beta: float = 1.0) -> np.ndarray:
    r"""Swish of each element: :math:`y = x \, \sigma(\beta x)`, SiLU for beta 1.

    Parameters
    ----------
    x : ndarray, any shape
        float16, float32 or float64.
    beta : float
        How sharp the bend at 0 is.

    Returns
    -------
    out : ndarray, shape and dtype of ``x``

    Examples
    --------
    >>> swish(np.array([-np.inf, 0.0, 1.0])).round(4)
    array([0.    , 0.    , 0.7311])
    """
    check_arrays("swish", x=x)
    beta = check_number("swish", "beta", beta)
    return _each(lambda x: _times(x, _logistic(beta * x)), x)


def swish_backward(grad: np.ndarray, x: np.ndarray, beta: float = 1.0) -> np.ndarray:
    r"""Gradient of :func:`swish`.

    Notes
    -----
    .. math:: \bar x = \bar y \, (s + \beta x \, s (1 - s)), \qquad s = \sigma(\beta x)

    Examples
    --------
    >>> swish_backward(np.ones(3), np.array([-np.inf, 0.0, np.inf]))
    array([0. , 0.5, 1. ])
    """
    _pair("swish_backward", grad, x)
    beta = check_number("swish_backward", "beta", beta)

    def one(g: Any, x: Any) -> Any:
        z = beta * x
        return g * (_logistic(z) + _times(z, _logistic_slope(z)))

    return _each(one, grad, x)


def softplus(x: np.ndarray, beta: float = 1.0) -> np.ndarray:
    r"""Smooth rectifier of each element.

    Parameters
    ----------
    x : ndarray, any shape
        float16, float32 or float64.
    beta : float
        How sharp the bend at 0 is; not 0.

    Returns
    -------
    out : ndarray, shape and dtype of ``x``

    Notes
    -----
    The second form cannot overflow:

    .. math:: y = \frac{1}{\beta} \ln(1 + e^{\beta x})
              = \frac{1}{\beta} \big(\max(\beta x, 0) + \ln(1 + e^{-|\beta x|})\big)

    With beta = -1 it is :math:`-\ln(1 + e^{-x})`, the logarithm of the sigmoid.

    Examples
    --------
    >>> softplus(np.array([-800.0, 0.0, 8.0])).round(4)
    array([0.    , 0.6931, 8.0003])
    """
    check_arrays("softplus", x=x)
    beta = check_factor("softplus", "beta", beta)
    return _each(lambda x: (np.maximum(beta * x, 0) + np.log1p(np.exp(-abs(beta * x)))) / beta, x)


def softplus_backward(grad: np.ndarray, x: np.ndarray, beta: float = 1.0) -> np.ndarray:
    r"""Gradient of :func:`softplus`: :math:`\bar x = \bar y \, \sigma(\beta x)`.

    Examples
    --------
    >>> softplus_backward(np.ones(3), np.array([-800.0, 0.0, 800.0]))
    array([0. , 0.5, 1. ])
    """
    _pair("softplus_backward", grad, x)
    beta = check_factor("softplus_backward", "beta", beta)
    return _each(lambda g, x: g * _logistic(beta * x), grad, x)


def _mish_parts(x: Any) -> tuple[Any, Any, Any]:
    """Return e = exp(-|x|), and n and d with tanh(ln(1 + exp(x))) = n / d."""
    e = np.exp(-abs(x))
    n = e * (e + 2) if x < 0 else 1 + 2 * e
    return e, n, n + 2 * (1 if x < 0 else e * e)


def mish(x: np.ndarray) -> np.ndarray:
    r"""Mish of each element: x times the tanh of its softplus.

    Parameters
    ----------
    x : ndarray, any shape
        float16, float32 or float64.

    Returns
    -------
    out : ndarray, shape and dtype of ``x``

    Notes
    -----
    No logarithm is needed, and with :math:`e = e^{-|x|}` nothing overflows:

    .. math:: y = x \tanh(\ln(1 + e^x)) = x \, \frac{(1 + e^x)^2 - 1}{(1 + e^x)^2 + 1}
              = x \cdot \begin{cases}
                (1 + 2 e) / (1 + 2 e + 2 e^2) & x \ge 0 \\
                (2 e + e^2) / (2 + 2 e + e^2) & x < 0 \end{cases}

    References
    ----------
    .. [1] D. Misra, "Mish: a self regularized non-monotonic activation
       function", arXiv:1908.08681.

    Examples
    --------
    >>> mish(np.array([-np.inf, 0.0, 1.0])).round(4)
    array([0.    , 0.    , 0.8651])
    """
    check_arrays("mish", x=x)

    def one(x: Any) -> Any:
        _, n, d = _mish_parts(x)
        return _times(x, n / d)

    return _each(one, x)


def mish_backward(grad: np.ndarray, x: np.ndarray) -> np.ndarray:
    r"""Gradient of :func:`mish`.

    Notes
    -----
    With :math:`t = \tanh(\ln(1 + e^x)) = n / d` as there,

    .. math:: \bar x = \bar y \, (t + x (1 - t^2) \sigma(x)), \qquad
              (1 - t^2) \sigma(x) = \frac{4 e (1 + e)}{d^2} \cdot
              \begin{cases} e & x \ge 0 \\ 1 & x < 0 \end{cases}

    Examples
    --------
    >>> mish_backward(np.ones(3), np.array([-np.inf, 0.0, np.inf]))
    array([0. , 0.6, 1. ])
    """
    _pair("mish_backward", grad, x)

    def one(g: Any, x: Any) -> Any:
        e, n, d = _mish_parts(x)
        return g * (n / d + _times(x, 4 * e * (1 + e) / (d * d) * (1 if x < 0 else e)))

    return _each(one, grad, x)


# -- the exponential linear unit -------------------------------------------------------------------


def elu(x: np.ndarray, alpha: float = 1.0) -> np.ndarray:
    r"""Exponential linear unit of each element.

    Parameters
    ----------
    x : ndarray, any shape
        float16, float32 or float64.
    alpha : float
        The value at minus infinity is -alpha.

    Returns
    -------
    out : ndarray, shape and dtype of ``x``

    Notes
    -----
    .. math:: y = \begin{cases} x & x > 0 \\ \alpha (e^x - 1) & x \le 0 \end{cases}

    The difference is computed as such (``expm1``): no digits are lost near 0.

    Examples
    --------
    >>> elu(np.array([-np.inf, -1.0, 2.0])).round(4)
    array([-1.    , -0.6321,  2.    ])
    """
    check_arrays("elu", x=x)
    alpha = check_number("elu", "alpha", alpha)
    return _each(lambda x: x if x > 0 else alpha * np.expm1(x), x)


def elu_backward(grad: np.ndarray, x: np.ndarray, alpha: float = 1.0) -> np.ndarray:
    r"""Gradient of :func:`elu`: 1 above 0, else :math:`\alpha e^x`, times :math:`\bar y`.

    Examples
    --------
    >>> elu_backward(np.ones(3), np.array([-np.inf, 0.0, 2.0]))
    array([0., 1., 1.])
    """
    _pair("elu_backward", grad, x)
    alpha = check_number("elu_backward", "alpha", alpha)
    return _each(lambda g, x: g if x > 0 else g * (alpha * np.exp(x)), grad, x)
