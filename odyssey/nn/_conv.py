"""What convolution layers share: how settings are checked, and where filters come from."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from odyssey import core
from odyssey.core._windows import PADDING_MODES, check_axes
from odyssey.errors import ShapeError
from odyssey.nn._settings import check_divides, check_positive
from odyssey.nn._text import changed
from odyssey.nn.module import Module
from odyssey.tensor import Parameter, Tensor
from odyssey.utils.choices import pick
from odyssey.utils.geometry import several, sides, transposed_sizes

__all__ = ["Convolution", "Filters", "TransposedConvolution"]


class Filters(Module):
    """Filters that slide along some axes; made as soon as the number of channels is known."""

    _axes: int
    _kind = "conv"
    _first: tuple[bool, Any, np.random.Generator | None]

    kernel_size: tuple[int, ...]
    stride: Any
    padding: Any
    dilation: Any
    bias: Parameter | None

    def _set_window(self, kernel_size: Any, stride: Any, padding: Any, dilation: Any) -> None:
        """Set the window's attributes, once they have been found to be in order."""
        name = type(self).__name__
        taps = several(name, "kernel_size", kernel_size, self._axes)
        steps = several(name, "stride", stride, self._axes)
        gaps = several(name, "dilation", dilation, self._axes)
        sides(name, padding, taps, taps, steps, gaps)
        self.kernel_size, self.stride, self.padding = taps, stride, padding
        self.dilation = dilation

    def _start(
        self, channels: int | None, bias: bool, dtype: Any, rng: np.random.Generator | None
    ) -> None:
        self._first = bias, dtype, rng
        if channels is None:
            self.waits_for_input = True
        else:
            self._create(channels)

    def _create(self, channels: int) -> None:
        """Make the parameters for an input of so many channels; every subclass defines it."""

    def _drawn(self, shape: tuple[int, ...], filters: tuple[int, ...]) -> Parameter:
        """Return a parameter for these filters: their weights, or their biases."""
        _, dtype, rng = self._first
        bound = 1 / math.sqrt(math.prod(filters[1:]))
        return Parameter(core.uniform(shape, -bound, bound, dtype, rng))

    def infer(self, x: Tensor, *others: Any) -> None:
        check_axes(self._operation, x, self._axes + 2)
        self._create(x.shape[1])

    @property
    def _operation(self) -> str:
        """The name of the operation, for errors."""
        return f"{self._kind}{self._axes}d"

    def _window_text(self, **defaults: Any) -> str:
        """Return the window's settings, without those that are as by default."""
        text = changed(self, stride=1, padding=0, dilation=1, **defaults)
        return f"kernel_size={self.kernel_size}{text}{'' if self._first[0] else ', bias=False'}"


class Convolution(Filters):
    """A convolution along `_axes` axes; a subclass calls the operation."""

    in_channels: int | None = None

    def __init__(
        self,
        in_channels: int | None,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        dtype: Any = None,
        rng: np.random.Generator | None = None,
    ) -> None:
        name = type(self).__name__
        check_positive(name, out_channels=out_channels, groups=groups)
        check_divides(name, "groups", groups, out_channels=out_channels)
        self.out_channels, self.groups = out_channels, groups
        self.padding_mode = pick(f"{name}: padding_mode", padding_mode, PADDING_MODES)
        self._set_window(kernel_size, stride, padding, dilation)
        self._start(in_channels, bias, dtype, rng)

    def _create(self, channels: int) -> None:
        name = type(self).__name__
        check_positive(name, in_channels=channels)
        check_divides(name, "groups", self.groups, in_channels=channels)
        self.in_channels = channels
        shape = self._shape(channels)
        self.weight = self._drawn(shape, shape)
        self.bias = self._drawn((self.out_channels,), shape) if self._first[0] else None

    def _shape(self, channels: int) -> tuple[int, ...]:
        return (self.out_channels, channels // self.groups, *self.kernel_size)

    def extra_repr(self) -> str:
        window = self._window_text(groups=1, padding_mode="zeros")
        return f"{self.in_channels}, {self.out_channels}, {window}"


class TransposedConvolution(Convolution):
    """The adjoint of a convolution along `_axes` axes; a subclass calls the operation."""

    _kind = "conv_transpose"

    def __init__(
        self,
        in_channels: int | None,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Any = 1,
        dtype: Any = None,
        rng: np.random.Generator | None = None,
    ) -> None:
        name = type(self).__name__
        if padding == "same":
            raise ShapeError(f"{name}: padding must be numbers or 'valid', got 'same'")
        extra = several(name, "output_padding", output_padding, self._axes, 0)
        steps = several(name, "stride", stride, self._axes)
        if any(map(operator.ge, extra, steps)):
            raise ShapeError(
                f"{name}: output_padding must be less than the stride {stride}, "
                f"got {output_padding}"
            )
        self.output_padding = output_padding
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            groups,
            bias,
            dtype=dtype,
            rng=rng,
        )

    def _shape(self, channels: int) -> tuple[int, ...]:
        return (channels, self.out_channels // self.groups, *self.kernel_size)

    def _output_padding(self, x: Tensor, output_size: Any) -> Any:
        """Return the output padding that leads to a size, by default the layer's own."""
        if output_size is None:
            return self.output_padding
        op = self._operation
        check_axes(op, x, self._axes + 2)
        sizes = several(op, "output_size", output_size, self._axes)
        steps = several(op, "stride", self.stride, self._axes)
        window = self.kernel_size, self.stride, self.padding
        least = transposed_sizes(op, x.shape[2:], *window, 0, self.dilation)
        extra = tuple(map(operator.sub, sizes, least))
        if min(extra) < 0 or any(map(operator.ge, extra, steps)):
            most = tuple([size + step - 1 for size, step in zip(least, steps, strict=True)])
            raise ShapeError(f"{op}: output_size must lie in {least}..{most}, got {sizes}")
        return extra

    def extra_repr(self) -> str:
        window = self._window_text(output_padding=0, groups=1)
        return f"{self.in_channels}, {self.out_channels}, {window}"
