"""What pools share: settings that are checked when a layer is made."""

from __future__ import annotations

from typing import Any

from odyssey.core.pooling_norm import check_norm_type
from odyssey.errors import ShapeError
from odyssey.nn._text import changed
from odyssey.nn.module import Module
from odyssey.utils.geometry import several

__all__ = ["AdaptiveMaxPool", "AdaptivePool", "AvgPool", "LPPool", "MaxPool", "Pool"]


class Pool(Module):
    """A window that slides along `_axes` axes."""

    _axes: int

    kernel_size: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]

    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0) -> None:
        name = type(self).__name__
        self.kernel_size = several(name, "kernel_size", kernel_size, self._axes)
        self.stride = self.kernel_size
        if stride is not None:
            self.stride = several(name, "stride", stride, self._axes)
        self.padding = several(name, "padding", padding, self._axes, 0)
        if any(2 * o > r for o, r in zip(self.padding, self.kernel_size, strict=True)):
            raise ShapeError(
                f"{name}: padding must be at most half of the window {self.kernel_size}, "
                f"got {padding}"
            )

    def extra_repr(self) -> str:
        usual = {"stride": self.kernel_size, "padding": (0,) * self._axes}
        return f"kernel_size={self.kernel_size}{changed(self, **usual)}"


class MaxPool(Pool):
    """The largest element of each window; a subclass calls the operation."""

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__(kernel_size, stride, padding)
        self.dilation = several(type(self).__name__, "dilation", dilation, self._axes)
        self.return_indices, self.ceil_mode = return_indices, ceil_mode

    def extra_repr(self) -> str:
        usual = {"dilation": (1,) * self._axes, "return_indices": False, "ceil_mode": False}
        return super().extra_repr() + changed(self, **usual)


class AvgPool(Pool):
    """The mean of each window; a subclass calls the operation."""

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__(kernel_size, stride, padding)
        self.ceil_mode, self.count_include_pad = ceil_mode, count_include_pad

    def extra_repr(self) -> str:
        return super().extra_repr() + changed(self, ceil_mode=False, count_include_pad=True)


class LPPool(Pool):
    """The norm of each window; a subclass calls the operation."""

    def __init__(
        self, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
    ) -> None:
        super().__init__(kernel_size, stride)
        check_norm_type(type(self).__name__, norm_type)
        self.norm_type, self.ceil_mode = norm_type, ceil_mode

    def extra_repr(self) -> str:
        return f"{self.norm_type}, {super().extra_repr()}{changed(self, ceil_mode=False)}"


class AdaptivePool(Module):
    """A pool that is told the size of its result, along `_axes` axes."""

    _axes: int

    def __init__(self, output_size: Any) -> None:
        known = output_size
        if isinstance(output_size, (tuple, list)):
            known = [1 if size is None else size for size in output_size]
        several(type(self).__name__, "output_size", known, self._axes)
        self.output_size = output_size

    def extra_repr(self) -> str:
        return f"{self.output_size}"


class AdaptiveMaxPool(AdaptivePool):
    """The largest element of each part; a subclass calls the operation."""

    def __init__(self, output_size: Any, return_indices: bool = False) -> None:
        super().__init__(output_size)
        self.return_indices = return_indices

    def extra_repr(self) -> str:
        return super().extra_repr() + changed(self, return_indices=False)
