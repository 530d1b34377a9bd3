"""LAPACK, by way of NumPy: the checks, the precision and the errors that all its callers share."""

from __future__ import annotations

from typing import Any

import numpy as np

from odyssey.core._axes import narrowed, widened
from odyssey.core._checks import check_float
from odyssey.errors import OdysseyError, ShapeError


def check_matrix(op, square=False, **arrays):
    """Raise unless the named arrays are floating-point matrices, or stacks of them."""
    check_float(op, **arrays)
    for name, x in arrays.items():
        if x.ndim < 2:
            raise ShapeError(
                f"{op}: {name} must be a matrix or a stack of them, got shape {x.shape}"
            )
        if square and x.shape[-1] != x.shape[-2]:
            raise ShapeError(f"{op}: {name} must be square, got shape {x.shape}")


def lapack(op, function, *arrays, **settings):
    """Call a function of ``np.linalg``, half precision in float32.

    Raises
    ------
    OdysseyError
        Where LAPACK gives up: a matrix is singular, say.

    Examples
    --------
    >>> lapack("inv", np.linalg.inv, np.full((1, 1), 2, np.float16))
    array([[0.5]], dtype=float16)
    """
    dtype = np.result_type(*arrays)
    try:
        with np.errstate(all="ignore"):
            out = function(*map(widened, arrays), **settings)
    except np.linalg.LinAlgError as error:
        shapes = ", ".join(str(x.shape) for x in arrays)
        raise OdysseyError(f"{op}: {error} (shape {shapes})") from None
    if isinstance(out, tuple):
        named: Any = type(out)  # NumPy's results have names
        return named._make([narrowed(x, dtype) for x in out])
    return narrowed(out, dtype)


def transposed(x):
    """Return each matrix transposed; works on arrays and Tensors."""
    return x.swapaxes(-1, -2)


def symmetric(x):
    """Return the symmetric part of each matrix; works on arrays and Tensors."""
    return (x + transposed(x)) / 2


def diagonal_of(values):
    """Return diagonal matrices; works on arrays and Tensors.

    Examples
    --------
    >>> diagonal_of(np.array([2.0, 3.0]))
    array([[2., 0.],
           [0., 3.]])
    """
    return values[..., None] * np.eye(values.shape[-1], dtype=values.dtype)
