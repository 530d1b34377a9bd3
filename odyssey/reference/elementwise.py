"""Arithmetic, comparisons and the choice between two, one row at a time.

Operands broadcast: an axis of length 1 is repeated, and axes that are missing in front count as
axes of length 1. A row is what stands along the last axis; NumPy computes it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from odyssey.utils.kernel_checks import check_broadcast, check_where

__all__ = [
    "add",
    "divide",
    "equal",
    "greater",
    "greater_equal",
    "less",
    "less_equal",
    "multiply",
    "not_equal",
    "subtract",
    "where",
]


def _row_by_row(
    op: str, x: np.ndarray, y: np.ndarray, one_row: Callable[[Any, Any], Any], dtype: Any = None
) -> np.ndarray:
    """Compute ``one_row`` of every pair of rows of the operands, broadcast."""
    shape = check_broadcast(op, objects=True, x=x, y=y)
    out = np.empty(shape, x.dtype if dtype is None else dtype)
    x, y = np.broadcast_to(x, shape), np.broadcast_to(y, shape)
    for n in np.ndindex(shape[:-1]):
        out[n] = one_row(x[n], y[n])
    return out


@np.errstate(all="ignore")
def add(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    r"""Add element by element.

    Parameters
    ----------
    x, y : ndarray
        Of one dtype, float16, float32, float64 or object, and of shapes that
        broadcast.

    Returns
    -------
    out : ndarray, the broadcast shape, dtype of ``x``

    Raises
    ------
    DTypeError
        If they are not arrays of one floating dtype.
    ShapeError
        If the shapes do not broadcast.

    Notes
    -----
    .. math:: z_i = x_i + y_i

    Each result is the exact one, rounded once, in every dtype (IEEE 754); so
    are those of the other three of arithmetic.

    Examples
    --------
    >>> import numpy as np
    >>> add(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([10.0, 20.0]))
    array([[11., 22.],
           [13., 24.]])
    """
    return _row_by_row("add", x, y, lambda a, b: a + b)


@np.errstate(all="ignore")
def subtract(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    r"""Subtract element by element.

    Parameters, result and errors are those of :func:`add`.

    Notes
    -----
    .. math:: z_i = x_i - y_i

    Examples
    --------
    >>> import numpy as np
    >>> subtract(np.array([3.0, 2.0]), np.array([1.0, 5.0]))
    array([ 2., -3.])
    """
    return _row_by_row("subtract", x, y, lambda a, b: a - b)


@np.errstate(all="ignore")
def multiply(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    r"""Multiply element by element.

    Parameters, result and errors are those of :func:`add`.

    Notes
    -----
    .. math:: z_i = x_i \, y_i

    Examples
    --------
    >>> import numpy as np
    >>> multiply(np.array([3.0, 2.0]), np.array(5.0))
    array([15., 10.])
    """
    return _row_by_row("multiply", x, y, lambda a, b: a * b)


@np.errstate(all="ignore")
def divide(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    r"""Divide element by element; by zero, as IEEE 754 has it.

    Parameters, result and errors are those of :func:`add`.

    Notes
    -----
    .. math:: z_i = x_i / y_i

    Examples
    --------
    >>> import numpy as np
    >>> divide(np.array([3.0, 2.0, 0.0]), np.array([2.0, 0.0, 0.0]))
    array([1.5, inf, nan])
    """
    return _row_by_row("divide", x, y, lambda a, b: a / b)


def equal(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    r"""Tell where :math:`x = y`; NaN equals nothing.

    Parameters and errors are those of :func:`add`; so they are for all six
    comparisons.

    Returns
    -------
    out : ndarray of bool, the broadcast shape

    Examples
    --------
    >>> import numpy as np
    >>> equal(np.array([1.0, 2.0, np.nan]), np.array([1.0, 3.0, np.nan]))
    array([ True, False, False])
    """
    return _row_by_row("equal", x, y, lambda a, b: a == b, bool)


def not_equal(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    r"""Tell where :math:`x \ne y`; NaN differs from everything, itself included.

    Parameters, result and errors are those of :func:`equal`.

    Examples
    --------
    >>> import numpy as np
    >>> not_equal(np.array([1.0, 2.0, np.nan]), np.array([1.0, 3.0, np.nan]))
    array([False,  True,  True])
    """
    return _row_by_row("not_equal", x, y, lambda a, b: a != b, bool)


def less(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    r"""Tell where :math:`x < y`; a comparison with NaN does not hold.

    Parameters, result and errors are those of :func:`equal`.

    Examples
    --------
    >>> import numpy as np
    >>> less(np.array([1.0, 2.0, np.nan]), np.array(2.0))
    array([ True, False, False])
    """
    return _row_by_row("less", x, y, lambda a, b: a < b, bool)


def less_equal(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    r"""Tell where :math:`x \le y`; a comparison with NaN does not hold.

    Parameters, result and errors are those of :func:`equal`.

    Examples
    --------
    >>> import numpy as np
    >>> less_equal(np.array([1.0, 2.0, 3.0]), np.array(2.0))
    array([ True,  True, False])
    """
    return _row_by_row("less_equal", x, y, lambda a, b: a <= b, bool)


def greater(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    r"""Tell where :math:`x > y`; a comparison with NaN does not hold.

    Parameters, result and errors are those of :func:`equal`.

    Examples
    --------
    >>> import numpy as np
    >>> greater(np.array([1.0, 2.0, 3.0]), np.array(2.0))
    array([False, False,  True])
    """
    return _row_by_row("greater", x, y, lambda a, b: a > b, bool)


def greater_equal(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    r"""Tell where :math:`x \ge y`; a comparison with NaN does not hold.

    Parameters, result and errors are those of :func:`equal`.

    Examples
    --------
    >>> import numpy as np
    >>> greater_equal(np.array([1.0, 2.0, 3.0]), np.array(2.0))
    array([False,  True,  True])
    """
    return _row_by_row("greater_equal", x, y, lambda a, b: a >= b, bool)


def where(condition: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    r"""Choose x where the condition holds, else y.

    Parameters
    ----------
    condition : ndarray of bool
    x, y : ndarray
        Of one dtype, float16, float32, float64 or object; all three are of
        shapes that broadcast.

    Returns
    -------
    out : ndarray, the broadcast shape, dtype of ``x``

    Raises
    ------
    DTypeError
        If ``condition`` is not an array of bool, or the others are not arrays
        of one floating dtype.
    ShapeError
        If the shapes do not broadcast.

    Notes
    -----
    .. math:: z_i = \begin{cases} x_i & c_i \\ y_i & \text{else} \end{cases}

    What is not chosen has no say, NaN included.

    Examples
    --------
    >>> import numpy as np
    >>> where(np.array([True, False]), np.array([1.0, np.nan]), np.array(0.0))
    array([1., 0.])
    """
    shape = check_where(condition, x, y, objects=True)
    out = np.empty(shape, x.dtype)
    condition, x, y = (np.broadcast_to(array, shape) for array in (condition, x, y))
    for i in np.ndindex(shape):
        out[i] = x[i] if condition[i] else y[i]
    return out
