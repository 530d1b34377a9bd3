"""Which elementwise functions and reductions are worth a kernel: those over large arrays of floats.

NumPy is as fast as a kernel where an array is small, because there the call is what costs. From
:data:`LARGE` elements on the kernels win, by threads, by the memory pool and by their inner loops.
They take one floating dtype; what mixes dtypes, integers and other classes are NumPy's at any size.
"""

from __future__ import annotations

import sys

import numpy as np

from odyssey import fast
from odyssey.backend import kernel
from odyssey.core._broadcast import check_broadcast

LARGE = 1 << 13 if fast.LEVEL else sys.maxsize  # without compiled kernels NumPy is the fastest

_HALF, _SINGLE, _DOUBLE = (np.dtype(dtype) for dtype in (np.float16, np.float32, np.float64))


def _is_float(dtype):
    # Nearly always the same objects: `is` takes a tenth of the time of ==.
    if dtype is _SINGLE or dtype is _DOUBLE or dtype is _HALF:
        return True
    return dtype in (_HALF, _SINGLE, _DOUBLE)


def is_large(x):
    """Tell whether ``x`` is an array of floats that is worth a kernel."""
    return x.size >= LARGE and type(x) is np.ndarray and _is_float(x.dtype)


def one_dtype(x, y):
    """Return two operands as arrays of one floating dtype, or None if they are not.

    A Python number takes the dtype of its partner.

    Examples
    --------
    >>> one_dtype(np.ones(2, np.float32), 3)
    (array([1., 1.], dtype=float32), array(3., dtype=float32))
    >>> one_dtype(np.ones(2, np.float32), np.ones(2)) is None
    True
    """
    if type(x) is type(y) is np.ndarray:
        dtype, other = x.dtype, y.dtype
        return (x, y) if (dtype is other or dtype == other) and _is_float(dtype) else None
    if type(x) is np.ndarray and type(y) in (float, int) and _is_float(x.dtype):
        return x, np.asarray(y, x.dtype)
    if type(y) is np.ndarray and type(x) in (float, int) and _is_float(y.dtype):
        return np.asarray(x, y.dtype), y
    return None


def binary(op, ufunc, x, y):
    """Apply a function of two operands: the kernel ``op`` to large ones, else NumPy's.

    Raises
    ------
    ShapeError
        If the operands do not broadcast.
    """
    try:
        if (type(x) is np.ndarray and x.size >= LARGE) or (
            type(y) is np.ndarray and y.size >= LARGE
        ):
            operands = one_dtype(x, y)
            if operands is not None:
                return kernel(op)(*operands)
        return ufunc(x, y)
    except ValueError:
        check_broadcast(op, x=x, y=y)
        raise
