"""Scatter: values written or added into an array at an index."""

from __future__ import annotations

import numpy as np

from odyssey.core._broadcast import unbroadcast
from odyssey.core._checks import as_array, normalize_axis
from odyssey.core.arithmetic import add
from odyssey.core.elementwise import where
from odyssey.core.gathering import along, as_indices, grid_of
from odyssey.core.indexing import getitem, is_basic, put
from odyssey.errors import DTypeError, RangeError, ShapeError
from odyssey.tape import differentiable

__all__ = [
    "index_add",
    "index_add_backward",
    "index_put",
    "index_put_backward",
    "scatter",
    "scatter_add",
    "scatter_add_backward",
    "scatter_backward",
]


def _source(op, name, x, values):
    """Return values to write into ``x``: a number takes its dtype, an array must have it."""
    if isinstance(values, (bool, int, float)):
        return np.asarray(values, x.dtype)
    values = as_array(values)
    if values.dtype != x.dtype:
        raise DTypeError(f"{op}: {name} has dtype {values.dtype} but x has {x.dtype}")
    return values


def _part_of(op, src, grid):
    """Return the first elements of ``src`` along each axis, as many as the index has."""
    shape = np.broadcast_shapes(*[places.shape for places in grid])
    if src.ndim == 0:
        return src
    if src.ndim != len(shape) or any(n < m for n, m in zip(src.shape, shape, strict=True)):
        raise ShapeError(f"{op}: src of shape {src.shape} is smaller than index {shape}")
    return src[tuple(map(slice, shape))]


def _written(x, index, values):
    """Return a copy of ``x`` with values written at an index; of equal places the last one wins."""
    out = x.copy()
    if is_basic(index):
        out[index] = values
    else:
        # In C order, in which _winners writes as well.
        out[index] = np.array(np.broadcast_to(values, x[index].shape), order="C")
    return out


def _winners(x_shape, index):
    """Return for each value that was written whether it is still there."""
    last = np.empty(x_shape, np.intp)
    shape = last[index].shape
    number = np.arange(int(np.prod(shape))).reshape(shape)
    last[index] = number
    return last[index] == number


def _kept(grad, index):
    """Return the gradient of what was written to: zeros where it was overwritten."""
    kept = np.ones(grad.shape, bool)
    kept[index] = False
    return where(kept, grad, 0)


def _source_gradient(taken, src_shape):
    """Return the gradient of a source of which only a part was used."""
    if src_shape == ():
        return unbroadcast(taken, ())
    if taken.shape == src_shape:
        return taken
    return put(taken, tuple(map(slice, taken.shape)), src_shape)


@differentiable
def scatter(x, axis, index, src):
    r"""Write elements along an axis by an index for each: :math:`y_{i,k_{ij}} = s_{ij}` for axis 1.

    Parameters
    ----------
    x : Tensor or ndarray
    axis : int
    index : Tensor or ndarray of int
        As many axes as ``x``, and nowhere longer, but for ``axis``.
    src : Tensor or ndarray of the dtype of ``x``, or number
        Nowhere shorter than ``index``; what lies beyond it is not used.

    Returns
    -------
    Tensor or ndarray
        ``x`` with the elements written; of several at one place the last in C order.

    Raises
    ------
    RangeError
        If an index or the axis is out of range.
    ShapeError
        If the shapes do not fit.
    DTypeError
        If the index is not of integers, or the dtypes differ.

    Notes
    -----
    Backward: :math:`\partial x` is :math:`g` with zeros where it was overwritten;
    :math:`\partial s = g` at the place each was written to, zeros for those
    that were overwritten themselves.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.scatter(od.zeros((2, 3)), 1, od.tensor([[2], [0]]), 5.0)
    tensor([[0., 0., 5.],
            [5., 0., 0.]])
    """
    x = as_array(x)
    grid = grid_of("scatter", x, axis, index)
    return _written(x, grid, _part_of("scatter", _source("scatter", "src", x, src), grid))


@scatter.backward_rule(wrt=("x", "src"))
def scatter_backward(grad, axis, index, src_shape, needs=(True, True)):
    """Return the gradients of :func:`scatter` for ``x`` and ``src``."""
    grid = along(axis, np.asarray(index, np.intp))
    grad_src = None
    if needs[1]:
        taken = where(_winners(grad.shape, grid), getitem(grad, grid), 0)
        grad_src = _source_gradient(taken, src_shape)
    return _kept(grad, grid) if needs[0] else None, grad_src


@differentiable
def scatter_add(x, axis, index, src):
    r"""Add elements along an axis by an index for each: :math:`y_{i,k_{ij}} \mathrel{+}= s_{ij}`.

    Parameters and errors are those of :func:`scatter`.

    Notes
    -----
    Elements that go to one place add up, in C order. Backward:
    :math:`\partial x = g`, :math:`\partial s_{ij} = g_{i,k_{ij}}`.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.scatter_add(od.zeros(3), 0, od.tensor([2, 0, 2]), od.tensor([1.0, 2.0, 5.0]))
    tensor([2., 0., 6.])
    """
    x = as_array(x)
    grid = grid_of("scatter_add", x, axis, index)
    part = _part_of("scatter_add", _source("scatter_add", "src", x, src), grid)
    return add(x, put(part, grid, x.shape))


@scatter_add.backward_rule(wrt=("x", "src"))
def scatter_add_backward(grad, axis, index, src_shape, needs=(True, True)):
    """Return the gradients of :func:`scatter_add` for ``x`` and ``src``."""
    grad_src = None
    if needs[1]:
        taken = getitem(grad, along(axis, np.asarray(index, np.intp)))
        grad_src = _source_gradient(taken, src_shape)
    return grad if needs[0] else None, grad_src


@differentiable
def index_add(x, axis, index, src):
    r"""Add slices along an axis at an index: :math:`y_{k_j} \mathrel{+}= s_j`.

    Parameters
    ----------
    x : Tensor or ndarray
    axis : int
    index : Tensor or ndarray of int, shape (J,)
    src : Tensor or ndarray of the dtype of ``x``
        In the shape of ``x``, but with length J along the axis.

    Returns
    -------
    Tensor or ndarray
        In the shape of ``x``; slices that go to one place add up.

    Raises
    ------
    RangeError
        If an index or the axis is out of range.
    ShapeError
        If the shapes do not fit.
    DTypeError
        If the index is not of integers, or the dtypes differ.

    Notes
    -----
    Backward: :math:`\partial x = g`, :math:`\partial s_j = g_{k_j}`.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.index_add(od.zeros(3), 0, od.tensor([1, 1]), od.tensor([2.0, 3.0]))
    tensor([0., 5., 0.])
    """
    x = as_array(x)
    axis = normalize_axis("index_add", axis, x.ndim)
    index = as_indices("index_add", "index", index, x.shape[axis])
    src = _source("index_add", "src", x, src)
    shape = (*x.shape[:axis], index.size, *x.shape[axis + 1 :])
    if index.ndim != 1 or src.shape != shape:
        raise ShapeError(
            f"index_add: src of shape {src.shape} and index {index.shape} do not fit x {x.shape}; "
            f"expected src {shape} for {index.size} indices along axis {axis}"
        )
    return add(x, put(src, (slice(None),) * axis + (index,), x.shape))


@index_add.backward_rule(wrt=("x", "src"))
def index_add_backward(grad, axis, index, needs=(True, True)):
    """Return the gradients of :func:`index_add` for ``x`` and ``src``."""
    place = (slice(None),) * (axis % len(grad.shape)) + (np.asarray(index, np.intp),)
    return grad if needs[0] else None, getitem(grad, place) if needs[1] else None


@differentiable
def index_put(x, index, values, accumulate=False):
    r"""Return ``x`` with values at an index: what ``x[index] = values`` writes, as a new array.

    Parameters
    ----------
    x : Tensor or ndarray
    index : as in :func:`getitem`
    values : Tensor or ndarray of the dtype of ``x``, or number
        Broadcast to the shape of ``x[index]``.
    accumulate : bool
        Whether to add them to what is there, :math:`y_{i_k} \mathrel{+}= v_k`,
        instead of :math:`y_{i_k} = v_k`.

    Returns
    -------
    Tensor or ndarray
        In the shape of ``x``. Of several values at one place the last in C order
        stays, or all of them add up.

    Raises
    ------
    ShapeError
        If the values do not fit the index; a RangeError if that is out of range.
    DTypeError
        If the dtypes differ.

    Notes
    -----
    Backward: :math:`\partial v = g` at the index, zeros for values that were
    overwritten; :math:`\partial x = g`, with zeros at the index unless accumulated.

    Examples
    --------
    >>> import odyssey as od
    >>> x = od.tensor([1.0, 2.0, 3.0])
    >>> od.core.index_put(x, x > 1.5, 0.0)
    tensor([1., 0., 0.])
    """
    x = as_array(x)
    values = _source("index_put", "values", x, values)
    try:
        values = np.broadcast_to(values, x[index].shape)
    except (IndexError, ValueError) as error:
        kind = RangeError if isinstance(error, IndexError) else ShapeError
        raise kind(
            f"index_put: values of shape {values.shape} do not fit index into x {x.shape}: {error}"
        ) from None
    return add(x, put(values, index, x.shape)) if accumulate else _written(x, index, values)


@index_put.backward_rule(wrt=("x", "values"))
def index_put_backward(grad, index, values_shape, accumulate=False, needs=(True, True)):
    """Return the gradients of :func:`index_put` for ``x`` and ``values``."""
    grad_x = grad_values = None
    if needs[0]:
        grad_x = grad if accumulate else _kept(grad, index)
    if needs[1]:
        grad_values = getitem(grad, index)
        if not accumulate:
            grad_values = where(_winners(grad.shape, index), grad_values, 0)
        grad_values = unbroadcast(grad_values, values_shape)
    return grad_x, grad_values
