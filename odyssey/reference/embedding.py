"""Embedding, rows of a table by index, and its gradient, one index at a time."""

from __future__ import annotations

import numpy as np

from odyssey.utils.kernel_checks_embedding import check_embedding, check_embedding_backward

__all__ = ["embedding", "embedding_backward"]


def embedding(indices: np.ndarray, weight: np.ndarray) -> np.ndarray:
    r"""Return a row of a table for each index.

    Shapes: V rows, D columns.

    Parameters
    ----------
    indices : ndarray of any integer dtype and shape
        In [0, V).
    weight : ndarray, shape (V, D)
        float16, float32 or float64.

    Returns
    -------
    ndarray, shape (..., D), dtype of ``weight``

    Raises
    ------
    DTypeError
        If ``weight`` is not an array of a floating dtype, or ``indices`` not one of
        integers.
    ShapeError
        If ``weight`` has not two axes; a RangeError if an index is out of range.

    Notes
    -----
    .. math:: y_{nd} = w_{i_n d}

    Examples
    --------
    >>> import numpy as np
    >>> embedding(np.array([2, 0]), np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]))
    array([[5., 6.],
           [1., 2.]])
    """
    indices = check_embedding(indices, weight, objects=True)
    out = np.empty((*indices.shape, weight.shape[1]), dtype=weight.dtype)
    for n in np.ndindex(indices.shape):
        out[n] = weight[indices[n]]
    return out


@np.errstate(all="ignore")
def embedding_backward(
    grad: np.ndarray,
    indices: np.ndarray,
    weight_shape: tuple[int, int],
    padding_idx: int | None = None,
) -> np.ndarray:
    r"""Gradient of embedding with respect to its table.

    Shapes: V rows, D columns.

    Parameters
    ----------
    grad : ndarray, shape (..., D)
    indices : ndarray, shape (...)
        What the forward function was given.
    weight_shape : (V, D)
    padding_idx : int or None
        A row that gets no gradient.

    Returns
    -------
    ndarray, shape (V, D), dtype of ``grad``

    Raises
    ------
    DTypeError, ShapeError
        If the arguments do not fit each other.

    Notes
    -----
    .. math:: \bar w_{vd} = \sum_{n : i_n = v} \bar y_{nd}

    The sum runs over n in C order; half precision is added up in float32.

    Examples
    --------
    >>> import numpy as np
    >>> embedding_backward(np.ones((3, 1)), np.array([1, 0, 1]), (3, 1)).tolist()
    [[1.0], [2.0], [0.0]]
    """
    indices, rows, columns, padding = check_embedding_backward(
        grad, indices, weight_shape, padding_idx, objects=True
    )
    sums = np.zeros((rows, columns), np.result_type(grad, np.float32))
    for n in np.ndindex(indices.shape):
        if indices[n] != padding:
            sums[indices[n]] += grad[n]
    return sums.astype(grad.dtype, copy=False)
