"""Unpooling: maxima back to where they stood, zeros around them."""

from __future__ import annotations

from math import prod

import numpy as np

from odyssey.core._checks import as_array, check_float
from odyssey.core._windows import check_axes
from odyssey.core.indexing import getitem
from odyssey.errors import DTypeError, RangeError, ShapeError
from odyssey.tape import differentiable
from odyssey.utils.geometry import several

__all__ = [
    "max_unpool1d",
    "max_unpool1d_backward",
    "max_unpool2d",
    "max_unpool2d_backward",
    "max_unpool3d",
    "max_unpool3d_backward",
]


@differentiable
def max_unpool1d(x, indices, kernel_size, stride=None, padding=0, output_size=None):
    r"""Put the maxima of a line back to where they stood.

    Shapes: N lines, C channels, P maxima, length L.

    Parameters
    ----------
    x : Tensor or ndarray, shape (N, C, P)
    indices : ndarray of int, shape (N, C, P)
        What :func:`max_pool1d` returned with ``return_indices``.
    kernel_size, stride, padding : int
        Those of that pool.
    output_size : int, optional
        L; by default as in :func:`max_unpool2d`.

    Returns
    -------
    Tensor or ndarray, shape (N, C, L)

    Raises
    ------
    ShapeError, RangeError, DTypeError
        As :func:`max_unpool2d`.

    Notes
    -----
    :math:`y_{nci} = x_{ncp}` at :math:`i = \mathrm{indices}_{ncp}`, else 0. Backward:
    :math:`\partial x_{ncp} = g_{nci}` there. Saves the indices.

    Examples
    --------
    >>> import odyssey as od
    >>> x = od.tensor([[[1.0, 5.0, 2.0, 0.0]]])
    >>> largest, indices = od.core.max_pool1d(x, 2, return_indices=True)
    >>> od.core.max_unpool1d(largest, indices, 2)
    tensor([[[0., 5., 2., 0.]]])
    """
    settings = (kernel_size, stride, padding, output_size)
    return _unpool("max_unpool1d", as_array(x), as_array(indices), 3, *settings)


@max_unpool1d.backward_rule(wrt=("x",))
def max_unpool1d_backward(grad, indices):
    """Return the gradient of :func:`max_unpool1d` for ``x``."""
    return _taken(grad, indices)


@differentiable
def max_unpool2d(x, indices, kernel_size, stride=None, padding=0, output_size=None):
    r"""Put the maxima of an image back to where they stood.

    Shapes: N images, C channels, P×Q maxima, H×W pixels.

    Parameters
    ----------
    x : Tensor or ndarray, shape (N, C, P, Q)
    indices : ndarray of int, shape (N, C, P, Q)
        What :func:`max_pool2d` returned with ``return_indices``.
    kernel_size, stride, padding : int or pair of int
        Those of that pool.
    output_size : int or pair of int, optional
        (H, W); by default (P - 1)·stride - 2·padding + window, the smallest image from
        which that pool makes P outputs.

    Returns
    -------
    Tensor or ndarray, shape (N, C, H, W)

    Raises
    ------
    DTypeError
        If ``x`` is not floating-point, or ``indices`` are no integers.
    ShapeError
        If the shapes differ, or a setting is out of range.
    RangeError
        If an index lies outside of the image.

    Notes
    -----
    .. math:: y_{nc,i} = x_{ncpq} \text{ at } i = \mathrm{indices}_{ncpq}, \text{ else } 0

    A pixel that won two windows that overlap is written twice, by a pool's results with
    the same number. Backward: :math:`\partial x_{ncpq} = g_{nc,i}` at that i. Saves the
    indices.

    References
    ----------
    .. [1] M. D. Zeiler, R. Fergus, "Visualizing and understanding convolutional
       networks", 2013, section 2.1, https://arxiv.org/abs/1311.2901.

    Examples
    --------
    >>> import odyssey as od
    >>> x = od.tensor([[[[1.0, 5.0], [4.0, 3.0]]]])
    >>> largest, indices = od.core.max_pool2d(x, 2, return_indices=True)
    >>> od.core.max_unpool2d(largest, indices, 2)
    tensor([[[[0., 5.],
              [0., 0.]]]])
    """
    settings = (kernel_size, stride, padding, output_size)
    return _unpool("max_unpool2d", as_array(x), as_array(indices), 4, *settings)


@max_unpool2d.backward_rule(wrt=("x",))
def max_unpool2d_backward(grad, indices):
    """Return the gradient of :func:`max_unpool2d` for ``x``."""
    return _taken(grad, indices)


@differentiable
def max_unpool3d(x, indices, kernel_size, stride=None, padding=0, output_size=None):
    r"""Put the maxima of a volume back to where they stood.

    Shapes: N volumes, C channels, M×P×Q maxima, D×H×W pixels.

    Parameters
    ----------
    x : Tensor or ndarray, shape (N, C, M, P, Q)
    indices : ndarray of int, shape (N, C, M, P, Q)
        What :func:`max_pool3d` returned with ``return_indices``.
    kernel_size, stride, padding : int or three of them
        Those of that pool.
    output_size : int or three of them, optional
        (D, H, W); by default as in :func:`max_unpool2d`.

    Returns
    -------
    Tensor or ndarray, shape (N, C, D, H, W)

    Raises
    ------
    ShapeError, RangeError, DTypeError
        As :func:`max_unpool2d`.

    Notes
    -----
    :math:`y_{nc,i} = x_{ncmpq}` at :math:`i = \mathrm{indices}_{ncmpq}`, else 0. Backward:
    as for :func:`max_unpool2d`.

    Examples
    --------
    >>> import odyssey as od
    >>> largest, indices = od.core.max_pool3d(od.ones((1, 1, 2, 2, 2)), 2, return_indices=True)
    >>> od.core.max_unpool3d(largest, indices, 2).flatten()
    tensor([[1., 0., 0., 0., 0., 0., 0., 0.]])
    """
    settings = (kernel_size, stride, padding, output_size)
    return _unpool("max_unpool3d", as_array(x), as_array(indices), 5, *settings)


@max_unpool3d.backward_rule(wrt=("x",))
def max_unpool3d_backward(grad, indices):
    """Return the gradient of :func:`max_unpool3d` for ``x``."""
    return _taken(grad, indices)


def _unpool(op, x, indices, ndim, kernel_size, stride, padding, output_size):
    check_float(op, x=x)
    if indices.dtype.kind not in "iu":
        raise DTypeError(f"{op}: indices must be integers but have dtype {indices.dtype}")
    check_axes(op, x, ndim)
    if indices.shape != x.shape:
        raise ShapeError(f"{op}: x and indices differ in shape (x: {x.shape}, {indices.shape})")
    sizes = _sizes(op, x.shape[2:], kernel_size, stride, padding, output_size)
    pixels = prod(sizes)
    if indices.size and not (indices.min() >= 0 and indices.max() < pixels):
        raise RangeError(
            f"{op}: the indices lie in [{indices.min()}, {indices.max()}] but an image of {sizes} "
            f"has {pixels} pixels"
        )
    N, C, *outputs = x.shape
    flat = (N, C, prod(outputs))
    out = np.zeros((N, C, pixels), x.dtype)
    np.put_along_axis(out, indices.reshape(flat), x.reshape(flat), 2)
    return out.reshape(N, C, *sizes)


def _sizes(op, outputs, kernel_size, stride, padding, output_size):
    count = len(outputs)
    window = several(op, "kernel_size", kernel_size, count)
    steps = window if stride is None else several(op, "stride", stride, count)
    around = several(op, "padding", padding, count, 0)
    if output_size is not None:
        return several(op, "output_size", output_size, count)
    sizes = tuple(
        [
            (n - 1) * step - 2 * zeros + taps
            for n, step, zeros, taps in zip(outputs, steps, around, window, strict=True)
        ]
    )
    if min(sizes) < 1:
        raise ShapeError(f"{op}: nothing is left of {outputs} maxima: the size would be {sizes}")
    return sizes


def _taken(grad, indices):
    """Return the gradients of the pixels that the indices name."""
    indices = np.asarray(indices)
    N, C, *size = grad.shape
    n, c, *_ = np.ogrid[tuple(slice(length) for length in (N, C, *[1] * len(size)))]
    return getitem(grad.reshape((N, C, prod(size))), (n, c, indices))
