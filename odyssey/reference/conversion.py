"""Conversions between the floating dtypes."""

from __future__ import annotations

import numpy as np

from odyssey.utils.kernel_checks import check_convert

__all__ = ["convert"]


def convert(x: np.ndarray, dtype: str) -> np.ndarray:
    r"""Return the numbers of an array in another floating dtype.

    Parameters
    ----------
    x : ndarray, any shape
        Floating-point, in any memory layout.
    dtype : {"float16", "float32", "float64"}

    Returns
    -------
    out : ndarray, shape of ``x``
        In C order, with memory of its own.

    Raises
    ------
    DTypeError
        If ``x`` is not a NumPy array of floats, or there is no such dtype.

    Notes
    -----
    .. math:: y_i = \operatorname{round}(x_i)

    to the nearest number of the dtype, of two equally near ones to the one whose last
    bit is 0. Beyond the largest it is infinite, below half of the smallest 0.

    Examples
    --------
    >>> import numpy as np
    >>> convert(np.array([2049.0, 2051.0, 0.1], np.float32), "float16")
    array([2.048e+03, 2.052e+03, 9.998e-02], dtype=float16)
    """
    check_convert(x, dtype)
    out = np.empty(x.shape, dtype)
    with np.errstate(all="ignore"):
        for i in np.ndindex(x.shape[:-1]):  # row by row
            out[i] = x[i]
    return out
