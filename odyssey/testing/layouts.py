"""Memory layouts: the same values, laid out in every way that a kernel may meet.

>>> import numpy as np
>>> a = np.arange(6.0).reshape(2, 3)
>>> LAYOUTS["gaps"](a).strides, LAYOUTS["negative"](a).strides
((96, 16), (-24, -8))
>>> all((layout(a) == a).all() for name, layout in LAYOUTS.items() if name != "broadcast")
True
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from odyssey.testing.cases import Array, each_array

__all__ = ["LAYOUTS", "MIXED", "arrange"]


def _contiguous(a: Array) -> Array:
    return np.array(a, order="C")


def _fortran(a: Array) -> Array:
    return np.array(a, order="F")


def _transposed(a: Array) -> Array:
    """Lay out with the last two axes exchanged, as a transposed matrix or stack has them."""
    if a.ndim < 2:
        return _gaps(a)
    return np.swapaxes(np.array(np.swapaxes(a, -1, -2), order="C"), -1, -2)


def _gaps(a: Array) -> Array:
    """Take every second element along each axis of a larger array filled with another value."""
    wide = np.full(tuple(2 * n for n in a.shape), 77, a.dtype)
    every_second: Any = (..., *[slice(None, None, 2)] * a.ndim)
    view: Array = wide[every_second]
    view[...] = a
    return view


def _negative(a: Array) -> Array:
    """Lay out backwards along each axis."""
    back = (slice(None, None, -1),) * a.ndim
    return np.array(a[back], order="C")[back] if a.ndim else a.copy()


def _read_only(a: Array) -> Array:
    out = np.array(a, order="C")
    out.flags.writeable = False
    return out


def _unaligned(a: Array) -> Array:
    """Begin one byte after a multiple of the item size."""
    memory = np.zeros(a.nbytes + 1, np.uint8)
    out: Array = memory[1 : a.nbytes + 1].view(a.dtype).reshape(a.shape)
    out[...] = a
    return out


def _broadcast(a: Array) -> Array:
    """Repeat the first entry of the first axis with stride 0; this layout changes the values."""
    return np.broadcast_to(a[:1], a.shape) if a.ndim and len(a) > 1 else a.copy()


LAYOUTS: dict[str, Callable[[Array], Array]] = {
    "C": _contiguous,
    "Fortran": _fortran,
    "transposed": _transposed,
    "gaps": _gaps,
    "negative": _negative,
    "read-only": _read_only,
    "unaligned": _unaligned,
    "broadcast": _broadcast,
}
"""Name to a function that returns an array of equal values in that layout.

``broadcast`` alone changes the values: rows that share memory are equal.
"""

MIXED = "mixed"
"""The layout in which each argument has another one."""

_NOT_WRITABLE = ("read-only", "broadcast")


def arrange(args: tuple[Any, ...], layout: str, writes: tuple[int, ...] = ()) -> tuple[Any, ...]:
    """Return copies of the arguments with all arrays, those in lists too, in ``layout``.

    Parameters
    ----------
    args : tuple
    layout : str
        A key of :data:`LAYOUTS`, or :data:`MIXED`.
    writes : tuple of int
        Positions that must stay writable; where ``layout`` does not allow
        that, they are C-contiguous.

    Returns
    -------
    tuple
        What is not an array comes back as it is.
    """
    names = [name for name in LAYOUTS if name != "broadcast"]
    arranged = []
    for position, arg in enumerate(args):
        # Counted from the back of the table, so that the first argument is not plain C.
        name = names[-2 - position % (len(names) - 1)] if layout == MIXED else layout
        if position in writes and name in _NOT_WRITABLE:
            name = "C"
        arranged.append(each_array(LAYOUTS[name], arg))
    return tuple(arranged)
