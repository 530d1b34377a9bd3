"""The matrix product, one output at a time."""

from __future__ import annotations

import numpy as np

from odyssey.utils.kernel_checks import check_matmul

__all__ = ["matmul"]


@np.errstate(all="ignore")
def matmul(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    r"""Multiply matrices, or stacks of them.

    Shapes: M×K and K×N matrices give an M×N matrix; equal axes in front of
    them number independent products.

    Parameters
    ----------
    a : ndarray, shape (..., M, K)
        Left factors; float16, float32, float64 or object.
    b : ndarray, shape (..., K, N)
        Right factors, of the dtype of ``a`` and with the same leading axes.

    Returns
    -------
    c : ndarray, shape (..., M, N), dtype of ``a``

    Raises
    ------
    DTypeError
        If ``a`` and ``b`` are not arrays of one floating dtype.
    ShapeError
        If the shapes do not fit: the columns of ``a`` are the rows of ``b``.

    Notes
    -----
    .. math:: c_{mn} = \sum_{k=1}^{K} a_{mk} \, b_{kn}

    float16 is summed in float32 and rounded once. An empty sum (K = 0) is 0.
    Cost: M·N·K multiply-adds per product.

    Of the six orders of the three loops this one finishes an output before it
    starts the next: the sum never leaves the row and the column that it
    belongs to, and is left to NumPy. [1]_ shows what the others are good for.

    References
    ----------
    .. [1] G. Golub and C. Van Loan, *Matrix Computations*, 4th edition, 2013,
       section 1.1.

    Examples
    --------
    >>> import numpy as np
    >>> a = np.array([[1.0, 2.0], [3.0, 4.0]])
    >>> b = np.array([[10.0], [1.0]])
    >>> matmul(a, b)
    array([[12.],
           [34.]])
    """
    check_matmul(a, b, objects=True)
    M, K = a.shape[-2:]
    N = b.shape[-1]
    sums = np.result_type(a, np.float32)
    c = np.zeros((*a.shape[:-1], N), dtype=a.dtype)
    if K == 0:
        return c
    for n in np.ndindex(a.shape[:-2]):
        rows = a[n].astype(sums)
        columns = b[n].astype(sums).T
        for i in range(M):
            for j in range(N):
                c[n][i, j] = np.dot(rows[i], columns[j])
    return c
