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

_FLOATS = frozenset(np.dtype(dtype) for dtype in (np.float16, np.float32, np.float64))


def is_large(x):
    """Tell whether ``x`` is an array of floats that is worth a kernel."""
    return type(x) is np.ndarray and x.size >= LARGE and x.dtype in _FLOATS


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
    if type(y) is float or type(y) is int:
        y = np.asarray(y, x.dtype) if type(x) is np.ndarray and x.dtype in _FLOATS else None
    elif type(x) is float or type(x) is int:
        x = np.asarray(x, y.dtype) if type(y) is np.ndarray and y.dtype in _FLOATS else None
    if type(x) is type(y) is np.ndarray and x.dtype == y.dtype and x.dtype in _FLOATS:
        return x, y
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
