"""Activations: the rectifier, sigmoid, tanh, softmax and log-softmax."""

from __future__ import annotations

from odyssey.backend import kernel
from odyssey.core._checks import as_array, check_float, normalize_axis
from odyssey.core.elementwise import exp
from odyssey.tape import differentiable

__all__ = [
    "log_softmax",
    "log_softmax_backward",
    "relu",
    "relu_backward",
    "sigmoid",
    "sigmoid_backward",
    "softmax",
    "softmax_backward",
    "tanh",
    "tanh_backward",
]


@differentiable
def relu(x):
    r"""Rectify each element: :math:`y = \max(x, 0)`.

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
    Backward: :math:`\partial x = g` where :math:`y > 0`, else 0; so the
    derivative at 0 is 0. It needs the output only, which the next layer keeps
    anyway.

    References
    ----------
    .. [1] V. Nair, G. Hinton, "Rectified linear units improve restricted
       Boltzmann machines", ICML 2010.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.relu(od.tensor([-1.0, 0.0, 2.0]))
    tensor([0., 0., 2.])
    """
    x = as_array(x)
    check_float("relu", x=x)
    return kernel("relu")(x)


@relu.backward_rule(wrt=("x",))
def relu_backward(grad, out):
    """Return the gradient of :func:`relu`."""
    return kernel("relu_backward")(grad, out)


@relu.backward_formula
def relu_backward_formula(grad, out):
    """Return the same in operators; the step is constant wherever it has a derivative."""
    return grad * (out > 0)


@differentiable
def sigmoid(x):
    r"""Squash each element into (0, 1).

    Parameters
    ----------
    x : Tensor or ndarray
        Floating-point, of any shape.

    Returns
    -------
    Tensor or ndarray
        In the shape and dtype of ``x``, within 4 ulp.

    Raises
    ------
    DTypeError
        If ``x`` is not floating-point.

    Notes
    -----
    Forward; the second form is used below 0, where it cannot overflow:

    .. math:: y = \frac{1}{1 + e^{-x}} = \frac{e^x}{1 + e^x}

    Backward: :math:`\partial x = g\, y (1 - y)`. It needs the output only.

    References
    ----------
    .. [1] D. Rumelhart, G. Hinton, R. Williams, "Learning representations by
       back-propagating errors", Nature 323, 1986.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.sigmoid(od.tensor([-1000.0, 0.0, 1000.0]))
    tensor([0. , 0.5, 1. ])
    """
    x = as_array(x)
    check_float("sigmoid", x=x)
    return kernel("sigmoid")(x)


@sigmoid.backward_rule(wrt=("x",))
def sigmoid_backward(grad, out):
    """Return the gradient of :func:`sigmoid`."""
    return kernel("sigmoid_backward")(grad, out)


@sigmoid.backward_formula
def sigmoid_backward_formula(grad, out):
    """Return the same in operators."""
    return grad * (out * (1 - out))


@differentiable
def tanh(x):
    r"""Squash each element into (-1, 1) by the hyperbolic tangent.

    Parameters
    ----------
    x : Tensor or ndarray
        Floating-point, of any shape.

    Returns
    -------
    Tensor or ndarray
        In the shape and dtype of ``x``, within 4 ulp, close to 0 as well.

    Raises
    ------
    DTypeError
        If ``x`` is not floating-point.

    Notes
    -----
    Forward; the second form does not subtract equal numbers where x is small:

    .. math:: y = \frac{e^x - e^{-x}}{e^x + e^{-x}}
              = \mathrm{sign}(x)\, \frac{-t}{2 + t}, \qquad t = e^{-2|x|} - 1

    Backward: :math:`\partial x = g\, (1 - y)(1 + y)`. It needs the output only.

    References
    ----------
    .. [1] Y. LeCun, L. Bottou, G. Orr, K.-R. Müller, "Efficient BackProp", 1998,
       section 4.4.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.tanh(od.tensor([-1000.0, 0.0, 1e-6]))
    tensor([-1.e+00,  0.e+00,  1.e-06])
    """
    x = as_array(x)
    check_float("tanh", x=x)
    return kernel("tanh")(x)


@tanh.backward_rule(wrt=("x",))
def tanh_backward(grad, out):
    """Return the gradient of :func:`tanh`."""
    return kernel("tanh_backward")(grad, out)


@tanh.backward_formula
def tanh_backward_formula(grad, out):
    """Return the same in operators."""
    return grad * ((1 - out) * (1 + out))


@differentiable
def softmax(x, axis=-1):
    r"""Turn scores into probabilities along an axis.

    Parameters
    ----------
    x : Tensor or ndarray
        Floating-point scores (logits).
    axis : int
        The axis along which the probabilities add up to 1.

    Returns
    -------
    Tensor or ndarray
        In the shape and dtype of ``x``.

    Raises
    ------
    DTypeError
        If ``x`` is not floating-point.
    ShapeError
        If the axis is out of range.

    Notes
    -----
    Forward; the largest score m is subtracted, which changes nothing but keeps
    the exponentials finite:

    .. math:: y_i = \frac{e^{x_i - m}}{\sum_j e^{x_j - m}}, \qquad m = \max_j x_j

    Backward, because :math:`\partial y_i / \partial x_j = y_i (\delta_{ij} - y_j)`:

    .. math:: \partial x_i = y_i \Big(g_i - \sum_j g_j\, y_j\Big)

    References
    ----------
    .. [1] I. Goodfellow, Y. Bengio, A. Courville, "Deep Learning", 2016,
       section 4.1.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.softmax(od.tensor([[0.0, 0.0], [1e4, 0.0]]))
    tensor([[0.5, 0.5],
            [1. , 0. ]])
    """
    x = as_array(x)
    check_float("softmax", x=x)
    return kernel("softmax")(x, normalize_axis("softmax", axis, x.ndim))


@softmax.backward_rule(wrt=("x",))
def softmax_backward(grad, out, axis=-1):
    """Return the gradient of :func:`softmax`."""
    return kernel("softmax_backward")(grad, out, axis)


@softmax.backward_formula
def softmax_backward_formula(grad, out, axis=-1):
    """Return the same in operators."""
    return out * (grad - (grad * out).sum(axis, keepdims=True))


@differentiable
def log_softmax(x, axis=-1):
    r"""Return the logarithm of the softmax, computed without ever taking ln 0.

    Parameters
    ----------
    x : Tensor or ndarray
        Floating-point scores (logits).
    axis : int
        The axis along which the probabilities add up to 1.

    Returns
    -------
    Tensor or ndarray
        In the shape and dtype of ``x``.

    Raises
    ------
    DTypeError
        If ``x`` is not floating-point.
    ShapeError
        If the axis is out of range.

    Notes
    -----
    Forward, with m the largest score:

    .. math:: y_i = x_i - m - \ln \sum_j e^{x_j - m}

    Backward: every score enters the common sum with weight :math:`e^{y_i}`:

    .. math:: \partial x_i = g_i - e^{y_i} \sum_j g_j

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.log_softmax(od.tensor([0.0, -1e4]))
    tensor([     0., -10000.])
    """
    x = as_array(x)
    check_float("log_softmax", x=x)
    return kernel("log_softmax")(x, normalize_axis("log_softmax", axis, x.ndim))


@log_softmax.backward_rule(wrt=("x",))
def log_softmax_backward(grad, out, axis=-1):
    """Return the gradient of :func:`log_softmax`."""
    return kernel("log_softmax_backward")(grad, out, axis)


@log_softmax.backward_formula
def log_softmax_backward_formula(grad, out, axis=-1):
    """Return the same in operators."""
    return grad - exp(out) * grad.sum(axis, keepdims=True)
