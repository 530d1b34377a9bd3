"""Convolutions as layers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from odyssey import core
from odyssey.nn._settings import check_divides, check_positive
from odyssey.nn.module import Module
from odyssey.tensor import Parameter, Tensor
from odyssey.utils.geometry import pads, pair

__all__ = ["Conv2D", "DepthwiseConv2D", "SeparableConv2D"]


class Conv2D(Module):
    r"""Cross-correlate images with a bank of filters; see :func:`odyssey.core.conv2d`.

    Parameters
    ----------
    in_channels, out_channels : int
        Channels of the input, and filters; at least 1.
    kernel_size : int or (vertical, horizontal)
        Taps of a window.
    stride, dilation : int or (vertical, horizontal)
    padding : int, pair, pair of pairs, "same" or "valid"
    groups : int
        Divides both numbers of channels.
    bias : bool
        Whether to add a bias to each filter's output.
    dtype : dtype, optional
        By default the default dtype.
    rng : numpy.random.Generator, optional
        What the first values are drawn from; by default the process's
        generator. Both are drawn from :math:`U(-1/\sqrt I, 1/\sqrt I)` with I
        the number of inputs that one output sees.

    Attributes
    ----------
    weight : Parameter, shape (out_channels, in_channels / groups, vertical, horizontal)
    bias : Parameter or None, shape (out_channels,)

    Raises
    ------
    ShapeError
        If a setting is not what it must be, or ``groups`` does not divide.

    Examples
    --------
    >>> import odyssey as od
    >>> layer = od.nn.Conv2D(1, 6, kernel_size=5, padding=2)
    >>> layer(od.ones((8, 1, 28, 28))).shape
    (8, 6, 28, 28)
    >>> layer
    Conv2D(1, 6, kernel_size=(5, 5), padding=2)
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        dtype: Any = None,
        rng: np.random.Generator | None = None,
    ) -> None:
        check_positive("Conv2D", in_channels=in_channels, out_channels=out_channels, groups=groups)
        check_divides(
            "Conv2D", "groups", groups, in_channels=in_channels, out_channels=out_channels
        )
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        _set_window(self, kernel_size, stride, padding, dilation)
        shape = (out_channels, in_channels // groups, *self.kernel_size)
        self.weight = _drawn(shape, shape, dtype, rng)
        self.bias = _drawn((out_channels,), shape, dtype, rng) if bias else None

    kernel_size: tuple[int, int]
    stride: Any
    padding: Any
    dilation: Any

    def forward(self, x: Tensor) -> Tensor:
        return core.conv2d(
            x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups
        )

    def extra_repr(self) -> str:
        return f"{self.in_channels}, {self.out_channels}, {_settings(self)}"


class DepthwiseConv2D(Module):
    r"""Filter every channel by itself; see :func:`odyssey.core.depthwise_conv2d`.

    Parameters
    ----------
    channels : int
        Channels of the input, at least 1.
    kernel_size : int or (vertical, horizontal)
    stride, dilation : int or (vertical, horizontal)
    padding : int, pair, pair of pairs, "same" or "valid"
    depth_multiplier : int
        Filters for each channel, at least 1.
    bias : bool
        Whether to add a bias to each filter's output.
    dtype : dtype, optional
        By default the default dtype.
    rng : numpy.random.Generator, optional
        What the first values are drawn from, as in :class:`Conv2D`.

    Attributes
    ----------
    weight : Parameter, shape (channels * depth_multiplier, 1, vertical, horizontal)
    bias : Parameter or None, shape (channels * depth_multiplier,)

    Raises
    ------
    ShapeError
        If a setting is not what it must be.

    Examples
    --------
    >>> import odyssey as od
    >>> layer = od.nn.DepthwiseConv2D(4, kernel_size=3, padding="same", depth_multiplier=2)
    >>> layer(od.ones((8, 4, 10, 12))).shape
    (8, 8, 10, 12)
    """

    def __init__(
        self,
        channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        depth_multiplier: int = 1,
        bias: bool = True,
        dtype: Any = None,
        rng: np.random.Generator | None = None,
    ) -> None:
        check_positive("DepthwiseConv2D", channels=channels, depth_multiplier=depth_multiplier)
        self.channels, self.depth_multiplier = channels, depth_multiplier
        _set_window(self, kernel_size, stride, padding, dilation)
        shape = (channels * depth_multiplier, 1, *self.kernel_size)
        self.weight = _drawn(shape, shape, dtype, rng)
        self.bias = _drawn(shape[:1], shape, dtype, rng) if bias else None

    kernel_size: tuple[int, int]
    stride: Any
    padding: Any
    dilation: Any

    def forward(self, x: Tensor) -> Tensor:
        return core.depthwise_conv2d(
            x, self.weight, self.bias, self.stride, self.padding, self.dilation
        )

    def extra_repr(self) -> str:
        return f"{self.channels}, {_settings(self)}"


class SeparableConv2D(Module):
    r"""Filter, then mix channels; see :func:`odyssey.core.depthwise_separable_conv2d`.

    Parameters
    ----------
    in_channels, out_channels : int
        Channels of the input and the output, at least 1.
    kernel_size : int or (vertical, horizontal)
        Of the depthwise step, as are the next three.
    stride, dilation : int or (vertical, horizontal)
    padding : int, pair, pair of pairs, "same" or "valid"
    depth_multiplier : int
        Filters for each input channel, at least 1.
    bias : bool
        Whether to add a bias to each output channel.
    dtype : dtype, optional
        By default the default dtype.
    rng : numpy.random.Generator, optional
        What the first values are drawn from, as in :class:`Conv2D`.

    Attributes
    ----------
    depthwise_weight : Parameter, shape (in_channels * depth_multiplier, 1, vertical, horizontal)
    pointwise_weight : Parameter, shape (out_channels, in_channels * depth_multiplier, 1, 1)
    bias : Parameter or None, shape (out_channels,)

    Raises
    ------
    ShapeError
        If a setting is not what it must be.

    Examples
    --------
    >>> import odyssey as od
    >>> layer = od.nn.SeparableConv2D(3, 16, kernel_size=3, stride=2, padding=1)
    >>> layer(od.ones((8, 3, 32, 32))).shape
    (8, 16, 16, 16)
    """

    def __init__(
        self,
        in_channels: int,
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
            "SeparableConv2D",
            in_channels=in_channels,
            out_channels=out_channels,
            depth_multiplier=depth_multiplier,
        )
        self.in_channels, self.out_channels = in_channels, out_channels
        self.depth_multiplier = depth_multiplier
        _set_window(self, kernel_size, stride, padding, dilation)
        middle = in_channels * depth_multiplier
        shape, mix = (middle, 1, *self.kernel_size), (out_channels, middle, 1, 1)
        self.depthwise_weight = _drawn(shape, shape, dtype, rng)
        self.pointwise_weight = _drawn(mix, mix, dtype, rng)
        self.bias = _drawn((out_channels,), mix, dtype, rng) if bias else None

    kernel_size: tuple[int, int]
    stride: Any
    padding: Any
    dilation: Any

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
        return f"{self.in_channels}, {self.out_channels}, {_settings(self)}"


def _set_window(layer: Any, kernel_size: Any, stride: Any, padding: Any, dilation: Any) -> None:
    """Set the window's attributes, once they have been found to be in order."""
    name = type(layer).__name__
    taps = pair(name, "kernel_size", kernel_size)
    steps, gaps = pair(name, "stride", stride), pair(name, "dilation", dilation)
    pads(name, padding, taps, taps, steps, gaps)
    layer.kernel_size, layer.stride, layer.padding, layer.dilation = taps, stride, padding, dilation


def _drawn(
    shape: tuple[int, ...],
    filters: tuple[int, ...],
    dtype: Any,
    rng: np.random.Generator | None,
) -> Parameter:
    """Return a parameter for these filters: their weights, or their biases."""
    bound = 1 / math.sqrt(math.prod(filters[1:]))
    return Parameter(core.uniform(shape, -bound, bound, dtype, rng))


def _settings(layer: Any) -> str:
    """Return the window's settings, without those that are as by default."""
    text = f"kernel_size={layer.kernel_size}"
    defaults = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, "depth_multiplier": 1}
    for name, default in defaults.items():
        value = getattr(layer, name, default)
        if value != default:
            text += f", {name}={value!r}"
    return text if layer.bias is not None else f"{text}, bias=False"
