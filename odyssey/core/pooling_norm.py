"""The pool that is a norm: between the mean and the maximum of each window."""

from __future__ import annotations

from math import prod

import numpy as np

from odyssey.core._checks import as_array, check_float
from odyssey.core.elementwise import abs as absolute
from odyssey.core.elementwise import astype, where
from odyssey.core.pooling import avg_pool2d, avg_pool2d_backward
from odyssey.core.pooling_nd import avg_pool1d, avg_pool1d_backward, row
from odyssey.errors import OdysseyError
from odyssey.tape import differentiable
from odyssey.utils.geometry import several
from odyssey.utils.kernel_checks_pooling import check_pool

__all__ = ["lp_pool1d", "lp_pool1d_backward", "lp_pool2d", "lp_pool2d_backward"]


@differentiable
def lp_pool1d(x, norm_type, kernel_size, stride=None, ceil_mode=False):
    r"""Take the p-norm of each window of a line.

    Shapes: N lines of length L, C channels, P outputs as in :func:`avg_pool1d`.

    Parameters
    ----------
    x : Tensor or ndarray, shape (N, C, L)
    norm_type : float
        p, greater than 0.
    kernel_size : int
        R, the taps of a window.
    stride, ceil_mode
        As in :func:`lp_pool2d`.

    Returns
    -------
    Tensor or ndarray, shape (N, C, P)

    Raises
    ------
    ShapeError, DTypeError, OdysseyError
        As :func:`lp_pool2d`.

    Notes
    -----
    .. math:: y_{nci} = \Big( \sum_{u<R} |x_{n,c,\,is+u}|^p \Big)^{1/p}

    Backward: as for :func:`lp_pool2d`.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.lp_pool1d(od.tensor([[[3.0, -4.0, 0.0, 2.0]]]), 2, 2)
    tensor([[[5., 2.]]])
    """
    x = as_array(x)
    row("lp_pool1d", x, kernel_size, stride, 0, 1, ceil_mode)
    return _norm("lp_pool1d", x, norm_type, avg_pool1d, kernel_size, stride, ceil_mode)


@lp_pool1d.backward_rule(wrt=("x",))
def lp_pool1d_backward(grad, x, out, norm_type, kernel_size, stride=None, ceil_mode=False):
    """Return the gradient of :func:`lp_pool1d` for ``x``."""
    spread = avg_pool1d_backward
    return _norm_backward(grad, x, out, norm_type, spread, kernel_size, stride, ceil_mode)


@differentiable
def lp_pool2d(x, norm_type, kernel_size, stride=None, ceil_mode=False):
    r"""Take the p-norm of each window of an image.

    Shapes: N images, C channels, H×W pixels, R×S taps, P×Q outputs as in
    :func:`avg_pool2d`.

    Parameters
    ----------
    x : Tensor or ndarray, shape (N, C, H, W)
    norm_type : float
        p, greater than 0: with 1 a sum of magnitudes, with a large number nearly the
        largest of them.
    kernel_size : int or pair of int
        The window: one number for both sides, or (R, S).
    stride : int or pair of int, optional
        Pixels from one window to the next; by default the window's size.
    ceil_mode : bool
        Whether a last window may hang over the end. Its mean then stands for R·S pixels.

    Returns
    -------
    Tensor or ndarray, shape (N, C, P, Q)
        In the dtype of ``x``; float16 is computed in float32.

    Raises
    ------
    OdysseyError
        If p is not a positive number.
    ShapeError, DTypeError
        As :func:`avg_pool2d`.

    Notes
    -----
    .. math:: y_{ncij} = \Big( \sum_{u<R,\,v<S} |x_{n,c,\,is+u,\,js+v}|^p \Big)^{1/p}

    Backward, through every window over a pixel:

    .. math:: \partial x_{nchw} = \operatorname{sign}(x_{nchw})\, |x_{nchw}|^{p-1}
              \sum_{(i,j) \ni (h,w)} g_{ncij}\; y_{ncij}^{1-p}

    and 0 from a window of zeros, where the norm has a corner. Saves ``x`` and the output.

    References
    ----------
    .. [1] P. Sermanet, S. Chintala, Y. LeCun, "Convolutional neural networks applied to
       house numbers digit classification", 2012, https://arxiv.org/abs/1204.3968.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.lp_pool2d(od.tensor([[[[1.0, -1.0], [1.0, 1.0]]]]), 2, 2)
    tensor([[[[2.]]]])
    """
    x = as_array(x)
    check_float("lp_pool2d", x=x)
    check_pool("lp_pool2d", x, kernel_size, stride, 0, ceil_mode)
    return _norm("lp_pool2d", x, norm_type, avg_pool2d, kernel_size, stride, ceil_mode)


@lp_pool2d.backward_rule(wrt=("x",))
def lp_pool2d_backward(grad, x, out, norm_type, kernel_size, stride=None, ceil_mode=False):
    """Return the gradient of :func:`lp_pool2d` for ``x``."""
    spread = avg_pool2d_backward
    return _norm_backward(grad, x, out, norm_type, spread, kernel_size, stride, ceil_mode)


def check_norm_type(op, p):
    """Raise unless p is a positive number."""
    if not (isinstance(p, (int, float)) and 0 < p < np.inf):
        raise OdysseyError(f"{op}: norm_type must be a positive number, got {p!r}")


def _norm(op, x, p, mean, kernel_size, stride, ceil_mode):
    """Return the p-th root of the means of p-th powers, times as many as there are taps."""
    check_norm_type(op, p)
    with np.errstate(all="ignore"):
        sums = mean(np.abs(_wide(x)) ** p, kernel_size, stride, 0, ceil_mode) * _taps(
            x, kernel_size
        )
        return np.asarray(sums ** (1 / p)).astype(x.dtype)


def _norm_backward(grad, x, out, p, spread, kernel_size, stride, ceil_mode):
    dtype, shape, taps = grad.dtype, tuple(x.shape), _taps(x, kernel_size)
    grad, x, out = _wide(grad), _wide(x), _wide(out)
    with np.errstate(all="ignore"):
        empty, zero = np.asarray(out) == 0, np.asarray(x) == 0
        each = where(empty, 0, grad * where(empty, 1, out) ** (1 - p)) * taps
        shares = spread(each, shape, kernel_size, stride, 0, ceil_mode)
        slope = where(zero, 0, where(zero, 1, absolute(x)) ** (p - 1)) * np.sign(np.asarray(x))
        return astype(shares * slope, dtype)


def _taps(x, kernel_size):
    axes = len(x.shape) - 2
    return prod(several("lp_pool", "kernel_size", kernel_size, axes))


def _wide(x):
    return astype(x, np.float32) if x.dtype == np.float16 else x
