"""The affine map of a fully connected layer, one row at a time."""

from __future__ import annotations

import math

import numpy as np

from odyssey.utils.kernel_checks import check_linear, check_linear_backward, check_needs

__all__ = ["linear", "linear_backward"]


@np.errstate(all="ignore")
def linear(x: np.ndarray, weight: np.ndarray, bias: np.ndarray | None = None) -> np.ndarray:
    r"""Apply an affine map to the last axis: x @ weight.T + bias.

    Shapes: I features in, O features out, any leading axes.

    Parameters
    ----------
    x : ndarray, shape (..., I)
        float16, float32, float64 or object.
    weight : ndarray, shape (O, I), dtype of ``x``
    bias : ndarray, shape (O,), dtype of ``x``, optional

    Returns
    -------
    y : ndarray, shape (..., O), dtype of ``x``

    Raises
    ------
    DTypeError
        If the arguments are not arrays of one floating dtype.
    ShapeError
        If the shapes do not fit.

    Notes
    -----
    .. math:: y_{no} = \sum_i x_{ni}\, w_{oi} + b_o

    float16 is summed in float32 and rounded once. An empty sum (I = 0) is 0.
    Cost: N·I·O multiply-adds for N rows of x.

    Examples
    --------
    >>> import numpy as np
    >>> linear(np.array([[1.0, 2.0]]), np.array([[1.0, 0.0], [1.0, 1.0]]), np.array([0.0, 10.0]))
    array([[ 1., 13.]])
    """
    check_linear(x, weight, bias, objects=True)
    outputs, features = weight.shape
    sums = np.result_type(x, np.float32)
    rows = x.astype(sums).reshape(math.prod(x.shape[:-1]), features)
    weights = weight.astype(sums)
    y = np.zeros((len(rows), outputs), sums)
    for n in range(len(rows)):
        for o in range(outputs):
            if features:
                y[n, o] = np.dot(weights[o], rows[n])
            if bias is not None:
                y[n, o] += bias[o]
    return y.reshape(*x.shape[:-1], outputs).astype(x.dtype)


@np.errstate(all="ignore")
def linear_backward(
    grad: np.ndarray,
    x: np.ndarray,
    weight: np.ndarray,
    needs: tuple[bool, ...] = (True, True, True),
) -> tuple[np.ndarray | None, ...]:
    r"""Gradients of linear with respect to its input, weights and biases.

    Shapes: those of :func:`linear`.

    Parameters
    ----------
    grad : ndarray, shape (..., O), dtype of ``x``
        Gradient of the loss with respect to the output, g.
    x, weight : ndarray
        What the forward function was given.
    needs : tuple of bool
        Which of the gradients are wanted.

    Returns
    -------
    grad_x : ndarray, shape (..., I), or None
    grad_weight : ndarray, shape (O, I), or None
    grad_bias : ndarray, shape (O,), or None

    Raises
    ------
    DTypeError, ShapeError
        If the arguments do not fit each other.

    Notes
    -----
    With all leading axes joined to n, every row of x meets every weight once,
    and the bias all rows:

    .. math::

        \bar x_{ni} &= \sum_o g_{no}\, w_{oi} \\
        \bar w_{oi} &= \sum_n g_{no}\, x_{ni} \\
        \bar b_o &= \sum_n g_{no}

    The loop goes over the rows n: a row gives the gradient of its own features,
    and adds its part to the gradients of weights and biases.

    Examples
    --------
    >>> import numpy as np
    >>> x, weight = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[5.0, 6.0]])
    >>> grad_x, grad_weight, grad_bias = linear_backward(np.array([[1.0], [10.0]]), x, weight)
    >>> grad_x
    array([[ 5.,  6.],
           [50., 60.]])
    >>> grad_weight, grad_bias
    (array([[31., 42.]]), array([11.]))
    """
    check_linear_backward(grad, x, weight, objects=True)
    for_x, for_weight, for_bias = check_needs("linear_backward", needs, 3)
    outputs, features = weight.shape
    sums = np.result_type(x, np.float32)
    g = grad.astype(sums).reshape(math.prod(grad.shape[:-1]), outputs)
    rows, weights = x.astype(sums).reshape(len(g), features), weight.astype(sums)
    row_sums, weight_sums = np.zeros(rows.shape, sums), np.zeros(weight.shape, sums)
    bias_sums = np.zeros(outputs, sums)
    for n in range(len(g)):
        for o in range(outputs):
            if for_x:
                row_sums[n] += g[n, o] * weights[o]
            if for_weight:
                weight_sums[o] += g[n, o] * rows[n]
        bias_sums += g[n]
    grad_x = row_sums.reshape(x.shape).astype(x.dtype) if for_x else None
    grad_weight = weight_sums.astype(x.dtype) if for_weight else None
    return grad_x, grad_weight, bias_sums.astype(x.dtype) if for_bias else None
