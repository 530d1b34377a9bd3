"""Shape: the same elements under other axes. Backward takes each element back."""

from __future__ import annotations

import math
import operator

import numpy as np

from odyssey.core._broadcast import unbroadcast
from odyssey.core._checks import as_array, normalize_axes, normalize_axis
from odyssey.core._copies import copied, reshaped
from odyssey.errors import DTypeError, ShapeError
from odyssey.tape import differentiable
from odyssey.utils.broadcasting import broadcast_shape, check_broadcasts_to

__all__ = [
    "are_shapes_broadcastable",
    "broadcast_arrays",
    "broadcast_shapes",
    "broadcast_to",
    "broadcast_to_backward",
    "concatenate",
    "concatenate_backward",
    "expand_dims",
    "expand_dims_backward",
    "flatten",
    "flatten_backward",
    "reshape",
    "reshape_backward",
    "squeeze",
    "squeeze_backward",
    "stack",
    "stack_backward",
]


@differentiable
def reshape(x, shape, copy=None):
    r"""Lay the elements out under another shape, in logical (C) order.

    Parameters
    ----------
    x : Tensor or ndarray
    shape : int or tuple of int
        One length may be -1: it is worked out.
    copy : bool or None
        True always copies; False never does; None does where it must.

    Returns
    -------
    Tensor or ndarray
        A tensor with a value of its own: writing to it leaves ``x`` as it is.

    Raises
    ------
    ShapeError
        If the number of elements differs, or this needs a copy that may not be made.

    Notes
    -----
    Backward: :math:`g`, reshaped to the shape of ``x``.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.reshape(od.arange(6), (2, -1))
    tensor([[0, 1, 2],
            [3, 4, 5]])
    """
    x = as_array(x)
    try:
        out = reshaped(x, shape)
    except ValueError:
        raise ShapeError(
            f"reshape: x has {x.size} elements (shape {x.shape}), which do not fit {shape}"
        ) from None
    if copy is None:
        return out
    shared = np.may_share_memory(out, x)
    if copy:
        return copied(out) if shared else out
    if x.size and not shared:
        raise ShapeError(f"reshape: x of strides {x.strides} needs a copy for shape {shape}")
    return out


@reshape.backward_rule(wrt=("x",))
def reshape_backward(grad, x_shape):
    """Return the gradient of :func:`reshape`."""
    return reshape(grad, x_shape)


@differentiable
def flatten(x, start_axis=1, end_axis=-1):
    r"""Join axes into one, by default all but the batch axis.

    Parameters
    ----------
    x : Tensor or ndarray, shape (N, ...)
    start_axis, end_axis : int
        The first and the last axis to join.

    Returns
    -------
    Tensor or ndarray

    Raises
    ------
    ShapeError
        If an axis is out of range, or the last lies before the first.

    Notes
    -----
    Backward: :math:`g`, reshaped to the shape of ``x``.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.flatten(od.zeros((8, 3, 4))).shape
    (8, 12)
    """
    x = as_array(x)
    first = normalize_axis("flatten", start_axis, x.ndim, "start_axis")
    last = normalize_axis("flatten", end_axis, x.ndim, "end_axis")
    if last < first:
        raise ShapeError(f"flatten: end_axis {end_axis} lies before start_axis {start_axis}")
    joined = math.prod(x.shape[first : last + 1])
    return reshaped(x, (*x.shape[:first], joined, *x.shape[last + 1 :]))


@flatten.backward_rule(wrt=("x",))
def flatten_backward(grad, x_shape):
    """Return the gradient of :func:`flatten`."""
    return reshape(grad, x_shape)


@differentiable
def expand_dims(x, axis):
    r"""Insert axes of length 1.

    Parameters
    ----------
    x : Tensor or ndarray
    axis : int or tuple of int
        Where they shall stand in the result.

    Returns
    -------
    Tensor or ndarray

    Raises
    ------
    ShapeError
        If an axis is out of range or repeated.

    Notes
    -----
    Backward: :math:`g` without the axes.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.expand_dims(od.zeros((2, 3)), 1).shape
    (2, 1, 3)
    """
    x = as_array(x)
    if isinstance(axis, (tuple, list)):
        return np.expand_dims(x, normalize_axes("expand_dims", axis, x.ndim + len(axis)))
    return np.expand_dims(x, normalize_axis("expand_dims", axis, x.ndim + 1))


@expand_dims.backward_rule(wrt=("x",))
def expand_dims_backward(grad, x_shape):
    """Return the gradient of :func:`expand_dims`."""
    return reshape(grad, x_shape)


@differentiable
def squeeze(x, axis=None):
    r"""Drop axes of length 1.

    Parameters
    ----------
    x : Tensor or ndarray
    axis : int, tuple of int or None
        Which; None for every axis of length 1.

    Returns
    -------
    Tensor or ndarray

    Raises
    ------
    ShapeError
        If an axis that is named has another length.

    Notes
    -----
    Backward: :math:`g` with the axes again.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.squeeze(od.zeros((2, 1, 3))).shape
    (2, 3)
    """
    x = as_array(x)
    if axis is None:
        return np.squeeze(x)
    axes = normalize_axes("squeeze", axis, x.ndim)
    for one in axes:
        if x.shape[one] != 1:
            raise ShapeError(f"squeeze: axis {one} has length {x.shape[one]}, not 1 (x: {x.shape})")
    return np.squeeze(x, axes)


@squeeze.backward_rule(wrt=("x",))
def squeeze_backward(grad, x_shape):
    """Return the gradient of :func:`squeeze`."""
    return reshape(grad, x_shape)


@differentiable
def broadcast_to(x, shape):
    r"""Repeat ``x`` along axes of length 1 and new leading axes, without a copy.

    Parameters
    ----------
    x : Tensor or ndarray
    shape : tuple of int

    Returns
    -------
    Tensor or ndarray

    Raises
    ------
    ShapeError
        If ``x`` does not broadcast to ``shape``.

    Notes
    -----
    Backward: :math:`g`, summed over the axes that were repeated.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.broadcast_to(od.tensor([1.0, 2.0]), (2, 2))
    tensor([[1., 2.],
            [1., 2.]])
    """
    x = as_array(x)
    try:
        return np.broadcast_to(x, shape)
    except ValueError:
        target = (shape,) if isinstance(shape, int) else tuple(shape)
        check_broadcasts_to("broadcast_to", "x", x.shape, target)
        raise


@broadcast_to.backward_rule(wrt=("x",))
def broadcast_to_backward(grad, x_shape):
    """Return the gradient of :func:`broadcast_to`."""
    return unbroadcast(grad, x_shape)


def broadcast_shapes(*shapes):
    r"""Return the shape to which shapes broadcast.

    Aligned at their last axes, :math:`n_i` is the one length of axis i other than 1.

    Parameters
    ----------
    *shapes : tuple of int

    Raises
    ------
    ShapeError
        If they do not broadcast.

    Examples
    --------
    >>> broadcast_shapes((2, 1, 4), (3, 1))
    (2, 3, 4)
    """
    return broadcast_shape("broadcast_shapes", {f"shape {i}": one for i, one in enumerate(shapes)})


def are_shapes_broadcastable(*shapes):
    """Tell whether shapes broadcast to one; see :func:`broadcast_shapes`.

    Examples
    --------
    >>> are_shapes_broadcastable((2, 3), (3,)), are_shapes_broadcastable((2, 3), (2,))
    (True, False)
    """
    try:
        broadcast_shapes(*shapes)
    except ShapeError:
        return False
    return True


def broadcast_arrays(*xs):
    """Return a list of the arrays, each broadcast to their common shape, without a copy.

    Parameters
    ----------
    *xs : Tensor or ndarray

    Raises
    ------
    ShapeError
        If they do not broadcast.

    Notes
    -----
    Gradients are those of :func:`broadcast_to`.

    Examples
    --------
    >>> import odyssey as od
    >>> [x.shape for x in broadcast_arrays(od.ones((2, 1)), od.ones(3))]
    [(2, 3), (2, 3)]
    """
    shapes = {f"array {i}": np.shape(x) for i, x in enumerate(xs)}
    shape = broadcast_shape("broadcast_arrays", shapes)
    return [broadcast_to(x, shape) for x in xs]


def _listed(op, xs):
    """Return the arrays of a list; the tape looks for tensors in lists and tuples only."""
    if not isinstance(xs, (list, tuple)):
        raise DTypeError(f"{op}: xs must be a list or tuple of arrays, got {type(xs).__name__}")
    if not xs:
        raise ShapeError(f"{op}: xs is empty")
    return [as_array(x) for x in xs]


@differentiable
def concatenate(xs, axis=0):
    r"""Join arrays along an axis that they have.

    Parameters
    ----------
    xs : list of Tensor or ndarray
        Of one shape but for ``axis``.
    axis : int or None
        None joins the flattened arrays.

    Returns
    -------
    Tensor or ndarray

    Raises
    ------
    ShapeError
        If there are none, or their shapes differ elsewhere than in ``axis``.
    DTypeError
        If ``xs`` is not a list or tuple.

    Notes
    -----
    Backward: each gets its part of :math:`g`.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.concatenate([od.ones(2), od.zeros(1)])
    tensor([1., 1., 0.])
    """
    arrays = _listed("concatenate", xs)
    if axis is None:
        return np.concatenate(arrays, None)
    axis = normalize_axis("concatenate", axis, arrays[0].ndim)
    rest = {a.shape[:axis] + a.shape[axis + 1 :] for a in arrays}
    if len(rest) > 1 or len({a.ndim for a in arrays}) > 1:
        shapes = ", ".join(str(a.shape) for a in arrays)
        raise ShapeError(f"concatenate: the shapes differ elsewhere than in axis {axis}: {shapes}")
    return np.concatenate(arrays, axis)


@concatenate.backward_rule(wrt=("xs",))
def concatenate_backward(grad, xs_shape, axis=0):
    """Return the gradients of :func:`concatenate`: a list, one for each array."""
    flat = axis is None
    axis = 0 if flat else operator.index(axis) % len(xs_shape[0])
    grads, start = [], 0
    for shape in xs_shape:
        stop = start + (math.prod(shape) if flat else shape[axis])
        part = grad[(slice(None),) * axis + (slice(start, stop),)]
        grads.append(reshape(part, shape) if flat else part)
        start = stop
    return (grads,)


@differentiable
def stack(xs, axis=0):
    r"""Join arrays of one shape along a new axis.

    Parameters
    ----------
    xs : list of Tensor or ndarray
    axis : int
        Where the new axis shall stand in the result.

    Returns
    -------
    Tensor or ndarray

    Raises
    ------
    ShapeError
        If there are none, or their shapes differ.
    DTypeError
        If ``xs`` is not a list or tuple.

    Notes
    -----
    Backward: each gets its slice of :math:`g`.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.stack([od.ones(2), od.zeros(2)], axis=1)
    tensor([[1., 0.],
            [1., 0.]])
    """
    arrays = _listed("stack", xs)
    if len({a.shape for a in arrays}) > 1:
        raise ShapeError(f"stack: the shapes differ: {', '.join(str(a.shape) for a in arrays)}")
    return np.stack(arrays, normalize_axis("stack", axis, arrays[0].ndim + 1))


@stack.backward_rule(wrt=("xs",))
def stack_backward(grad, xs_shape, axis=0):
    """Return the gradients of :func:`stack`: a list, one for each array."""
    before = (slice(None),) * (operator.index(axis) % (len(xs_shape[0]) + 1))
    return ([grad[(*before, i)] for i in range(len(xs_shape))],)
