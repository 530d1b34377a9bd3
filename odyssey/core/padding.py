"""Padding: values around an array, constant or taken from its own."""

from __future__ import annotations

import numpy as np

from odyssey.core._axes import at, taken
from odyssey.core._checks import as_array
from odyssey.core.indexing import getitem, put
from odyssey.errors import DTypeError, OdysseyError, ShapeError
from odyssey.tape import differentiable
from odyssey.utils.geometry import repeated

__all__ = ["pad", "pad_backward"]


def _pairs(width, ndim):
    """Return the numbers of elements before and after, a pair for each axis."""
    try:
        pairs = np.broadcast_to(np.asarray(width), (ndim, 2))
    except ValueError:
        raise ShapeError(
            f"pad: width must be a number, a pair (before, after) or one pair for each of the "
            f"{ndim} axes, got {width!r}"
        ) from None
    if pairs.dtype.kind not in "iu" or (pairs < 0).any():
        raise ShapeError(f"pad: width must hold integers from 0 on, got {width!r}")
    return pairs.tolist()


REPEATING = ("replicate", "circular", "reflect")


def _sources(x_shape, width, mode):
    """Return, for each axis that is padded, the axis and the places its elements come from."""
    return [
        (axis, repeated(mode, np.arange(-before, n + after), n))
        for axis, (n, (before, after)) in enumerate(
            zip(x_shape, _pairs(width, len(x_shape)), strict=True)
        )
        if before or after
    ]


def _inside(x_shape, width):
    """Return the index of the old elements in the padded array."""
    pairs = _pairs(width, len(x_shape))
    return tuple([slice(before, before + n) for n, (before, _) in zip(x_shape, pairs, strict=True)])


@differentiable
def pad(x, width, mode="constant", value=0):
    r"""Put elements around an array.

    Along an axis of length n, with :math:`y_k = x_{s(k)}` for k from -before to n + after - 1:

    ===============  ======================================  ==================
    mode             :math:`s(k)`                            ``1 2 3`` by 2
    ===============  ======================================  ==================
    ``"constant"``   none: ``value``                         ``0 0 1 2 3 0 0``
    ``"reflect"``    the wave 0, 1, ..., n-1, n-2, ..., 0    ``3 2 1 2 3 2 1``
    ``"replicate"``  :math:`\min(\max(k, 0), n - 1)`         ``1 1 1 2 3 3 3``
    ``"circular"``   :math:`k \bmod n`                       ``2 3 1 2 3 1 2``
    ===============  ======================================  ==================

    Parameters
    ----------
    x : Tensor or ndarray
    width : int, (before, after), or a pair for each axis
        How many elements; one number or one pair counts for every axis.
    mode : {"constant", "reflect", "replicate", "circular"}
    value : number
        What a constant padding holds, in the dtype of ``x``.

    Returns
    -------
    Tensor or ndarray
        Axis i has length ``before_i + x.shape[i] + after_i``.

    Raises
    ------
    ShapeError
        If the width does not fit, or an axis without elements shall be repeated.
    DTypeError
        If the dtype of ``x`` has no such value.
    OdysseyError
        If there is no such mode.

    Notes
    -----
    Backward: each element gets the sum of the gradients of its copies,
    :math:`\partial x_i = \sum_{k: s(k) = i} g_k`; a constant gets none.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.pad(od.tensor([1.0, 2.0, 3.0]), (1, 2), "reflect")
    tensor([2., 1., 2., 3., 2., 1.])
    """
    x = as_array(x)
    pairs = _pairs(width, x.ndim)
    if mode == "constant":
        shape = [before + n + after for n, (before, after) in zip(x.shape, pairs, strict=True)]
        try:
            with np.errstate(invalid="raise", over="ignore"):
                out = np.full_like(x, value, shape=shape)
        except (TypeError, ValueError, ArithmeticError) as error:
            raise DTypeError(f"pad: value {value!r} is no {x.dtype}: {error}") from None
        out[_inside(x.shape, width)] = x
        return out
    if mode not in REPEATING:
        raise OdysseyError(f"pad: mode must be constant, {', '.join(REPEATING)}, got {mode!r}")
    for n, pair in zip(x.shape, pairs, strict=True):
        if n == 0 and any(pair):
            raise ShapeError(f"pad: x of shape {x.shape} has nothing to {mode} along an empty axis")
    out = x
    for axis, places in _sources(x.shape, width, mode):
        out = taken(out, places, axis)
    return out if out is not x else x.copy()


@pad.backward_rule(wrt=("x",))
def pad_backward(grad, x_shape, width, mode="constant"):
    """Return the gradient of :func:`pad`."""
    if mode == "constant":
        return getitem(grad, _inside(x_shape, width))
    for axis, places in _sources(x_shape, width, mode):
        shape = (*grad.shape[:axis], x_shape[axis], *grad.shape[axis + 1 :])
        grad = put(grad, at(axis, places), shape)
    return grad
