"""Pools as layers: they have no parameters, only settings."""

from __future__ import annotations

from odyssey import core
from odyssey.nn.module import Module
from odyssey.tensor import Tensor
from odyssey.utils.geometry import pair

__all__ = ["AdaptiveAvgPool2D", "AvgPool2D", "GlobalAvgPool2D", "MaxPool2D"]

Pair = int | tuple[int, int]


class MaxPool2D(Module):
    """Take the largest element of each window; see :func:`odyssey.core.max_pool2d`.

    Parameters
    ----------
    kernel_size : int or pair of int
        The window.
    stride : int or pair of int, optional
        By default the window's size.
    padding, dilation : int or pair of int
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

    def __init__(
        self,
        kernel_size: Pair,
        stride: Pair | None = None,
        padding: Pair = 0,
        dilation: Pair = 1,
        ceil_mode: bool = False,
    ) -> None:
        self.kernel_size = pair("MaxPool2D", "kernel_size", kernel_size)
        self.stride = self.kernel_size if stride is None else pair("MaxPool2D", "stride", stride)
        self.padding = pair("MaxPool2D", "padding", padding, 0)
        self.dilation = pair("MaxPool2D", "dilation", dilation)
        self.ceil_mode = ceil_mode

    def forward(self, x: Tensor) -> Tensor:
        return core.max_pool2d(
            x, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode
        )

    def extra_repr(self) -> str:
        return (
            f"{self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )


class AvgPool2D(Module):
    """Average the elements of each window; see :func:`odyssey.core.avg_pool2d`.

    Parameters
    ----------
    kernel_size : int or pair of int
        The window.
    stride : int or pair of int, optional
        By default the window's size.
    padding : int or pair of int
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

    def __init__(
        self,
        kernel_size: Pair,
        stride: Pair | None = None,
        padding: Pair = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        self.kernel_size = pair("AvgPool2D", "kernel_size", kernel_size)
        self.stride = self.kernel_size if stride is None else pair("AvgPool2D", "stride", stride)
        self.padding = pair("AvgPool2D", "padding", padding, 0)
        self.ceil_mode, self.count_include_pad = ceil_mode, count_include_pad

    def forward(self, x: Tensor) -> Tensor:
        return core.avg_pool2d(
            x, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad
        )

    def extra_repr(self) -> str:
        return (
            f"{self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"ceil_mode={self.ceil_mode}, count_include_pad={self.count_include_pad}"
        )


class GlobalAvgPool2D(Module):
    """Average all pixels of each image; see :func:`odyssey.core.global_avg_pool2d`.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.GlobalAvgPool2D()(od.ones((8, 6, 7, 5))).shape
    (8, 6, 1, 1)
    """

    def forward(self, x: Tensor) -> Tensor:
        return core.global_avg_pool2d(x)


class AdaptiveAvgPool2D(Module):
    """Average images to a size that is given; see :func:`odyssey.core.adaptive_avg_pool2d`.

    Parameters
    ----------
    output_size : int or pair of int

    Raises
    ------
    ShapeError
        If a size is below 1.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.AdaptiveAvgPool2D((3, 2))(od.ones((8, 6, 7, 5))).shape
    (8, 6, 3, 2)
    """

    def __init__(self, output_size: Pair) -> None:
        self.output_size = pair("AdaptiveAvgPool2D", "output_size", output_size)

    def forward(self, x: Tensor) -> Tensor:
        return core.adaptive_avg_pool2d(x, self.output_size)

    def extra_repr(self) -> str:
        return f"{self.output_size}"
