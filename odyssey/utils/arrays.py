"""From anything that holds an array to the NumPy array itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from odyssey.errors import DTypeError

__all__ = ["as_ndarray"]


def as_ndarray(value: object, caller: str, name: str) -> npt.NDArray[Any]:
    """Return the ndarray of an ndarray, a NumPy scalar or a Tensor, without a copy.

    A Tensor is known by what it offers, not by its class: ``.data``, an
    ndarray, or ``.numpy()``. This floor stands below Tensor and cannot import
    it. Lists are refused, because their dtype would be a guess.

    Parameters
    ----------
    value : ndarray, NumPy scalar or Tensor
        What to look into.
    caller, name : str
        The operation and the argument that the error shall name.

    Returns
    -------
    array : ndarray
        Shares memory with `value`.

    Raises
    ------
    DTypeError
        If `value` holds no array.

    Examples
    --------
    >>> as_ndarray([1.0, 2.0], "save", "weight")
    Traceback (most recent call last):
        ...
    odyssey.errors.DTypeError: save: weight: expected an ndarray or a Tensor, got list
    """
    if isinstance(value, (np.ndarray, np.generic)):
        return np.asarray(value)
    data = getattr(value, "data", None)
    if isinstance(data, np.ndarray):
        return data
    if callable(numpy := getattr(value, "numpy", None)) and isinstance(got := numpy(), np.ndarray):
        return got
    kind = type(value).__name__
    raise DTypeError(f"{caller}: {name}: expected an ndarray or a Tensor, got {kind}")
