"""Pools along one axis and three as layers."""

from __future__ import annotations

from typing import Any

from odyssey import core
from odyssey.nn._pooling import AvgPool, LPPool, MaxPool
from odyssey.tensor import Tensor

__all__ = ["AvgPool1D", "AvgPool3D", "LPPool1D", "MaxPool1D", "MaxPool3D"]


class MaxPool1D(MaxPool):
    """Take the largest number of each window; see :func:`odyssey.core.max_pool1d`.

    Shapes: (N, C, L) in, (N, C, P) out.

    Parameters
    ----------
    kernel_size, stride, padding, dilation : int
        As in :class:`MaxPool2D`.
    return_indices : bool
        Whether to return where each maximum stands, too, as :class:`MaxUnpool1D` takes it.
    ceil_mode : bool
        Whether a last window may hang over the end.

    Raises
    ------
    ShapeError
        If a setting is out of range.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.MaxPool1D(3, stride=2)(od.ones((8, 6, 28))).shape
    (8, 6, 13)
    """

    _axes = 1

    def forward(self, x: Tensor) -> Any:
        return core.max_pool1d(
            x,
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
            self.ceil_mode,
            self.return_indices,
        )


class MaxPool3D(MaxPool):
    """Take the largest pixel of each window; see :func:`odyssey.core.max_pool3d`.

    Shapes: (N, C, D, H, W) in, (N, C, M, P, Q) out.

    Parameters
    ----------
    kernel_size, stride, padding, dilation : int or (deep, vertical, horizontal)
        As in :class:`MaxPool2D`.
    return_indices : bool
        Whether to return where each maximum stands, too, as :class:`MaxUnpool3D` takes it.
    ceil_mode : bool
        Whether a last window may hang over the end.

    Raises
    ------
    ShapeError
        If a setting is out of range.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.MaxPool3D((1, 2, 2))(od.ones((8, 6, 4, 9, 7))).shape
    (8, 6, 4, 4, 3)
    """

    _axes = 3

    def forward(self, x: Tensor) -> Any:
        return core.max_pool3d(
            x,
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
            self.ceil_mode,
            self.return_indices,
        )


class AvgPool1D(AvgPool):
    """Average the numbers of each window; see :func:`odyssey.core.avg_pool1d`.

    Shapes: (N, C, L) in, (N, C, P) out.

    Parameters
    ----------
    kernel_size, stride, padding : int
        As in :class:`AvgPool2D`.
    ceil_mode : bool
        Whether a last window may hang over the end.
    count_include_pad : bool
        Whether padding counts in the divisor.

    Raises
    ------
    ShapeError
        If a setting is out of range.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.AvgPool1D(3, stride=2)(od.ones((8, 6, 28))).shape
    (8, 6, 13)
    """

    _axes = 1

    def forward(self, x: Tensor) -> Tensor:
        return core.avg_pool1d(
            x,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
        )


class AvgPool3D(AvgPool):
    """Average the pixels of each window; see :func:`odyssey.core.avg_pool3d`.

    Shapes: (N, C, D, H, W) in, (N, C, M, P, Q) out.

    Parameters
    ----------
    kernel_size, stride, padding : int or (deep, vertical, horizontal)
        As in :class:`AvgPool2D`.
    ceil_mode : bool
        Whether a last window may hang over the end.
    count_include_pad : bool
        Whether padding counts in the divisor.

    Raises
    ------
    ShapeError
        If a setting is out of range.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.AvgPool3D((1, 2, 2))(od.ones((8, 6, 4, 9, 7))).shape
    (8, 6, 4, 4, 3)
    """

    _axes = 3

    def forward(self, x: Tensor) -> Tensor:
        return core.avg_pool3d(
            x,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
        )


class LPPool1D(LPPool):
    """Take the p-norm of each window of a line; see :func:`odyssey.core.lp_pool1d`.

    Shapes: (N, C, L) in, (N, C, P) out.

    Parameters
    ----------
    norm_type : float
        p, greater than 0.
    kernel_size : int
        The window.
    stride : int, optional
        By default the window's size.
    ceil_mode : bool
        Whether a last window may hang over the end.

    Raises
    ------
    ShapeError
        If a setting of the window is out of range.
    OdysseyError
        If p is not a positive number.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.LPPool1D(2, kernel_size=2)(od.tensor([[[3.0, -4.0, 0.0, 2.0]]]))
    tensor([[[5., 2.]]])
    """

    _axes = 1

    def forward(self, x: Tensor) -> Tensor:
        return core.lp_pool1d(x, self.norm_type, self.kernel_size, self.stride, self.ceil_mode)
