"""The errors that odyssey raises on purpose.

Every message names the operation, the argument, what was expected and what
came, for example::

    linear: x has 3 features but weight expects 4 (x: (8, 3), weight: (10, 4))

Each class also derives from the built-in error that a NumPy user would
expect, so ``except ValueError`` keeps working.
"""

from __future__ import annotations

__all__ = [
    "DTypeError",
    "FormatError",
    "GradientError",
    "OdysseyError",
    "RangeError",
    "ShapeError",
]


class OdysseyError(Exception):
    """Base class of every error that odyssey raises on purpose."""


class ShapeError(OdysseyError, ValueError):
    """A rank, size, axis or index does not fit the operation."""


class RangeError(ShapeError, IndexError):
    """An axis or index lies outside of the axes or elements that there are."""


class DTypeError(OdysseyError, TypeError):
    """A dtype does not fit the operation."""


class GradientError(OdysseyError, RuntimeError):
    """A gradient was asked for that cannot be given, or would be wrong."""


class FormatError(OdysseyError, ValueError):
    """A file is not what it should be: truncated, mislabelled or of another model."""
