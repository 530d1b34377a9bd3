"""Pools along one axis and three, made of those of images."""

from __future__ import annotations

from math import prod

import numpy as np

from odyssey.backend import kernel
from odyssey.core._checks import as_array, check_float
from odyssey.core._windows import check_axes
from odyssey.core.elementwise import astype
from odyssey.core.indexing import put
from odyssey.core.pooling import avg_pool2d, avg_pool2d_backward
from odyssey.tape import Saved, differentiable
from odyssey.utils.geometry import several
from odyssey.utils.kernel_checks_pooling import check_pool

__all__ = [
    "avg_pool1d",
    "avg_pool1d_backward",
    "avg_pool3d",
    "avg_pool3d_backward",
    "max_pool1d",
    "max_pool1d_backward",
    "max_pool3d",
    "max_pool3d_backward",
]


@differentiable
def max_pool1d(
    x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False
):
    r"""Take the largest number of each window of a line.

    Shapes: N lines of length L, C channels, P outputs as in :func:`max_pool2d`.

    Parameters
    ----------
    x : Tensor or ndarray, shape (N, C, L)
    kernel_size : int
        R, the taps of a window.
    stride, padding, dilation, ceil_mode, return_indices
        As in :func:`max_pool2d`, one number each.

    Returns
    -------
    Tensor or ndarray, shape (N, C, P), or two of them with ``return_indices``

    Raises
    ------
    ShapeError, DTypeError
        As :func:`max_pool2d`.

    Notes
    -----
    With stride s, padding o and dilation d, over the taps that lie in the line:

    .. math:: y_{ncp} = \max_{u<R} x_{n,c,\,ps-o+du}

    Backward: each gradient goes to the first of the largest numbers. Saves the indices,
    and of ``x`` the shape only.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.max_pool1d(od.tensor([[[1.0, 5.0, 2.0, 0.0]]]), 2)
    tensor([[[5., 2.]]])
    """
    x = as_array(x)
    images, settings = row("max_pool1d", x, kernel_size, stride, padding, dilation, ceil_mode)
    out, indices = kernel("max_pool2d")(images, *settings, ceil_mode)
    return _largest(out[:, :, 0], indices[:, :, 0], return_indices)


@max_pool1d.backward_rule(wrt=("x",))
def max_pool1d_backward(grad, indices, x_shape):
    """Return the gradient of :func:`max_pool1d` for ``x``."""
    return to_the_largest(grad, indices, x_shape)


@differentiable
def max_pool3d(
    x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False
):
    r"""Take the largest pixel of each window of a volume.

    Shapes: N volumes of D×H×W pixels, C channels, M×P×Q outputs as in :func:`max_pool2d`.

    Parameters
    ----------
    x : Tensor or ndarray, shape (N, C, D, H, W)
    kernel_size, stride, padding, dilation : int or three of them
        As in :func:`max_pool2d`.
    ceil_mode, return_indices : bool
        As there; an index counts (d·H + h)·W + w.

    Returns
    -------
    Tensor or ndarray, shape (N, C, M, P, Q), or two of them with ``return_indices``

    Raises
    ------
    ShapeError, DTypeError
        As :func:`max_pool2d`.

    Notes
    -----
    For stride and dilation 1 and without padding, with T×R×S taps

    .. math:: y_{ncmpq} = \max_{t<T,\,u<R,\,v<S} x_{n,\,c,\,m+t,\,p+u,\,q+v}

    the largest along D of the largest in each picture. Backward: each gradient goes to
    the first of the largest pixels. Saves the indices, and of ``x`` the shape only.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.max_pool3d(od.arange(16.0).reshape(1, 1, 2, 2, 4), 2)
    tensor([[[[[13., 15.]]]]])
    """
    x = as_array(x)
    plane, deep = _planes("max_pool3d", x, kernel_size, stride, padding, dilation, ceil_mode)
    N, C, D, H, W = x.shape
    flat, inner = kernel("max_pool2d")(x.reshape(N, C * D, H, W), *plane, ceil_mode)
    P, Q = flat.shape[2:]
    out, place = kernel("max_pool2d")(flat.reshape(N, C, D, P * Q), *deep, ceil_mode)
    M = out.shape[2]
    place = place.reshape(N, C, M * P * Q).astype(np.int64)
    inner = np.take_along_axis(inner.reshape(N, C, D * P * Q), place, 2)
    indices = place // (P * Q) * (H * W) + inner
    shape = (N, C, M, P, Q)
    return _largest(out.reshape(shape), indices.reshape(shape), return_indices)


@max_pool3d.backward_rule(wrt=("x",))
def max_pool3d_backward(grad, indices, x_shape):
    """Return the gradient of :func:`max_pool3d` for ``x``."""
    return to_the_largest(grad, indices, x_shape)


def _largest(out, indices, return_indices):
    saved = Saved(indices=indices)
    return (out, indices, saved) if return_indices else (out, saved)


def to_the_largest(grad, indices, x_shape):
    """Add each gradient to zeros where its maximum stood; half precision in float32."""
    grad = grad[0] if isinstance(grad, tuple) else grad  # beside indices, which have none
    dtype = grad.dtype
    N, C, *size = x_shape
    pixels = prod(size)
    first = np.arange(N * C).reshape(N, C, *[1] * len(size)) * pixels
    values = astype(grad, np.float32) if dtype == np.float16 else grad
    summed = put(values.reshape(-1), (indices + first).reshape(-1), (N * C * pixels,))
    return astype(summed, dtype).reshape(tuple(x_shape))


@differentiable
def avg_pool1d(x, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
    r"""Average the numbers of each window of a line.

    Shapes: N lines of length L, C channels, P outputs as in :func:`avg_pool2d`.

    Parameters
    ----------
    x : Tensor or ndarray, shape (N, C, L)
    kernel_size : int
        R, the taps of a window.
    stride, padding, ceil_mode, count_include_pad
        As in :func:`avg_pool2d`, one number each.

    Returns
    -------
    Tensor or ndarray, shape (N, C, P)

    Raises
    ------
    ShapeError, DTypeError
        As :func:`avg_pool2d`.

    Notes
    -----
    With stride s and padding o; :math:`D_p` are the numbers that count:

    .. math:: y_{ncp} = \frac{1}{|D_p|} \sum_{u<R} x_{n,c,\,ps-o+u}

    Backward: every number gets its share of the gradient of each window over it. Saves
    nothing but the shape of ``x``.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.avg_pool1d(od.tensor([[[1.0, 5.0, 2.0, 0.0]]]), 2)
    tensor([[[3., 1.]]])
    """
    x = as_array(x)
    images, settings = row("avg_pool1d", x, kernel_size, stride, padding, 1, ceil_mode)
    return avg_pool2d(images, *settings[:3], ceil_mode, count_include_pad)[:, :, 0]


@avg_pool1d.backward_rule(wrt=("x",))
def avg_pool1d_backward(
    grad, x_shape, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True
):
    """Return the gradient of :func:`avg_pool1d` for ``x``."""
    N, C, L = x_shape
    window, steps, around, _ = _row_settings("avg_pool1d", kernel_size, stride, padding, 1)
    settings = (window, steps, around, ceil_mode, count_include_pad)
    return avg_pool2d_backward(grad[:, :, None], (N, C, 1, L), *settings)[:, :, 0]


@differentiable
def avg_pool3d(x, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
    r"""Average the pixels of each window of a volume.

    Shapes: N volumes of D×H×W pixels, C channels, M×P×Q outputs as in :func:`avg_pool2d`.

    Parameters
    ----------
    x : Tensor or ndarray, shape (N, C, D, H, W)
    kernel_size, stride, padding : int or three of them
        As in :func:`avg_pool2d`.
    ceil_mode, count_include_pad : bool
        As there.

    Returns
    -------
    Tensor or ndarray, shape (N, C, M, P, Q)

    Raises
    ------
    ShapeError, DTypeError
        As :func:`avg_pool2d`.

    Notes
    -----
    For stride 1 and without padding, with T×R×S taps

    .. math:: y_{ncmpq} = \frac{1}{TRS} \sum_{t<T,\,u<R,\,v<S} x_{n,\,c,\,m+t,\,p+u,\,q+v}

    the mean along D of the means in each picture. Backward: every pixel gets its share
    of the gradient of each window over it. Saves nothing but the shape of ``x``.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.avg_pool3d(od.arange(16.0).reshape(1, 1, 2, 2, 4), 2)
    tensor([[[[[6.5, 8.5]]]]])
    """
    x = as_array(x)
    plane, deep = _planes("avg_pool3d", x, kernel_size, stride, padding, 1, ceil_mode)
    modes = (ceil_mode, count_include_pad)
    N, C, D, H, W = x.shape
    flat = avg_pool2d(x.reshape(N, C * D, H, W), *plane[:3], *modes)
    P, Q = flat.shape[2:]
    out = avg_pool2d(flat.reshape(N, C, D, P * Q), *deep[:3], *modes)
    return out.reshape(N, C, out.shape[2], P, Q)


@avg_pool3d.backward_rule(wrt=("x",))
def avg_pool3d_backward(
    grad, x_shape, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True
):
    """Return the gradient of :func:`avg_pool3d` for ``x``."""
    N, C, D, H, W = x_shape
    M, P, Q = grad.shape[2:]
    plane, deep = _plane_settings("avg_pool3d", kernel_size, stride, padding, 1)
    modes = (ceil_mode, count_include_pad)
    flat = avg_pool2d_backward(grad.reshape((N, C, M, P * Q)), (N, C, D, P * Q), *deep[:3], *modes)
    shape = (N, C * D, H, W)
    pictures = avg_pool2d_backward(flat.reshape((N, C * D, P, Q)), shape, *plane[:3], *modes)
    return pictures.reshape((N, C, D, H, W))


# A line is an image of one row. A volume is many pictures, and then many columns of depth D.


def _settings(op, count, kernel_size, stride, padding, dilation):
    """Return window, stride, padding and dilation, each with a number for every axis."""
    window = several(op, "kernel_size", kernel_size, count)
    steps = window if stride is None else several(op, "stride", stride, count)
    around = several(op, "padding", padding, count, 0)
    return window, steps, around, several(op, "dilation", dilation, count)


def _row_settings(op, kernel_size, stride, padding, dilation):
    (R,), (s,), (o,), (d,) = _settings(op, 1, kernel_size, stride, padding, dilation)
    return (1, R), (1, s), (0, o), (1, d)


def row(op, x, kernel_size, stride, padding, dilation, ceil_mode):
    """Return a batch of lines as images, and the settings for them."""
    check_float(op, x=x)
    check_axes(op, x, 3)
    window, steps, around, gaps = _row_settings(op, kernel_size, stride, padding, dilation)
    images = x[:, :, None]
    check_pool(op, images, window, steps, around, ceil_mode, gaps)
    return images, (window, steps, around, gaps)


def _plane_settings(op, kernel_size, stride, padding, dilation):
    settings = _settings(op, 3, kernel_size, stride, padding, dilation)
    nothing = (1, 1, 0, 1)  # a window of one tap, the next one beside it, no padding
    deep = [(one[0], other) for one, other in zip(settings, nothing, strict=True)]
    return [one[1:] for one in settings], deep


def _planes(op, x, kernel_size, stride, padding, dilation, ceil_mode):
    """Return the settings for pictures and those along the depth, once they are checked."""
    check_float(op, x=x)
    check_axes(op, x, 5)
    settings = _plane_settings(op, kernel_size, stride, padding, dilation)
    N, C, D, H, W = x.shape
    shapes = (N, C * D, H, W), (N, C, D, H * W)
    for shape, (window, steps, around, gaps) in zip(shapes, settings, strict=True):
        check_pool(op, x.reshape(shape), window, steps, around, ceil_mode, gaps)
    return settings
