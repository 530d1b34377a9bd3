"""Which elementwise functions and reductions run on a kernel: those over floats of one dtype.

A compiled kernel is faster than NumPy at any size: over large arrays by threads, by the memory pool
and by its inner loops, over small ones because its call costs less. What mixes dtypes, integers and
other classes are NumPy's, and so is all of it where nothing was compiled.
"""

from __future__ import annotations

import numpy as np

from odyssey import fast
from odyssey.backend import kernel
from odyssey.core._checks import check_broadcast

COMPILED = fast.LEVEL is not None

_HALF, _SINGLE, _DOUBLE = (np.dtype(dtype) for dtype in (np.float16, np.float32, np.float64))


def _is_float(dtype):
    # Nearly always the same objects: `is` takes a tenth of the time of ==.
    if dtype is _SINGLE or dtype is _DOUBLE or dtype is _HALF:
        return True
    return dtype in (_HALF, _SINGLE, _DOUBLE)


def has_kernel(x):
    """Tell whether ``x`` is an array of floats, and there are compiled kernels for them."""
    return COMPILED and type(x) is np.ndarray and _is_float(x.dtype)


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
    """Apply a function of two operands: the kernel ``op`` to floats of one dtype, else NumPy's.

    Raises
    ------
    ShapeError
        If the operands do not broadcast.
    """
    operands = one_dtype(x, y) if COMPILED else None
    try:
        return ufunc(x, y) if operands is None else kernel(op)(*operands)
    except ValueError:
        check_broadcast(op, x=x, y=y)
        raise
