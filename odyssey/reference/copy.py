"""Copies: the same elements in another place, and in another order in memory."""

from __future__ import annotations

import numpy as np

from odyssey.utils.kernel_checks import check_copy

__all__ = ["copy"]


def copy(x: np.ndarray, order: str = "C") -> np.ndarray:
    r"""Return a copy of an array, in C order or channels-last.

    Parameters
    ----------
    x : ndarray, any shape
        Of any dtype and memory layout.
    order : {"C", "channels_last"}
        How the axes stand in the memory of the copy: C, the last axis
        innermost; or for a batch of images (N, C, H, W), the channels of a
        pixel side by side, as (N, H, W, C) in C order.

    Returns
    -------
    out : ndarray, shape and dtype of ``x``
        With memory of its own, without gaps.

    Raises
    ------
    DTypeError
        If ``x`` is not a NumPy array.
    ShapeError
        If ``x`` is to be channels-last, but has not 4 axes.
    OdysseyError
        If there is no such order.

    Notes
    -----
    .. math:: y_{i_0 \ldots i_{n-1}} = x_{i_0 \ldots i_{n-1}}

    where :math:`y_{i_0 \ldots i_{n-1}}` is number :math:`(\ldots (i_0 d_1 + i_1) d_2 + \ldots)
    d_{n-1} + i_{n-1}` in memory, for axes of the lengths :math:`d`; channels-last with
    the axes in the order 0, 2, 3, 1. The bits stay as they are: a copy keeps
    the payload of a NaN and the sign of a zero.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.arange(6).reshape(2, 3)
    >>> copy(x.T).ravel(order="K")
    array([0, 3, 1, 4, 2, 5])
    >>> images = np.arange(4).reshape(1, 2, 1, 2)  # two channels of two pixels
    >>> copy(images, "channels_last").ravel(order="K")
    array([0, 2, 1, 3])
    """
    check_copy(x, order)
    if order == "C":
        out = np.empty(x.shape, x.dtype)
    else:
        N, C, H, W = x.shape
        out = np.empty((N, H, W, C), x.dtype).transpose(0, 3, 1, 2)
    for i in np.ndindex(x.shape[:-1]):  # row by row
        out[i] = x[i]
    return out
