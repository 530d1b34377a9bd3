"""Ways to see an array: a part of one axis, several axes as one, half precision as single."""

from __future__ import annotations

import math

import numpy as np


def at(axis, part):
    """Return the index that takes a part of one axis, an index or a slice, and all before it.

    Examples
    --------
    >>> np.arange(6).reshape(2, 3)[at(1, slice(0, 2))].shape
    (2, 2)
    """
    return (slice(None),) * axis + (part,)


def memory_order(x):
    """Return the axes as they lie in memory, the outermost first; those of a Tensor as they count.

    Examples
    --------
    >>> images = np.empty((2, 5, 6, 3)).transpose(0, 3, 1, 2)  # channels-last
    >>> memory_order(images)
    (0, 2, 3, 1)
    """
    if not isinstance(x, np.ndarray):
        return tuple(range(x.ndim))
    return tuple(sorted(range(x.ndim), key=lambda axis: -abs(x.strides[axis])))


def inverse(order):
    """Return the order of axes that takes another one back.

    Examples
    --------
    >>> inverse((0, 2, 3, 1))
    (0, 3, 1, 2)
    """
    return tuple(np.argsort(order).tolist())


def taken(x, places, axis):
    """Take elements along an axis, as `np.take` does, but keep the order of axes in memory."""
    order = memory_order(x)
    return np.take(x.transpose(order), places, order.index(axis)).transpose(inverse(order))


def joined(x, axes):
    """Return ``x`` with some axes joined to one, the last; works on arrays and Tensors.

    Examples
    --------
    >>> joined(np.ones((2, 3, 4)), (0, 2)).shape
    (3, 8)
    """
    order = _joined_last(axes, len(x.shape))
    kept = order[: len(order) - len(axes)]
    length = math.prod(x.shape[i] for i in axes)
    return x.transpose(order).reshape((*[x.shape[i] for i in kept], length))


def parted(rows, shape, axes):
    """Take :func:`joined` back: return what has ``shape``.

    Examples
    --------
    >>> x = np.arange(24).reshape(2, 3, 4)
    >>> np.array_equal(parted(joined(x, (0, 2)), x.shape, (0, 2)), x)
    True
    """
    order = _joined_last(axes, len(shape))
    return rows.reshape(tuple([shape[i] for i in order])).transpose(inverse(order))


def _joined_last(axes, ndim):
    return (*[i for i in range(ndim) if i not in axes], *axes)


def widened(x):
    """Return half precision as single, which is right to compute in; the rest as it is.

    Examples
    --------
    >>> widened(np.ones(1, np.float16)).dtype
    dtype('float32')
    """
    return x.astype(np.float32) if x.dtype == np.float16 else x


def narrowed(x, dtype):
    """Return ``x``, an array or Tensor, in ``dtype``: the way back from :func:`widened`.

    Examples
    --------
    >>> narrowed(np.ones(1, np.float32), np.float16).dtype
    dtype('float16')
    """
    with np.errstate(over="ignore"):
        return x if x.dtype == dtype else x.astype(dtype)
