"""Activations that are polynomials between their kinks: cheap, and exact in any dtype."""

from __future__ import annotations

import numpy as np

from odyssey.core._activations import floating
from odyssey.core._broadcast import unbroadcast
from odyssey.core._checks import as_array, check_one_dtype
from odyssey.core.arithmetic import divide
from odyssey.core.elementwise import where
from odyssey.errors import OdysseyError, ShapeError
from odyssey.tape import differentiable
from odyssey.utils.kernel_checks_transcendental import check_number

__all__ = [
    "hard_sigmoid",
    "hard_sigmoid_backward",
    "hard_swish",
    "hard_swish_backward",
    "hard_tanh",
    "hard_tanh_backward",
    "leaky_relu",
    "leaky_relu_backward",
    "prelu",
    "prelu_backward",
    "relu6",
    "relu6_backward",
    "relu_squared",
    "relu_squared_backward",
    "threshold",
    "threshold_backward",
]

# The rules below take where each piece lies from np.asarray(x): that is constant between the kinks.


def _between(x, least, most):
    """Return which elements lie strictly between two bounds (or are NaN)."""
    x = np.asarray(x)
    return ~((x <= least) | (x >= most))


# -- bounded ---------------------------------------------------------------------------------------


@differentiable
def relu6(x):
    r"""Rectify each element, and stop at 6: :math:`y = \min(\max(x, 0), 6)`.

    Parameters
    ----------
    x : Tensor or ndarray
        Floating-point, of any shape.

    Returns
    -------
    Tensor or ndarray
        In the shape and dtype of ``x``; NaN stays NaN.

    Raises
    ------
    DTypeError
        If ``x`` is not floating-point.

    Notes
    -----
    Backward: :math:`\partial x = g` strictly between 0 and 6, else 0. It saves ``x``.

    References
    ----------
    .. [1] A. Krizhevsky, "Convolutional deep belief networks on CIFAR-10", 2010.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.relu6(od.tensor([-1.0, 2.0, 9.0]))
    tensor([0., 2., 6.])
    """
    return np.clip(floating("relu6", x), 0, 6)


@relu6.backward_rule(wrt=("x",))
def relu6_backward(grad, x):
    """Return the gradient of :func:`relu6`."""
    return where(_between(x, 0, 6), grad, 0)


@differentiable
def hard_tanh(x, min=-1.0, max=1.0):
    r"""Cut each element off at two bounds: :math:`y = \min(\max(x, a), b)`.

    Parameters
    ----------
    x : Tensor or ndarray
        Floating-point, of any shape.
    min, max : float
        The bounds a and b; a < b.

    Returns
    -------
    Tensor or ndarray
        In the shape and dtype of ``x``; NaN stays NaN.

    Raises
    ------
    DTypeError
        If ``x`` is not floating-point, or a bound no number.
    OdysseyError
        If ``min`` is not less than ``max``.

    Notes
    -----
    Backward: :math:`\partial x = g` strictly between the bounds, else 0. It saves ``x``.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.hard_tanh(od.tensor([-3.0, 0.5, 3.0]))
    tensor([-1. ,  0.5,  1. ])
    """
    x = floating("hard_tanh", x)
    least, most = check_number("hard_tanh", "min", min), check_number("hard_tanh", "max", max)
    if least >= most:
        raise OdysseyError(f"hard_tanh: min must be less than max, got {min} and {max}")
    with np.errstate(all="ignore"):
        return np.clip(x, least, most)


@hard_tanh.backward_rule(wrt=("x",))
def hard_tanh_backward(grad, x, min=-1.0, max=1.0):
    """Return the gradient of :func:`hard_tanh`."""
    return where(_between(x, min, max), grad, 0)


@differentiable
def hard_sigmoid(x):
    r"""Approximate the sigmoid by a line: :math:`y = \min(\max(x + 3, 0), 6) / 6`.

    Parameters
    ----------
    x : Tensor or ndarray
        Floating-point, of any shape.

    Returns
    -------
    Tensor or ndarray
        In the shape and dtype of ``x``, in [0, 1].

    Raises
    ------
    DTypeError
        If ``x`` is not floating-point.

    Notes
    -----
    Backward: :math:`\partial x = g / 6` strictly between -3 and 3, else 0. It saves
    ``x``.

    References
    ----------
    .. [1] A. Howard et al., "Searching for MobileNetV3", arXiv:1905.02244.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.hard_sigmoid(od.tensor([-4.0, 0.0, 1.5]))
    tensor([0.  , 0.5 , 0.75])
    """
    return np.clip(floating("hard_sigmoid", x) + 3, 0, 6) / 6


@hard_sigmoid.backward_rule(wrt=("x",))
def hard_sigmoid_backward(grad, x):
    """Return the gradient of :func:`hard_sigmoid`."""
    return where(_between(x, -3, 3), divide(grad, 6), 0)


@differentiable
def hard_swish(x):
    r"""Weigh each element with its :func:`hard_sigmoid`.

    Parameters
    ----------
    x : Tensor or ndarray
        Floating-point, of any shape.

    Returns
    -------
    Tensor or ndarray
        In the shape and dtype of ``x``; 0 up to -3, x from 3 on.

    Raises
    ------
    DTypeError
        If ``x`` is not floating-point.

    Notes
    -----
    Forward: :math:`y = x \min(\max(x + 3, 0), 6) / 6`.

    Backward: :math:`\partial x = g \, (2 x + 3) / 6` strictly between -3 and 3,
    0 up to -3, g from 3 on. It saves ``x``.

    References
    ----------
    .. [1] A. Howard et al., "Searching for MobileNetV3", arXiv:1905.02244.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.hard_swish(od.tensor([-4.0, 1.0, 4.0]))
    tensor([0.       , 0.6666667, 4.       ])
    """
    x = floating("hard_swish", x)
    with np.errstate(all="ignore"):
        return np.where(x <= -3, 0, x * (np.clip(x + 3, 0, 6) / 6))


@hard_swish.backward_rule(wrt=("x",))
def hard_swish_backward(grad, x):
    """Return the gradient of :func:`hard_swish`."""
    inside = where(_between(x, -3, 3), grad * divide(2 * x + 3, 6), 0)
    return where(np.asarray(x) >= 3, grad, inside)


# -- rectifiers ------------------------------------------------------------------------------------


@differentiable
def leaky_relu(x, slope=0.01):
    r"""Scale the negative elements down, so that their gradient does not die.

    Parameters
    ----------
    x : Tensor or ndarray
        Floating-point, of any shape.
    slope : float
        What negative elements are multiplied by.

    Returns
    -------
    Tensor or ndarray
        In the shape and dtype of ``x``.

    Raises
    ------
    DTypeError
        If ``x`` is not floating-point, or ``slope`` no number.

    Notes
    -----
    Forward: :math:`y = x` above 0, else :math:`a x` with the slope a.

    Backward: :math:`\partial x = g` above 0, else :math:`a g`; so the derivative at
    0 is a. It saves ``x``.

    References
    ----------
    .. [1] A. Maas, A. Hannun, A. Ng, "Rectifier nonlinearities improve neural
       network acoustic models", ICML 2013.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.leaky_relu(od.tensor([-2.0, 3.0]), 0.25)
    tensor([-0.5,  3. ])
    """
    x, slope = floating("leaky_relu", x), check_number("leaky_relu", "slope", slope)
    with np.errstate(all="ignore"):
        return np.where(x > 0, x, slope * x)


@leaky_relu.backward_rule(wrt=("x",))
def leaky_relu_backward(grad, x, slope=0.01):
    """Return the gradient of :func:`leaky_relu`."""
    return where(np.asarray(x) > 0, grad, float(slope) * grad)


def _slopes(x, weight):
    """Return the shape in which one slope, or one for each channel (axis 1), broadcasts to x."""
    if weight.size == 1:
        return (1,) * x.ndim
    if weight.ndim != 1 or x.ndim < 2 or weight.shape[0] != x.shape[1]:
        raise ShapeError(
            "prelu: weight must hold one slope, or one for each channel (axis 1) of x "
            f"(x: {x.shape}, weight: {weight.shape})"
        )
    return (-1,) + (1,) * (x.ndim - 2)


@differentiable
def prelu(x, weight):
    r"""Scale the negative elements by slopes that are learned.

    Shapes: N examples, C channels, D any further axes.

    Parameters
    ----------
    x : Tensor or ndarray, shape (N, C, D...), or any with one slope
        Floating-point.
    weight : Tensor or ndarray, shape (C,), or of one element
        The slope of each channel.

    Returns
    -------
    Tensor or ndarray
        In the shape and dtype of ``x``.

    Raises
    ------
    DTypeError
        If the arguments are not of one floating dtype.
    ShapeError
        If ``weight`` has neither one element nor one for each channel.

    Notes
    -----
    Forward: :math:`y = x` above 0, else :math:`w_c x`.

    Backward: :math:`\partial x = g` above 0, else :math:`w_c g`;
    :math:`\partial w_c = \sum g x` over the elements of channel c that are not
    above 0.

    References
    ----------
    .. [1] K. He, X. Zhang, S. Ren, J. Sun, "Delving deep into rectifiers",
       arXiv:1502.01852.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.prelu(od.tensor([[-2.0, -2.0]]), od.tensor([0.5, 0.25]))
    tensor([[-1. , -0.5]])
    """
    x, weight = as_array(x), as_array(weight)
    check_one_dtype("prelu", x=x, weight=weight)
    slopes = weight.reshape(_slopes(x, weight))
    with np.errstate(all="ignore"):
        return np.where(x > 0, x, slopes * x)


@prelu.backward_rule(wrt=("x", "weight"))
def prelu_backward(grad, x, weight, needs=(True, True)):
    """Return the gradients of :func:`prelu` for ``x`` and ``weight``."""
    positive = np.asarray(x) > 0
    slopes = weight.reshape(_slopes(np.asarray(x), np.asarray(weight)))
    grad_x = where(positive, grad, slopes * grad) if needs[0] else None
    if not needs[1]:
        return grad_x, None
    return grad_x, unbroadcast(where(positive, 0, grad * x), slopes.shape).reshape(weight.shape)


@differentiable
def relu_squared(x):
    r"""Square the positive elements, and drop the others: :math:`y = \max(x, 0)^2`.

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
    Backward: :math:`\partial x = 2 g \max(x, 0)`, without a kink. It saves ``x``.

    References
    ----------
    .. [1] D. So et al., "Primer: searching for efficient transformers for
       language modeling", arXiv:2109.08668.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.relu_squared(od.tensor([-2.0, 3.0]))
    tensor([0., 9.])
    """
    with np.errstate(over="ignore"):
        return np.square(np.maximum(floating("relu_squared", x), 0))


@relu_squared.backward_rule(wrt=("x",))
def relu_squared_backward(grad, x):
    """Return the gradient of :func:`relu_squared`."""
    return 2 * grad * where(np.asarray(x) <= 0, 0, x)


@differentiable
def threshold(x, threshold, value):
    r"""Replace what is not above a threshold: :math:`y = x` if :math:`x > t`, else v.

    Parameters
    ----------
    x : Tensor or ndarray
        Floating-point, of any shape.
    threshold, value : float
        t and v.

    Returns
    -------
    Tensor or ndarray
        In the shape and dtype of ``x``; NaN stays NaN.

    Raises
    ------
    DTypeError
        If ``x`` is not floating-point, or a setting no number.

    Notes
    -----
    Backward: :math:`\partial x = g` above the threshold, else 0. It saves ``x``.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.threshold(od.tensor([0.5, 2.0]), 1.0, -7.0)
    tensor([-7.,  2.])
    """
    x, limit = floating("threshold", x), check_number("threshold", "threshold", threshold)
    value = check_number("threshold", "value", value)
    with np.errstate(all="ignore"):
        return np.where(x <= limit, value, x)


@threshold.backward_rule(wrt=("x",))
def threshold_backward(grad, x, threshold):
    """Return the gradient of :func:`threshold`."""
    return where(np.asarray(x) <= threshold, 0, grad)
