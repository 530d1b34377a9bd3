"""ReLU, softmax and log-softmax with their gradients, one element or one row at a time."""

from __future__ import annotations

import numpy as np

from odyssey.utils.kernel_checks import check_arrays, check_axis, check_same_shape

__all__ = [
    "log_softmax",
    "log_softmax_backward",
    "relu",
    "relu_backward",
    "softmax",
    "softmax_backward",
]


@np.errstate(all="ignore")
def relu(x: np.ndarray) -> np.ndarray:
    r"""Set the negative elements of x to zero.

    Parameters
    ----------
    x : ndarray, any shape
        float16, float32, float64 or object.

    Returns
    -------
    out : ndarray, shape and dtype of ``x``

    Raises
    ------
    DTypeError
        If ``x`` is not an array of a floating dtype.

    Notes
    -----
    .. math:: y = \max(x, 0)

    NaN stays NaN.

    References
    ----------
    .. [1] V. Nair and G. Hinton, "Rectified linear units improve restricted
       Boltzmann machines", ICML 2010.

    Examples
    --------
    >>> import numpy as np
    >>> relu(np.array([-2.0, 0.0, 3.0]))
    array([0., 0., 3.])
    """
    check_arrays("relu", objects=True, x=x)
    out = np.zeros(x.shape, dtype=x.dtype)
    for i in np.ndindex(x.shape):
        # Written so that a NaN, which is neither below nor above zero, is kept.
        if not x[i] <= 0:
            out[i] = x[i]
    return out


@np.errstate(all="ignore")
def relu_backward(grad: np.ndarray, out: np.ndarray) -> np.ndarray:
    r"""Pass the gradient where the output of relu is positive.

    Parameters
    ----------
    grad : ndarray, any shape
        Gradient of the loss with respect to ``out``.
    out : ndarray, shape and dtype of ``grad``
        What :func:`relu` returned.

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
    .. math:: \bar x = \begin{cases} \bar y & y > 0 \\ 0 & y \le 0 \end{cases}

    At the kink, x = 0, the gradient is 0. The output alone decides, since it is
    positive exactly where the input is: the input need not be kept.

    Examples
    --------
    >>> import numpy as np
    >>> relu_backward(np.array([1.0, 1.0, 1.0]), out=np.array([0.0, 0.0, 3.0]))
    array([0., 0., 1.])
    """
    check_arrays("relu_backward", objects=True, grad=grad, out=out)
    check_same_shape("relu_backward", grad=grad, out=out)
    grad_x = np.zeros(grad.shape, dtype=grad.dtype)
    for i in np.ndindex(grad.shape):
        if not out[i] <= 0:
            grad_x[i] = grad[i]
    return grad_x


@np.errstate(all="ignore")
def softmax(x: np.ndarray, axis: int = -1) -> np.ndarray:
    r"""Turn scores into probabilities along an axis.

    Shapes: C scores stand along ``axis``; the other axes number the rows.

    Parameters
    ----------
    x : ndarray, any shape with at least one axis
        Scores; float16, float32 or float64.
    axis : int
        The axis along which the probabilities sum to one.

    Returns
    -------
    out : ndarray, shape and dtype of ``x``

    Raises
    ------
    DTypeError
        If ``x`` is not an array of a floating dtype, or ``axis`` no integer.
    ShapeError
        If ``x`` does not have that axis.

    Notes
    -----
    .. math:: y_c = \frac{e^{x_c - m}}{\sum_{k=1}^{C} e^{x_k - m}}, \qquad m = \max_k x_k

    Adding a constant to all scores changes nothing, so the largest is taken
    away: no exponential overflows, and the sum is at least 1. A row that holds
    NaN or +inf, or nothing but -inf, becomes NaN.

    References
    ----------
    .. [1] J. S. Bridle, "Probabilistic interpretation of feedforward
       classification network outputs", in *Neurocomputing*, 1990.

    Examples
    --------
    >>> import numpy as np
    >>> softmax(np.log(np.array([[1.0, 2.0, 5.0]]))).round(3)
    array([[0.125, 0.25 , 0.625]])
    """
    check_arrays("softmax", objects=True, x=x)
    axis = check_axis("softmax", x, axis)
    sums = np.result_type(x, np.float32)
    out = np.empty(x.shape, dtype=x.dtype)
    if x.size == 0:
        return out
    rows_in, rows_out = np.moveaxis(x, axis, -1), np.moveaxis(out, axis, -1)
    for n in np.ndindex(rows_in.shape[:-1]):
        row = rows_in[n].astype(sums)
        e = np.exp(row - row.max())
        rows_out[n] = e / e.sum()
    return out


@np.errstate(all="ignore")
def softmax_backward(grad: np.ndarray, out: np.ndarray, axis: int = -1) -> np.ndarray:
    r"""Gradient of softmax with respect to its scores.

    Parameters
    ----------
    grad : ndarray, any shape with at least one axis
        Gradient of the loss with respect to ``out``.
    out : ndarray, shape and dtype of ``grad``
        What :func:`softmax` returned.
    axis : int
        The axis along which it was taken.

    Returns
    -------
    grad_x : ndarray, shape and dtype of ``grad``

    Raises
    ------
    DTypeError
        If the arguments are not arrays of one floating dtype.
    ShapeError
        If their shapes differ, or they do not have that axis.

    Notes
    -----
    .. math:: \bar x_c = y_c \Bigl( \bar y_c - \sum_{k=1}^{C} \bar y_k \, y_k \Bigr)

    The derivative of :math:`y_k` with respect to :math:`x_c` is
    :math:`y_k ([k = c] - y_c)`: raising one score raises its own probability at
    the expense of all.

    Examples
    --------
    >>> import numpy as np
    >>> y = np.array([[0.5, 0.25, 0.25]])
    >>> softmax_backward(np.array([[1.0, 0.0, 0.0]]), y)
    array([[ 0.25 , -0.125, -0.125]])
    """
    check_arrays("softmax_backward", objects=True, grad=grad, out=out)
    check_same_shape("softmax_backward", grad=grad, out=out)
    axis = check_axis("softmax_backward", grad, axis)
    sums = np.result_type(grad, np.float32)
    grad_x = np.empty(grad.shape, dtype=grad.dtype)
    rows_grad, rows_y, rows_x = (np.moveaxis(array, axis, -1) for array in (grad, out, grad_x))
    for n in np.ndindex(rows_grad.shape[:-1]):
        g, y = rows_grad[n].astype(sums), rows_y[n].astype(sums)
        rows_x[n] = y * (g - (g * y).sum())
    return grad_x


@np.errstate(all="ignore")
def log_softmax(x: np.ndarray, axis: int = -1) -> np.ndarray:
    r"""Turn scores into the logarithms of probabilities along an axis.

    Shapes: C scores stand along ``axis``; the other axes number the rows.

    Parameters
    ----------
    x : ndarray, any shape with at least one axis
        Scores; float16, float32 or float64.
    axis : int
        The axis along which the probabilities sum to one.

    Returns
    -------
    out : ndarray, shape and dtype of ``x``

    Raises
    ------
    DTypeError
        If ``x`` is not an array of a floating dtype, or ``axis`` no integer.
    ShapeError
        If ``x`` does not have that axis.

    Notes
    -----
    .. math:: y_c = (x_c - m) - \log \sum_{k=1}^{C} e^{x_k - m}, \qquad m = \max_k x_k

    The logarithm of a probability too small for its dtype is still an ordinary
    number here, where ``log(softmax(x))`` would be -inf.

    Examples
    --------
    >>> import numpy as np
    >>> log_softmax(np.array([[0.0, 0.0], [1000.0, 0.0]])).round(3)
    array([[-6.93e-01, -6.93e-01],
           [ 0.00e+00, -1.00e+03]])
    """
    check_arrays("log_softmax", objects=True, x=x)
    axis = check_axis("log_softmax", x, axis)
    sums = np.result_type(x, np.float32)
    out = np.empty(x.shape, dtype=x.dtype)
    if x.size == 0:
        return out
    rows_in, rows_out = np.moveaxis(x, axis, -1), np.moveaxis(out, axis, -1)
    for n in np.ndindex(rows_in.shape[:-1]):
        row = rows_in[n].astype(sums)
        m = row.max()
        rows_out[n] = (row - m) - np.log(np.exp(row - m).sum())
    return out


@np.errstate(all="ignore")
def log_softmax_backward(grad: np.ndarray, out: np.ndarray, axis: int = -1) -> np.ndarray:
    r"""Gradient of log_softmax with respect to its scores.

    Parameters
    ----------
    grad : ndarray, any shape with at least one axis
        Gradient of the loss with respect to ``out``.
    out : ndarray, shape and dtype of ``grad``
        What :func:`log_softmax` returned.
    axis : int
        The axis along which it was taken.

    Returns
    -------
    grad_x : ndarray, shape and dtype of ``grad``

    Raises
    ------
    DTypeError
        If the arguments are not arrays of one floating dtype.
    ShapeError
        If their shapes differ, or they do not have that axis.

    Notes
    -----
    .. math:: \bar x_c = \bar y_c - e^{y_c} \sum_{k=1}^{C} \bar y_k

    The derivative of :math:`y_k` with respect to :math:`x_c` is
    :math:`[k = c] - e^{y_c}`, where :math:`e^{y_c}` is the probability of c.

    Examples
    --------
    >>> import numpy as np
    >>> y = np.log(np.array([[0.5, 0.25, 0.25]]))
    >>> log_softmax_backward(np.array([[1.0, 0.0, 0.0]]), y)
    array([[ 0.5 , -0.25, -0.25]])
    """
    check_arrays("log_softmax_backward", objects=True, grad=grad, out=out)
    check_same_shape("log_softmax_backward", grad=grad, out=out)
    axis = check_axis("log_softmax_backward", grad, axis)
    sums = np.result_type(grad, np.float32)
    grad_x = np.empty(grad.shape, dtype=grad.dtype)
    rows_grad, rows_y, rows_x = (np.moveaxis(array, axis, -1) for array in (grad, out, grad_x))
    for n in np.ndindex(rows_grad.shape[:-1]):
        g, y = rows_grad[n].astype(sums), rows_y[n].astype(sums)
        rows_x[n] = g - np.exp(y) * g.sum()
    return grad_x
