"""Transposed convolutions as layers."""

from __future__ import annotations

from typing import Any

from odyssey import core
from odyssey.nn._conv import TransposedConvolution
from odyssey.tensor import Tensor

__all__ = ["ConvTranspose1D", "ConvTranspose2D", "ConvTranspose3D"]


class ConvTranspose1D(TransposedConvolution):
    r"""Spread numbers of lines over windows; see :func:`odyssey.core.conv_transpose1d`.

    Shapes: (N, in_channels, L) in, (N, out_channels, P) out, with P as for
    :class:`ConvTranspose2D`.

    Parameters
    ----------
    in_channels : int or None
        Channels of the input, at least 1; None for what the first input has.
    out_channels : int
        At least 1.
    kernel_size, stride, padding, output_padding, dilation : int
        As in :class:`ConvTranspose2D`.
    groups : int
        Divides both numbers of channels.
    bias : bool
        Whether to add a bias to each output channel.
    dtype, rng
        As in :class:`Conv2D`.

    Attributes
    ----------
    weight : Parameter, shape (in_channels, out_channels / groups, kernel_size)
    bias : Parameter or None, shape (out_channels,)

    Raises
    ------
    ShapeError
        If a setting is not what it must be, or ``groups`` does not divide.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.ConvTranspose1D(6, 2, kernel_size=4, stride=2, padding=1)(od.ones((8, 6, 50))).shape
    (8, 2, 100)
    """

    _axes = 1

    def forward(self, x: Tensor, output_size: Any = None) -> Tensor:
        return core.conv_transpose1d(
            x,
            self.weight,
            self.bias,
            self.stride,
            self.padding,
            self._output_padding(x, output_size),
            self.dilation,
            self.groups,
        )


class ConvTranspose2D(TransposedConvolution):
    r"""Spread pixels over windows of larger images; see :func:`odyssey.core.conv_transpose2d`.

    Also called a deconvolution, which it is not: it undoes the shapes of a
    :class:`Conv2D`, not its values.

    Shapes: (N, in_channels, H, W) in, (N, out_channels, P, Q) out; with window k, stride
    s, dilation d, padding o and output padding e, along each axis

    .. math:: P = (H - 1)\,s - o_\text{before} - o_\text{after} + d\,(k - 1) + e + 1

    Parameters
    ----------
    in_channels : int or None
        Channels of the input, at least 1; None for what the first input has.
    out_channels : int
        At least 1.
    kernel_size : int or (vertical, horizontal)
        Taps of a window.
    stride : int or (vertical, horizontal)
        The distance from one window to the next.
    padding : int, pair or pair of pairs
        What is cut off around the result.
    output_padding : int or (vertical, horizontal)
        Rows below and columns on the right that the windows do not reach; less than
        the stride. The call takes ``output_size=(P, Q)`` instead, from which it follows.
    groups : int
        Divides both numbers of channels.
    bias : bool
        Whether to add a bias to each output channel.
    dilation : int or (vertical, horizontal)
        The distance from one tap of a window to the next.
    dtype : dtype, optional
        By default the default dtype.
    rng : numpy.random.Generator, optional
        What the first values are drawn from; by default the process's generator. Both
        are drawn from :math:`U(-1/\sqrt I, 1/\sqrt I)` with I the number of outputs that
        one input reaches.

    Attributes
    ----------
    weight : Parameter, shape (in_channels, out_channels / groups, vertical, horizontal)
    bias : Parameter or None, shape (out_channels,)

    Raises
    ------
    ShapeError
        If a setting is not what it must be, or ``groups`` does not divide.

    References
    ----------
    .. [1] V. Dumoulin, F. Visin, "A guide to convolution arithmetic for deep
       learning", 2016, chapter 4, https://arxiv.org/abs/1603.07285.

    Examples
    --------
    >>> import odyssey as od
    >>> layer = od.nn.ConvTranspose2D(6, 3, kernel_size=3, stride=2, padding=1)
    >>> layer(od.ones((8, 6, 14, 14))).shape
    (8, 3, 27, 27)
    >>> layer(od.ones((8, 6, 14, 14)), output_size=(28, 27)).shape
    (8, 3, 28, 27)
    """

    _axes = 2

    def forward(self, x: Tensor, output_size: Any = None) -> Tensor:
        return core.conv_transpose2d(
            x,
            self.weight,
            self.bias,
            self.stride,
            self.padding,
            self._output_padding(x, output_size),
            self.dilation,
            self.groups,
        )


class ConvTranspose3D(TransposedConvolution):
    r"""Spread pixels over windows of larger volumes; see :func:`odyssey.core.conv_transpose3d`.

    Shapes: (N, in_channels, D, H, W) in, (N, out_channels, M, P, Q) out, with M, P and Q
    as for :class:`ConvTranspose2D`.

    Parameters
    ----------
    in_channels : int or None
        Channels of the input, at least 1; None for what the first input has.
    out_channels : int
        At least 1.
    kernel_size, stride, padding, output_padding, dilation : int or (deep, vertical, horizontal)
        As in :class:`ConvTranspose2D`.
    groups : int
        Divides both numbers of channels.
    bias : bool
        Whether to add a bias to each output channel.
    dtype, rng
        As in :class:`Conv2D`.

    Attributes
    ----------
    weight : Parameter, shape (in_channels, out_channels / groups, deep, vertical, horizontal)
    bias : Parameter or None, shape (out_channels,)

    Raises
    ------
    ShapeError
        If a setting is not what it must be, or ``groups`` does not divide.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.ConvTranspose3D(6, 3, kernel_size=2, stride=2)(od.ones((1, 6, 2, 3, 4))).shape
    (1, 3, 4, 6, 8)
    """

    _axes = 3

    def forward(self, x: Tensor, output_size: Any = None) -> Tensor:
        return core.conv_transpose3d(
            x,
            self.weight,
            self.bias,
            self.stride,
            self.padding,
            self._output_padding(x, output_size),
            self.dilation,
            self.groups,
        )
