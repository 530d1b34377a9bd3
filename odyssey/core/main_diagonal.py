"""The diagonal of matrices, its sum, and the matrix mirrored at it."""

from __future__ import annotations

import operator

import numpy as np

from odyssey.core._checks import as_array
from odyssey.core.indexing import getitem, put
from odyssey.core.matrix import swapaxes
from odyssey.core.reduction import sum as add_along
from odyssey.errors import ShapeError
from odyssey.tape import differentiable

__all__ = [
    "diagonal",
    "diagonal_backward",
    "matrix_transpose",
    "matrix_transpose_backward",
    "trace",
    "trace_backward",
]


@differentiable
def matrix_transpose(x):
    r"""Exchange the last two axes, :math:`y_{ij} = x_{ji}`, without a copy.

    Parameters
    ----------
    x : Tensor or ndarray, shape (..., M, N)

    Returns
    -------
    Tensor or ndarray, shape (..., N, M)

    Raises
    ------
    ShapeError
        If ``x`` has fewer than two axes.

    Notes
    -----
    Backward: :math:`\partial x_{ij} = g_{ji}`.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.matrix_transpose(od.zeros((2, 3, 4))).shape
    (2, 4, 3)
    """
    x = as_array(x)
    _check_matrix("matrix_transpose", x)
    return x.swapaxes(-1, -2)


def _check_matrix(op, x):
    if x.ndim < 2:
        raise ShapeError(f"{op}: x must be a matrix or a stack of them, got shape {x.shape}")


@matrix_transpose.backward_rule(wrt=("x",))
def matrix_transpose_backward(grad):
    """Return the gradient of :func:`matrix_transpose`."""
    return swapaxes(grad, -1, -2)


def _on_diagonal(shape, offset):
    """Return the index of a diagonal of the last two axes."""
    offset = operator.index(offset)
    rows, columns = shape[-2:]
    first = max(-offset, 0)
    i = np.arange(first, max(first, min(rows, columns - offset)))
    return ..., i, i + offset


@differentiable
def diagonal(x, offset=0):
    r"""Return the diagonal :math:`y_i = x_{i,\,i+k}` of each matrix, k being the offset.

    Parameters
    ----------
    x : Tensor or ndarray, shape (..., M, N)
    offset : int
        Positive for a diagonal above the main one, negative below it.

    Returns
    -------
    Tensor or ndarray, shape (..., K)

    Raises
    ------
    ShapeError
        If ``x`` has fewer than two axes.

    Notes
    -----
    Backward: :math:`g` on the diagonal, zeros beside it.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.diagonal(od.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor([1., 4.])
    """
    x = as_array(x)
    _check_matrix("diagonal", x)
    return getitem(x, _on_diagonal(x.shape, offset))


@diagonal.backward_rule(wrt=("x",))
def diagonal_backward(grad, x_shape, offset=0):
    """Return the gradient of :func:`diagonal`."""
    return put(grad, _on_diagonal(x_shape, offset), x_shape)


@differentiable
def trace(x, offset=0, dtype=None):
    r"""Add up a diagonal of each matrix: :math:`y = \sum_i x_{i,\,i+k}`, k being the offset.

    Parameters are those of :func:`diagonal`, and ``dtype`` that of :func:`sum`.

    Returns
    -------
    Tensor or ndarray, shape (...)

    Raises
    ------
    ShapeError
        If ``x`` has fewer than two axes.

    Notes
    -----
    Backward: :math:`g` on the diagonal, zeros beside it.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.trace(od.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor(5.)
    """
    x = as_array(x)
    _check_matrix("trace", x)
    return add_along(getitem(x, _on_diagonal(x.shape, offset)), -1, dtype=dtype)


@trace.backward_rule(wrt=("x",))
def trace_backward(grad, x_shape, offset=0):
    """Return the gradient of :func:`trace`."""
    index = _on_diagonal(x_shape, offset)
    return put(grad[..., None] + np.zeros(len(index[1]), grad.dtype), index, x_shape)
