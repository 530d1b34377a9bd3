"""Unpooling as layers: maxima back to where they stood."""

from __future__ import annotations

from typing import Any

from odyssey import core
from odyssey.nn._pooling import Pool
from odyssey.tensor import Tensor

__all__ = ["MaxUnpool1D", "MaxUnpool2D", "MaxUnpool3D"]


class MaxUnpool1D(Pool):
    """Put the maxima of lines back to where they stood; see :func:`odyssey.core.max_unpool1d`.

    Shapes: (N, C, P) and indices of that shape in, (N, C, L) out.

    The call takes the maxima, their indices and perhaps ``output_size``.

    Parameters
    ----------
    kernel_size, stride, padding : int
        Those of the pool, as in :class:`MaxPool1D`.

    Raises
    ------
    ShapeError
        If a setting is out of range.

    Examples
    --------
    >>> import odyssey as od
    >>> x = od.tensor([[[1.0, 5.0, 2.0, 0.0]]])
    >>> largest, indices = od.nn.MaxPool1D(2, return_indices=True)(x)
    >>> od.nn.MaxUnpool1D(2)(largest, indices)
    tensor([[[0., 5., 2., 0.]]])
    """

    _axes = 1

    def forward(self, x: Tensor, indices: Any, output_size: Any = None) -> Tensor:
        return core.max_unpool1d(
            x, indices, self.kernel_size, self.stride, self.padding, output_size
        )


class MaxUnpool2D(Pool):
    """Put the maxima of images back to where they stood; see :func:`odyssey.core.max_unpool2d`.

    Shapes: (N, C, P, Q) and indices of that shape in, (N, C, H, W) out.

    The call takes the maxima, their indices and, where several sizes lead to as many
    maxima, ``output_size=(H, W)``.

    Parameters
    ----------
    kernel_size : int or (vertical, horizontal)
        The window of the pool.
    stride : int or (vertical, horizontal), optional
        By default the window's size.
    padding : int or (vertical, horizontal)

    Raises
    ------
    ShapeError
        If a setting is out of range.

    Examples
    --------
    >>> import odyssey as od
    >>> x = od.tensor([[[[1.0, 5.0, 2.0], [4.0, 3.0, 6.0]]]])
    >>> largest, indices = od.nn.MaxPool2D(2, return_indices=True)(x)
    >>> od.nn.MaxUnpool2D(2)(largest, indices, output_size=(2, 3))
    tensor([[[[0., 5., 0.],
              [0., 0., 0.]]]])
    """

    _axes = 2

    def forward(self, x: Tensor, indices: Any, output_size: Any = None) -> Tensor:
        return core.max_unpool2d(
            x, indices, self.kernel_size, self.stride, self.padding, output_size
        )


class MaxUnpool3D(Pool):
    """Put the maxima of volumes back to where they stood; see :func:`odyssey.core.max_unpool3d`.

    Shapes: (N, C, M, P, Q) and indices of that shape in, (N, C, D, H, W) out.

    The call takes the maxima, their indices and perhaps ``output_size``.

    Parameters
    ----------
    kernel_size, stride, padding : int or (deep, vertical, horizontal)
        Those of the pool, as in :class:`MaxPool3D`.

    Raises
    ------
    ShapeError
        If a setting is out of range.

    Examples
    --------
    >>> import odyssey as od
    >>> x = od.arange(8.0).reshape(1, 1, 2, 2, 2)
    >>> largest, indices = od.nn.MaxPool3D(2, return_indices=True)(x)
    >>> od.nn.MaxUnpool3D(2)(largest, indices).flatten()
    tensor([[0., 0., 0., 0., 0., 0., 0., 7.]])
    """

    _axes = 3

    def forward(self, x: Tensor, indices: Any, output_size: Any = None) -> Tensor:
        return core.max_unpool3d(
            x, indices, self.kernel_size, self.stride, self.padding, output_size
        )
