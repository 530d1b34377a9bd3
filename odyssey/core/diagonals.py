"""Diagonals of matrices: taken, given, and what stands on either side of them."""

from __future__ import annotations

import operator

import numpy as np

from odyssey.core._checks import as_array
from odyssey.core.indexing import put
from odyssey.errors import ShapeError
from odyssey.tape import differentiable

__all__ = ["diag", "diag_backward", "tril", "tril_backward", "triu", "triu_backward"]


def _check_matrix(op, x, k):
    if x.ndim < 2:
        raise ShapeError(f"{op}: x must have 2 axes at least, but its shape is {x.shape}")
    _check_diagonal(op, k)


def _check_diagonal(op, k):
    try:
        operator.index(k)
    except TypeError:
        raise ShapeError(f"{op}: k must be an integer, got {k!r}") from None


@differentiable
def tril(x, k=0):
    r"""Keep the elements on and below a diagonal: :math:`x_{ij}` where :math:`j - i \le k`, else 0.

    Parameters
    ----------
    x : Tensor or ndarray, shape (..., M, N)
    k : int
        The diagonal: 0 is the main one, 1 the one above it.

    Returns
    -------
    Tensor or ndarray, shape (..., M, N)

    Raises
    ------
    ShapeError
        If ``x`` has fewer than two axes, or ``k`` is not an integer.

    Notes
    -----
    Backward: the same elements of :math:`g`.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.tril(od.ones((2, 3)))
    tensor([[1., 0., 0.],
            [1., 1., 0.]])
    """
    x = as_array(x)
    _check_matrix("tril", x, k)
    return np.tril(x, k)


@tril.backward_rule(wrt=("x",))
def tril_backward(grad, k=0):
    """Return the gradient of :func:`tril`."""
    return tril(grad, k)


@differentiable
def triu(x, k=0):
    r"""Keep the elements on and above a diagonal: :math:`x_{ij}` where :math:`j - i \ge k`, else 0.

    Parameters, errors and gradient are those of :func:`tril`.

    Notes
    -----
    Backward: the same elements of :math:`g`.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.triu(od.ones((2, 3)), k=1)
    tensor([[0., 1., 1.],
            [0., 0., 1.]])
    """
    x = as_array(x)
    _check_matrix("triu", x, k)
    return np.triu(x, k)


@triu.backward_rule(wrt=("x",))
def triu_backward(grad, k=0):
    """Return the gradient of :func:`triu`."""
    return triu(grad, k)


@differentiable
def diag(x, k=0):
    r"""Return the matrix with a given diagonal, or the diagonal :math:`x_{i,i+k}` of a matrix.

    Parameters
    ----------
    x : Tensor or ndarray, shape (n,) or (M, N)
    k : int
        The diagonal: 0 is the main one, 1 the one above it.

    Returns
    -------
    Tensor or ndarray
        A matrix with :math:`n + |k|` rows and columns of a vector, a vector of a matrix.

    Raises
    ------
    ShapeError
        If ``x`` has neither one nor two axes, or ``k`` is not an integer.

    Notes
    -----
    Backward: the gradients of the elements that came from ``x``, zeros elsewhere.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.diag(od.tensor([1.0, 2.0]))
    tensor([[1., 0.],
            [0., 2.]])
    """
    x = as_array(x)
    if x.ndim not in (1, 2):
        raise ShapeError(f"diag: x must have 1 axis or 2, but its shape is {x.shape}")
    _check_diagonal("diag", k)
    return np.diag(x, k)


@diag.backward_rule(wrt=("x",))
def diag_backward(grad, x_shape, k=0):
    """Return the gradient of :func:`diag`."""
    if len(x_shape) == 1:
        return diag(grad, k)
    rows = np.arange(len(grad)) + max(-k, 0)
    return put(grad, (rows, rows + k), x_shape)
