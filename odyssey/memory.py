"""The memory pool of the fast kernels: what it holds, and how to make it let go.

Large results of fast kernels stand on blocks of memory that are kept when an
array dies and handed out again, because memory fresh from the operating system
is slow to touch for the first time.
"""

from __future__ import annotations

import math
import operator

import numpy as np
import numpy.typing as npt

from odyssey import fast
from odyssey.errors import ShapeError

__all__ = [
    "calculate_max_batch_size",
    "empty_cache",
    "memory_stats",
    "reset_peak_memory_stats",
    "set_cache_limit",
]

if fast.LEVEL:
    from odyssey._ext import _pool


def memory_stats() -> dict[str, int]:
    """Return what the pool holds, and how often it had a block ready.

    Counted are blocks, in full: a block is up to an eighth larger than the
    array on it. Arrays below 4 KiB, and those that NumPy makes, are not in the
    pool.

    Returns
    -------
    dict of str to int
        - ``allocated_bytes``: in blocks that arrays hold now.
        - ``peak_allocated_bytes``: the most there has been since the last
          :func:`reset_peak_memory_stats`.
        - ``cached_bytes``: in blocks that wait to be used again.
        - ``reserved_bytes``: the sum of the first and the third, taken from the
          operating system.
        - ``cache_limit_bytes``: what ``cached_bytes`` never exceeds.
        - ``hits``, ``misses``: how many arrays got a block that had waited, and
          a fresh one.

        All zero where no kernels were compiled.

    Examples
    --------
    >>> import odyssey as od
    >>> before = od.memory_stats()["allocated_bytes"]
    >>> y = od.core.relu(od.ones((512, 512)))  # float32: 1 MiB
    >>> (od.memory_stats()["allocated_bytes"] - before) / 2**20
    1.0
    >>> del y
    >>> od.memory_stats()["allocated_bytes"] == before
    True
    """
    if fast.LEVEL:
        return _pool.memory_stats()
    names = ("allocated", "peak_allocated", "cached", "reserved", "cache_limit")
    return {**{f"{name}_bytes": 0 for name in names}, "hits": 0, "misses": 0}


def reset_peak_memory_stats() -> None:
    """Set ``peak_allocated_bytes`` of :func:`memory_stats` to what is allocated now.

    Examples
    --------
    >>> import odyssey as od
    >>> od.reset_peak_memory_stats()
    >>> stats = od.memory_stats()
    >>> stats["peak_allocated_bytes"] == stats["allocated_bytes"]
    True
    """
    if fast.LEVEL:
        _pool.reset_peak_memory_stats()


def empty_cache() -> None:
    """Give every block that waits back to the operating system.

    Worth a call when another part of the program needs the memory; arrays that
    are alive keep theirs.

    Examples
    --------
    >>> import odyssey as od
    >>> od.empty_cache()
    >>> od.memory_stats()["cached_bytes"]
    0
    """
    if fast.LEVEL:
        _pool.empty_cache()


def set_cache_limit(limit: int) -> None:
    """Set how many bytes may wait in the pool; the rest goes back to the operating system.

    At the start it is an eighth of the machine's memory. What arrays hold does
    not count: this is no limit on the memory of a program.

    Parameters
    ----------
    limit : int
        In bytes; 0 keeps nothing.

    Raises
    ------
    ValueError
        If ``limit`` is negative.
    TypeError
        If it is not an integer.

    Examples
    --------
    >>> import odyssey as od
    >>> before = od.memory_stats()["cache_limit_bytes"]
    >>> od.set_cache_limit(2**30)
    >>> od.memory_stats()["cache_limit_bytes"] == 2**30
    True
    >>> od.set_cache_limit(before)
    """
    limit = operator.index(limit)
    if limit < 0:
        raise ValueError(f"set_cache_limit: limit must not be negative, got {limit}")
    if fast.LEVEL:
        _pool.set_cache_limit(limit)


def calculate_max_batch_size(
    sample_shape: tuple[int, ...],
    dtype: npt.DTypeLike = "float32",
    max_memory_bytes: int = 500_000_000,
) -> int:
    """Return how many samples of this shape and dtype stay within so many bytes.

    Parameters
    ----------
    sample_shape : tuple of int
        Of one sample, without the axis of the batch.
    dtype : dtype
    max_memory_bytes : int
        What the batch alone may take; a training step holds activations and
        gradients besides.

    Returns
    -------
    int
        At least 1.

    Raises
    ------
    ShapeError
        If not even one sample fits, or a sample holds nothing.

    Examples
    --------
    >>> calculate_max_batch_size((3, 224, 224))
    830
    >>> calculate_max_batch_size((3, 224, 224), "float16", 10**6)
    3
    """
    each = math.prod(sample_shape) * np.dtype(dtype).itemsize
    if each <= 0 or each > max_memory_bytes:
        raise ShapeError(
            f"calculate_max_batch_size: a sample of shape {tuple(sample_shape)} takes {each} "
            f"bytes, expected 1 to {max_memory_bytes}"
        )
    return max_memory_bytes // each
