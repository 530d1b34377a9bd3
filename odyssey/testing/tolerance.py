"""How far two results may lie apart, and how far they do.

The tolerance is a formula, not a number that was tuned until tests passed:
rounding errors of a sum of n terms add up like a random walk, to about
``eps * sqrt(n)`` of the largest result.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from odyssey.testing.cases import Array

__all__ = ["Difference", "difference", "tolerance"]

CONSTANT = 4.0
"""Two results of independent roundings, each within about 2 eps by itself."""


def tolerance(dtype: npt.DTypeLike, terms: int = 1, factor: float = 1.0) -> float:
    r"""Return the largest permitted error, relative to the largest result.

    Parameters
    ----------
    dtype : dtype
        What the result is stored in; integers (indices) must be equal.
    terms : int
        How many terms the longest sum has.
    factor : float
        A case's own factor; it gives its reason where it is not 1.

    Returns
    -------
    float

    Notes
    -----
    :math:`4 \epsilon \sqrt n`. Half precision is summed in float32 and rounded
    once, so that its own :math:`\epsilon` counts once and float32's with the
    terms: :math:`4 (\epsilon_{16} + \epsilon_{32} \sqrt n)`.

    Examples
    --------
    >>> import numpy as np
    >>> tolerance(np.float32, terms=100) == 40 * float(np.finfo(np.float32).eps)
    True
    """
    if np.dtype(dtype).kind != "f":
        return 0.0
    eps = float(np.finfo(dtype).eps)
    summing = min(eps, float(np.finfo(np.float32).eps))
    rounding = eps if eps > summing else 0.0
    return factor * CONSTANT * (rounding + summing * math.sqrt(terms))


class Difference(NamedTuple):
    """The worst difference between two arrays."""

    at: tuple[int, ...]
    """Where it is."""

    error: float
    """Relative to the scale; infinite where a NaN or infinity is not matched."""

    ulp: float
    """In units of the last place of the scale."""

    unit: float
    """How many of these units the scale has: tolerances times this are in ulp, too."""


def difference(found: Array, expected: Array, scale: float | None = None) -> Difference:
    """Return where and by how much ``found`` differs most from ``expected``.

    Parameters
    ----------
    found, expected : ndarray
        Of one shape.
    scale : float, optional
        What errors are measured against: by default the largest finite
        magnitude in ``expected``, because that is what rounding errors of a sum
        are proportional to.

    Returns
    -------
    Difference

    Examples
    --------
    >>> import numpy as np
    >>> difference(np.array([1.0, 2.5]), np.array([1.0, 2.0])).at
    (1,)
    """
    if not expected.size:
        return Difference((), 0.0, 0.0, 1.0)
    finite = np.isfinite(expected)
    dtype = expected.dtype if expected.dtype.kind == "f" else np.dtype(np.float64)
    wide = expected.astype(np.float64)
    largest = float(np.abs(wide[finite]).max(initial=0))
    largest = max(largest, scale or 0.0, float(np.finfo(dtype).tiny))
    with np.errstate(invalid="ignore"):
        errors = np.abs(found.astype(np.float64) - wide) / largest
    same = (found == expected) | (np.isnan(found) & np.isnan(expected))
    errors = np.where(same, 0.0, np.where(finite & np.isfinite(found), errors, np.inf))
    index = np.unravel_index(int(errors.argmax()), errors.shape)
    error = float(errors[index])
    unit = largest / float(np.spacing(np.asarray(largest, dtype)))
    return Difference(tuple(map(int, index)), error, error * unit, unit)
