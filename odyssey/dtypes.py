"""Dtypes: their names, their limits, and what becomes of two that meet.

They are NumPy's own: ``od.float32 == np.float32``, and either works wherever a
dtype is asked for. There are no complex numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from odyssey.errors import DTypeError

__all__ = [
    "can_cast",
    "finfo",
    "iinfo",
    "is_floating_dtype",
    "isdtype",
    "result_type",
]

DType: TypeAlias = "np.dtype[Any]"

_NAMES = "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64"

DTYPES: dict[str, DType] = {name: np.dtype(name) for name in _NAMES.split()}
"""The dtypes that tensors may have; each is ``odyssey``'s attribute of that name."""


@dataclass(frozen=True)
class FloatInfo:
    """The limits of a floating dtype, as Python floats.

    Attributes
    ----------
    bits : int
        How many an element takes.
    eps : float
        The distance from 1 to the next larger number.
    max, min : float
        The largest and the smallest (most negative) finite number.
    smallest_normal : float
        The smallest positive number of full precision.
    dtype : dtype
    """

    bits: int
    eps: float
    max: float
    min: float
    smallest_normal: float
    dtype: DType


@dataclass(frozen=True)
class IntInfo:
    """The limits of an integer dtype: its ``bits``, ``max`` and ``min``, and the ``dtype``."""

    bits: int
    max: int
    min: int
    dtype: DType


def _dtype(op: str, value: Any) -> DType:
    """Return the dtype that ``value`` is, names or has."""
    given = value if isinstance(value, type) else getattr(value, "dtype", value)
    try:
        if given is None:
            raise TypeError("None is none")
        return np.dtype(given)
    except TypeError:
        raise DTypeError(f"{op}: expected a dtype or an array, got {value!r}") from None


def finfo(type: Any) -> FloatInfo:
    """Return the limits of a floating dtype, or of that of an array.

    Raises
    ------
    DTypeError
        If the dtype is not floating-point.

    Examples
    --------
    >>> import odyssey as od
    >>> od.finfo(od.float16).max
    65504.0
    """
    dtype = _dtype("finfo", type)
    if dtype.kind != "f":
        raise DTypeError(f"finfo: expected a floating dtype, got {dtype}")
    info = np.finfo(dtype)
    eps, most, least, normal = map(float, (info.eps, info.max, info.min, info.smallest_normal))
    return FloatInfo(info.bits, eps, most, least, normal, dtype)


def iinfo(type: Any) -> IntInfo:
    """Return the limits of an integer dtype, or of that of an array.

    Raises
    ------
    DTypeError
        If the dtype is not an integer one.

    Examples
    --------
    >>> import odyssey as od
    >>> od.iinfo(od.int8).min
    -128
    """
    dtype = _dtype("iinfo", type)
    if dtype.kind not in "iu":
        raise DTypeError(f"iinfo: expected an integer dtype, got {dtype}")
    info = np.iinfo(dtype)
    return IntInfo(info.bits, int(info.max), int(info.min), dtype)


def isdtype(dtype: Any, kind: Any) -> bool:
    """Tell whether a dtype is of a kind.

    Parameters
    ----------
    dtype : dtype
    kind : dtype, str or tuple of them
        ``"bool"``, ``"signed integer"``, ``"unsigned integer"``, ``"integral"``,
        ``"real floating"``, ``"complex floating"`` or ``"numeric"``; of a tuple
        one is enough.

    Raises
    ------
    DTypeError
        If ``kind`` is none of these.

    Examples
    --------
    >>> import odyssey as od
    >>> od.isdtype(od.int8, "integral"), od.isdtype(od.int8, (od.int16, "real floating"))
    (True, False)
    """
    try:
        return bool(np.isdtype(_dtype("isdtype", dtype), kind))
    except (TypeError, ValueError) as error:
        raise DTypeError(f"isdtype: {error}") from None


def is_floating_dtype(dtype: Any) -> bool:
    """Tell whether a dtype, or that of an array, is float16, float32 or float64.

    Examples
    --------
    >>> import odyssey as od
    >>> od.is_floating_dtype(od.ones(2)), od.is_floating_dtype("int64")
    (True, False)
    """
    return _dtype("is_floating_dtype", dtype).kind == "f"


def can_cast(from_: Any, to: Any) -> bool:
    """Tell whether every value of a dtype, or of that of an array, is also one of another.

    Examples
    --------
    >>> import odyssey as od
    >>> od.can_cast(od.int16, od.float32), od.can_cast(od.float32, od.int64)
    (True, False)
    """
    return bool(np.can_cast(_dtype("can_cast", from_), _dtype("can_cast", to)))


def result_type(*arrays_and_dtypes: Any) -> DType:
    """Return the dtype of the result where arrays, dtypes and Python numbers meet.

    A Python number takes the dtype of its partners, unless it is of a higher
    kind: float over int over bool.

    Raises
    ------
    DTypeError
        If there is neither an array nor a dtype, or no dtype for all of them.

    Examples
    --------
    >>> import odyssey as od
    >>> od.result_type(od.float32, 2.5), od.result_type(od.int64, od.float32)
    (dtype('float32'), dtype('float64'))
    """
    numbers = [a for a in arrays_and_dtypes if isinstance(a, (bool, int, float))]
    others = [a for a in arrays_and_dtypes if not isinstance(a, (bool, int, float))]
    if not others:
        raise DTypeError(f"result_type: needs an array or a dtype, got {arrays_and_dtypes}")
    return np.result_type(*[_dtype("result_type", a) for a in others], *numbers)
