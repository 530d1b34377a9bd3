"""What the kernels of erf, gelu and their kin ask of their settings, on both backends."""

from __future__ import annotations

import math
from typing import Any

from odyssey.errors import DTypeError, OdysseyError

__all__ = ["check_factor", "check_number", "check_truth"]


def check_number(op: str, name: str, value: Any) -> float:
    """Return a setting as a float, or raise if it is no finite number.

    Examples
    --------
    >>> check_number("elu", "alpha", 1)
    1.0
    """
    try:
        number = math.nan if isinstance(value, str) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        error = OdysseyError if isinstance(value, (int, float)) else DTypeError
        raise error(f"{op}: {name} must be a finite number, got {value!r}")
    return number


def check_factor(op: str, name: str, value: Any) -> float:
    """Return a setting that something is divided by, or raise."""
    number = check_number(op, name, value)
    if number == 0:
        raise OdysseyError(f"{op}: {name} must not be 0")
    return number


def check_truth(op: str, name: str, value: Any) -> bool:
    """Return a setting that is on or off, or raise: the string "none" would be true.

    Examples
    --------
    >>> check_truth("gelu", "approximate", True)
    True
    """
    if value is not True and value is not False:
        raise OdysseyError(f"{op}: {name} must be True or False, got {value!r}")
    return value
