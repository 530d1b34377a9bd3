"""The two-dimensional convolution as a layer."""

from __future__ import annotations

from odyssey import core
from odyssey.nn._conv import Convolution
from odyssey.tensor import Tensor

__all__ = ["Conv2D"]


class Conv2D(Convolution):
    r"""Cross-correlate images with a bank of filters; see :func:`odyssey.core.conv2d`.

    Shapes: (N, in_channels, H, W) in, (N, out_channels, P, Q) out; with window k,
    stride s, dilation d and padding before and after, along each axis

    .. math:: P = \lfloor (H + \text{before} + \text{after} - d\,(k - 1) - 1) / s \rfloor + 1

    Parameters
    ----------
    in_channels : int or None
        Channels of the input, at least 1; None for what the first input has.
    out_channels : int
        Filters, at least 1.
    kernel_size : int or (vertical, horizontal)
        Taps of a window.
    stride : int or (vertical, horizontal)
        The distance from one window to the next.
    padding : int, pair, pair of pairs, "same" or "valid"
        Pixels around the image: one number for all sides, (vertical, horizontal),
        ((above, below), (left, right)); "same" for as many as give
        :math:`P = \lceil H / s \rceil`, "valid" for none.
    dilation : int or (vertical, horizontal)
        The distance from one tap of a window to the next.
    groups : int
        Divides both numbers of channels: filters see those of their group only.
    bias : bool
        Whether to add a bias to each filter's output.
    padding_mode : {"zeros", "reflect", "replicate", "circular"}
        What the padding holds: zeros; the image mirrored at its border pixels; the
        border pixels again; the pixels from the opposite side.
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
    OdysseyError
        If there is no such ``padding_mode``.

    Examples
    --------
    >>> import odyssey as od
    >>> layer = od.nn.Conv2D(1, 6, kernel_size=5, padding=2)
    >>> layer(od.ones((8, 1, 28, 28))).shape
    (8, 6, 28, 28)
    >>> layer
    Conv2D(1, 6, kernel_size=(5, 5), padding=2)
    """

    _axes = 2

    def forward(self, x: Tensor) -> Tensor:
        return core.conv2d(
            x,
            self.weight,
            self.bias,
            self.stride,
            self.padding,
            self.dilation,
            self.groups,
            self.padding_mode,
        )
