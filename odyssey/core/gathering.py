"""Gather: elements by their index along an axis. Backward adds their gradients in place."""

from __future__ import annotations

import numpy as np

from odyssey.core._checks import as_array, normalize_axis
from odyssey.core.indexing import put
from odyssey.core.shape import reshape
from odyssey.errors import DTypeError, RangeError, ShapeError
from odyssey.tape import differentiable

__all__ = [
    "gather",
    "gather_backward",
    "take",
    "take_along_axis",
    "take_along_axis_backward",
    "take_backward",
]


def as_indices(op, name, indices, length):
    """Return indices as an integer array; raise unless all lie in [-length, length)."""
    array = as_array(indices)
    if array.size == 0 and not isinstance(indices, np.ndarray):
        array = array.astype(np.int64)  # an empty list
    if array.dtype.kind not in "iu":
        raise DTypeError(f"{op}: {name} must hold integers, but its dtype is {array.dtype}")
    if array.size and not -length <= int(array.min()) <= int(array.max()) < length:
        raise RangeError(
            f"{op}: {name} must lie in [-{length}, {length}), "
            f"but reaches from {array.min()} to {array.max()}"
        )
    return array.astype(np.intp, copy=False)


def along(axis, indices, shape=None):
    """Return the index of NumPy that has ``indices`` along ``axis`` and each place in the others.

    The others have the lengths of ``shape``, by default that of ``indices``.
    """
    grid = list(np.ogrid[tuple(map(slice, indices.shape if shape is None else shape))])
    grid[axis] = indices
    return tuple(grid)


@differentiable
def take(x, indices, axis=None):
    r"""Take elements, or slices along an axis, by their index: :math:`y_k = x_{i_k}`.

    Parameters
    ----------
    x : Tensor or ndarray
    indices : Tensor or ndarray of int, of any shape
        Negative ones count from the end.
    axis : int or None
        None takes from the flattened array.

    Returns
    -------
    Tensor or ndarray
        The shape of ``x`` with that of ``indices`` in the place of the axis.

    Raises
    ------
    RangeError
        If an index or the axis is out of range.
    DTypeError
        If the indices are not integers.

    Notes
    -----
    Backward: zeros, with :math:`g_k` added at :math:`i_k`.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.take(od.tensor([5.0, 6.0, 7.0]), od.tensor([2, 0, 2]))
    tensor([7., 5., 7.])
    """
    x = as_array(x)
    axis = axis if axis is None else normalize_axis("take", axis, x.ndim)
    indices = as_indices("take", "indices", indices, x.size if axis is None else x.shape[axis])
    return np.take(x, indices, axis)


@take.backward_rule(wrt=("x",))
def take_backward(grad, x_shape, indices, axis=None):
    """Return the gradient of :func:`take`."""
    indices = np.asarray(indices, np.intp)
    if axis is None:
        return reshape(put(grad, indices, (int(np.prod(x_shape)),)), x_shape)
    return put(grad, (slice(None),) * (axis % len(x_shape)) + (indices,), x_shape)


@differentiable
def take_along_axis(x, indices, axis=-1):
    r"""Take elements along an axis, others at each place: :math:`y_{nk} = x_{n,i_{nk}}`.

    Parameters
    ----------
    x : Tensor or ndarray
    indices : Tensor or ndarray of int
        As many axes as ``x``; but for ``axis`` the shapes broadcast. As
        :func:`argsort` and :func:`argmax` with ``keepdims=True`` give them.
    axis : int

    Returns
    -------
    Tensor or ndarray
        In the shape of the indices, broadcast.

    Raises
    ------
    RangeError
        If an index or the axis is out of range.
    ShapeError
        If the shapes do not fit.
    DTypeError
        If the indices are not integers.

    Notes
    -----
    Backward: zeros, with :math:`g` added where it came from.

    Examples
    --------
    >>> import odyssey as od
    >>> x = od.tensor([[1.0, 5.0], [7.0, 2.0]])
    >>> od.core.take_along_axis(x, od.core.argmax(x, 1, keepdims=True))
    tensor([[5.],
            [7.]])
    """
    x = as_array(x)
    return x[_places("take_along_axis", x, indices, axis)]


def _places(op, x, indices, axis):
    """Return the index of :func:`take_along_axis`."""
    axis = normalize_axis(op, axis, x.ndim)
    indices = as_indices(op, "indices", indices, x.shape[axis])
    fits = indices.ndim == x.ndim and all(
        1 in (n, m) or n == m
        for i, (n, m) in enumerate(zip(x.shape, indices.shape, strict=True))
        if i != axis
    )
    if not fits:
        raise ShapeError(f"{op}: indices of shape {indices.shape} do not fit x {x.shape}")
    return along(axis, indices, x.shape)


@take_along_axis.backward_rule(wrt=("x",))
def take_along_axis_backward(grad, x_shape, indices, axis=-1):
    """Return the gradient of :func:`take_along_axis`."""
    return put(grad, along(axis, np.asarray(indices, np.intp), x_shape), x_shape)


def grid_of(op, x, axis, index):
    """Return the index of NumPy for :func:`gather` and its adjoints."""
    axis = normalize_axis(op, axis, x.ndim)
    index = as_indices(op, "index", index, x.shape[axis])
    if index.ndim != x.ndim or any(
        n > m for i, (n, m) in enumerate(zip(index.shape, x.shape, strict=True)) if i != axis
    ):
        raise ShapeError(
            f"{op}: index of shape {index.shape} does not lie within x {x.shape} beside axis {axis}"
        )
    return along(axis, index)


@differentiable
def gather(x, axis, index):
    r"""Take elements along an axis by an index for each: :math:`y_{ij} = x_{i,k_{ij}}` for axis 1.

    Parameters
    ----------
    x : Tensor or ndarray
    axis : int
    index : Tensor or ndarray of int
        As many axes as ``x``, and nowhere longer, but for ``axis``; nothing is
        broadcast, as :func:`take_along_axis` does.

    Returns
    -------
    Tensor or ndarray
        In the shape of ``index``.

    Raises
    ------
    RangeError
        If an index or the axis is out of range.
    ShapeError
        If the shapes do not fit.
    DTypeError
        If the index is not of integers.

    Notes
    -----
    Backward: zeros, with :math:`g` added where it came from.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.gather(od.tensor([[1.0, 2.0], [3.0, 4.0]]), 1, od.tensor([[1], [0]]))
    tensor([[2.],
            [3.]])
    """
    x = as_array(x)
    return x[grid_of("gather", x, axis, index)]


@gather.backward_rule(wrt=("x",))
def gather_backward(grad, x_shape, axis, index):
    """Return the gradient of :func:`gather`."""
    return put(grad, along(axis, np.asarray(index, np.intp)), x_shape)
