"""Patches of images as columns of a matrix, and back, as layers."""

from __future__ import annotations

from typing import Any

from odyssey import core
from odyssey.nn._text import changed
from odyssey.nn.module import Module
from odyssey.tensor import Tensor
from odyssey.utils.geometry import pads, pair

__all__ = ["Fold", "Unfold"]


class _Patches(Module):
    """The settings of windows, in PyTorch's order."""

    def __init__(
        self, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
    ) -> None:
        name = type(self).__name__
        taps = pair(name, "kernel_size", kernel_size)
        steps, gaps = pair(name, "stride", stride), pair(name, "dilation", dilation)
        pads(name, padding, taps, taps, steps, gaps)
        self.kernel_size, self.dilation, self.padding, self.stride = taps, dilation, padding, stride

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}{changed(self, dilation=1, padding=0, stride=1)}"


class Unfold(_Patches):
    """Lay each window of an image into a column ("im2col"); see :func:`odyssey.core.unfold`.

    Shapes: (N, C, H, W) in, (N, C * taps, windows) out.

    Parameters
    ----------
    kernel_size : int or (vertical, horizontal)
        The window.
    dilation : int or (vertical, horizontal)
        The distance from one tap of a window to the next.
    padding : int, pair, pair of pairs, "same" or "valid"
        Zeros around the image, as in :class:`Conv2D`.
    stride : int or (vertical, horizontal)
        The distance from one window to the next.

    Raises
    ------
    ShapeError
        If a setting is not what it must be.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.Unfold(2)(od.arange(6.0).reshape(1, 1, 2, 3))
    tensor([[[0., 1.],
             [1., 2.],
             [3., 4.],
             [4., 5.]]])
    """

    def forward(self, x: Tensor) -> Tensor:
        return core.unfold(x, self.kernel_size, self.stride, self.padding, self.dilation)


class Fold(_Patches):
    """Add columns up to images where their windows lie ("col2im"); see :func:`odyssey.core.fold`.

    Shapes: (N, C * taps, windows) in, (N, C, H, W) out.

    Parameters
    ----------
    output_size : int or (vertical, horizontal)
        H and W.
    kernel_size, dilation, padding, stride
        As in :class:`Unfold`, whose adjoint it is.

    Raises
    ------
    ShapeError
        If a setting is not what it must be.

    Examples
    --------
    >>> import odyssey as od
    >>> x = od.arange(6.0).reshape(1, 1, 2, 3)
    >>> od.nn.Fold((2, 3), 2)(od.nn.Unfold(2)(x))
    tensor([[[[0., 2., 2.],
              [3., 8., 5.]]]])
    """

    def __init__(
        self,
        output_size: Any,
        kernel_size: Any,
        dilation: Any = 1,
        padding: Any = 0,
        stride: Any = 1,
    ) -> None:
        super().__init__(kernel_size, dilation, padding, stride)
        self.output_size = pair("Fold", "output_size", output_size)

    def forward(self, x: Tensor) -> Tensor:
        return core.fold(
            x, self.output_size, self.kernel_size, self.stride, self.padding, self.dilation
        )

    def extra_repr(self) -> str:
        return f"{self.output_size}, {super().extra_repr()}"
