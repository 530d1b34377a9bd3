"""Embedding: rows of a table by index; and the indices as rows of ones and zeros."""

from __future__ import annotations

import operator

import numpy as np

from odyssey.backend import kernel
from odyssey.core._checks import as_array, check_float
from odyssey.core.elementwise import where
from odyssey.core.indexing import put
from odyssey.errors import DTypeError, RangeError, ShapeError
from odyssey.tape import differentiable, not_differentiable
from odyssey.utils.defaults import get_default_dtype

__all__ = ["embedding", "embedding_backward", "one_hot"]


def _padding(padding_idx, rows):
    """Return the padding row counted from the front, or None."""
    if padding_idx is None:
        return None
    try:
        index = operator.index(padding_idx)
    except TypeError:
        raise DTypeError(
            f"embedding: padding_idx must be an integer or None, got {padding_idx!r}"
        ) from None
    if not -rows <= index < rows:
        raise RangeError(f"embedding: padding_idx {index} but weight has {rows} rows")
    return index % rows


@differentiable
def embedding(indices, weight, padding_idx=None):
    r"""Look up a row of a table for each index: :math:`y_{nd} = w_{i_n d}`.

    Shapes: V rows, D columns.

    Parameters
    ----------
    indices : Tensor or ndarray of int, shape (...)
        In [0, V): negative ones are refused, they are mistakes more often than not.
    weight : Tensor or ndarray, shape (V, D)
    padding_idx : int or None
        A row that gets no gradient; a negative number counts from the end.

    Returns
    -------
    Tensor or ndarray, shape (..., D)

    Raises
    ------
    DTypeError
        If ``indices`` does not hold integers, or ``weight`` is not floating-point.
    ShapeError
        If ``weight`` has not two axes; a RangeError if an index is out of range.

    Notes
    -----
    It is :math:`E w` for the matrix E of :func:`one_hot`, without the zeros. Backward:

    .. math:: \partial w_{vd} = \sum_{n : i_n = v} g_{nd}

    in the order of the indices, for any number of threads. Cost: N D copies
    and N D additions; saves the indices.

    Examples
    --------
    >>> import odyssey as od
    >>> weight = od.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    >>> od.core.embedding(od.tensor([2, 0]), weight)
    tensor([[5., 6.],
            [1., 2.]])
    """
    indices, weight = as_array(indices), as_array(weight)
    check_float("embedding", weight=weight)
    if weight.ndim == 2:
        _padding(padding_idx, len(weight))
    return kernel("embedding")(indices, weight)


@embedding.backward_rule(wrt=("weight",))
def embedding_backward(grad, indices, weight_shape, padding_idx=None):
    """Return the gradient of :func:`embedding` for ``weight``."""
    padding = _padding(padding_idx, weight_shape[0])
    return kernel("embedding_backward")(grad, np.asarray(indices), weight_shape, padding)


@embedding.backward_formula
def embedding_backward_formula(grad, indices, weight_shape, padding_idx=None):
    """Return the gradient of :func:`embedding`, in operations that have gradients."""
    indices = np.asarray(indices, np.intp)
    if padding_idx is not None:
        grad = where((indices != _padding(padding_idx, weight_shape[0]))[..., None], grad, 0)
    return put(grad, indices, weight_shape)


@not_differentiable
def one_hot(x, num_classes=None, dtype=None):
    r"""Return a row for each label with a one at its place: :math:`y_{nc} = [c = x_n]`.

    Parameters
    ----------
    x : Tensor or ndarray of int, shape (...)
        Labels in [0, num_classes).
    num_classes : int, optional
        By default one more than the largest label.
    dtype : dtype, optional
        By default the default dtype.

    Returns
    -------
    Tensor or ndarray, shape (..., num_classes)

    Raises
    ------
    DTypeError
        If the labels are not integers.
    RangeError
        If a label is out of range.
    ShapeError
        If ``num_classes`` is not an integer from 0 on, or is missing where there are no labels.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.one_hot(od.tensor([2, 0]), 3)
    tensor([[0., 0., 1.],
            [1., 0., 0.]])
    """
    x = as_array(x)
    if x.dtype.kind not in "iu":
        raise DTypeError(f"one_hot: x must hold integers, but its dtype is {x.dtype}")
    if num_classes is None:
        if not x.size:
            raise ShapeError(f"one_hot: x of shape {x.shape} has no label; give num_classes")
        num_classes = int(x.max()) + 1
    if isinstance(num_classes, bool) or not isinstance(num_classes, (int, np.integer)):
        raise ShapeError(f"one_hot: num_classes must be an integer, got {num_classes!r}")
    if num_classes < 0 or (x.size and not 0 <= int(x.min()) <= int(x.max()) < num_classes):
        reach = f"x reaches from {x.min()} to {x.max()}" if x.size else "x is empty"
        raise RangeError(f"one_hot: {reach}, num_classes is {num_classes}")
    out = np.zeros((*x.shape, num_classes), get_default_dtype() if dtype is None else dtype)
    np.put_along_axis(out, x[..., None].astype(np.intp), 1, -1)
    return out
