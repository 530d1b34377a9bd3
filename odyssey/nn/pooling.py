"""Pools of images as layers: they have no parameters, only settings."""

from __future__ import annotations

from typing import Any

from odyssey import core
from odyssey.nn._pooling import AvgPool, LPPool, MaxPool
from odyssey.nn.module import Module
from odyssey.tensor import Tensor

__all__ = ["AvgPool2D", "GlobalAvgPool2D", "GlobalMaxPool2D", "LPPool2D", "MaxPool2D"]


class MaxPool2D(MaxPool):
    """Take the largest pixel of each window; see :func:`odyssey.core.max_pool2d`.

    Shapes: (N, C, H, W) in, (N, C, P, Q) out, with P and Q as there.

    Parameters
    ----------
    kernel_size : int or (vertical, horizontal)
        The window.
    stride : int or (vertical, horizontal), optional
        Pixels from one window to the next; by default the window's size.
    padding : int or (vertical, horizontal)
        Rows and columns around the image that are never the maximum; at most half of
        the window.
    dilation : int or (vertical, horizontal)
        Pixels from one tap of the window to the next.
    return_indices : bool
        Whether to return where in its image each maximum stands, too, as
        :class:`MaxUnpool2D` takes it.
    ceil_mode : bool
        Whether a last window may hang over the end of the image.

    Raises
    ------
    ShapeError
        If a setting is out of range.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.MaxPool2D(2)(od.ones((8, 6, 28, 28))).shape
    (8, 6, 14, 14)
    """

    _axes = 2

    def forward(self, x: Tensor) -> Any:
        return core.max_pool2d(
            x,
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
            self.ceil_mode,
            self.return_indices,
        )


class AvgPool2D(AvgPool):
    """Average the pixels of each window; see :func:`odyssey.core.avg_pool2d`.

    Shapes: (N, C, H, W) in, (N, C, P, Q) out, with P and Q as there.

    Parameters
    ----------
    kernel_size : int or (vertical, horizontal)
        The window.
    stride : int or (vertical, horizontal), optional
        Pixels from one window to the next; by default the window's size.
    padding : int or (vertical, horizontal)
        Rows and columns of zeros around the image; at most half of the window.
    ceil_mode : bool
        Whether a last window may hang over the end of the image.
    count_include_pad : bool
        Whether padding counts in the divisor.

    Raises
    ------
    ShapeError
        If a setting is out of range.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.AvgPool2D(3, stride=2)(od.ones((8, 6, 27, 13))).shape
    (8, 6, 13, 6)
    """

    _axes = 2

    def forward(self, x: Tensor) -> Tensor:
        return core.avg_pool2d(
            x,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
        )


class LPPool2D(LPPool):
    """Take the p-norm of each window; see :func:`odyssey.core.lp_pool2d`.

    Shapes: (N, C, H, W) in, (N, C, P, Q) out, with P and Q as there.

    Parameters
    ----------
    norm_type : float
        p, greater than 0: with 1 a sum of magnitudes, with a large number nearly the
        largest of them.
    kernel_size : int or (vertical, horizontal)
        The window.
    stride : int or (vertical, horizontal), optional
        Pixels from one window to the next; by default the window's size.
    ceil_mode : bool
        Whether a last window may hang over the end of the image.

    Raises
    ------
    ShapeError
        If a setting of the window is out of range.
    OdysseyError
        If p is not a positive number.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.LPPool2D(2, kernel_size=2)(od.ones((1, 1, 2, 4)))
    tensor([[[[2., 2.]]]])
    """

    _axes = 2

    def forward(self, x: Tensor) -> Tensor:
        return core.lp_pool2d(x, self.norm_type, self.kernel_size, self.stride, self.ceil_mode)


class GlobalAvgPool2D(Module):
    """Average all pixels of each image; see :func:`odyssey.core.global_avg_pool2d`.

    Shapes: (N, C, H, W) in, (N, C, 1, 1) out.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.GlobalAvgPool2D()(od.ones((8, 6, 7, 5))).shape
    (8, 6, 1, 1)
    """

    def forward(self, x: Tensor) -> Tensor:
        return core.global_avg_pool2d(x)


class GlobalMaxPool2D(Module):
    """Take the largest pixel of each image; see :func:`odyssey.core.global_max_pool2d`.

    Shapes: (N, C, H, W) in, (N, C, 1, 1) out.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.GlobalMaxPool2D()(od.ones((8, 6, 7, 5))).shape
    (8, 6, 1, 1)
    """

    def forward(self, x: Tensor) -> Tensor:
        return core.global_max_pool2d(x)
