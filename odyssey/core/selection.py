"""Choosing between values: maximum, minimum, clip, masks, and going from one to the other."""

from __future__ import annotations

import numpy as np

from odyssey.core._broadcast import unbroadcast
from odyssey.core._checks import as_array
from odyssey.core._copies import copied
from odyssey.core._pointwise import guarded, pointwise
from odyssey.core.elementwise import where
from odyssey.errors import DTypeError
from odyssey.tape import differentiable
from odyssey.utils.broadcasting import check_broadcasts_to

__all__ = [
    "clip",
    "clip_backward",
    "lerp",
    "lerp_backward",
    "masked_fill",
    "masked_fill_backward",
    "maximum",
    "maximum_backward",
    "minimum",
    "minimum_backward",
]

SHARED = r"""the gradient goes where the value came from; equal ones get half each
(:math:`\partial x = \partial y = g / 2`), and what was broadcast sums up"""


@pointwise("maximum([1.0, 5.0], 2) = [2., 5.]", SHARED, gives="same")
def maximum(x, y):
    r"""Return the larger of each two elements, :math:`\max(x, y)`; NaN if one is NaN."""
    return np.maximum(x, y)


@maximum.backward_rule(wrt=("x", "y"))
def maximum_backward(grad, x, y, needs=(True, True)):
    """Return the gradients of :func:`maximum` for ``x`` and ``y``."""
    smaller, equal = np.less(_plain(x), _plain(y)), np.equal(_plain(x), _plain(y))
    return _shares(grad, smaller, equal, np.shape(x), np.shape(y), needs)


@pointwise("minimum([1.0, 5.0], 2) = [1., 2.]", SHARED, gives="same")
def minimum(x, y):
    r"""Return the smaller of each two elements, :math:`\min(x, y)`; NaN if one is NaN."""
    return np.minimum(x, y)


@minimum.backward_rule(wrt=("x", "y"))
def minimum_backward(grad, x, y, needs=(True, True)):
    """Return the gradients of :func:`minimum` for ``x`` and ``y``."""
    larger, equal = np.greater(_plain(x), _plain(y)), np.equal(_plain(x), _plain(y))
    return _shares(grad, larger, equal, np.shape(x), np.shape(y), needs)


def _plain(x):
    """Return the values alone: which of two was chosen is constant wherever it can be derived."""
    return np.asarray(x)


def _shares(grad, to_y, equal, x_shape, y_shape, needs):
    """Return the gradient for x where ``to_y`` does not hold, for y where it does."""
    half = where(equal, grad / 2, 0)
    return (
        unbroadcast(where(equal, half, where(to_y, 0, grad)), x_shape) if needs[0] else None,
        unbroadcast(where(equal, half, where(to_y, grad, 0)), y_shape) if needs[1] else None,
    )


@differentiable
def clip(x, min=None, max=None):
    r"""Keep each element within bounds: :math:`\min(\max(x, a), b)`.

    Parameters
    ----------
    x : Tensor or ndarray
        Of any shape.
    min, max : Tensor, ndarray, number or None
        The bounds a and b, of shapes that broadcast with that of ``x``; None is no bound.

    Returns
    -------
    Tensor or ndarray
        In the broadcast shape and the promoted dtype; b where :math:`a > b`, NaN where one is NaN.

    Raises
    ------
    ShapeError
        If the shapes do not broadcast.
    DTypeError
        If they are no numbers.

    Notes
    -----
    Backward: :math:`\partial x = g` where :math:`a \le x \le b`, the bounds included. Where a
    bound has taken the place of x, the gradient is that of the bound.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.clip(od.tensor([-2.0, 0.5, 3.0]), 0, 1)
    tensor([0. , 0.5, 1. ])
    """
    bounds = {name: one for name, one in (("min", min), ("max", max)) if one is not None}
    if not bounds:
        return copied(as_array(x))
    return guarded("clip", lambda x, *_: np.clip(x, min, max), x=as_array(x), **bounds)


@clip.backward_rule(wrt=("x", "min", "max"))
def clip_backward(grad, x, min=None, max=None, needs=(True, True, True)):
    """Return the gradients of :func:`clip` for ``x``, ``min`` and ``max``."""
    low = -np.inf if min is None else _plain(min)
    high = np.inf if max is None else _plain(max)
    above = np.greater(np.maximum(_plain(x), low), high)
    below = np.less(_plain(x), low) & ~above
    return (
        unbroadcast(where(below | above, 0, grad), np.shape(x)) if needs[0] else None,
        unbroadcast(where(below, grad, 0), np.shape(min)) if needs[1] else None,
        unbroadcast(where(above, grad, 0), np.shape(max)) if needs[2] else None,
    )


@differentiable
def masked_fill(x, mask, value):
    r"""Put a value where a mask holds: :math:`y_i = v` where :math:`m_i`, else :math:`x_i`.

    Parameters
    ----------
    x : Tensor or ndarray
        Of any shape.
    mask : Tensor or ndarray of bool
        Of a shape that broadcasts to that of ``x``.
    value : Tensor, ndarray or number
        The v; of a shape that broadcasts to that of ``x``, most often ().

    Returns
    -------
    Tensor or ndarray
        In the shape and dtype of ``x``.

    Raises
    ------
    ShapeError
        If mask or value do not broadcast to the shape of ``x``.
    DTypeError
        If the mask is not bool, or ``x`` cannot hold the value.

    Notes
    -----
    Backward: :math:`\partial x = g` where the mask does not hold, else 0, and
    :math:`\partial v` is the sum of g where it does.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.masked_fill(od.tensor([1.0, 2.0]), od.tensor([True, False]), float("-inf"))
    tensor([-inf,   2.])
    """
    x, mask = as_array(x), as_array(mask)
    if mask.dtype != bool:
        raise DTypeError(f"masked_fill: mask must be bool but has dtype {mask.dtype}")
    check_broadcasts_to("masked_fill", "mask", mask.shape, x.shape)
    check_broadcasts_to("masked_fill", "value", np.shape(value), x.shape)
    if np.result_type(x, value).kind != x.dtype.kind:
        given = as_array(value).dtype
        raise DTypeError(f"masked_fill: x of dtype {x.dtype} cannot hold a value of dtype {given}")
    return where(mask, np.asarray(value, x.dtype), x)


@masked_fill.backward_rule(wrt=("x", "value"))
def masked_fill_backward(grad, mask, value_shape, needs=(True, True)):
    """Return the gradients of :func:`masked_fill` for ``x`` and ``value``."""
    return (
        where(mask, 0, grad) if needs[0] else None,
        unbroadcast(where(mask, grad, 0), value_shape) if needs[1] else None,
    )


@differentiable
def lerp(x, y, weight):
    r"""Go from x towards y, linearly: :math:`x + w\,(y - x)`.

    Parameters
    ----------
    x, y : Tensor, ndarray or number
        The values for the weights 0 and 1.
    weight : Tensor, ndarray or number
        The w; all three broadcast together.

    Returns
    -------
    Tensor or ndarray
        In the broadcast shape and the promoted dtype; exactly y where :math:`w = 1`.

    Raises
    ------
    ShapeError
        If the shapes do not broadcast.
    DTypeError
        If they are no numbers.

    Notes
    -----
    Backward: :math:`\partial x = (1 - w)\,g`, :math:`\partial y = w\,g` and
    :math:`\partial w = (y - x)\,g`, summed over the axes that were broadcast.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.lerp(od.tensor([0.0, 1.0]), od.tensor([10.0, 3.0]), 0.5)
    tensor([5., 2.])
    """

    def between(x, y, weight):
        near_y = np.asarray(weight) >= 0.5
        return np.where(near_y, y - (y - x) * (1 - weight), x + weight * (y - x))

    return guarded("lerp", between, x=x, y=y, weight=weight)


@lerp.backward_rule(wrt=("x", "y", "weight"))
def lerp_backward(grad, x, y, weight, needs=(True, True, True)):
    """Return the gradients of :func:`lerp` for ``x``, ``y`` and ``weight``."""
    return (
        unbroadcast(grad * (1 - weight), np.shape(x)) if needs[0] else None,
        unbroadcast(grad * weight, np.shape(y)) if needs[1] else None,
        unbroadcast(grad * (y - x), np.shape(weight)) if needs[2] else None,
    )
