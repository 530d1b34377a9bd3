"""The dtype that Python floats become."""

from __future__ import annotations

from typing import Any

import numpy as np

from odyssey.errors import DTypeError

__all__ = ["get_default_dtype", "set_default_dtype"]

_dtype: np.dtype[Any] = np.dtype(np.float32)


def get_default_dtype() -> np.dtype[Any]:
    """Return the dtype that tensors made of Python floats get; float32 at first."""
    return _dtype


def set_default_dtype(dtype: Any) -> None:
    """Set the dtype that tensors made of Python floats get.

    Parameters
    ----------
    dtype : dtype
        float16, float32 or float64.

    Raises
    ------
    DTypeError
        If it is another.
    """
    global _dtype
    wanted = np.dtype(dtype)
    if wanted not in (np.float16, np.float32, np.float64):
        raise DTypeError(
            f"set_default_dtype: dtype must be float16, float32 or float64, got {wanted}"
        )
    _dtype = wanted
