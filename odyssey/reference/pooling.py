"""Pooling: the maximum or the mean of each window of an image, and the gradients.

Letters: N images of C channels and H×W pixels, P×Q outputs; (n, c, p, q) is an
output, (h, w) a pixel. The loops run over outputs, NumPy takes one window.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from odyssey.utils.kernel_checks_pooling import (
    Windows,
    check_adaptive,
    check_adaptive_backward,
    check_indices,
    check_max_pool_backward,
    check_pool,
    check_pool_backward,
)

__all__ = [
    "adaptive_avg_pool2d",
    "adaptive_avg_pool2d_backward",
    "avg_pool2d",
    "avg_pool2d_backward",
    "global_avg_pool2d",
    "global_avg_pool2d_backward",
    "max_pool2d",
    "max_pool2d_backward",
]


def max_pool2d(
    x: np.ndarray,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    r"""Take the largest element of each window, and say which it is.

    Shapes: N images, C channels, H×W pixels, R×S taps of a window, P×Q outputs
    with P = (H + 2·padding - dilation·(R - 1) - 1) // stride + 1, and Q likewise.

    Parameters
    ----------
    x : ndarray, shape (N, C, H, W)
        float16, float32, float64 or object.
    kernel_size : int or pair
        (R, S), the window.
    stride : int or pair, optional
        Pixels from one window to the next; by default the window's size.
    padding : int or pair
        Rows and columns around the image, of -inf; at most half of the window.
    dilation : int or pair
        Pixels from one tap to the next.
    ceil_mode : bool
        Whether a last window may hang over the end of the image.

    Returns
    -------
    out : ndarray, shape (N, C, P, Q), dtype of ``x``
    indices : ndarray of int32, shape (N, C, P, Q)
        Where the maxima stand: h·W + w.

    Raises
    ------
    DTypeError
        If ``x`` is not an array of a floating dtype.
    ShapeError
        If the window does not fit the image, or a setting is out of range.

    Notes
    -----
    With stride s, padding o and dilation d, over the taps inside the image:

    .. math:: y_{ncpq} = \max_{u,v} x_{n,c,\,ps-o+du,\,qs-o+dv}

    Of equal elements the first (row by row) is taken; a NaN is larger than any
    number, and of several the last is taken, as in PyTorch.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([[[[1.0, 5.0, 2.0], [4.0, 3.0, 5.0]]]])
    >>> out, indices = max_pool2d(x, 2, stride=1)
    >>> out.tolist(), indices.tolist()
    ([[[[5.0, 5.0]]]], [[[[1, 1]]]])
    """
    windows = check_pool("max_pool2d", x, kernel_size, stride, padding, ceil_mode, dilation, True)
    N, C, H, W = x.shape
    P, Q = windows.outputs
    out = np.empty((N, C, P, Q), dtype=x.dtype)
    indices = np.empty((N, C, P, Q), dtype=np.int32)  # no image has more than 2**31 pixels
    rows = [_taps(windows, 0, p, H) for p in range(P)]
    columns = [_taps(windows, 1, q, W) for q in range(Q)]
    for n, c in np.ndindex(N, C):
        image = x[n, c].tolist()
        for p, q in np.ndindex(P, Q):
            largest = None
            for h in rows[p]:
                for w in columns[q]:
                    value = image[h][w]
                    # Only a NaN is not equal to itself.
                    if largest is None or value > largest or value != value:
                        largest, index = value, h * W + w
            out[n, c, p, q] = largest
            indices[n, c, p, q] = index
    return out, indices


def _taps(windows: Windows, axis: int, output: int, size: int) -> list[int]:
    """Return the pixels along one axis that a window covers."""
    start = output * windows.stride[axis] - windows.padding[axis]
    taps = [start + windows.dilation[axis] * u for u in range(windows.window[axis])]
    return [tap for tap in taps if 0 <= tap < size]


def max_pool2d_backward(
    grad: np.ndarray,
    indices: np.ndarray,
    x_shape: tuple[int, ...],
    kernel_size: Any = None,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
) -> np.ndarray:
    r"""Add the gradient of each output at the place of its maximum.

    Parameters
    ----------
    grad : ndarray, shape (N, C, P, Q)
        Gradient of the loss with respect to the output.
    indices : ndarray of integers, shape (N, C, P, Q)
        What :func:`max_pool2d` returned.
    x_shape : tuple of int
        (N, C, H, W).
    kernel_size, stride, padding, dilation : optional
        As given to :func:`max_pool2d`. The indices say all that the result
        depends on; but whoever knows in which windows to look for a pixel finds
        it faster, as the compiled twin does.

    Returns
    -------
    grad_x : ndarray, shape ``x_shape``, dtype of ``grad``

    Raises
    ------
    DTypeError
        If ``grad`` is not an array of a floating dtype or ``indices`` none of
        integers.
    ShapeError
        If the shapes do not fit, an index is no pixel, or a setting is out of
        range.

    Notes
    -----
    .. math:: \bar x_{nc,i} = \sum_{p,q} [\,i = \mathrm{indices}_{ncpq}\,]\; \bar y_{ncpq}

    A pixel that is the maximum of several windows collects from all of them.

    Examples
    --------
    >>> import numpy as np
    >>> grad, indices = np.array([[[[1.0, 10.0]]]]), np.array([[[[1, 1]]]])
    >>> max_pool2d_backward(grad, indices, (1, 1, 1, 3))
    array([[[[ 0., 11.,  0.]]]])
    """
    shape, _ = check_max_pool_backward(
        grad, indices, x_shape, kernel_size, stride, padding, dilation, objects=True
    )
    N, C, H, W = shape
    check_indices(indices, shape)
    sums = np.result_type(grad, np.float32)
    grad_x = np.zeros((N, C, H * W), dtype=sums)
    for n, c, p, q in np.ndindex(grad.shape):
        grad_x[n, c, indices[n, c, p, q]] += grad[n, c, p, q]
    return grad_x.reshape(shape).astype(grad.dtype)


Window = tuple[int, int, slice, slice, int]
"""An output (p, q), the rows and columns that it averages, and the divisor."""


def _mean(x: np.ndarray, outputs: tuple[int, int], windows: list[Window]) -> np.ndarray:
    N, C = x.shape[:2]
    sums = np.result_type(x, np.float32)
    out = np.empty((N, C, *outputs), dtype=x.dtype)
    with np.errstate(all="ignore"):
        for n, c in np.ndindex(N, C):
            for p, q, rows, columns, divisor in windows:
                out[n, c, p, q] = x[n, c, rows, columns].sum(dtype=sums) / sums.type(divisor)
    return out


def _spread(grad: np.ndarray, shape: tuple[int, ...], windows: list[Window]) -> np.ndarray:
    N, C = shape[:2]
    sums = np.result_type(grad, np.float32)
    grad_x = np.zeros(shape, dtype=sums)
    with np.errstate(all="ignore"):
        for n, c in np.ndindex(N, C):
            for p, q, rows, columns, divisor in windows:
                grad_x[n, c, rows, columns] += grad[n, c, p, q] / sums.type(divisor)
    return grad_x.astype(grad.dtype)


def _strided(windows: Windows, shape: tuple[int, ...], count_include_pad: bool) -> list[Window]:
    """Return the windows of an average pool."""
    H, W = shape[2:]
    found = []
    for p, q in np.ndindex(windows.outputs):
        top, bottom = _ends(windows, 0, p, H)
        left, right = _ends(windows, 1, q, W)
        rows, columns = slice(max(top, 0), min(bottom, H)), slice(max(left, 0), min(right, W))
        divisor = (bottom - top) * (right - left)
        if not count_include_pad:
            divisor = (rows.stop - rows.start) * (columns.stop - columns.start)
        found.append((p, q, rows, columns, divisor))
    return found


def _ends(windows: Windows, axis: int, output: int, size: int) -> tuple[int, int]:
    """Return where a window begins and ends in the padded image, the image beginning at 0."""
    start = output * windows.stride[axis] - windows.padding[axis]
    return start, min(start + windows.window[axis], size + windows.padding[axis])


def avg_pool2d(
    x: np.ndarray,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> np.ndarray:
    r"""Average the elements of each window.

    Shapes: N images, C channels, H×W pixels, R×S taps of a window, P×Q outputs
    with P = (H + 2·padding - R) // stride + 1, and Q likewise.

    Parameters
    ----------
    x : ndarray, shape (N, C, H, W)
        float16, float32, float64 or object.
    kernel_size : int or pair
        (R, S), the window.
    stride : int or pair, optional
        Pixels from one window to the next; by default the window's size.
    padding : int or pair
        Rows and columns of zeros around the image; at most half of the window.
    ceil_mode : bool
        Whether a last window may hang over the end of the image.
    count_include_pad : bool
        Whether padding counts in the divisor.

    Returns
    -------
    out : ndarray, shape (N, C, P, Q), dtype of ``x``

    Raises
    ------
    DTypeError
        If ``x`` is not an array of a floating dtype.
    ShapeError
        If the window does not fit the image, or a setting is out of range.

    Notes
    -----
    With stride s and padding o, over the taps inside the image:

    .. math:: y_{ncpq} = \frac{1}{|D_{pq}|} \sum_{u,v} x_{n,c,\,ps-o+u,\,qs-o+v}

    :math:`D_{pq}` is the part of the window inside the padded image, or with
    ``count_include_pad=False`` inside the image; what hangs over the padding in
    ``ceil_mode`` never counts.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.arange(9.0).reshape(1, 1, 3, 3)
    >>> avg_pool2d(x, 2, stride=1)
    array([[[[2., 3.],
             [5., 6.]]]])
    """
    windows = check_pool("avg_pool2d", x, kernel_size, stride, padding, ceil_mode, objects=True)
    return _mean(x, windows.outputs, _strided(windows, x.shape, count_include_pad))


def avg_pool2d_backward(
    grad: np.ndarray,
    x_shape: tuple[int, ...],
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> np.ndarray:
    r"""Give every pixel its share of the gradients of its windows.

    Parameters
    ----------
    grad : ndarray, shape (N, C, P, Q)
        Gradient of the loss with respect to the output.
    x_shape : tuple of int
        (N, C, H, W).
    kernel_size, stride, padding, ceil_mode, count_include_pad
        As given to :func:`avg_pool2d`.

    Returns
    -------
    grad_x : ndarray, shape ``x_shape``, dtype of ``grad``

    Raises
    ------
    DTypeError
        If ``grad`` is not an array of a floating dtype.
    ShapeError
        If the shapes do not fit.

    Notes
    -----
    .. math:: \bar x_{nchw} = \sum_{(p,q) \,:\, (h,w) \in D_{pq}}
              \frac{\bar y_{ncpq}}{|D_{pq}|}

    Examples
    --------
    >>> import numpy as np
    >>> avg_pool2d_backward(np.array([[[[4.0, 8.0]]]]), (1, 1, 2, 3), 2, stride=1)
    array([[[[1., 3., 2.],
             [1., 3., 2.]]]])
    """
    shape, windows = check_pool_backward(
        "avg_pool2d_backward", grad, x_shape, kernel_size, stride, padding, ceil_mode, objects=True
    )
    return _spread(grad, shape, _strided(windows, shape, count_include_pad))


def _adaptive(shape: tuple[int, ...], outputs: tuple[int, ...]) -> list[Window]:
    """Return the windows that cut an image into P×Q parts as equal as can be."""
    (H, W), (P, Q) = shape[2:], outputs
    found = []
    for p, q in np.ndindex(P, Q):
        rows = slice(p * H // P, -((p + 1) * -H // P))  # from the floor to the ceiling
        columns = slice(q * W // Q, -((q + 1) * -W // Q))
        divisor = (rows.stop - rows.start) * (columns.stop - columns.start)
        found.append((p, q, rows, columns, divisor))
    return found


def adaptive_avg_pool2d(x: np.ndarray, output_size: Any) -> np.ndarray:
    r"""Average an image down (or up) to a size that is given.

    Parameters
    ----------
    x : ndarray, shape (N, C, H, W)
        float16, float32, float64 or object.
    output_size : int or pair
        (P, Q).

    Returns
    -------
    out : ndarray, shape (N, C, P, Q), dtype of ``x``

    Raises
    ------
    DTypeError
        If ``x`` is not an array of a floating dtype.
    ShapeError
        If ``x`` does not have four axes, or a size is below 1.

    Notes
    -----
    Output (p, q) is the mean of the pixels (h, w) with

    .. math:: \lfloor pH/P \rfloor \le h < \lceil (p+1)H/P \rceil, \qquad
              \lfloor qW/Q \rfloor \le w < \lceil (q+1)W/Q \rceil

    windows that overlap where P does not divide H, as in PyTorch.

    Examples
    --------
    >>> import numpy as np
    >>> adaptive_avg_pool2d(np.arange(5.0).reshape(1, 1, 1, 5), (1, 2))
    array([[[[1., 3.]]]])
    """
    outputs = check_adaptive("adaptive_avg_pool2d", x, output_size, objects=True)
    return _mean(x, outputs, _adaptive(x.shape, outputs))


def adaptive_avg_pool2d_backward(grad: np.ndarray, x_shape: tuple[int, ...]) -> np.ndarray:
    r"""Give every pixel its share of the gradients of its windows.

    Parameters
    ----------
    grad : ndarray, shape (N, C, P, Q)
        Gradient of the loss with respect to the output.
    x_shape : tuple of int
        (N, C, H, W).

    Returns
    -------
    grad_x : ndarray, shape ``x_shape``, dtype of ``grad``

    Raises
    ------
    DTypeError
        If ``grad`` is not an array of a floating dtype.
    ShapeError
        If the shapes do not fit.

    Notes
    -----
    As :func:`avg_pool2d_backward`, with the windows of
    :func:`adaptive_avg_pool2d`.

    Examples
    --------
    >>> import numpy as np
    >>> adaptive_avg_pool2d_backward(np.array([[[[3.0, 6.0]]]]), (1, 1, 1, 5))
    array([[[[1., 1., 3., 2., 2.]]]])
    """
    shape = check_adaptive_backward("adaptive_avg_pool2d_backward", grad, x_shape, objects=True)
    return _spread(grad, shape, _adaptive(shape, grad.shape[2:]))


def global_avg_pool2d(x: np.ndarray) -> np.ndarray:
    r"""Average all pixels of an image.

    Parameters
    ----------
    x : ndarray, shape (N, C, H, W)
        float16, float32, float64 or object.

    Returns
    -------
    out : ndarray, shape (N, C, 1, 1), dtype of ``x``

    Raises
    ------
    DTypeError
        If ``x`` is not an array of a floating dtype.
    ShapeError
        If ``x`` does not have four axes.

    Notes
    -----
    .. math:: y_{nc} = \frac{1}{HW} \sum_{h,w} x_{nchw}

    Examples
    --------
    >>> import numpy as np
    >>> global_avg_pool2d(np.arange(6.0).reshape(1, 1, 2, 3))
    array([[[[2.5]]]])
    """
    check_adaptive("global_avg_pool2d", x, 1, objects=True)
    return _mean(x, (1, 1), _adaptive(x.shape, (1, 1)))


def global_avg_pool2d_backward(grad: np.ndarray, x_shape: tuple[int, ...]) -> np.ndarray:
    r"""Give every pixel the same share of the gradient.

    Parameters
    ----------
    grad : ndarray, shape (N, C, 1, 1)
        Gradient of the loss with respect to the output.
    x_shape : tuple of int
        (N, C, H, W).

    Returns
    -------
    grad_x : ndarray, shape ``x_shape``, dtype of ``grad``

    Raises
    ------
    DTypeError
        If ``grad`` is not an array of a floating dtype.
    ShapeError
        If the shapes do not fit.

    Notes
    -----
    .. math:: \bar x_{nchw} = \bar y_{nc} / (HW)

    Examples
    --------
    >>> import numpy as np
    >>> global_avg_pool2d_backward(np.array([[[[6.0]]]]), (1, 1, 2, 3))
    array([[[[1., 1., 1.],
             [1., 1., 1.]]]])
    """
    shape = check_adaptive_backward(
        "global_avg_pool2d_backward", grad, x_shape, objects=True, outputs=(1, 1)
    )
    return _spread(grad, shape, _adaptive(shape, (1, 1)))
