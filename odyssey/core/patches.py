"""Patches of images as columns of a matrix, and channels that become pixels."""

from __future__ import annotations

import numpy as np

from odyssey.core._checks import as_array
from odyssey.core._windows import check_axes
from odyssey.errors import ShapeError
from odyssey.tape import differentiable
from odyssey.utils.geometry import output_size, pads, pair

__all__ = [
    "channel_shuffle",
    "channel_shuffle_backward",
    "fold",
    "fold_backward",
    "pixel_shuffle",
    "pixel_shuffle_backward",
    "pixel_unshuffle",
    "pixel_unshuffle_backward",
    "unfold",
    "unfold_backward",
]


@differentiable
def unfold(x, kernel_size, stride=1, padding=0, dilation=1):
    r"""Lay each window of an image into a column ("im2col").

    Shapes: N images, C channels, H×W pixels, R×S taps of a window, P×Q windows, as
    many as :func:`conv2d` has outputs.

    Parameters
    ----------
    x : Tensor or ndarray, shape (N, C, H, W)
    kernel_size : int or pair of int
        The window: one number for both sides, or (R, S).
    stride, padding, dilation
        As in :func:`conv2d`; padding is zeros.

    Returns
    -------
    Tensor or ndarray, shape (N, C·R·S, P·Q)
        In the dtype of ``x``.

    Raises
    ------
    ShapeError
        If ``x`` does not have four axes, a setting is out of range, or the
        window is larger than the padded image.

    Notes
    -----
    Forward, with x padded, strides :math:`s_v, s_h`, dilations :math:`d_v, d_h`:

    .. math:: y_{n,\,(cr s),\,(pq)} = x_{n,\,c,\,p s_v + r d_v,\,q s_h + s d_h}

    A convolution is a product with this matrix. Backward: :func:`fold` of g; every
    pixel collects from the windows that hold it. Copies R·S times as many numbers;
    saves nothing.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.unfold(od.arange(6.0).reshape(1, 1, 2, 3), 2)
    tensor([[[0., 1.],
             [1., 2.],
             [3., 4.],
             [4., 5.]]])
    """
    x = as_array(x)
    check_axes("unfold", x, 4)
    N, C = x.shape[:2]
    geometry = _geometry("unfold", x.shape[2:], kernel_size, stride, padding, dilation)
    window, around, outputs = geometry[0], geometry[3], geometry[4]
    if any(map(any, around)):
        x = np.pad(x, ((0, 0), (0, 0), *around))
    columns = np.empty((N, C, *window, *outputs), x.dtype)
    for r, s, seen in _each_tap(*geometry):
        columns[:, :, r, s] = x[seen]
    return columns.reshape(N, C * window[0] * window[1], outputs[0] * outputs[1])


@unfold.backward_rule(wrt=("x",))
def unfold_backward(grad, x_shape, kernel_size, stride=1, padding=0, dilation=1):
    """Return the gradient of :func:`unfold`."""
    return fold(grad, x_shape[2:], kernel_size, stride, padding, dilation)


@differentiable
def fold(x, output_size, kernel_size, stride=1, padding=0, dilation=1):
    r"""Add columns up to an image where their windows lie ("col2im"): the adjoint of unfold.

    Shapes: those of :func:`unfold`, from right to left.

    Parameters
    ----------
    x : Tensor or ndarray, shape (N, C·R·S, P·Q)
    output_size : int or pair of int
        The image: one number for both sides, or (H, W).
    kernel_size, stride, padding, dilation
        As in :func:`unfold`.

    Returns
    -------
    Tensor or ndarray, shape (N, C, H, W)
        In the dtype of ``x``; float16 is summed in float32.

    Raises
    ------
    ShapeError
        If ``x`` does not hold as many rows and columns as the settings ask for.

    Notes
    -----
    .. math::

        y_{ncij} = \sum_{r,s} x_{n,\,(crs),\,(pq)}
            \quad\text{over the } p, q \text{ with } p s_v + r d_v = i,\ q s_h + s d_h = j

    It is no inverse: a pixel in four windows is added up four times. What lies in
    the padding is dropped. Backward: :func:`unfold` of g. Saves nothing.

    Examples
    --------
    >>> import odyssey as od
    >>> x = od.arange(6.0).reshape(1, 1, 2, 3)
    >>> od.core.fold(od.core.unfold(x, 2), (2, 3), 2)
    tensor([[[[0., 2., 2.],
              [3., 8., 5.]]]])
    """
    x = as_array(x)
    H, W = pair("fold", "output_size", output_size)
    geometry = _geometry("fold", (H, W), kernel_size, stride, padding, dilation)
    (R, S), around, (P, Q) = geometry[0], geometry[3], geometry[4]
    if x.ndim != 3 or x.shape[1] % (R * S) or x.shape[2] != P * Q:
        raise ShapeError(
            f"fold: x must have shape (N, C*{R * S}, {P * Q}) for {R}x{S} taps of {P}x{Q} windows "
            f"but has {x.shape}"
        )
    N, C = x.shape[0], x.shape[1] // (R * S)
    columns = x.reshape(N, C, R, S, P, Q)
    (top, bottom), (left, right) = around
    wide = np.float32 if x.dtype == np.float16 else x.dtype
    image = np.zeros((N, C, top + H + bottom, left + W + right), wide)
    with np.errstate(all="ignore"):
        for r, s, seen in _each_tap(*geometry):
            image[seen] += columns[:, :, r, s]
        return image[:, :, top : top + H, left : left + W].astype(x.dtype)


@fold.backward_rule(wrt=("x",))
def fold_backward(grad, kernel_size, stride=1, padding=0, dilation=1):
    """Return the gradient of :func:`fold`."""
    return unfold(grad, kernel_size, stride, padding, dilation)


def _geometry(op, size, kernel_size, stride, padding, dilation):
    """Return window, stride, dilation, padding and the number of windows, as plain numbers."""
    window, stride = pair(op, "kernel_size", kernel_size), pair(op, "stride", stride)
    dilation = pair(op, "dilation", dilation)
    around = pads(op, padding, size, window, stride, dilation)
    return window, stride, dilation, around, output_size(op, size, window, stride, dilation, around)


def _each_tap(window, stride, dilation, around, outputs):
    """Yield each tap and, as an index, the pixels of the padded image that it meets."""
    for r, s in np.ndindex(window):
        rows, columns = (
            slice(tap * gap, tap * gap + (count - 1) * step + 1, step)
            for tap, gap, step, count in zip((r, s), dilation, stride, outputs, strict=True)
        )
        yield r, s, (slice(None), slice(None), rows, columns)


@differentiable
def pixel_shuffle(x, factor):
    r"""Make pixels of channels: each block of f·f channels becomes f×f pixels.

    Shapes: any leading axes, C channels out, f the factor, H×W pixels in.

    Parameters
    ----------
    x : Tensor or ndarray, shape (..., C·f·f, H, W)
    factor : int
        f: how many times as high and wide the image becomes.

    Returns
    -------
    Tensor or ndarray, shape (..., C, H·f, W·f)

    Raises
    ------
    ShapeError
        If ``x`` has less than three axes, or f·f does not divide its channels.

    Notes
    -----
    .. math:: y_{c,\,hf+i,\,wf+j} = x_{(c f + i) f + j,\,h,\,w}

    A convolution before it learns to enlarge images at the price of small ones.
    Backward: :func:`pixel_unshuffle` of g. Saves nothing.

    References
    ----------
    .. [1] W. Shi et al., "Real-time single image and video super-resolution using an
       efficient sub-pixel convolutional neural network", 2016,
       https://arxiv.org/abs/1609.05158.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.pixel_shuffle(od.arange(4.0).reshape(1, 4, 1, 1), 2)
    tensor([[[[0., 1.],
              [2., 3.]]]])
    """
    x = as_array(x)
    f = _factor("pixel_shuffle", x, factor)
    *lead, channels, H, W = x.shape
    if channels % (f * f):
        raise ShapeError(
            f"pixel_shuffle: {f}*{f} does not divide the {channels} channels of x {x.shape}"
        )
    C, n = channels // (f * f), len(lead)
    blocks = x.reshape(*lead, C, f, f, H, W)
    pixels = blocks.transpose(*range(n + 1), n + 3, n + 1, n + 4, n + 2)
    return pixels.reshape(*lead, C, H * f, W * f)


@pixel_shuffle.backward_rule(wrt=("x",))
def pixel_shuffle_backward(grad, factor):
    """Return the gradient of :func:`pixel_shuffle`."""
    return pixel_unshuffle(grad, factor)


@differentiable
def pixel_unshuffle(x, factor):
    r"""Make channels of pixels: the inverse of :func:`pixel_shuffle`.

    Shapes: any leading axes, C channels in, f the factor, H×W pixels out.

    Parameters
    ----------
    x : Tensor or ndarray, shape (..., C, H·f, W·f)
    factor : int
        f: how many times smaller in height and width the image becomes.

    Returns
    -------
    Tensor or ndarray, shape (..., C·f·f, H, W)

    Raises
    ------
    ShapeError
        If ``x`` has less than three axes, or f does not divide its sides.

    Notes
    -----
    .. math:: y_{(c f + i) f + j,\,h,\,w} = x_{c,\,hf+i,\,wf+j}

    Backward: :func:`pixel_shuffle` of g. Saves nothing.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.pixel_unshuffle(od.arange(4.0).reshape(1, 1, 2, 2), 2).flatten()
    tensor([[0., 1., 2., 3.]])
    """
    x = as_array(x)
    f = _factor("pixel_unshuffle", x, factor)
    *lead, C, height, width = x.shape
    if height % f or width % f:
        raise ShapeError(f"pixel_unshuffle: {f} does not divide the sides of x {x.shape}")
    H, W, n = height // f, width // f, len(lead)
    blocks = x.reshape(*lead, C, H, f, W, f)
    channels = blocks.transpose(*range(n + 1), n + 2, n + 4, n + 1, n + 3)
    return channels.reshape(*lead, C * f * f, H, W)


@pixel_unshuffle.backward_rule(wrt=("x",))
def pixel_unshuffle_backward(grad, factor):
    """Return the gradient of :func:`pixel_unshuffle`."""
    return pixel_shuffle(grad, factor)


def _factor(op, x, factor):
    if x.ndim < 3:
        raise ShapeError(f"{op}: x has {x.ndim} axes but needs 3 or more, (..., C, H, W)")
    if isinstance(factor, (tuple, list)):
        raise ShapeError(f"{op}: factor must be one integer, got {factor!r}")
    return pair(op, "factor", factor)[0]


@differentiable
def channel_shuffle(x, groups):
    r"""Deal the channels of G groups out like cards: one of each group in turn.

    Shapes: N examples, C channels, G groups, any further axes.

    Parameters
    ----------
    x : Tensor or ndarray, shape (N, C, ...)
    groups : int
        G, which divides C.

    Returns
    -------
    Tensor or ndarray, in the shape of ``x``

    Raises
    ------
    ShapeError
        If ``x`` has less than two axes, or G does not divide C.

    Notes
    -----
    .. math:: y_{n,\,iG + g} = x_{n,\,g\,C/G + i}

    so that a grouped convolution after it sees channels of every group. Backward:
    the same with C/G groups, its inverse. Saves nothing but the shape of ``x``.

    References
    ----------
    .. [1] X. Zhang et al., "ShuffleNet: an extremely efficient convolutional neural
       network for mobile devices", 2017, https://arxiv.org/abs/1707.01083.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.channel_shuffle(od.arange(6.0).reshape(1, 6), 2)
    tensor([[0., 3., 1., 4., 2., 5.]])
    """
    x = as_array(x)
    if isinstance(groups, (tuple, list)):
        raise ShapeError(f"channel_shuffle: groups must be one integer, got {groups!r}")
    G, _ = pair("channel_shuffle", "groups", groups)
    if x.ndim < 2 or x.shape[1] % G:
        raise ShapeError(
            f"channel_shuffle: x must have shape (N, C, ...) with C a multiple of {G}, "
            f"got {x.shape}"
        )
    N, C, *rest = x.shape
    return x.reshape(N, G, C // G, *rest).swapaxes(1, 2).reshape(x.shape)


@channel_shuffle.backward_rule(wrt=("x",))
def channel_shuffle_backward(grad, x_shape, groups):
    """Return the gradient of :func:`channel_shuffle`."""
    return channel_shuffle(grad, x_shape[1] // groups) if x_shape[1] else grad
