"""Manipulation: axes in another order, elements turned round, shifted, repeated or left out."""

from __future__ import annotations

import builtins  # `slice` is an operation here
import math
import operator

import numpy as np

from odyssey.core._axes import at
from odyssey.core._broadcast import add_up, unbroadcast
from odyssey.core._checks import as_array, normalize_axes, normalize_axis
from odyssey.core._copies import reshaped
from odyssey.core.indexing import put
from odyssey.core.matrix import permutation
from odyssey.core.shape import reshape
from odyssey.errors import ShapeError
from odyssey.tape import differentiable

__all__ = [
    "flip",
    "flip_backward",
    "moveaxis",
    "moveaxis_backward",
    "permute",
    "permute_backward",
    "ravel",
    "ravel_backward",
    "repeat",
    "repeat_backward",
    "roll",
    "roll_backward",
    "slice",
    "slice_backward",
    "tile",
    "tile_backward",
]


@differentiable
def ravel(x):
    r"""Join all axes into one: :math:`y_k` is the k-th element of ``x`` in logical (C) order.

    Parameters
    ----------
    x : Tensor or ndarray

    Returns
    -------
    Tensor or ndarray, shape (x.size,)

    Notes
    -----
    Backward: :math:`g`, reshaped to the shape of ``x``.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.ravel(od.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor([1., 2., 3., 4.])
    """
    return reshaped(as_array(x), (-1,))


@ravel.backward_rule(wrt=("x",))
def ravel_backward(grad, x_shape):
    """Return the gradient of :func:`ravel`."""
    return reshape(grad, x_shape)


@differentiable
def permute(x, axes):
    r"""Put the axes in another order, without a copy; :func:`transpose` with the order named.

    Parameters
    ----------
    x : Tensor or ndarray
    axes : tuple of int
        Axis i of the result is axis ``axes[i]`` of ``x``.

    Returns
    -------
    Tensor or ndarray

    Raises
    ------
    ShapeError
        If ``axes`` is not a permutation of the axes.

    Notes
    -----
    Backward: :math:`g` under the inverse permutation.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.permute(od.zeros((2, 3, 4)), (1, 2, 0)).shape
    (3, 4, 2)
    """
    x = as_array(x)
    return np.transpose(x, _order(axes, x.ndim))


def _order(axes, ndim):
    if axes is None:
        raise ShapeError(f"permute: axes None names 0 of {ndim} axes")
    return permutation("permute", axes, ndim)


@permute.backward_rule(wrt=("x",))
def permute_backward(grad, axes):
    """Return the gradient of :func:`permute`."""
    return permute(grad, tuple(np.argsort(_order(axes, len(grad.shape))).tolist()))


@differentiable
def moveaxis(x, source, destination):
    r"""Move axes to other places, without a copy; the others keep their order.

    Parameters
    ----------
    x : Tensor or ndarray
    source, destination : int or tuple of int
        Axis ``source[i]`` of ``x`` is axis ``destination[i]`` of the result.

    Returns
    -------
    Tensor or ndarray

    Raises
    ------
    ShapeError
        If an axis is out of range or repeated, or there are not as many of both.

    Notes
    -----
    Backward: :math:`g` with the axes moved back.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.moveaxis(od.zeros((8, 3, 4, 5)), 1, -1).shape
    (8, 4, 5, 3)
    """
    x = as_array(x)
    source = normalize_axes("moveaxis: source", source, x.ndim)
    destination = normalize_axes("moveaxis: destination", destination, x.ndim)
    if len(source) != len(destination):
        raise ShapeError(f"moveaxis: source names {len(source)} axes, destination "
                         f"{len(destination)}")  # fmt: skip
    return np.moveaxis(x, source, destination)


@moveaxis.backward_rule(wrt=("x",))
def moveaxis_backward(grad, source, destination):
    """Return the gradient of :func:`moveaxis`."""
    return moveaxis(grad, destination, source)


@differentiable
def flip(x, axis=None):
    r"""Turn the order of the elements round along axes: :math:`y_i = x_{n - 1 - i}`.

    Parameters
    ----------
    x : Tensor or ndarray
    axis : int, tuple of int or None
        Which; None for all.

    Returns
    -------
    Tensor or ndarray

    Raises
    ------
    ShapeError
        If an axis is out of range or repeated.

    Notes
    -----
    Backward: :math:`g`, turned round as well.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.flip(od.tensor([1.0, 2.0, 3.0]))
    tensor([3., 2., 1.])
    """
    x = as_array(x)
    return np.flip(x, normalize_axes("flip", axis, x.ndim))


@flip.backward_rule(wrt=("x",))
def flip_backward(grad, axis=None):
    """Return the gradient of :func:`flip`."""
    return flip(grad, axis)


def _shifts(shift, axis, ndim):
    """Return shifts and axes as tuples of one length."""
    axes = normalize_axes("roll", axis, ndim)
    try:
        if isinstance(shift, (tuple, list)):
            shifts = tuple(map(operator.index, shift))
        else:
            shifts = (operator.index(shift),) * len(axes)
    except TypeError:
        raise ShapeError(f"roll: shift must hold integers, got {shift!r}") from None
    if len(shifts) != len(axes):
        raise ShapeError(f"roll: {len(shifts)} shifts for {len(axes)} axes")
    return shifts, axes


@differentiable
def roll(x, shift, axis=None):
    r"""Shift the elements along axes, the last ones round to the front.

    Parameters
    ----------
    x : Tensor or ndarray
    shift : int or tuple of int
        By how many places, for each axis or all alike.
    axis : int, tuple of int or None
        Which; None rolls the flattened array and gives it the shape of ``x`` again.

    Returns
    -------
    Tensor or ndarray

    Raises
    ------
    ShapeError
        If an axis is out of range or repeated, or shifts and axes are not as many.

    Notes
    -----
    With n elements along the axis, :math:`y_{(i + s) \bmod n} = x_i`.
    Backward: :math:`g`, shifted back.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.roll(od.tensor([1.0, 2.0, 3.0]), 1)
    tensor([3., 1., 2.])
    """
    x = as_array(x)
    if axis is None:
        (shift,), _ = _shifts(shift, 0, 1)
        return np.roll(x, shift)
    shifts, axes = _shifts(shift, axis, x.ndim)
    return np.roll(x, shifts, axes)


@roll.backward_rule(wrt=("x",))
def roll_backward(grad, shift, axis=None):
    """Return the gradient of :func:`roll`."""
    back = tuple([-one for one in shift]) if isinstance(shift, (tuple, list)) else -shift
    return roll(grad, back, axis)


def _counts(op, name, counts):
    """Return numbers of copies as an array of int64."""
    array = as_array(counts)
    if array.size and (array.dtype.kind not in "iu" or (array < 0).any()):
        raise ShapeError(f"{op}: {name} must hold integers from 0 on, got {counts!r}")
    return array.astype(np.int64)


@differentiable
def repeat(x, repeats, axis=None):
    r"""Repeat each element along an axis: ``a b`` twice is ``a a b b``.

    Parameters
    ----------
    x : Tensor or ndarray
    repeats : int or ndarray of int, shape (n,) or (1,)
        How often, for each of the n elements along the axis or all alike.
    axis : int or None
        Which; None repeats the elements of the flattened array.

    Returns
    -------
    Tensor or ndarray

    Raises
    ------
    ShapeError
        If the axis is out of range, or ``repeats`` does not fit it.

    Notes
    -----
    Element :math:`x_i` stands at :math:`r_i` places. Backward: the sum of the
    gradients at these places.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.repeat(od.tensor([1.0, 2.0]), od.tensor([1, 3]))
    tensor([1., 2., 2., 2.])
    """
    x = as_array(x)
    flat = x if axis is not None else reshaped(x, (-1,))
    axis = 0 if axis is None else normalize_axis("repeat", axis, x.ndim)
    counts = _counts("repeat", "repeats", repeats)
    if counts.size != 1 and counts.shape != (flat.shape[axis],):
        raise ShapeError(
            f"repeat: repeats of shape {counts.shape} for {flat.shape[axis]} elements "
            f"(x: {x.shape})"
        )
    return np.repeat(flat, counts.ravel(), axis)


@repeat.backward_rule(wrt=("x",))
def repeat_backward(grad, x_shape, repeats, axis=None):
    """Return the gradient of :func:`repeat`."""
    shape = (math.prod(x_shape),) if axis is None else x_shape
    axis = 0 if axis is None else axis % len(x_shape)
    counts = np.asarray(repeats, np.int64).ravel()
    if counts.size == 1:  # every element as often: a new axis
        grad = reshape(grad, (*shape[: axis + 1], counts.item(), *shape[axis + 1 :]))
        return reshape(add_up(grad, (axis + 1,)), x_shape)
    places = np.repeat(np.arange(shape[axis]), counts)
    return reshape(put(grad, (builtins.slice(None),) * axis + (places,), shape), x_shape)


@differentiable
def tile(x, reps):
    r"""Lay copies of an array side by side: ``a b`` twice is ``a b a b``.

    Parameters
    ----------
    x : Tensor or ndarray
    reps : int or tuple of int
        How many along each axis, the last ones if there are fewer; further
        ones in front make new axes.

    Returns
    -------
    Tensor or ndarray

    Raises
    ------
    ShapeError
        If ``reps`` holds anything but integers from 0 on.

    Notes
    -----
    Along an axis of length n, :math:`y_k = x_{k \bmod n}`. Backward: the sum of
    the gradients of the copies.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.tile(od.tensor([1.0, 2.0]), (2, 2))
    tensor([[1., 2., 1., 2.],
            [1., 2., 1., 2.]])
    """
    return np.tile(as_array(x), _counts("tile", "reps", reps).ravel().tolist())


@tile.backward_rule(wrt=("x",))
def tile_backward(grad, x_shape, reps):
    """Return the gradient of :func:`tile`."""
    reps = np.asarray(reps, np.int64).ravel().tolist()
    ndim = max(len(x_shape), len(reps))
    reps = [1] * (ndim - len(reps)) + reps
    # The copies of each axis on an axis of their own, along which they were broadcast.
    one = [n for length in (1,) * (ndim - len(x_shape)) + tuple(x_shape) for n in (1, length)]
    many = [n for pair in zip(reps, one[1::2], strict=True) for n in pair]
    return reshape(unbroadcast(reshape(grad, tuple(many)), tuple(one)), x_shape)


@differentiable
def slice(x, start, stop, step=1, axis=0):
    r"""Return the elements ``start:stop:step`` along an axis: :math:`y_k = x_{a + k s}`.

    Parameters
    ----------
    x : Tensor or ndarray
    start, stop : int or None
        As in ``x[start:stop]``: negative ones count from the end, those
        beyond it mean the end, None means all on that side.
    step : int
        Not 0.
    axis : int

    Returns
    -------
    Tensor or ndarray

    Raises
    ------
    ShapeError
        If the axis is out of range, or a number is not an integer.

    Notes
    -----
    Backward: :math:`g` at the places that were taken, zeros elsewhere.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.slice(od.arange(6), 1, -1, step=2)
    tensor([1, 3])
    """
    x = as_array(x)
    axis = normalize_axis("slice", axis, x.ndim)
    try:
        return x[at(axis, builtins.slice(start, stop, step))]
    except (TypeError, ValueError) as error:
        raise ShapeError(f"slice: {start}:{stop}:{step} of x {x.shape}: {error}") from None


@slice.backward_rule(wrt=("x",))
def slice_backward(grad, x_shape, start, stop, step=1, axis=0):
    """Return the gradient of :func:`slice`."""
    return put(grad, at(axis % len(x_shape), builtins.slice(start, stop, step)), x_shape)
