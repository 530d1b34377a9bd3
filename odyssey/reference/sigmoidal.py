"""Sigmoid and tanh with their gradients, one element at a time."""

from __future__ import annotations

import numpy as np

from odyssey.utils.kernel_checks import check_arrays, check_same_shape

__all__ = ["sigmoid", "sigmoid_backward", "tanh", "tanh_backward"]


@np.errstate(all="ignore")
def sigmoid(x: np.ndarray) -> np.ndarray:
    r"""Squash each element into (0, 1).

    Parameters
    ----------
    x : ndarray, any shape
        float16, float32 or float64.

    Returns
    -------
    out : ndarray, shape and dtype of ``x``

    Raises
    ------
    DTypeError
        If ``x`` is not an array of a floating dtype.

    Notes
    -----
    .. math:: y = \frac{1}{1 + e^{-x}} = \frac{e^x}{1 + e^x}

    The first form is used for x >= 0 and the second below, so that the
    exponential is never large: nothing overflows, and a tiny result keeps its
    digits. Computed in float32 at least.

    Examples
    --------
    >>> import numpy as np
    >>> sigmoid(np.array([-np.inf, -800.0, 0.0, 40.0]))
    array([0. , 0. , 0.5, 1. ])
    """
    check_arrays("sigmoid", x=x)
    wide = np.result_type(x, np.float32).type
    out = np.empty(x.shape, dtype=x.dtype)
    for i in np.ndindex(x.shape):
        e = np.exp(-abs(wide(x[i])))
        out[i] = (e if x[i] < 0 else wide(1)) / (1 + e)
    return out


@np.errstate(all="ignore")
def sigmoid_backward(grad: np.ndarray, out: np.ndarray) -> np.ndarray:
    r"""Gradient of sigmoid with respect to its input.

    Parameters
    ----------
    grad : ndarray, any shape
        Gradient of the loss with respect to ``out``.
    out : ndarray, shape and dtype of ``grad``
        What :func:`sigmoid` returned.

    Returns
    -------
    grad_x : ndarray, shape and dtype of ``grad``

    Raises
    ------
    DTypeError
        If the arguments are not arrays of one floating dtype.
    ShapeError
        If their shapes differ.

    Notes
    -----
    .. math:: \bar x = \bar y \, y (1 - y)

    The output alone is needed, and the slope is at most 1/4.

    Examples
    --------
    >>> import numpy as np
    >>> sigmoid_backward(np.array([1.0, 1.0]), out=np.array([0.5, 1.0]))
    array([0.25, 0.  ])
    """
    check_arrays("sigmoid_backward", objects=True, grad=grad, out=out)
    check_same_shape("sigmoid_backward", grad=grad, out=out)
    wide = np.result_type(grad, np.float32)
    g, y = grad.astype(wide), out.astype(wide)
    grad_x = np.empty(grad.shape, dtype=grad.dtype)
    for i in np.ndindex(grad.shape):
        grad_x[i] = g[i] * (y[i] * (1 - y[i]))
    return grad_x


@np.errstate(all="ignore")
def tanh(x: np.ndarray) -> np.ndarray:
    r"""Squash each element into (-1, 1).

    Parameters
    ----------
    x : ndarray, any shape
        float16, float32 or float64.

    Returns
    -------
    out : ndarray, shape and dtype of ``x``

    Raises
    ------
    DTypeError
        If ``x`` is not an array of a floating dtype.

    Notes
    -----
    .. math:: y = \frac{e^x - e^{-x}}{e^x + e^{-x}}
              = \mathrm{sign}(x) \, \frac{-t}{2 + t}, \qquad t = e^{-2|x|} - 1

    The second form neither overflows nor, near 0, subtracts equal numbers,
    given a function that computes t = exp(u) - 1 as such (``expm1``). Computed
    in float32 at least.

    Examples
    --------
    >>> import numpy as np
    >>> tanh(np.array([-np.inf, -0.0, 1e-9, 800.0]))
    array([-1.e+00, -0.e+00,  1.e-09,  1.e+00])
    """
    check_arrays("tanh", x=x)
    wide = np.result_type(x, np.float32).type
    out = np.empty(x.shape, dtype=x.dtype)
    for i in np.ndindex(x.shape):
        t = np.expm1(-2 * abs(wide(x[i])))
        out[i] = np.copysign(-t / (2 + t), x[i])
    return out


@np.errstate(all="ignore")
def tanh_backward(grad: np.ndarray, out: np.ndarray) -> np.ndarray:
    r"""Gradient of tanh with respect to its input.

    Parameters
    ----------
    grad : ndarray, any shape
        Gradient of the loss with respect to ``out``.
    out : ndarray, shape and dtype of ``grad``
        What :func:`tanh` returned.

    Returns
    -------
    grad_x : ndarray, shape and dtype of ``grad``

    Raises
    ------
    DTypeError
        If the arguments are not arrays of one floating dtype.
    ShapeError
        If their shapes differ.

    Notes
    -----
    .. math:: \bar x = \bar y \, (1 - y)(1 + y)

    which is :math:`\bar y (1 - y^2)` with fewer roundings where y is near 1.

    Examples
    --------
    >>> import numpy as np
    >>> tanh_backward(np.array([1.0, 1.0, 1.0]), out=np.array([0.0, 0.5, -1.0]))
    array([1.  , 0.75, 0.  ])
    """
    check_arrays("tanh_backward", objects=True, grad=grad, out=out)
    check_same_shape("tanh_backward", grad=grad, out=out)
    wide = np.result_type(grad, np.float32)
    g, y = grad.astype(wide), out.astype(wide)
    grad_x = np.empty(grad.shape, dtype=grad.dtype)
    for i in np.ndindex(grad.shape):
        grad_x[i] = g[i] * ((1 - y[i]) * (1 + y[i]))
    return grad_x
