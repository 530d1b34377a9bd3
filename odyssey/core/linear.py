"""The affine map of a fully connected layer."""

from __future__ import annotations

import math

from odyssey.backend import kernel
from odyssey.core._broadcast import add_up
from odyssey.core._checks import as_array, check_one_dtype
from odyssey.core.matrix import matmul, swapaxes
from odyssey.tape import differentiable

__all__ = ["linear", "linear_backward"]


@differentiable
def linear(x, weight, bias=None):
    r"""Apply an affine map to the last axis: :math:`y = x\,W^\top + b`.

    Shapes: I features in, O features out, any leading axes.

    Parameters
    ----------
    x : Tensor or ndarray, shape (..., I)
    weight : Tensor or ndarray, shape (O, I)
    bias : Tensor or ndarray, shape (O,), optional

    Returns
    -------
    Tensor or ndarray, shape (..., O)

    Raises
    ------
    ShapeError
        If a rank or a length does not fit.
    DTypeError
        If the arguments are not floating-point or not of one dtype.

    Notes
    -----
    Forward:

    .. math:: y_{no} = \sum_i x_{ni}\, w_{oi} + b_o

    Backward, with all leading axes joined to n (every row of x meets every
    weight once, and the bias all rows):

    .. math::

        \partial x = g\,W, \qquad
        \partial W = g^\top x, \qquad
        \partial b_o = \sum_n g_{no}

    Cost: N·I·O multiply-adds; saves ``x`` and ``weight``.

    Examples
    --------
    >>> import odyssey as od
    >>> x, weight = od.tensor([[1.0, 2.0]]), od.tensor([[1.0, 0.0], [1.0, 1.0]])
    >>> od.core.linear(x, weight, od.tensor([0.0, 10.0]))
    tensor([[ 1., 13.]])
    """
    x, weight = as_array(x), as_array(weight)
    check_one_dtype("linear", x=x, weight=weight, bias=bias)
    return kernel("linear")(x, weight, bias)


@linear.backward_rule(wrt=("x", "weight", "bias"))
def linear_backward(grad, x, weight, needs=(True, True, True)):
    """Return the gradients of :func:`linear` for ``x``, ``weight`` and ``bias``."""
    return kernel("linear_backward")(grad, x, weight, needs)


@linear.backward_formula
def linear_backward_formula(grad, x, weight, needs=(True, True, True)):
    """Return the same in operations that can be differentiated again."""
    features_out, features_in = weight.shape
    rows = math.prod(x.shape[:-1])
    grad = grad.reshape((rows, features_out))
    return (
        matmul(grad, weight).reshape(x.shape) if needs[0] else None,
        matmul(swapaxes(grad, 0, 1), x.reshape((rows, features_in))) if needs[1] else None,
        add_up(grad, 0) if needs[2] else None,
    )
