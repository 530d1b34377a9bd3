"""Reductions: one value from many along axes. ``axis=None`` means all of them."""

from __future__ import annotations

import builtins  # `any`, `max` and `sum` are operations here
import math

import numpy as np

from odyssey.backend import kernel
from odyssey.core._axes import joined, narrowed, parted, widened
from odyssey.core._broadcast import add_up
from odyssey.core._checks import as_array, check_float, normalize_axes, normalize_axis
from odyssey.core._floats import has_kernel
from odyssey.core.cumulative import cumulative_prod
from odyssey.core.shape import broadcast_to, reshape
from odyssey.errors import ShapeError
from odyssey.tape import differentiable, not_differentiable

__all__ = [
    "all",
    "any",
    "argmax",
    "max",
    "max_backward",
    "mean",
    "mean_backward",
    "min",
    "min_backward",
    "prod",
    "prod_backward",
    "sum",
    "sum_backward",
]


def _kept(shape, axes):
    """Return ``shape`` with length 1 along ``axes``."""
    return tuple(1 if i in axes else n for i, n in enumerate(shape))


def _spread(values, x_shape, axis):
    """Lay reduced values out again along the axes that were reduced away."""
    axes = normalize_axes("reduction", axis, len(x_shape))
    return broadcast_to(reshape(values, _kept(x_shape, axes)), x_shape)


@differentiable
def sum(x, axis=None, keepdims=False, dtype=None):
    r"""Add up the elements along axes: :math:`y = \sum_i x_i`.

    Parameters
    ----------
    x : Tensor or ndarray
    axis : int, tuple of int or None
        The axes to add along; None for all.
    keepdims : bool
        Keep the axes, with length 1.
    dtype : dtype, optional
        To add up in; by default that of ``x``, for small integers NumPy's wider one.

    Returns
    -------
    Tensor or ndarray
        Half precision is added up in float32.

    Raises
    ------
    ShapeError
        If an axis is out of range, repeated or not an integer.

    Notes
    -----
    Backward: :math:`\partial x_i = g`, the same for every element of a sum.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.sum(od.tensor([[1.0, 2.0], [3.0, 4.0]]), axis=0)
    tensor([4., 6.])
    """
    x = as_array(x)
    axes = axis if axis is None else normalize_axes("sum", axis, x.ndim)
    if dtype is not None and np.dtype(dtype).kind != "f":
        return np.sum(x, axes, dtype, keepdims=keepdims)
    return add_up(x if dtype is None else x.astype(dtype, copy=False), axes, keepdims)


@sum.backward_rule(wrt=("x",))
def sum_backward(grad, x_shape, axis=None):
    """Return the gradient of :func:`sum`."""
    return _spread(grad, x_shape, axis)


@differentiable
def mean(x, axis=None, keepdims=False):
    r"""Average the elements along axes: :math:`y = \frac1n \sum_i x_i`.

    Parameters are those of :func:`sum`.

    Returns
    -------
    Tensor or ndarray
        In the dtype of ``x``; NaN where there is nothing to average.

    Raises
    ------
    ShapeError
        If an axis is out of range, repeated or not an integer.
    DTypeError
        If ``x`` is not floating-point.

    Notes
    -----
    Backward: :math:`\partial x_i = g / n`.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.mean(od.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor(2.5)
    """
    x = as_array(x)
    check_float("mean", x=x)
    if has_kernel(x):
        axes = axis if axis is None else normalize_axes("mean", axis, x.ndim)
        return kernel("mean")(x, axes, keepdims)
    axes = normalize_axes("mean", axis, x.ndim)
    count = math.prod(x.shape[i] for i in axes)
    # Divided before it is rounded: a sum may be too large for half precision where the mean is not.
    total = np.sum(x, axes, np.result_type(x, np.float32), keepdims=keepdims)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(total / count).astype(x.dtype, copy=False)


@mean.backward_rule(wrt=("x",))
def mean_backward(grad, x_shape, axis=None):
    """Return the gradient of :func:`mean`."""
    axes = normalize_axes("mean", axis, len(x_shape))
    count = math.prod(x_shape[i] for i in axes)
    return _spread(grad / builtins.max(count, 1), x_shape, axes)


@differentiable
def max(x, axis=None, keepdims=False):
    r"""Return the largest element along axes; NaN if one is among them.

    Parameters and errors are those of :func:`sum`.

    Raises
    ------
    ShapeError
        Also if there is nothing to take the largest of.

    Notes
    -----
    Backward: the gradient goes to the largest element; of :math:`m` equal ones
    each gets :math:`g / m`.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.max(od.tensor([[1.0, 5.0], [7.0, 2.0]]), axis=1)
    tensor([5., 7.])
    """
    return _extreme("max", np.max, x, axis, keepdims)


@max.backward_rule(wrt=("x",))
def max_backward(grad, x, out, axis=None):
    """Return the gradient of :func:`max`."""
    return _shared(grad, x, out, axis)


@differentiable
def min(x, axis=None, keepdims=False):
    r"""Return the smallest element along axes, :math:`\min_i x_i`; NaN if one is among them.

    Parameters and errors are those of :func:`max`.

    Notes
    -----
    Backward: the gradient goes to the smallest element; of :math:`m` equal ones
    each gets :math:`g / m`.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.min(od.tensor([[1.0, 5.0], [7.0, 2.0]]), axis=1)
    tensor([1., 2.])
    """
    return _extreme("min", np.min, x, axis, keepdims)


@min.backward_rule(wrt=("x",))
def min_backward(grad, x, out, axis=None):
    """Return the gradient of :func:`min`."""
    return _shared(grad, x, out, axis)


def _extreme(op, function, x, axis, keepdims):
    x = as_array(x)
    axes = normalize_axes(op, axis, x.ndim)
    if builtins.any(x.shape[i] == 0 for i in axes):
        raise ShapeError(f"{op}: x of shape {x.shape} has no element along axis {axis}")
    return function(x, axis=axes, keepdims=keepdims)


def _shared(grad, x, out, axis):
    """Give the gradient to the elements that are equal to the result, in equal parts."""
    x_values, chosen = np.asarray(x), _spread(np.asarray(out), x.shape, axis)
    # Counted in float32 at least: half precision would lose ties beyond 2048.
    ties = (x_values == chosen).astype(np.result_type(x_values, np.float32))
    count = ties.sum(axis=normalize_axes("reduction", axis, ties.ndim), keepdims=True)
    share = ties / np.maximum(count, 1)
    return _spread(grad, x.shape, axis) * share.astype(x_values.dtype)


@differentiable
def prod(x, axis=None, keepdims=False, dtype=None):
    r"""Multiply the elements along axes: :math:`y = \prod_i x_i`.

    Parameters and errors are those of :func:`sum`.

    Returns
    -------
    Tensor or ndarray
        Half precision is multiplied in float32.

    Notes
    -----
    Backward: the product of the others, those before times those after,

    .. math:: \partial x_i = g \prod_{j < i} x_j \prod_{j > i} x_j

    Nothing is divided by x, so that it holds at zeros, too.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.prod(od.tensor([[1.0, 2.0], [3.0, 4.0]]), axis=0)
    tensor([3., 8.])
    """
    x = as_array(x)
    axes = normalize_axes("prod", axis, x.ndim)
    half = (x.dtype if dtype is None else np.dtype(dtype)) == np.float16
    with np.errstate(all="ignore"):
        out = np.prod(x, axes, np.float32 if half else dtype, keepdims=keepdims)
        return np.asarray(out).astype(np.float16) if half else out


@prod.backward_rule(wrt=("x",))
@np.errstate(all="ignore")
def prod_backward(grad, x, axis=None):
    """Return the gradient of :func:`prod`."""
    axes = normalize_axes("prod", axis, len(x.shape))
    rows = joined(widened(x), axes)
    before = cumulative_prod(rows, -1, include_initial=True)[..., :-1]
    after = cumulative_prod(rows[..., ::-1], -1, include_initial=True)[..., -2::-1]
    others = parted(before * after, x.shape, axes)
    return narrowed(_spread(widened(grad), x.shape, axes) * others, x.dtype)


@not_differentiable
def any(x, axis=None, keepdims=False):
    r"""Tell whether some element along axes is not zero: :math:`\bigvee_i (x_i \ne 0)`.

    Parameters and errors are those of :func:`sum`.

    Returns
    -------
    Tensor or ndarray of bool
        False where there is nothing; a NaN is not zero.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.any(od.tensor([[0, 0], [0, 2]]), axis=1)
    tensor([False,  True])
    """
    x = as_array(x)
    return np.any(x, axis=normalize_axes("any", axis, x.ndim), keepdims=keepdims)


@not_differentiable
def all(x, axis=None, keepdims=False):
    r"""Tell whether no element along axes is zero: :math:`\bigwedge_i (x_i \ne 0)`.

    Parameters and errors are those of :func:`sum`.

    Returns
    -------
    Tensor or ndarray of bool
        True where there is nothing.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.all(od.tensor([[0, 1], [3, 2]]), axis=1)
    tensor([False,  True])
    """
    x = as_array(x)
    return np.all(x, axis=normalize_axes("all", axis, x.ndim), keepdims=keepdims)


@not_differentiable
def argmax(x, axis=None, keepdims=False):
    r"""Return the index of the largest element, :math:`\arg\max_i x_i`; of equal ones the first.

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
    >>> od.core.argmax(od.tensor([[1.0, 5.0], [7.0, 2.0]]), axis=1)
    tensor([1, 0])
    """
    return extreme_index("argmax", np.argmax, x, axis, keepdims)


def extreme_index(op, function, x, axis, keepdims):
    """Return what ``function``, NumPy's argmax or argmin, gives for at least one element."""
    x = as_array(x)
    if axis is not None:
        axis = normalize_axis(op, axis, x.ndim)
    if (x.size if axis is None else x.shape[axis]) == 0:
        raise ShapeError(f"{op}: x of shape {x.shape} has no element along axis {axis}")
    return function(x, axis=axis, keepdims=keepdims)
