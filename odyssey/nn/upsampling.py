"""Images in another size, as a layer."""

from __future__ import annotations

from typing import Any

from odyssey import core
from odyssey.core.interpolation import check_settings, factors
from odyssey.nn._text import changed
from odyssey.nn.module import Module
from odyssey.tensor import Tensor
from odyssey.utils.geometry import several

__all__ = ["Upsample"]


class Upsample(Module):
    """Make lines, images or volumes larger or smaller; see :func:`odyssey.core.interpolate`.

    Shapes: (N, C, L), (N, C, H, W) or (N, C, D, H, W) in, the same with other sizes out.

    Parameters
    ----------
    size : int or tuple of int, optional
        The new size of each axis, or one number for all.
    scale_factor : float or tuple of float, optional
        Instead of ``size``: how many times as long each axis becomes.
    mode : {"nearest", "nearest-exact", "linear", "bilinear", "trilinear", "bicubic", "area"}
        How pixels between pixels are found.
    align_corners : bool
        For linear and cubic modes: whether the centres of the corner pixels stay where
        they are, instead of the corners of the image.
    antialias : bool
        For "bilinear" and "bicubic": whether no pixel is skipped when shrinking.

    Raises
    ------
    ShapeError
        If not just one of ``size`` and ``scale_factor`` is given, or it is not positive.
    OdysseyError
        If there is no such ``mode``, or it does not know the other settings.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.Upsample(scale_factor=2)(od.tensor([[[1.0, 2.0]]]))
    tensor([[[1., 1., 2., 2.]]])
    >>> od.nn.Upsample(size=(6, 9), mode="bilinear")(od.ones((8, 3, 4, 4))).shape
    (8, 3, 6, 9)
    """

    def __init__(
        self,
        size: Any = None,
        scale_factor: Any = None,
        mode: str = "nearest",
        align_corners: bool = False,
        antialias: bool = False,
    ) -> None:
        check_settings("Upsample", size, scale_factor, mode, align_corners, antialias)
        given = scale_factor if size is None else size
        count = len(given) if isinstance(given, (tuple, list)) else 1
        if size is None:
            factors("Upsample", scale_factor, count)
        else:
            several("Upsample", "size", size, count)
        self.size, self.scale_factor, self.mode = size, scale_factor, mode
        self.align_corners, self.antialias = align_corners, antialias

    def forward(self, x: Tensor) -> Tensor:
        return core.interpolate(
            x, self.size, self.scale_factor, self.mode, self.align_corners, self.antialias
        )

    def extra_repr(self) -> str:
        size = changed(self, size=None, scale_factor=None).removeprefix(", ")
        return f"{size}, mode={self.mode!r}{changed(self, align_corners=False, antialias=False)}"
