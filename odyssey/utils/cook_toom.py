"""The matrices of fast convolution: polynomials that are multiplied through their values."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

__all__ = ["POINTS", "cook_toom", "matrices"]

POINTS = {
    4: (Fraction(0), Fraction(1), Fraction(-1)),
    6: (Fraction(0), Fraction(2, 3), Fraction(-2, 3), Fraction(3, 2), Fraction(-3, 2)),
}
"""Where odyssey evaluates at 4 and at 6 points; infinity comes last, unwritten.

For six 0, ±1, ±2 would have simpler matrices, and errors 3 to 6 times as large. The
product of 2/3 and 3/2 is 1, which takes some factors away again.
"""


def cook_toom(
    points: Sequence[Fraction], m: int, r: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    r"""Return the matrices A', G and B' of F(m, r): m outputs of a filter of r taps.

    Parameters
    ----------
    points : sequence of Fraction
        n - 1 different numbers with n = m + r - 1; infinity is the last point.
    m, r : int
        How many outputs and how many taps.

    Returns
    -------
    collect, expand, evaluate : ndarray of Fraction, shapes (m, n), (n, r), (n, n)
        A', G and B', with which a filter g slides over n data d as

        .. math:: y = A' \, [(G g) \odot (B' d)]

    Notes
    -----
    At point i, :math:`a_i`:

    - A' has the powers :math:`1, a_i, \dots, a_i^{m-1}` in its column;
    - G has the powers :math:`1, a_i, \dots, a_i^{r-1}` in its row, divided by
      :math:`\prod_{j \ne i} (a_i - a_j)`;
    - B' has the coefficients of :math:`\prod_{j \ne i} (x - a_j)` in its row,
      lowest first.

    At infinity the last power stands alone, and the polynomial of B' has all
    the points as its zeros.

    Such a row of B' divided by its divisor in G is the polynomial that is 1 at
    its own point and 0 at the others (Lagrange).

    References
    ----------
    .. [1] S. Winograd, "Arithmetic complexity of computations", SIAM, 1980,
       https://doi.org/10.1137/1.9781611970364.
    .. [2] B. Barabasz, A. Anderson, K. M. Soodhalter, D. Gregg, "Error analysis and
       improving the accuracy of Winograd convolution for deep neural networks",
       2020, https://arxiv.org/abs/1803.10986.

    Examples
    --------
    >>> collect, expand, evaluate = cook_toom(POINTS[4], 2, 3)
    >>> collect.astype(int)
    array([[ 1,  1,  1,  0],
           [ 0,  1, -1,  1]])
    >>> expand.astype(float)
    array([[-1. ,  0. ,  0. ],
           [ 0.5,  0.5,  0.5],
           [ 0.5, -0.5,  0.5],
           [ 0. ,  0. ,  1. ]])
    >>> evaluate.astype(int)
    array([[-1,  0,  1,  0],
           [ 0,  1,  1,  0],
           [ 0, -1,  1,  0],
           [ 0, -1,  0,  1]])
    >>> d, g = np.array([1, 2, 3, 4]), np.array([5, 6, 7])
    >>> (collect @ (expand @ g * (evaluate @ d))).tolist()  # 1·5 + 2·6 + 3·7, 2·5 + 3·6 + 4·7
    [Fraction(38, 1), Fraction(56, 1)]
    """
    n = m + r - 1
    collect, expand, evaluate = (np.full(shape, Fraction(0)) for shape in ((m, n), (n, r), (n, n)))
    for i, point in enumerate(points):
        others = [other for other in points if other != point]
        divisor = math.prod(point - other for other in others)
        collect[:, i] = [point**power for power in range(m)]
        expand[i] = [point**power / divisor for power in range(r)]
        evaluate[i, :-1] = _with_zeros(others)
    collect[-1, -1] = expand[-1, -1] = Fraction(1)
    evaluate[-1] = _with_zeros(points)
    return collect, expand, evaluate


@functools.cache
def matrices(
    points: tuple[Fraction, ...], m: int, r: int, dtype: np.dtype[Any]
) -> tuple[np.ndarray, ...]:
    """Return A', G and B' of F(m, r) as numbers of this dtype.

    Examples
    --------
    >>> matrices(POINTS[4], 2, 3, np.dtype(float))[0]
    array([[ 1.,  1.,  1.,  0.],
           [ 0.,  1., -1.,  1.]])
    """
    return tuple(matrix.astype(dtype) for matrix in cook_toom(points, m, r))


def _with_zeros(zeros: Sequence[Fraction]) -> list[Fraction]:
    """Return the coefficients of the product of all x - zero, lowest first.

    Examples
    --------
    >>> list(map(int, _with_zeros([Fraction(2), Fraction(3)])))  # 6 - 5 x + x²
    [6, -5, 1]
    """
    product = [Fraction(1)]
    for zero in zeros:
        shifted, same = [Fraction(0), *product], [*product, Fraction(0)]
        product = [x_times - zero * once for x_times, once in zip(shifted, same, strict=True)]
    return product
