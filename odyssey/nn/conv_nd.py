"""Convolutions along one axis and three as layers."""

from __future__ import annotations

from odyssey import core
from odyssey.nn._conv import Convolution
from odyssey.tensor import Tensor

__all__ = ["Conv1D", "Conv3D"]


class Conv1D(Convolution):
    r"""Cross-correlate lines, such as sounds, with filters; see :func:`odyssey.core.conv1d`.

    Shapes: (N, in_channels, L) in, (N, out_channels, P) out, with P as for
    :class:`Conv2D`.

    Parameters
    ----------
    in_channels : int or None
        Channels of the input, at least 1; None for what the first input has.
    out_channels : int
        Filters, at least 1.
    kernel_size, stride, dilation : int
    padding : int, ((before, after),), "same" or "valid"
    groups : int
        Divides both numbers of channels.
    bias : bool
        Whether to add a bias to each filter's output.
    padding_mode : {"zeros", "reflect", "replicate", "circular"}
        What the padding holds.
    dtype, rng
        As in :class:`Conv2D`.

    Attributes
    ----------
    weight : Parameter, shape (out_channels, in_channels / groups, kernel_size)
    bias : Parameter or None, shape (out_channels,)

    Raises
    ------
    ShapeError
        If a setting is not what it must be, or ``groups`` does not divide.
    OdysseyError
        If there is no such ``padding_mode``.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.Conv1D(2, 6, kernel_size=25, stride=4, padding="same")(od.ones((8, 2, 400))).shape
    (8, 6, 100)
    """

    _axes = 1

    def forward(self, x: Tensor) -> Tensor:
        return core.conv1d(
            x,
            self.weight,
            self.bias,
            self.stride,
            self.padding,
            self.dilation,
            self.groups,
            self.padding_mode,
        )


class Conv3D(Convolution):
    r"""Cross-correlate volumes, such as videos, with filters; see :func:`odyssey.core.conv3d`.

    Shapes: (N, in_channels, D, H, W) in, (N, out_channels, M, P, Q) out, with M, P and Q
    as for :class:`Conv2D`.

    Parameters
    ----------
    in_channels : int or None
        Channels of the input, at least 1; None for what the first input has.
    out_channels : int
        Filters, at least 1.
    kernel_size, stride, dilation : int or (deep, vertical, horizontal)
    padding : int, three of them, three pairs (before, after), "same" or "valid"
    groups : int
        Divides both numbers of channels.
    bias : bool
        Whether to add a bias to each filter's output.
    padding_mode : {"zeros", "reflect", "replicate", "circular"}
        What the padding holds.
    dtype, rng
        As in :class:`Conv2D`.

    Attributes
    ----------
    weight : Parameter, shape (out_channels, in_channels / groups, deep, vertical, horizontal)
    bias : Parameter or None, shape (out_channels,)

    Raises
    ------
    ShapeError
        If a setting is not what it must be, or ``groups`` does not divide.
    OdysseyError
        If there is no such ``padding_mode``.

    References
    ----------
    .. [1] D. Tran et al., "Learning spatiotemporal features with 3D convolutional
       networks", 2015, https://arxiv.org/abs/1412.0767.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.Conv3D(3, 6, kernel_size=3, stride=(1, 2, 2))(od.ones((2, 3, 5, 9, 11))).shape
    (2, 6, 3, 4, 5)
    """

    _axes = 3

    def forward(self, x: Tensor) -> Tensor:
        return core.conv3d(
            x,
            self.weight,
            self.bias,
            self.stride,
            self.padding,
            self.dilation,
            self.groups,
            self.padding_mode,
        )
