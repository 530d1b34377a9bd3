"""Pools that are told the size of the result, as layers."""

from __future__ import annotations

from typing import Any

from odyssey import core
from odyssey.nn._pooling import AdaptiveMaxPool, AdaptivePool
from odyssey.tensor import Tensor

__all__ = [
    "AdaptiveAvgPool1D",
    "AdaptiveAvgPool2D",
    "AdaptiveAvgPool3D",
    "AdaptiveMaxPool1D",
    "AdaptiveMaxPool2D",
    "AdaptiveMaxPool3D",
]


class AdaptiveAvgPool1D(AdaptivePool):
    """Average lines to a length that is given; see :func:`odyssey.core.adaptive_avg_pool1d`.

    Shapes: (N, C, L) in, (N, C, P) out.

    Parameters
    ----------
    output_size : int

    Raises
    ------
    ShapeError
        If a size is below 1.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.AdaptiveAvgPool1D(3)(od.ones((8, 6, 7))).shape
    (8, 6, 3)
    """

    _axes = 1

    def forward(self, x: Tensor) -> Tensor:
        return core.adaptive_avg_pool1d(x, self.output_size)


class AdaptiveAvgPool2D(AdaptivePool):
    """Average images to a size that is given; see :func:`odyssey.core.adaptive_avg_pool2d`.

    Shapes: (N, C, H, W) in, (N, C, P, Q) out.

    Parameters
    ----------
    output_size : int or (P, Q)
        None in the place of one keeps what the image has.

    Raises
    ------
    ShapeError
        If a size is below 1.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.AdaptiveAvgPool2D((3, 2))(od.ones((8, 6, 7, 5))).shape
    (8, 6, 3, 2)
    """

    _axes = 2

    def forward(self, x: Tensor) -> Tensor:
        return core.adaptive_avg_pool2d(x, self.output_size)


class AdaptiveAvgPool3D(AdaptivePool):
    """Average volumes to a size that is given; see :func:`odyssey.core.adaptive_avg_pool3d`.

    Shapes: (N, C, D, H, W) in, (N, C, M, P, Q) out.

    Parameters
    ----------
    output_size : int or (M, P, Q)
        None in the place of one keeps what the volume has.

    Raises
    ------
    ShapeError
        If a size is below 1.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.AdaptiveAvgPool3D((None, 3, 2))(od.ones((8, 6, 4, 7, 5))).shape
    (8, 6, 4, 3, 2)
    """

    _axes = 3

    def forward(self, x: Tensor) -> Tensor:
        return core.adaptive_avg_pool3d(x, self.output_size)


class AdaptiveMaxPool1D(AdaptiveMaxPool):
    """Take the largest number of each of P parts; see :func:`odyssey.core.adaptive_max_pool1d`.

    Shapes: (N, C, L) in, (N, C, P) out.

    Parameters
    ----------
    output_size : int
    return_indices : bool
        Whether to return where each maximum stands, too.

    Raises
    ------
    ShapeError
        If a size is below 1.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.AdaptiveMaxPool1D(3)(od.ones((8, 6, 7))).shape
    (8, 6, 3)
    """

    _axes = 1

    def forward(self, x: Tensor) -> Any:
        return core.adaptive_max_pool1d(x, self.output_size, self.return_indices)


class AdaptiveMaxPool2D(AdaptiveMaxPool):
    """Take the largest pixel of each of P×Q parts; see :func:`odyssey.core.adaptive_max_pool2d`.

    Shapes: (N, C, H, W) in, (N, C, P, Q) out.

    Parameters
    ----------
    output_size : int or (P, Q)
        None in the place of one keeps what the image has.
    return_indices : bool
        Whether to return where each maximum stands, too.

    Raises
    ------
    ShapeError
        If a size is below 1.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.AdaptiveMaxPool2D((3, 2))(od.ones((8, 6, 7, 5))).shape
    (8, 6, 3, 2)
    """

    _axes = 2

    def forward(self, x: Tensor) -> Any:
        return core.adaptive_max_pool2d(x, self.output_size, self.return_indices)


class AdaptiveMaxPool3D(AdaptiveMaxPool):
    """Take the largest pixel of each of M×P×Q parts; see :func:`odyssey.core.adaptive_max_pool3d`.

    Shapes: (N, C, D, H, W) in, (N, C, M, P, Q) out.

    Parameters
    ----------
    output_size : int or (M, P, Q)
        None in the place of one keeps what the volume has.
    return_indices : bool
        Whether to return where each maximum stands, too.

    Raises
    ------
    ShapeError
        If a size is below 1.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.AdaptiveMaxPool3D((None, 3, 2))(od.ones((8, 6, 4, 7, 5))).shape
    (8, 6, 4, 3, 2)
    """

    _axes = 3

    def forward(self, x: Tensor) -> Any:
        return core.adaptive_max_pool3d(x, self.output_size, self.return_indices)
