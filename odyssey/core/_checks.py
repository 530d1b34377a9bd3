"""Questions that operations ask of their arguments before they compute."""

from __future__ import annotations

import operator

import numpy as np

from odyssey.errors import DTypeError, RangeError, ShapeError
from odyssey.utils.broadcasting import broadcast_shape

FLOATS = (np.float16, np.float32, np.float64)


def as_array(x):
    """Return ``x`` as an ndarray; Python numbers become 0-d arrays of NumPy's default dtype."""
    return x if isinstance(x, np.ndarray) else np.asarray(x)


def check_float(op, **arrays):
    """Raise unless every named array is floating-point (or of exact objects)."""
    for name, array in arrays.items():
        if array is not None and array.dtype.kind not in "fO":
            raise DTypeError(
                f"{op}: {name} must be floating-point (float16, float32 or float64) "
                f"but has dtype {array.dtype}; convert it with .astype"
            )


def check_one_dtype(op, **arrays):
    """Raise unless the named arrays are floating-point and of one dtype."""
    dtypes = {array.dtype for array in arrays.values() if array is not None}
    if len(dtypes) == 1 and dtypes.pop().kind in "fO":
        return
    check_float(op, **arrays)
    given = [f"{name}: {array.dtype}" for name, array in arrays.items() if array is not None]
    raise DTypeError(f"{op}: the arguments must share one dtype ({', '.join(given)})")


def normalize_axis(op, axis, ndim, name="axis"):
    """Return ``axis`` counted from the front.

    Raises
    ------
    ShapeError
        If it is not an integer; a RangeError if it does not lie in [-ndim, ndim).
    """
    try:
        index = operator.index(axis)
    except TypeError:
        raise ShapeError(f"{op}: {name} must be an integer, got {axis!r}") from None
    if not -ndim <= index < ndim:
        raise RangeError(f"{op}: {name} {index} is out of range for {ndim} axes")
    return index % ndim


def normalize_axes(op, axis, ndim):
    """Return ``axis`` (None for all, an integer or several) as a tuple counted from the front."""
    if axis is None:
        return tuple(range(ndim))
    axes = axis if isinstance(axis, (tuple, list)) else (axis,)
    axes = tuple([normalize_axis(op, one, ndim) for one in axes])
    if len(set(axes)) < len(axes):
        raise ShapeError(f"{op}: axis {axis} names an axis twice")
    return axes


def check_broadcast(op, **operands):
    """Return the shape of the result; raise a ShapeError that draws operands that do not fit."""
    return broadcast_shape(op, {name: np.shape(one) for name, one in operands.items()})
