"""Pools that are told the size of the result instead of that of the window."""

from __future__ import annotations

import numpy as np

from odyssey.core._checks import as_array, check_float
from odyssey.core._windows import check_axes, kept
from odyssey.core.pooling import adaptive_avg_pool2d, adaptive_avg_pool2d_backward
from odyssey.core.pooling_nd import to_the_largest
from odyssey.errors import ShapeError
from odyssey.tape import Saved, differentiable
from odyssey.utils.geometry import several

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool1d_backward",
    "adaptive_avg_pool3d",
    "adaptive_avg_pool3d_backward",
    "adaptive_max_pool1d",
    "adaptive_max_pool1d_backward",
    "adaptive_max_pool2d",
    "adaptive_max_pool2d_backward",
    "adaptive_max_pool3d",
    "adaptive_max_pool3d_backward",
    "global_max_pool2d",
    "global_max_pool2d_backward",
]


@differentiable
def adaptive_avg_pool1d(x, output_size):
    r"""Average a line down (or up) to a length that is given.

    Shapes: N lines of length L, C channels, P outputs.

    Parameters
    ----------
    x : Tensor or ndarray, shape (N, C, L)
    output_size : int
        P.

    Returns
    -------
    Tensor or ndarray, shape (N, C, P)

    Raises
    ------
    ShapeError, DTypeError
        As :func:`adaptive_avg_pool2d`.

    Notes
    -----
    Output p is the mean of the numbers i with

    .. math:: \lfloor pL/P \rfloor \le i < \lceil (p+1)L/P \rceil

    Backward: every number gets its share of the gradient of each window over it. Saves
    nothing but the shape of ``x``.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.adaptive_avg_pool1d(od.arange(5.0).reshape(1, 1, 5), 2)
    tensor([[[1., 3.]]])
    """
    x = as_array(x)
    (P,) = _check("adaptive_avg_pool1d", x, 3, output_size)
    return adaptive_avg_pool2d(x[:, :, None], (1, P))[:, :, 0]


@adaptive_avg_pool1d.backward_rule(wrt=("x",))
def adaptive_avg_pool1d_backward(grad, x_shape):
    """Return the gradient of :func:`adaptive_avg_pool1d` for ``x``."""
    N, C, L = x_shape
    return adaptive_avg_pool2d_backward(grad[:, :, None], (N, C, 1, L))[:, :, 0]


@differentiable
def adaptive_avg_pool3d(x, output_size):
    r"""Average a volume down (or up) to a size that is given.

    Shapes: N volumes of D×H×W pixels, C channels, M×P×Q outputs.

    Parameters
    ----------
    x : Tensor or ndarray, shape (N, C, D, H, W)
    output_size : int or three of them
        One number for all sides, or (M, P, Q); None in the place of one keeps that of x.

    Returns
    -------
    Tensor or ndarray, shape (N, C, M, P, Q)

    Raises
    ------
    ShapeError, DTypeError
        As :func:`adaptive_avg_pool2d`.

    Notes
    -----
    Output (m, p, q) is the mean of the pixels (d, h, w) with

    .. math:: \lfloor mD/M \rfloor \le d < \lceil (m+1)D/M \rceil

    and the same for h and w: the mean along D of the means in each picture. Backward:
    every pixel gets its share of the gradient of each window over it. Saves nothing but
    the shape of ``x``.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.adaptive_avg_pool3d(od.arange(8.0).reshape(1, 1, 2, 2, 2), (2, 1, 1)).flatten()
    tensor([[1.5, 5.5]])
    """
    x = as_array(x)
    M, P, Q = _check("adaptive_avg_pool3d", x, 5, output_size)
    N, C, D, H, W = x.shape
    flat = adaptive_avg_pool2d(x.reshape(N, C * D, H, W), (P, Q))
    out = adaptive_avg_pool2d(flat.reshape(N, C, D, P * Q), (M, P * Q))
    return out.reshape(N, C, M, P, Q)


@adaptive_avg_pool3d.backward_rule(wrt=("x",))
def adaptive_avg_pool3d_backward(grad, x_shape):
    """Return the gradient of :func:`adaptive_avg_pool3d` for ``x``."""
    N, C, D, H, W = x_shape
    M, P, Q = grad.shape[2:]
    flat = adaptive_avg_pool2d_backward(grad.reshape((N, C, M, P * Q)), (N, C, D, P * Q))
    flat = flat.reshape((N, C * D, P, Q))
    return adaptive_avg_pool2d_backward(flat, (N, C * D, H, W)).reshape((N, C, D, H, W))


@differentiable
def adaptive_max_pool1d(x, output_size, return_indices=False):
    r"""Take the largest number of each of P parts of a line.

    Shapes: N lines of length L, C channels, P outputs.

    Parameters
    ----------
    x : Tensor or ndarray, shape (N, C, L)
    output_size : int
        P.
    return_indices : bool
        Whether to return where each maximum stands, too.

    Returns
    -------
    Tensor or ndarray, shape (N, C, P), or two of them with ``return_indices``

    Raises
    ------
    ShapeError, DTypeError
        As :func:`adaptive_avg_pool2d`.

    Notes
    -----
    .. math:: y_{ncp} = \max \{ x_{nci} : \lfloor pL/P \rfloor \le i < \lceil (p+1)L/P \rceil \}

    Backward: each gradient goes to the first of the largest numbers. Saves the indices,
    and of ``x`` the shape only.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.adaptive_max_pool1d(od.tensor([[[1.0, 5.0, 2.0, 0.0, 4.0]]]), 2)
    tensor([[[5., 4.]]])
    """
    return _largest("adaptive_max_pool1d", as_array(x), 3, output_size, return_indices)


@adaptive_max_pool1d.backward_rule(wrt=("x",))
def adaptive_max_pool1d_backward(grad, indices, x_shape):
    """Return the gradient of :func:`adaptive_max_pool1d` for ``x``."""
    return to_the_largest(grad, indices, x_shape)


@differentiable
def adaptive_max_pool2d(x, output_size, return_indices=False):
    r"""Take the largest pixel of each of P×Q parts of an image.

    Shapes: N images, C channels, H×W pixels, P×Q outputs.

    Parameters
    ----------
    x : Tensor or ndarray, shape (N, C, H, W)
    output_size : int or pair of int
        One number for both sides, or (P, Q); None in the place of one keeps that of x.
    return_indices : bool
        Whether to return where in its image (h·W + w) each maximum stands, too.

    Returns
    -------
    Tensor or ndarray, shape (N, C, P, Q), or two of them with ``return_indices``

    Raises
    ------
    ShapeError, DTypeError
        As :func:`adaptive_avg_pool2d`.

    Notes
    -----
    Output (p, q) is the maximum of the pixels (h, w) with

    .. math:: \lfloor pH/P \rfloor \le h < \lceil (p+1)H/P \rceil, \qquad
              \lfloor qW/Q \rfloor \le w < \lceil (q+1)W/Q \rceil

    Of equal pixels the first one, row by row, is the maximum; NaN counts as larger than
    any number. Backward: each gradient goes to that pixel, which collects from all the
    windows that it won. Saves the indices, and of ``x`` the shape only.

    Examples
    --------
    >>> import odyssey as od
    >>> x = od.tensor([[[[1.0, 5.0, 2.0], [4.0, 3.0, 6.0]]]])
    >>> od.core.adaptive_max_pool2d(x, (2, 1))
    tensor([[[[5.],
              [6.]]]])
    """
    return _largest("adaptive_max_pool2d", as_array(x), 4, output_size, return_indices)


@adaptive_max_pool2d.backward_rule(wrt=("x",))
def adaptive_max_pool2d_backward(grad, indices, x_shape):
    """Return the gradient of :func:`adaptive_max_pool2d` for ``x``."""
    return to_the_largest(grad, indices, x_shape)


@differentiable
def adaptive_max_pool3d(x, output_size, return_indices=False):
    r"""Take the largest pixel of each of M×P×Q parts of a volume.

    Shapes: N volumes of D×H×W pixels, C channels, M×P×Q outputs.

    Parameters
    ----------
    x : Tensor or ndarray, shape (N, C, D, H, W)
    output_size : int or three of them
        One number for all sides, or (M, P, Q); None in the place of one keeps that of x.
    return_indices : bool
        Whether to return where, (d·H + h)·W + w, each maximum stands, too.

    Returns
    -------
    Tensor or ndarray, shape (N, C, M, P, Q), or two of them with ``return_indices``

    Raises
    ------
    ShapeError, DTypeError
        As :func:`adaptive_avg_pool2d`.

    Notes
    -----
    Output (m, p, q) is the maximum of the pixels (d, h, w) with

    .. math:: \lfloor mD/M \rfloor \le d < \lceil (m+1)D/M \rceil

    and the same for h and w. Backward: as for :func:`adaptive_max_pool2d`.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.adaptive_max_pool3d(od.arange(8.0).reshape(1, 1, 2, 2, 2), (2, 1, 1)).flatten()
    tensor([[3., 7.]])
    """
    return _largest("adaptive_max_pool3d", as_array(x), 5, output_size, return_indices)


@adaptive_max_pool3d.backward_rule(wrt=("x",))
def adaptive_max_pool3d_backward(grad, indices, x_shape):
    """Return the gradient of :func:`adaptive_max_pool3d` for ``x``."""
    return to_the_largest(grad, indices, x_shape)


@differentiable
def global_max_pool2d(x):
    r"""Take the largest pixel of an image: one number for each channel.

    Shapes: N images, C channels, H×W pixels.

    Parameters
    ----------
    x : Tensor or ndarray, shape (N, C, H, W)

    Returns
    -------
    Tensor or ndarray, shape (N, C, 1, 1)

    Raises
    ------
    ShapeError, DTypeError
        As :func:`global_avg_pool2d`.

    Notes
    -----
    .. math:: y_{nc} = \max_{h,w} x_{nchw}

    Backward: the gradient goes to the first of the largest pixels, where that of
    :func:`max` is shared among them. Saves the indices, and of ``x`` the shape only.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.global_max_pool2d(od.tensor([[[[1.0, 2.0], [3.0, 6.0]]]]))
    tensor([[[[6.]]]])
    """
    return _largest("global_max_pool2d", as_array(x), 4, 1, False)


@global_max_pool2d.backward_rule(wrt=("x",))
def global_max_pool2d_backward(grad, indices, x_shape):
    """Return the gradient of :func:`global_max_pool2d` for ``x``."""
    return to_the_largest(grad, indices, x_shape)


def _check(op, x, ndim, output_size):
    """Return the size of the output, or raise."""
    check_float(op, x=x)
    check_axes(op, x, ndim)
    if 0 in x.shape[2:]:
        raise ShapeError(f"{op}: x holds images without pixels (x: {x.shape})")
    return several(op, "output_size", kept(output_size, x), ndim - 2)


def _largest(op, x, ndim, output_size, return_indices):
    """Take the maximum along one axis after the other, the last one first: rows come first."""
    sizes = _check(op, x, ndim, output_size)
    numbers = np.arange(np.prod(x.shape[2:])).reshape(x.shape[2:])
    place = np.broadcast_to(numbers, x.shape)
    for axis in reversed(range(2, ndim)):
        window = _parts(x.shape[axis], sizes[axis - 2])
        x, place = np.take(x, window, axis), np.take(place, window, axis)
        won = np.expand_dims(x.argmax(axis + 1), axis + 1)
        x, place = (np.take_along_axis(of, won, axis + 1).squeeze(axis + 1) for of in (x, place))
    saved = Saved(indices=place)
    return (x, place, saved) if return_indices else (x, saved)


def _parts(size, outputs):
    """Return the pixels of each part, the last one again where a part is shorter than others."""
    number = np.arange(outputs)
    start, stop = number * size // outputs, -(-(number + 1) * size // outputs)
    pixels = start[:, None] + np.arange((stop - start).max())
    return np.minimum(pixels, stop[:, None] - 1)
