"""Pooling: the maximum or the mean of each window of an image."""

from __future__ import annotations

import numpy as np

from odyssey.backend import kernel
from odyssey.core._checks import as_array, check_float
from odyssey.core._windows import kept
from odyssey.core.indexing import put
from odyssey.tape import Saved, differentiable

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

# The shapes and settings are checked at the door of the kernel, in the same words on both backends
# and before anything is computed.


@differentiable
def max_pool2d(
    x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False
):
    r"""Take the largest element of each window of an image.

    Shapes: N images, C channels, H×W pixels, R×S taps of a window, P×Q outputs
    with P = (H + 2·padding - dilation·(R - 1) - 1) // stride + 1, and Q likewise.

    Parameters
    ----------
    x : Tensor or ndarray, shape (N, C, H, W)
        Floating-point.
    kernel_size : int or pair of int
        The window: one number for both sides, or (R, S).
    stride : int or pair of int, optional
        Pixels from one window to the next; by default the window's size.
    padding : int or pair of int
        Rows and columns around the image that are never the maximum; at most
        half of the window.
    dilation : int or pair of int
        Pixels from one tap of the window to the next.
    ceil_mode : bool
        Whether a last window may hang over the end: as many outputs as begin
        inside the image or the padding before it. The window still has to fit
        the padded image once.
    return_indices : bool
        Whether to return where in its image each maximum stands, too.

    Returns
    -------
    out : Tensor or ndarray, shape (N, C, P, Q)
        In the dtype of ``x``.
    indices : Tensor or ndarray, shape (N, C, P, Q)
        With ``return_indices`` only: h·W + w as int32, for :func:`max_unpool2d`.

    Raises
    ------
    DTypeError
        If ``x`` is not floating-point.
    ShapeError
        If ``x`` does not have four axes, a setting is out of range, or the
        window is larger than the padded image.

    Notes
    -----
    Forward, with stride s, padding o and dilation d, over the taps that lie in
    the image:

    .. math:: y_{ncpq} = \max_{u<R,\,v<S} x_{n,c,\,ps-o+du,\,qs-o+dv}

    Of equal elements the first one, row by row, is the maximum. NaN counts as
    larger than any number.

    Backward: each gradient goes to the pixel that was the maximum; one that won
    several windows collects from all of them.

    .. math:: \partial x_{nc,i} = \sum_{p,q} [\,i = \mathrm{indices}_{ncpq}\,]\; g_{ncpq}

    Saves the indices, and of ``x`` the shape only.

    References
    ----------
    .. [1] M. Ranzato, F. J. Huang, Y.-L. Boureau, Y. LeCun, "Unsupervised
       learning of invariant feature hierarchies", CVPR 2007.

    Examples
    --------
    >>> import odyssey as od
    >>> x = od.tensor([[[[1.0, 5.0, 2.0, 0.0], [4.0, 3.0, 6.0, 7.0]]]])
    >>> od.core.max_pool2d(x, 2)
    tensor([[[[5., 7.]]]])
    """
    x = as_array(x)
    check_float("max_pool2d", x=x)
    out, indices = kernel("max_pool2d")(x, kernel_size, stride, padding, dilation, ceil_mode)
    saved = Saved(indices=indices)
    return (out, indices, saved) if return_indices else (out, saved)


@max_pool2d.backward_rule(wrt=("x",))
def max_pool2d_backward(
    grad, indices, x_shape, kernel_size=None, stride=None, padding=0, dilation=1
):
    """Return the gradient of :func:`max_pool2d` for ``x``; the settings only make it faster."""
    grad = grad[0] if isinstance(grad, tuple) else grad  # beside indices, which have none
    return kernel("max_pool2d_backward")(
        grad, indices, x_shape, kernel_size, stride, padding, dilation
    )


@max_pool2d.backward_formula
def max_pool2d_backward_formula(grad, indices, x_shape):
    """Return the same in operators; where the maxima stand is constant."""
    grad = grad[0] if isinstance(grad, tuple) else grad
    N, C, H, W = x_shape
    n, c = np.ogrid[:N, :C]
    images = put(grad, (n[..., None, None], c[..., None, None], indices), (N, C, H * W))
    return images.reshape(x_shape)


@differentiable
def avg_pool2d(x, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
    r"""Average the elements of each window of an image.

    Shapes: N images, C channels, H×W pixels, R×S taps of a window, P×Q outputs
    with P = (H + 2·padding - R) // stride + 1, and Q likewise.

    Parameters
    ----------
    x : Tensor or ndarray, shape (N, C, H, W)
        Floating-point.
    kernel_size : int or pair of int
        The window: one number for both sides, or (R, S).
    stride : int or pair of int, optional
        Pixels from one window to the next; by default the window's size.
    padding : int or pair of int
        Rows and columns of zeros around the image; at most half of the window.
    ceil_mode : bool
        Whether a last window may hang over the end, as in :func:`max_pool2d`.
    count_include_pad : bool
        Whether padding counts in the divisor. What hangs over the padding
        under ``ceil_mode`` never does.

    Returns
    -------
    Tensor or ndarray, shape (N, C, P, Q)
        In the dtype of ``x``.

    Raises
    ------
    DTypeError
        If ``x`` is not floating-point.
    ShapeError
        If ``x`` does not have four axes, a setting is out of range, or the
        window is larger than the padded image.

    Notes
    -----
    Forward, with stride s and padding o, over the taps that lie in the image;
    :math:`D_{pq}` are the pixels that count:

    .. math:: y_{ncpq} = \frac{1}{|D_{pq}|} \sum_{u<R,\,v<S} x_{n,c,\,ps-o+u,\,qs-o+v}

    Backward: every pixel gets its share of the gradient of each window over it.

    .. math:: \partial x_{nchw} = \sum_{(p,q) \ni (h,w)} \frac{g_{ncpq}}{|D_{pq}|}

    Saves nothing but the shape of ``x``.

    References
    ----------
    .. [1] Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning
       applied to document recognition", Proceedings of the IEEE, 1998.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.avg_pool2d(od.tensor([[[[1.0, 3.0, 2.0, 0.0], [5.0, 3.0, 6.0, 8.0]]]]), 2)
    tensor([[[[3., 4.]]]])
    """
    x = as_array(x)
    check_float("avg_pool2d", x=x)
    return kernel("avg_pool2d")(x, kernel_size, stride, padding, ceil_mode, count_include_pad)


@avg_pool2d.backward_rule(wrt=("x",))
def avg_pool2d_backward(
    grad, x_shape, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True
):
    """Return the gradient of :func:`avg_pool2d` for ``x``."""
    return _avg_spread(grad, x_shape, kernel_size, stride, padding, ceil_mode, count_include_pad)


# A mean is linear: its gradient is another linear operation, whose gradient is the mean again.
@differentiable
def _avg_spread(grad, x_shape, kernel_size, stride, padding, ceil_mode, count_include_pad):
    return kernel("avg_pool2d_backward")(
        grad, x_shape, kernel_size, stride, padding, ceil_mode, count_include_pad
    )


@_avg_spread.backward_rule(wrt=("grad",))
def _avg_spread_backward(grad, kernel_size, stride, padding, ceil_mode, count_include_pad):
    return avg_pool2d(grad, kernel_size, stride, padding, ceil_mode, count_include_pad)


@differentiable
def global_avg_pool2d(x):
    r"""Average all pixels of an image: one number for each channel.

    Shapes: N images, C channels, H×W pixels.

    Parameters
    ----------
    x : Tensor or ndarray, shape (N, C, H, W)
        Floating-point.

    Returns
    -------
    Tensor or ndarray, shape (N, C, 1, 1)
        In the dtype of ``x``.

    Raises
    ------
    DTypeError
        If ``x`` is not floating-point.
    ShapeError
        If ``x`` does not have four axes, or no pixels.

    Notes
    -----
    .. math:: y_{nc} = \frac{1}{HW} \sum_{h,w} x_{nchw}

    Backward: every pixel gets the same share, :math:`\partial x_{nchw} = g_{nc} / (HW)`.
    Saves nothing but the shape of ``x``.

    References
    ----------
    .. [1] M. Lin, Q. Chen, S. Yan, "Network in network", ICLR 2014,
       arXiv:1312.4400, section 3.2.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.global_avg_pool2d(od.tensor([[[[1.0, 2.0], [3.0, 6.0]]]]))
    tensor([[[[3.]]]])
    """
    x = as_array(x)
    check_float("global_avg_pool2d", x=x)
    return kernel("global_avg_pool2d")(x)


@global_avg_pool2d.backward_rule(wrt=("x",))
def global_avg_pool2d_backward(grad, x_shape):
    """Return the gradient of :func:`global_avg_pool2d` for ``x``."""
    return _global_spread(grad, x_shape)


@differentiable
def _global_spread(grad, x_shape):
    return kernel("global_avg_pool2d_backward")(grad, x_shape)


@_global_spread.backward_rule(wrt=("grad",))
def _global_spread_backward(grad):
    return global_avg_pool2d(grad)


@differentiable
def adaptive_avg_pool2d(x, output_size):
    r"""Average an image down (or up) to a size that is given.

    Shapes: N images, C channels, H×W pixels, P×Q outputs.

    Parameters
    ----------
    x : Tensor or ndarray, shape (N, C, H, W)
        Floating-point.
    output_size : int or pair of int
        One number for both sides, or (P, Q); None in the place of one keeps that of x.

    Returns
    -------
    Tensor or ndarray, shape (N, C, P, Q)
        In the dtype of ``x``.

    Raises
    ------
    DTypeError
        If ``x`` is not floating-point.
    ShapeError
        If ``x`` does not have four axes, or a size is below 1.

    Notes
    -----
    Output (p, q) is the mean of the pixels (h, w) with

    .. math:: \lfloor pH/P \rfloor \le h < \lceil (p+1)H/P \rceil, \qquad
              \lfloor qW/Q \rfloor \le w < \lceil (q+1)W/Q \rceil

    so that every pixel is used, and windows overlap where P does not divide H.

    Backward: every pixel gets its share of the gradient of each window over it,
    as in :func:`avg_pool2d`. Saves nothing but the shape of ``x``.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.adaptive_avg_pool2d(od.arange(5.0).reshape(1, 1, 1, 5), (1, 2))
    tensor([[[[1., 3.]]]])
    """
    x = as_array(x)
    check_float("adaptive_avg_pool2d", x=x)
    return kernel("adaptive_avg_pool2d")(x, kept(output_size, x))


@adaptive_avg_pool2d.backward_rule(wrt=("x",))
def adaptive_avg_pool2d_backward(grad, x_shape):
    """Return the gradient of :func:`adaptive_avg_pool2d` for ``x``."""
    return _adaptive_spread(grad, x_shape)


@differentiable
def _adaptive_spread(grad, x_shape):
    return kernel("adaptive_avg_pool2d_backward")(grad, x_shape)


@_adaptive_spread.backward_rule(wrt=("grad",))
def _adaptive_spread_backward(grad, grad_shape):
    return adaptive_avg_pool2d(grad, grad_shape[2:])
