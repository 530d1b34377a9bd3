"""What the activations ask of their arguments."""

from __future__ import annotations

from odyssey.core._checks import as_array, check_float
from odyssey.errors import OdysseyError
from odyssey.utils.kernel_checks_transcendental import check_number


def floating(op, x):
    """Return ``x`` as an array, or raise unless it is floating-point."""
    x = as_array(x)
    check_float(op, x=x)
    return x


def at_least(op, name, value, least=0, reached=True):
    """Return a setting as a float, or raise unless it is ``least`` (if ``reached``) or more."""
    number = check_number(op, name, value)
    if number < least or (number == least and not reached):
        words = "at least" if reached else "larger than"
        raise OdysseyError(f"{op}: {name} must be {words} {least}, got {value}")
    return number
