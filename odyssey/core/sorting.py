"""Sorting and searching: order along an axis, and where elements stand in it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from odyssey.core._checks import as_array, normalize_axes, normalize_axis
from odyssey.core.gathering import along, as_indices
from odyssey.core.indexing import put
from odyssey.core.reduction import extreme_index
from odyssey.errors import OdysseyError, ShapeError
from odyssey.tape import Saved, differentiable, not_differentiable

__all__ = [
    "argmin",
    "argsort",
    "count_nonzero",
    "nonzero",
    "searchsorted",
    "sort",
    "sort_backward",
    "top_k",
    "top_k_backward",
]


def _order(op, x, axis, descending):
    """Return the axis, and the indices that sort along it; equal elements keep their order."""
    axis = normalize_axis(op, axis, x.ndim)
    if not descending:
        return axis, np.argsort(x, axis, kind="stable")
    # From the other end, so that equal elements come out in the right order once turned round.
    order = np.argsort(np.flip(x, axis), axis, kind="stable")
    return axis, np.flip(x.shape[axis] - 1 - order, axis)


@differentiable
def sort(x, axis=-1, descending=False, stable=True):
    r"""Sort along an axis: :math:`y_0 \le y_1 \le ...`, NaN as the largest.

    Parameters
    ----------
    x : Tensor or ndarray
    axis : int
    descending : bool
        Whether the largest comes first.
    stable : bool
        Whether equal elements must keep their order. They always do.

    Returns
    -------
    Tensor or ndarray
        In the shape and dtype of ``x``.

    Raises
    ------
    ShapeError
        If the axis is out of range or not an integer.

    Notes
    -----
    With :math:`p` the order of :func:`argsort`, :math:`y_k = x_{p_k}`. Backward:
    :math:`\partial x_{p_k} = g_k`, of equal elements in the order in which they stand.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.sort(od.tensor([3.0, 1.0, 2.0]))
    tensor([1., 2., 3.])
    """
    x = as_array(x)
    axis, order = _order("sort", x, axis, descending)
    return np.take_along_axis(x, order, axis), Saved(order=order)


@sort.backward_rule(wrt=("x",))
def sort_backward(grad, order, axis=-1):
    """Return the gradient of :func:`sort`."""
    return put(grad, along(axis, order), grad.shape)


@not_differentiable
def argsort(x, axis=-1, descending=False, stable=True):
    r"""Return the indices :math:`p` that sort along an axis: :math:`x_{p_0} \le x_{p_1} \le ...`.

    Parameters and errors are those of :func:`sort`.

    Returns
    -------
    Tensor or ndarray of int64, in the shape of ``x``

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.argsort(od.tensor([3.0, 1.0, 2.0]), descending=True)
    tensor([0, 2, 1])
    """
    return _order("argsort", as_array(x), axis, descending)[1]


class TopK(NamedTuple):
    """The result of :func:`top_k`."""

    values: Any
    indices: Any


@differentiable
def top_k(x, k, axis=-1, largest=True, sorted=True):
    r"""Return the k largest elements along an axis, and their indices.

    Parameters
    ----------
    x : Tensor or ndarray
    k : int
        At most the length of the axis.
    axis : int
    largest : bool
        False returns the smallest.
    sorted : bool
        Whether the largest (or smallest) comes first; else they stand as in ``x``.

    Returns
    -------
    values : Tensor or ndarray
        The shape of ``x``, with length k along the axis.
    indices : Tensor or ndarray of int64
        Where they were; of equal elements the first ones are taken.

    Raises
    ------
    ShapeError
        If the axis is out of range, or has fewer than k elements.

    Notes
    -----
    With the indices :math:`p`, :math:`y_j = x_{p_j}`. Backward:
    :math:`\partial x_{p_j} = g_j`, zeros elsewhere.

    Examples
    --------
    >>> import odyssey as od
    >>> values, indices = od.core.top_k(od.tensor([3.0, 1.0, 4.0]), 2)
    >>> values, indices
    (tensor([4., 3.]), tensor([2, 0]))
    """
    x = as_array(x)
    axis, order = _order("top_k", x, axis, largest)
    if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or not 0 <= k <= x.shape[axis]:
        raise ShapeError(
            f"top_k: k must be an integer in [0, {x.shape[axis]}], the length of axis {axis}, "
            f"got {k!r}"
        )
    order = order[(slice(None),) * axis + (slice(k),)]
    if not sorted:
        order = np.sort(order, axis)
    return TopK(np.take_along_axis(x, order, axis), order), Saved(order=order)


@top_k.backward_rule(wrt=("x",))
def top_k_backward(grad, x_shape, order, axis=-1):
    """Return the gradient of :func:`top_k`; ``grad`` is a pair, that of the indices is None."""
    return put(grad[0], along(axis, order), x_shape)


@not_differentiable
def argmin(x, axis=None, keepdims=False):
    r"""Return the index of the smallest element, :math:`\arg\min_i x_i`; of equal ones the first.

    Parameters
    ----------
    x : Tensor or ndarray
    axis : int or None
        The axis to search along; None searches the flattened array.
    keepdims : bool
        Keep the axis, with length 1.

    Returns
    -------
    Tensor or ndarray of int64

    Raises
    ------
    ShapeError
        If the axis is out of range, or there is nothing to search.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.argmin(od.tensor([[1.0, 5.0], [7.0, 2.0]]), axis=1)
    tensor([0, 1])
    """
    return extreme_index("argmin", np.argmin, x, axis, keepdims)


@not_differentiable
def searchsorted(x1, x2, side="left", sorter=None):
    r"""Return where elements belong in a sorted vector: :math:`i` with :math:`a_{i-1} < v \le a_i`.

    Parameters
    ----------
    x1 : Tensor or ndarray, shape (n,)
        :math:`a`, ascending, or in the order that ``sorter`` gives it.
    x2 : Tensor or ndarray, of any shape
        :math:`v`.
    side : {"left", "right"}
        Right gives :math:`a_{i-1} \le v < a_i`: behind equal elements.
    sorter : Tensor or ndarray of int, shape (n,)
        What :func:`argsort` gives for ``x1``.

    Returns
    -------
    Tensor or ndarray of int64
        In [0, n], in the shape of ``x2``.

    Raises
    ------
    ShapeError
        If ``x1`` or ``sorter`` is not a vector, or their lengths differ.
    DTypeError
        If ``sorter`` does not hold integers.
    OdysseyError
        If ``side`` is neither.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.searchsorted(od.tensor([1.0, 3.0, 5.0]), od.tensor([3.0, 4.0]))
    tensor([1, 2])
    """
    x1, x2 = as_array(x1), as_array(x2)
    if side not in ("left", "right"):
        raise OdysseyError(f"searchsorted: side must be 'left' or 'right', got {side!r}")
    if x1.ndim != 1:
        raise ShapeError(f"searchsorted: x1 must have 1 axis, but its shape is {x1.shape}")
    if sorter is not None:
        sorter = as_indices("searchsorted", "sorter", sorter, len(x1))
        if sorter.shape != x1.shape:
            raise ShapeError(f"searchsorted: sorter of shape {sorter.shape} for x1 {x1.shape}")
    return np.searchsorted(x1, x2, side, sorter)


@not_differentiable
def nonzero(x):
    r"""Return the indices of the elements :math:`x_i \ne 0`, a vector for each axis.

    Parameters
    ----------
    x : Tensor or ndarray, with one axis at least

    Returns
    -------
    tuple of Tensor or ndarray of int64
        In C order; ``x[nonzero(x)]`` are the elements.

    Raises
    ------
    ShapeError
        If ``x`` has no axes.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.nonzero(od.tensor([[0.0, 2.0], [3.0, 0.0]]))
    (tensor([0, 1]), tensor([1, 0]))
    """
    x = as_array(x)
    if x.ndim == 0:
        raise ShapeError("nonzero: x has no axes, so that its element has no index")
    return np.nonzero(x)


@not_differentiable
def count_nonzero(x, axis=None, keepdims=False):
    r"""Count the elements :math:`x_i \ne 0` along axes.

    Parameters
    ----------
    x : Tensor or ndarray
    axis : int, tuple of int or None
        The axes to count along; None for all.
    keepdims : bool
        Keep the axes, with length 1.

    Returns
    -------
    Tensor or ndarray of int64

    Raises
    ------
    ShapeError
        If an axis is out of range, repeated or not an integer.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.count_nonzero(od.tensor([[0.0, 2.0], [3.0, 1.0]]), axis=1)
    tensor([1, 2])
    """
    x = as_array(x)
    axes = normalize_axes("count_nonzero", axis, x.ndim)
    return np.sum(x != 0, axis=axes, dtype=np.int64, keepdims=keepdims)
