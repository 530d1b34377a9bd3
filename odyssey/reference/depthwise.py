"""The depthwise and the depthwise-separable convolution and their gradients, window by window."""

from __future__ import annotations

from typing import Any

import numpy as np

from odyssey.reference.conv import conv2d, conv2d_backward
from odyssey.utils.kernel_checks import check_needs
from odyssey.utils.kernel_checks_conv import (
    check_depthwise,
    check_depthwise_backward,
    check_separable,
    check_separable_backward,
)
from odyssey.utils.windows import inside, padded, taps

__all__ = [
    "depthwise_conv2d",
    "depthwise_conv2d_backward",
    "depthwise_separable_conv2d",
    "depthwise_separable_conv2d_backward",
]


@np.errstate(all="ignore")
def depthwise_conv2d(
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
) -> np.ndarray:
    r"""Cross-correlate every channel with filters of its own.

    Shapes: N images, C channels in, M filters for each of them, R×S taps, H×W
    pixels in, P×Q out.

    Parameters
    ----------
    x : ndarray, shape (N, C, H, W)
        Images; float16, float32, float64 or object.
    weight : ndarray, shape (C·M, 1, R, S)
        Filters, of the dtype of ``x``; those of channel c are cM, ..., cM + M - 1.
    bias : ndarray, shape (C·M,), optional
    stride, padding, dilation
        As in :func:`odyssey.reference.conv2d`.

    Returns
    -------
    y : ndarray, shape (N, C·M, P, Q), dtype of ``x``

    Raises
    ------
    DTypeError
        If an argument is no array of a floating dtype, or the dtypes differ.
    ShapeError
        If the shapes or settings do not fit each other.

    Notes
    -----
    With x padded, strides :math:`s_v, s_h` and dilations :math:`d_v, d_h`:

    .. math::

        y_{n,\,cM+m,\,p,\,q} = b_{cM+m}
            + \sum_{r,s} w_{cM+m,0,r,s}\; x_{n,\,c,\,p s_v + r d_v,\,q s_h + s d_h}

    The convolution with C groups: nothing is summed over channels. The loops
    visit output positions; NumPy sums the windows of all channels.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.arange(8.0).reshape(1, 2, 2, 2)
    >>> depthwise_conv2d(x, np.ones((2, 1, 2, 2))).ravel()
    array([ 6., 22.])
    """
    window = check_depthwise("depthwise_conv2d", x, weight, bias, stride, padding, dilation, True)
    (N, C), (K, _, R, S) = x.shape[:2], weight.shape
    P, Q = window.outputs
    sums = np.result_type(x, np.float32)
    image = padded(x.astype(sums), window.padding)
    filters = weight.astype(sums).reshape(C, K // max(C, 1), R, S)
    biases = np.zeros(K, sums) if bias is None else bias.astype(sums)
    y = np.empty((N, K, P, Q), dtype=x.dtype)
    for p in range(P):
        for q in range(Q):
            rows, columns = taps(p, q, weight.shape, window)
            for n in range(N):
                seen = image[n, :, None, rows, columns]
                y[n, :, p, q] = (filters * seen).sum((2, 3)).reshape(K) + biases
    return y


@np.errstate(all="ignore")
def depthwise_conv2d_backward(
    grad: np.ndarray,
    x: np.ndarray,
    weight: np.ndarray,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    needs: tuple[bool, ...] = (True, True, True),
) -> tuple[np.ndarray | None, ...]:
    r"""Gradients of depthwise_conv2d with respect to its images, filters and biases.

    Shapes: those of :func:`depthwise_conv2d`.

    Parameters
    ----------
    grad : ndarray, shape (N, C·M, P, Q), dtype of ``x``
        Gradient of the loss with respect to the output, g.
    x, weight : ndarray
        What the forward function was given. Without a gradient for ``weight``
        only the shape of ``x`` is used, and the other way round.
    stride, padding, dilation
        What the forward function was given.
    needs : tuple of bool
        Which of the gradients are wanted.

    Returns
    -------
    grad_x : ndarray, shape (N, C, H, W), or None
    grad_weight : ndarray, shape (C·M, 1, R, S), or None
    grad_bias : ndarray, shape (C·M,), or None

    Raises
    ------
    DTypeError, ShapeError
        If the arguments do not fit each other.

    Notes
    -----
    Each output hands its gradient to its filter and to its window, times the
    other. With k = cM + m:

    .. math::

        \bar x_{n,\,c,\,p s_v + r d_v,\,q s_h + s d_h} &\mathrel{+}= g_{nkpq}\, w_{k0rs} \\
        \bar w_{k0rs} &\mathrel{+}= g_{nkpq}\; x_{n,\,c,\,p s_v + r d_v,\,q s_h + s d_h} \\
        \bar b_k &\mathrel{+}= g_{nkpq}

    Examples
    --------
    >>> import numpy as np
    >>> x, weight = np.arange(8.0).reshape(1, 2, 2, 2), np.ones((2, 1, 2, 2))
    >>> grads = depthwise_conv2d_backward(np.array([1.0, 10.0]).reshape(1, 2, 1, 1), x, weight)
    >>> grads[1].reshape(2, 4)
    array([[ 0.,  1.,  2.,  3.],
           [40., 50., 60., 70.]])
    """
    window = check_depthwise_backward(grad, x, weight, stride, padding, dilation, True)
    for_x, for_weight, for_bias = check_needs("depthwise_conv2d_backward", needs, 3)
    (N, C), (K, _, R, S) = x.shape[:2], weight.shape
    M = K // max(C, 1)
    P, Q = window.outputs
    sums = np.result_type(x, np.float32)
    g = grad.astype(sums)
    image = padded(x.astype(sums), window.padding)
    filters = weight.astype(sums).reshape(C, M, R, S)
    image_sums, filter_sums = np.zeros(image.shape, sums), np.zeros(filters.shape, sums)
    for p in range(P):
        for q in range(Q):
            rows, columns = taps(p, q, weight.shape, window)
            for n in range(N):
                g_k = g[n, :, p, q].reshape(C, M, 1, 1)
                if for_x:
                    image_sums[n, :, rows, columns] += (g_k * filters).sum(1)
                if for_weight:
                    filter_sums += g_k * image[n, :, None, rows, columns]
    grad_x = inside(image_sums, x.shape, window.padding).astype(x.dtype) if for_x else None
    grad_weight = filter_sums.reshape(weight.shape).astype(x.dtype) if for_weight else None
    grad_bias = g.sum((0, 2, 3)).astype(x.dtype) if for_bias else None
    return grad_x, grad_weight, grad_bias


def depthwise_separable_conv2d(
    x: np.ndarray,
    depthwise_weight: np.ndarray,
    pointwise_weight: np.ndarray,
    bias: np.ndarray | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
) -> np.ndarray:
    r"""Cross-correlate every channel by itself, then mix the channels of each pixel.

    Shapes: those of :func:`depthwise_conv2d`, then K filters of 1×1.

    Parameters
    ----------
    x : ndarray, shape (N, C, H, W)
        Images; float16, float32, float64 or object.
    depthwise_weight : ndarray, shape (C·M, 1, R, S)
    pointwise_weight : ndarray, shape (K, C·M, 1, 1)
    bias : ndarray, shape (K,), optional
    stride, padding, dilation
        Of the depthwise step, as in :func:`odyssey.reference.conv2d`.

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
    With z the depthwise convolution of x, in the dtype of x:

    .. math:: y_{nkpq} = b_k + \sum_{c} v_{kc}\, z_{ncpq}

    Examples
    --------
    >>> import numpy as np
    >>> x = np.arange(8.0).reshape(1, 2, 2, 2)
    >>> mix = np.array([1.0, -1.0]).reshape(1, 2, 1, 1)
    >>> depthwise_separable_conv2d(x, np.ones((2, 1, 2, 2)), mix).item()
    -16.0
    """
    op = "depthwise_separable_conv2d"
    check_separable(op, x, depthwise_weight, pointwise_weight, bias, True)
    z = depthwise_conv2d(x, depthwise_weight, None, stride, padding, dilation)
    return conv2d(z, pointwise_weight, bias)


def depthwise_separable_conv2d_backward(
    grad: np.ndarray,
    x: np.ndarray,
    depthwise_weight: np.ndarray,
    pointwise_weight: np.ndarray,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    needs: tuple[bool, ...] = (True, True, True, True),
) -> tuple[np.ndarray | None, ...]:
    r"""Gradients of depthwise_separable_conv2d with respect to its four arrays.

    Shapes: those of :func:`depthwise_separable_conv2d`.

    Parameters
    ----------
    grad : ndarray, shape (N, K, P, Q), dtype of ``x``
        Gradient of the loss with respect to the output.
    x, depthwise_weight, pointwise_weight : ndarray
        What the forward function was given.
    stride, padding, dilation
        What the forward function was given.
    needs : tuple of bool
        Which of the gradients are wanted.

    Returns
    -------
    grad_x : ndarray, shape (N, C, H, W), or None
    grad_depthwise_weight : ndarray, shape (C·M, 1, R, S), or None
    grad_pointwise_weight : ndarray, shape (K, C·M, 1, 1), or None
    grad_bias : ndarray, shape (K,), or None

    Raises
    ------
    DTypeError, ShapeError
        If the arguments do not fit each other.

    Notes
    -----
    The chain rule: through the 1×1 convolution to z, then through the
    depthwise one. z is not kept but computed again.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.arange(8.0).reshape(1, 2, 2, 2)
    >>> weight, mix = np.ones((2, 1, 2, 2)), np.array([1.0, -1.0]).reshape(1, 2, 1, 1)
    >>> grads = depthwise_separable_conv2d_backward(np.ones((1, 1, 1, 1)), x, weight, mix)
    >>> grads[2].ravel()  # the pointwise weights see z
    array([ 6., 22.])
    """
    z_shape = check_separable_backward(
        grad, x, depthwise_weight, pointwise_weight, stride, padding, dilation, True
    )
    needs = check_needs("depthwise_separable_conv2d_backward", needs, 4)
    z = np.zeros(z_shape, x.dtype)
    if needs[2]:
        z = depthwise_conv2d(x, depthwise_weight, None, stride, padding, dilation)
    below = needs[0] or needs[1]
    grad_z, grad_pointwise, grad_bias = conv2d_backward(
        grad, z, pointwise_weight, needs=(below, needs[2], needs[3])
    )
    grad_x = grad_depthwise = None
    if grad_z is not None:
        grad_x, grad_depthwise, _ = depthwise_conv2d_backward(
            grad_z, x, depthwise_weight, stride, padding, dilation, (needs[0], needs[1], False)
        )
    return grad_x, grad_depthwise, grad_pointwise, grad_bias
