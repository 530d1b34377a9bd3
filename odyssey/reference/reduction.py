"""Sum and mean along axes, one output at a time."""

from __future__ import annotations

import numpy as np

from odyssey.utils.kernel_checks import check_reduction

__all__ = ["mean", "sum"]


def _rows(x: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """Return x with what is to be summed along one last axis."""
    last = tuple(range(x.ndim - len(axes), x.ndim))
    moved = np.moveaxis(x, axes, last)
    kept = moved.shape[: x.ndim - len(axes)]
    length = int(np.prod(moved.shape[len(kept) :], dtype=int))
    return moved.reshape(*kept, length)


def _spread(out: np.ndarray, axes: tuple[int, ...], keepdims: bool) -> np.ndarray:
    """Return ``out`` with its axes as ``keepdims`` wants them."""
    return np.expand_dims(out, axes) if keepdims else out


@np.errstate(all="ignore")
def sum(
    x: np.ndarray, axis: int | tuple[int, ...] | None = None, keepdims: bool = False
) -> np.ndarray:
    r"""Add up the elements along axes.

    Parameters
    ----------
    x : ndarray, any shape
        float16, float32, float64 or object.
    axis : int, tuple of int or None
        The axes to add along; None for all.
    keepdims : bool
        Keep the axes, with length 1.

    Returns
    -------
    out : ndarray, dtype of ``x``
        Without axes an array of one number, not a scalar.

    Raises
    ------
    DTypeError
        If ``x`` is not an array of a floating dtype, or an axis no integer.
    ShapeError
        If ``x`` does not have such an axis, or it is named twice.

    Notes
    -----
    .. math:: y = \sum_i x_i

    float16 is summed in float32 and rounded once. An empty sum is 0. NumPy adds
    in pairs, so that the error grows with the logarithm of the number of
    terms [1]_.

    References
    ----------
    .. [1] N. J. Higham, "The accuracy of floating point summation", SIAM
       Journal on Scientific Computing 14, 1993. https://doi.org/10.1137/0914050

    Examples
    --------
    >>> import numpy as np
    >>> sum(np.array([[1.0, 2.0], [3.0, 4.0]]), axis=0)
    array([4., 6.])
    """
    axes = check_reduction("sum", x, axis, objects=True)
    rows = _rows(x, axes)
    sums = np.result_type(x, np.float32)
    out = np.empty(rows.shape[:-1], x.dtype)
    for n in np.ndindex(out.shape):
        out[n] = rows[n].sum(dtype=sums)
    return _spread(out, axes, keepdims)


@np.errstate(all="ignore")
def mean(
    x: np.ndarray, axis: int | tuple[int, ...] | None = None, keepdims: bool = False
) -> np.ndarray:
    r"""Average the elements along axes.

    Parameters, result and errors are those of :func:`sum`.

    Notes
    -----
    .. math:: y = \frac{1}{n} \sum_{i=1}^{n} x_i

    The sum is divided before it is rounded: in half precision it may be too
    large where the mean is not. The mean of nothing is NaN.

    Examples
    --------
    >>> import numpy as np
    >>> mean(np.array([[1.0, 2.0], [3.0, 4.0]]), axis=0)
    array([2., 3.])
    """
    axes = check_reduction("mean", x, axis, objects=True)
    rows = _rows(x, axes)
    sums = np.result_type(x, np.float32)
    out = np.empty(rows.shape[:-1], x.dtype)
    for n in np.ndindex(out.shape):
        out[n] = rows[n].sum(dtype=sums) / rows.shape[-1]
    return _spread(out, axes, keepdims)
