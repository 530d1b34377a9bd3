"""The convolution and its gradients, one window at a time."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from odyssey.utils.kernel_checks import check_needs
from odyssey.utils.kernel_checks_conv import check_conv2d, check_conv2d_backward
from odyssey.utils.windows import groups_of, inside, padded, taps

__all__ = ["conv2d", "conv2d_backward"]


@np.errstate(all="ignore")
def conv2d(
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> np.ndarray:
    r"""Cross-correlate a batch of images with a bank of filters.

    Shapes: N images, C channels in, K filters, R×S taps, H×W pixels in, P×Q
    out, G groups of C/G channels and K/G filters.

    Parameters
    ----------
    x : ndarray, shape (N, C, H, W)
        Images; float16, float32, float64 or object.
    weight : ndarray, shape (K, C/G, R, S)
        Filters, of the dtype of ``x``.
    bias : ndarray, shape (K,), optional
    stride, dilation : int or (vertical, horizontal)
        From one window to the next; from one tap to the next.
    padding : int, pair, pair of pairs, "same" or "valid"
        Zeros around the image, see :func:`odyssey.utils.geometry.pads`.
    groups : int
        G: filter k sees the channels of its own group only.

    Returns
    -------
    y : ndarray, shape (N, K, P, Q), dtype of ``x``

    Raises
    ------
    DTypeError
        If an argument is no array of a floating dtype, or the dtypes differ.
    ShapeError
        If the shapes or settings do not fit each other.

    Notes
    -----
    With x padded, strides :math:`s_v, s_h` and dilations :math:`d_v, d_h`:

    .. math:: y_{nkpq} = b_k + \sum_{c,r,s} w_{kcrs}\; x_{n,\,c,\,p s_v + r d_v,\,q s_h + s d_h}

    The loops visit output positions; at each of them the window is a vector of
    C/G·R·S numbers, and every filter of the group is multiplied by it.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.arange(9.0).reshape(1, 1, 3, 3)
    >>> conv2d(x, np.ones((1, 1, 2, 2)))[0, 0]
    array([[ 8., 12.],
           [20., 24.]])
    """
    window = check_conv2d("conv2d", x, weight, bias, stride, padding, dilation, groups, True)
    N, K = x.shape[0], weight.shape[0]
    P, Q = window.outputs
    sums = np.result_type(x, np.float32)
    image = padded(x.astype(sums), window.padding)
    filters = weight.astype(sums).reshape(K, math.prod(weight.shape[1:]))
    biases = np.zeros(K, sums) if bias is None else bias.astype(sums)
    y = np.empty((N, K, P, Q), dtype=x.dtype)
    for channels, ks in groups_of(x.shape[1], K, window.groups):
        for p in range(P):
            for q in range(Q):
                rows, columns = taps(p, q, weight.shape, window)
                for n in range(N):
                    seen = image[n, channels, rows, columns].reshape(-1)
                    y[n, ks, p, q] = filters[ks] @ seen + biases[ks]
    return y


@np.errstate(all="ignore")
def conv2d_backward(
    grad: np.ndarray,
    x: np.ndarray,
    weight: np.ndarray,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    needs: tuple[bool, ...] = (True, True, True),
) -> tuple[np.ndarray | None, ...]:
    r"""Gradients of conv2d with respect to its images, filters and biases.

    Shapes: those of :func:`conv2d`.

    Parameters
    ----------
    grad : ndarray, shape (N, K, P, Q), dtype of ``x``
        Gradient of the loss with respect to the output, g.
    x, weight : ndarray
        What the forward function was given. Without a gradient for ``weight``
        only the shape of ``x`` is used, and the other way round.
    stride, padding, dilation, groups
        What the forward function was given.
    needs : tuple of bool
        Which of the gradients are wanted.

    Returns
    -------
    grad_x : ndarray, shape (N, C, H, W), or None
    grad_weight : ndarray, shape (K, C/G, R, S), or None
    grad_bias : ndarray, shape (K,), or None

    Raises
    ------
    DTypeError, ShapeError
        If the arguments do not fit each other.

    Notes
    -----
    Each output is a product of a filter with a window, plus a bias. So it
    hands its gradient to both, times the other:

    .. math::

        \bar x_{n,\,c,\,p s_v + r d_v,\,q s_h + s d_h} &\mathrel{+}= g_{nkpq}\, w_{kcrs} \\
        \bar w_{kcrs} &\mathrel{+}= g_{nkpq}\; x_{n,\,c,\,p s_v + r d_v,\,q s_h + s d_h} \\
        \bar b_k &\mathrel{+}= g_{nkpq}

    The loops are those of the forward function. What falls on the padding is
    cut off at the end.

    Examples
    --------
    >>> import numpy as np
    >>> x, weight = np.arange(9.0).reshape(1, 1, 3, 3), np.ones((1, 1, 2, 2))
    >>> grad_x, grad_weight, grad_bias = conv2d_backward(np.ones((1, 1, 2, 2)), x, weight)
    >>> grad_x[0, 0]  # in how many windows a pixel is
    array([[1., 2., 1.],
           [2., 4., 2.],
           [1., 2., 1.]])
    """
    window = check_conv2d_backward(grad, x, weight, stride, padding, dilation, groups, True)
    for_x, for_weight, for_bias = check_needs("conv2d_backward", needs, 3)
    N, K = grad.shape[:2]
    P, Q = window.outputs
    sums = np.result_type(x, np.float32)
    g = grad.astype(sums)
    image = padded(x.astype(sums), window.padding)
    filters = weight.astype(sums).reshape(K, math.prod(weight.shape[1:]))
    image_sums, filter_sums = np.zeros(image.shape, sums), np.zeros(filters.shape, sums)
    for channels, ks in groups_of(x.shape[1], K, window.groups):
        for p in range(P):
            for q in range(Q):
                rows, columns = taps(p, q, weight.shape, window)
                for n in range(N):
                    g_k = g[n, ks, p, q]
                    if for_x:
                        seen = image_sums[n, channels, rows, columns]
                        seen += (g_k @ filters[ks]).reshape(seen.shape)
                    if for_weight:
                        seen = image[n, channels, rows, columns].reshape(-1)
                        filter_sums[ks] += np.outer(g_k, seen)
    grad_x = inside(image_sums, x.shape, window.padding).astype(x.dtype) if for_x else None
    grad_weight = filter_sums.reshape(weight.shape).astype(x.dtype) if for_weight else None
    grad_bias = g.sum((0, 2, 3)).astype(x.dtype) if for_bias else None
    return grad_x, grad_weight, grad_bias
