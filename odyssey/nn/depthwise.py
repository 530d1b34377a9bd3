"""The depthwise convolution and the depthwise-separable one as layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from odyssey import core
from odyssey.nn._conv import Filters
from odyssey.nn._settings import check_positive
from odyssey.tensor import Tensor

__all__ = ["DepthwiseConv2D", "SeparableConv2D"]


class DepthwiseConv2D(Filters):
    r"""Filter every channel by itself; see :func:`odyssey.core.depthwise_conv2d`.

    Shapes: (N, channels, H, W) in, (N, channels * depth_multiplier, P, Q) out, with P
    and Q as for :class:`Conv2D`.

    Parameters
    ----------
    channels : int or None
        Channels of the input, at least 1; None for what the first input has.
    kernel_size : int or (vertical, horizontal)
    stride, dilation : int or (vertical, horizontal)
    padding : int, pair, pair of pairs, "same" or "valid"
    depth_multiplier : int
        Filters for each channel, at least 1.
    bias : bool
        Whether to add a bias to each filter's output.
    dtype, rng
        As in :class:`Conv2D`.

    Attributes
    ----------
    weight : Parameter, shape (channels * depth_multiplier, 1, vertical, horizontal)
    bias : Parameter or None, shape (channels * depth_multiplier,)

    Raises
    ------
    ShapeError
        If a setting is not what it must be.

    References
    ----------
    .. [1] A. Howard et al., "MobileNets: efficient convolutional neural networks
       for mobile vision applications", 2017, https://arxiv.org/abs/1704.04861.

    Examples
    --------
    >>> import odyssey as od
    >>> layer = od.nn.DepthwiseConv2D(4, kernel_size=3, padding="same", depth_multiplier=2)
    >>> layer(od.ones((8, 4, 10, 12))).shape
    (8, 8, 10, 12)
    """

    _axes = 2
    _kind = "depthwise_conv"
    channels: int | None = None

    def __init__(
        self,
        channels: int | None,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        depth_multiplier: int = 1,
        bias: bool = True,
        dtype: Any = None,
        rng: np.random.Generator | None = None,
    ) -> None:
        check_positive("DepthwiseConv2D", depth_multiplier=depth_multiplier)
        self.depth_multiplier = depth_multiplier
        self._set_window(kernel_size, stride, padding, dilation)
        self._start(channels, bias, dtype, rng)

    def _create(self, channels: int) -> None:
        check_positive("DepthwiseConv2D", channels=channels)
        self.channels = channels
        shape = (channels * self.depth_multiplier, 1, *self.kernel_size)
        self.weight = self._drawn(shape, shape)
        self.bias = self._drawn(shape[:1], shape) if self._first[0] else None

    def forward(self, x: Tensor) -> Tensor:
        return core.depthwise_conv2d(
            x, self.weight, self.bias, self.stride, self.padding, self.dilation
        )

    def extra_repr(self) -> str:
        return f"{self.channels}, {self._window_text(depth_multiplier=1)}"


class SeparableConv2D(Filters):
    r"""Filter, then mix channels; see :func:`odyssey.core.depthwise_separable_conv2d`.

    Shapes: (N, in_channels, H, W) in, (N, out_channels, P, Q) out, with P and Q as for
    :class:`Conv2D`.

    Parameters
    ----------
    in_channels : int or None
        Channels of the input, at least 1; None for what the first input has.
    out_channels : int
        At least 1.
    kernel_size : int or (vertical, horizontal)
        Of the depthwise step, as are the next three.
    stride, dilation : int or (vertical, horizontal)
    padding : int, pair, pair of pairs, "same" or "valid"
    depth_multiplier : int
        Filters for each input channel, at least 1.
    bias : bool
        Whether to add a bias to each output channel.
    dtype, rng
        As in :class:`Conv2D`.

    Attributes
    ----------
    depthwise_weight : Parameter, shape (in_channels * depth_multiplier, 1, vertical, horizontal)
    pointwise_weight : Parameter, shape (out_channels, in_channels * depth_multiplier, 1, 1)
    bias : Parameter or None, shape (out_channels,)

    Raises
    ------
    ShapeError
        If a setting is not what it must be.

    References
    ----------
    .. [1] F. Chollet, "Xception: deep learning with depthwise separable
       convolutions", 2017, https://arxiv.org/abs/1610.02357.

    Examples
    --------
    >>> import odyssey as od
    >>> layer = od.nn.SeparableConv2D(3, 16, kernel_size=3, stride=2, padding=1)
    >>> layer(od.ones((8, 3, 32, 32))).shape
    (8, 16, 16, 16)
    """

    _axes = 2
    _kind = "depthwise_separable_conv"
    in_channels: int | None = None

    def __init__(
        self,
        in_channels: int | None,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        depth_multiplier: int = 1,
        bias: bool = True,
        dtype: Any = None,
        rng: np.random.Generator | None = None,
    ) -> None:
        check_positive(
            "SeparableConv2D", out_channels=out_channels, depth_multiplier=depth_multiplier
        )
        self.out_channels, self.depth_multiplier = out_channels, depth_multiplier
        self._set_window(kernel_size, stride, padding, dilation)
        self._start(in_channels, bias, dtype, rng)

    def _create(self, channels: int) -> None:
        check_positive("SeparableConv2D", in_channels=channels)
        self.in_channels = channels
        middle = channels * self.depth_multiplier
        shape, mix = (middle, 1, *self.kernel_size), (self.out_channels, middle, 1, 1)
        self.depthwise_weight = self._drawn(shape, shape)
        self.pointwise_weight = self._drawn(mix, mix)
        self.bias = self._drawn(mix[:1], mix) if self._first[0] else None

    def forward(self, x: Tensor) -> Tensor:
        return core.depthwise_separable_conv2d(
            x,
            self.depthwise_weight,
            self.pointwise_weight,
            self.bias,
            self.stride,
            self.padding,
            self.dilation,
        )

    def extra_repr(self) -> str:
        return f"{self.in_channels}, {self.out_channels}, {self._window_text(depth_multiplier=1)}"
