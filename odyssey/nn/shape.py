"""Changes of shape as layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from odyssey import core
from odyssey.core.rearranging import names_of, sides
from odyssey.errors import OdysseyError, RangeError, ShapeError
from odyssey.nn._plain import Plain, check_axis
from odyssey.nn._settings import check_positive
from odyssey.tensor import Tensor

__all__ = [
    "ChannelShuffle",
    "Flatten",
    "Identity",
    "Permute",
    "PixelShuffle",
    "PixelUnshuffle",
    "Rearrange",
    "Reshape",
    "Unflatten",
]


class Identity(Plain):
    """Return the input: what stands where a layer was taken out.

    Examples
    --------
    >>> import odyssey as od
    >>> model = od.nn.Sequential(od.nn.Linear(4, 8), od.nn.Linear(8, 2))
    >>> model[1] = od.nn.Identity()
    >>> model(od.ones((5, 4))).shape
    (5, 8)
    """

    def forward(self, x: Any) -> Any:
        return x


# -- axes ------------------------------------------------------------------------------------------


class Flatten(Plain):
    """Join axes into one, by default all but the batch axis; see :func:`odyssey.core.flatten`.

    Parameters
    ----------
    start_axis, end_axis : int
        The first and the last axis to join.

    Raises
    ------
    ShapeError
        If an axis is no integer.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.Flatten()(od.ones((8, 3, 4))).shape
    (8, 12)
    """

    def __init__(self, start_axis: int = 1, end_axis: int = -1) -> None:
        self.start_axis = check_axis("Flatten", start_axis)
        self.end_axis = check_axis("Flatten", end_axis)

    def forward(self, x: Tensor) -> Tensor:
        return core.flatten(x, self.start_axis, self.end_axis)


class Unflatten(Plain):
    """Make several axes of one: the inverse of :class:`Flatten`.

    Parameters
    ----------
    axis : int
        The axis to take apart.
    sizes : sequence of int
        What it becomes; one of them may be -1, for what is left.

    Raises
    ------
    ShapeError
        If the axis is no integer, or the sizes are no lengths.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.Unflatten(1, (3, -1))(od.ones((8, 12))).shape
    (8, 3, 4)
    """

    def __init__(self, axis: int, sizes: Sequence[int]) -> None:
        self.axis = check_axis("Unflatten", axis)
        self.sizes = _checked_lengths("Unflatten", "sizes", sizes)

    def forward(self, x: Tensor) -> Tensor:
        if not -x.ndim <= self.axis < x.ndim:
            raise RangeError(f"axis {self.axis} is out of range for x of shape {x.shape}")
        axis = self.axis % x.ndim
        return core.reshape(x, x.shape[:axis] + self.sizes + x.shape[axis + 1 :])


class Reshape(Plain):
    """Give the input a shape, that of the batch axis included; see :func:`odyssey.core.reshape`.

    Parameters
    ----------
    shape : sequence of int
        One of its lengths may be -1, for what is left: mostly the first, the batch.

    Raises
    ------
    ShapeError
        If it is no shape.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.Reshape((-1, 3, 4))(od.ones((8, 12))).shape
    (8, 3, 4)
    """

    def __init__(self, shape: Sequence[int]) -> None:
        self.shape = _checked_lengths("Reshape", "shape", shape)

    def forward(self, x: Tensor) -> Tensor:
        return core.reshape(x, self.shape)


class Permute(Plain):
    """Put the axes in another order; see :func:`odyssey.core.permute`.

    Parameters
    ----------
    axes : sequence of int
        Which axis of the input stands at each place.

    Raises
    ------
    ShapeError
        If they are no axes, or one occurs twice.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.Permute((0, 2, 3, 1))(od.ones((8, 3, 28, 32))).shape  # channels last
    (8, 28, 32, 3)
    """

    def __init__(self, axes: Sequence[int]) -> None:
        if not isinstance(axes, (tuple, list)):
            raise ShapeError(f"Permute: axes must be a sequence of integers, got {axes!r}")
        self.axes = tuple([check_axis("Permute", axis) for axis in axes])
        if len({axis % len(axes) for axis in self.axes}) < len(axes):
            raise ShapeError(f"Permute: axes must name each axis once, got {axes!r}")

    def forward(self, x: Tensor) -> Tensor:
        return core.permute(x, self.axes)


class Rearrange(Plain):
    """Name the axes, and say in which order and groups they shall stand.

    See :func:`odyssey.core.rearrange`.

    Parameters
    ----------
    pattern : str
        ``"batch (head d) time -> batch head time d"``
    **lengths : int
        Lengths of names. Of each group on the left one may be left out.

    Raises
    ------
    OdysseyError
        If the pattern is not one, or has not the names that are given a length.
    ShapeError
        If a length is no positive integer.

    Examples
    --------
    >>> import odyssey as od
    >>> patches = od.nn.Rearrange("n c (h p) (w q) -> n (h w) (p q c)", p=4, q=4)
    >>> patches(od.ones((2, 3, 8, 8))).shape
    (2, 4, 48)
    """

    def __init__(self, pattern: str, **lengths: int) -> None:
        try:
            left, _ = sides(pattern)
        except OdysseyError as error:
            raise type(error)(f"Rearrange: {error}") from None
        check_positive("Rearrange", **lengths)
        unknown = sorted(lengths.keys() - set(names_of(left)))
        if unknown:
            raise OdysseyError(f"Rearrange: {', '.join(unknown)} not in {pattern!r}")
        self.pattern, self.lengths = pattern, lengths

    def forward(self, x: Tensor) -> Tensor:
        return core.rearrange(x, self.pattern, **self.lengths)

    def extra_repr(self) -> str:
        return ", ".join([repr(self.pattern), *(f"{n}={v}" for n, v in self.lengths.items())])


# -- pixels and channels ---------------------------------------------------------------------------


class PixelShuffle(Plain):
    """Make pixels of channels: a larger image; see :func:`odyssey.core.pixel_shuffle`.

    Parameters
    ----------
    upscale_factor : int
        How many times as high and wide the image becomes.

    Raises
    ------
    ShapeError
        If the factor is not a positive integer.

    References
    ----------
    .. [1] W. Shi et al., "Real-time single image and video super-resolution using an
       efficient sub-pixel convolutional neural network", 2016,
       https://arxiv.org/abs/1609.05158.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.PixelShuffle(2)(od.ones((1, 12, 5, 6))).shape
    (1, 3, 10, 12)
    """

    def __init__(self, upscale_factor: int) -> None:
        check_positive("PixelShuffle", upscale_factor=upscale_factor)
        self.upscale_factor = upscale_factor

    def forward(self, x: Tensor) -> Tensor:
        return core.pixel_shuffle(x, self.upscale_factor)


class PixelUnshuffle(Plain):
    """Make channels of pixels: a smaller image; see :func:`odyssey.core.pixel_unshuffle`.

    Parameters
    ----------
    downscale_factor : int
        How many times smaller in height and width the image becomes.

    Raises
    ------
    ShapeError
        If the factor is not a positive integer.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.PixelUnshuffle(2)(od.ones((1, 3, 10, 12))).shape
    (1, 12, 5, 6)
    """

    def __init__(self, downscale_factor: int) -> None:
        check_positive("PixelUnshuffle", downscale_factor=downscale_factor)
        self.downscale_factor = downscale_factor

    def forward(self, x: Tensor) -> Tensor:
        return core.pixel_unshuffle(x, self.downscale_factor)


class ChannelShuffle(Plain):
    """Deal the channels of groups out like cards: one of each group in turn.

    See :func:`odyssey.core.channel_shuffle`.

    Parameters
    ----------
    groups : int
        How many; it divides the channels.

    Raises
    ------
    ShapeError
        If ``groups`` is not a positive integer.

    References
    ----------
    .. [1] X. Zhang et al., "ShuffleNet: an extremely efficient convolutional neural
       network for mobile devices", 2017, https://arxiv.org/abs/1707.01083.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.ChannelShuffle(2)(od.arange(6.0).reshape(1, 6))
    tensor([[0., 3., 1., 4., 2., 5.]])
    """

    def __init__(self, groups: int) -> None:
        check_positive("ChannelShuffle", groups=groups)
        self.groups = groups

    def forward(self, x: Tensor) -> Tensor:
        return core.channel_shuffle(x, self.groups)


def _checked_lengths(layer: str, name: str, lengths: Any) -> tuple[int, ...]:
    """Return lengths as a tuple, or raise unless they are some, of which one may be -1."""
    if (
        not isinstance(lengths, (tuple, list))
        or not all(isinstance(n, (int, np.integer)) and n >= -1 for n in lengths)
        or list(lengths).count(-1) > 1
    ):
        raise ShapeError(
            f"{layer}: {name} must be a sequence of lengths, at most one of them -1, "
            f"got {lengths!r}"
        )
    return tuple([int(n) for n in lengths])
