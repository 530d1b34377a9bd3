"""Copies of arrays: the kernels ``copy`` and ``convert`` where they are large, else NumPy's."""

from __future__ import annotations

import numpy as np

from odyssey.backend import kernel
from odyssey.core._floats import COMPILED

_HALF, _SINGLE = np.dtype(np.float16), np.dtype(np.float32)
_WITH_KERNEL = {(_HALF, _SINGLE), (_SINGLE, _HALF)}

LARGE = 8192
"""Elements from which on a kernel is worth more than its call costs beside NumPy's."""


def copied(x):
    """Return a copy of an array whose axes stand in memory in the same order.

    Examples
    --------
    >>> x = np.zeros((2, 64, 64, 3), np.float32).transpose(0, 3, 1, 2)
    >>> copied(x).strides == x.strides
    True
    """
    if COMPILED and type(x) is np.ndarray and x.size >= LARGE:
        if x.flags.c_contiguous:
            return kernel("copy")(x)
        if x.ndim == 4 and x.transpose(0, 2, 3, 1).flags.c_contiguous:
            return kernel("copy")(x, "channels_last")
    return np.array(x)


def converted(x, dtype):
    """Return an array in another dtype, its axes in memory in the same order.

    Examples
    --------
    >>> x = np.zeros((200, 100), np.float32).T
    >>> y = converted(x, np.float16)
    >>> y.dtype, y.flags.f_contiguous
    (dtype('float16'), True)
    """
    dtype = np.dtype(dtype)
    if COMPILED and x.size >= LARGE and (x.dtype, dtype) in _WITH_KERNEL:
        order = sorted(range(x.ndim), key=lambda axis: -x.strides[axis])
        dense = x.transpose(order)
        if dense.flags.c_contiguous:
            return kernel("convert")(dense, dtype.name).transpose(np.argsort(order))
    with np.errstate(all="ignore"):
        return x.astype(dtype)


def reshaped(x, shape):
    """Return an array under another shape, in C order: a view where there is one, else a copy.

    Raises
    ------
    ValueError
        If the number of elements differs.

    Examples
    --------
    >>> reshaped(np.arange(6).reshape(2, 3).T, 6)
    array([0, 3, 1, 4, 2, 5])
    >>> x = np.zeros((300, 200))
    >>> reshaped(x, (-1, 100)).base is x, reshaped(x.T, (-1, 100)).flags.c_contiguous
    (True, True)
    """
    if not COMPILED or type(x) is not np.ndarray or x.size < LARGE or x.flags.c_contiguous:
        return x.reshape(shape)
    try:
        return x.reshape(shape, copy=False)
    except TypeError:  # NumPy 2.0 does not say whether it copies
        return x.reshape(shape)
    except ValueError:  # there is no such view
        return kernel("copy")(x).reshape(shape)
