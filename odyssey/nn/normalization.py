"""Normalisation of each example by itself, and of inputs by what is known of the data, as layers.

Batch and instance normalisation have files of their own.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from odyssey import core
from odyssey.errors import OdysseyError, ShapeError
from odyssey.nn._settings import check_divides, check_eps, check_positive
from odyssey.nn.buffer import Buffer
from odyssey.nn.module import Module
from odyssey.tensor import Parameter, Tensor
from odyssey.utils.defaults import get_default_dtype

__all__ = ["GroupNorm", "LayerNorm", "LocalResponseNorm", "Normalize", "NormalizeRGB", "RMSNorm"]


class LayerNorm(Module):
    """Give the last axes of each example mean 0 and variance 1, then scale and shift.

    The formulas are those of :func:`odyssey.core.layer_norm`.

    Parameters
    ----------
    normalized_shape : int or tuple of int
        The lengths of the last axes, which are normalised together.
    eps : float
        What is added to the variance.
    elementwise_affine : bool
        Whether to scale and shift.
    bias : bool
        Whether to shift, if that is so.
    dtype : dtype, optional
        By default the default dtype.

    Attributes
    ----------
    weight, bias : Parameter or None, shape ``normalized_shape``
        1 and 0 at first.

    Raises
    ------
    ShapeError
        If ``normalized_shape`` holds no positive integers; when called, if the input
        does not end in it.
    OdysseyError
        If ``eps`` is negative.

    References
    ----------
    .. [1] J. Ba, J. Kiros, G. Hinton, "Layer normalization", 2016.
       https://arxiv.org/abs/1607.06450

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.LayerNorm(2, eps=0.0, elementwise_affine=False)(od.tensor([[1.0, 3.0], [40.0, 20.0]]))
    tensor([[-1.,  1.],
            [ 1., -1.]])
    """

    def __init__(
        self,
        normalized_shape: int | Iterable[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        dtype: Any = None,
    ) -> None:
        self.normalized_shape = _lengths("LayerNorm", normalized_shape)
        check_eps("LayerNorm", eps)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        self.weight = _full(self.normalized_shape, 1, dtype, elementwise_affine)
        self.bias = _full(self.normalized_shape, 0, dtype, elementwise_affine and bias)

    def forward(self, x: Tensor) -> Tensor:
        return core.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        text = (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"
        )
        return text if self.bias is not None or self.weight is None else f"{text}, bias=False"


class RMSNorm(Module):
    """Divide the last axes of each example by the root of their mean square, then scale.

    The formulas are those of :func:`odyssey.core.rms_norm`.

    Parameters
    ----------
    normalized_shape : int or tuple of int
        The lengths of the last axes, which are normalised together.
    eps : float or None
        What is added to the mean square; None for the distance from 1 to the next
        number, in the dtype of the sums (float32 for float16).
    elementwise_affine : bool
        Whether to scale.
    dtype : dtype, optional
        By default the default dtype.

    Attributes
    ----------
    weight : Parameter or None, shape ``normalized_shape``
        1 at first.

    Raises
    ------
    ShapeError
        If ``normalized_shape`` holds no positive integers; when called, if the input
        does not end in it.
    OdysseyError
        If ``eps`` is negative.

    References
    ----------
    .. [1] B. Zhang, R. Sennrich, "Root mean square layer normalization", NeurIPS 2019.
       https://arxiv.org/abs/1910.07467

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.RMSNorm(2, elementwise_affine=False)(od.tensor([1.0, 7.0])) * 5
    tensor([1., 7.])
    """

    def __init__(
        self,
        normalized_shape: int | Iterable[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        dtype: Any = None,
    ) -> None:
        self.normalized_shape = _lengths("RMSNorm", normalized_shape)
        if eps is not None:
            check_eps("RMSNorm", eps)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        self.weight = _full(self.normalized_shape, 1, dtype, elementwise_affine)

    def forward(self, x: Tensor) -> Tensor:
        eps = self.eps
        if eps is None:
            eps = float(np.finfo(np.result_type(x.dtype, np.float32)).eps)
        return core.rms_norm(x, self.normalized_shape, self.weight, eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"
        )


class GroupNorm(Module):
    """Give every group of channels of each example mean 0 and variance 1, then scale and shift.

    The formulas are those of :func:`odyssey.core.group_norm`.

    Parameters
    ----------
    num_groups : int
        How many groups of neighbouring channels; it divides ``num_channels``.
    num_channels : int
        C, at least 1; the input has the shape (N, C, ...).
    eps : float
        What is added to the variance.
    affine : bool
        Whether to scale and shift.
    dtype : dtype, optional
        By default the default dtype.

    Attributes
    ----------
    weight, bias : Parameter or None, shape (num_channels,)
        1 and 0 at first.

    Raises
    ------
    ShapeError
        If a number is not a positive integer, or the groups do not divide the
        channels; when called, if the input has other channels.
    OdysseyError
        If ``eps`` is negative.

    References
    ----------
    .. [1] Y. Wu, K. He, "Group normalization", ECCV 2018. https://arxiv.org/abs/1803.08494

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.GroupNorm(2, 4, eps=0.0, affine=False)(od.tensor([[1.0, 3.0, 40.0, 20.0]]))
    tensor([[-1.,  1.,  1., -1.]])
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        dtype: Any = None,
    ) -> None:
        check_positive("GroupNorm", num_groups=num_groups, num_channels=num_channels)
        check_divides("GroupNorm", "num_groups", num_groups, num_channels=num_channels)
        check_eps("GroupNorm", eps)
        self.num_groups, self.num_channels = num_groups, num_channels
        self.eps, self.affine = eps, affine
        self.weight = _full((num_channels,), 1, dtype, affine)
        self.bias = _full((num_channels,), 0, dtype, affine)

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim < 2 or x.shape[1] != self.num_channels:
            raise ShapeError(
                f"GroupNorm: x must have {self.num_channels} channels, (N, C, ...) (x: {x.shape})"
            )
        return core.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}"


class LocalResponseNorm(Module):
    """Divide each channel by what its neighbours answer.

    The formulas are those of :func:`odyssey.core.local_response_norm`.

    Parameters
    ----------
    size : int
        How many channels count, around each one; at least 1.
    alpha, beta, k : float

    Raises
    ------
    ShapeError
        If ``size`` is not a positive integer.

    References
    ----------
    .. [1] A. Krizhevsky, I. Sutskever, G. Hinton, "ImageNet classification with deep
       convolutional neural networks", NeurIPS 2012, section 3.3.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.LocalResponseNorm(1, alpha=1.0, beta=1.0)(od.tensor([[1.0, 2.0]]))
    tensor([[0.5, 0.4]])
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        check_positive("LocalResponseNorm", size=size)
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, x: Tensor) -> Tensor:
        return core.local_response_norm(x, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


class Normalize(Module):
    """Give vectors along axes the norm 1; see :func:`odyssey.core.normalize`.

    Parameters
    ----------
    ord : float
        Which norm, 1 at least and finite: 2 is the Euclidean one.
    axis : int, tuple of int or None
        Along which the vectors lie.
    eps : float
        Norms below it count as this: zeros stay zeros.

    Raises
    ------
    OdysseyError
        If ``ord`` is out of range, or ``eps`` negative.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.Normalize()(od.tensor([[3.0, 4.0], [0.0, 0.0]]))
    tensor([[0.6, 0.8],
            [0. , 0. ]])
    """

    def __init__(
        self, ord: float = 2.0, axis: int | tuple[int, ...] | None = 1, eps: float = 1e-12
    ) -> None:
        if not 1 <= ord < float("inf"):
            raise OdysseyError(f"Normalize: ord must be a finite number, 1 at least, got {ord}")
        check_eps("Normalize", eps)
        self.ord, self.axis, self.eps = ord, axis, eps

    def forward(self, x: Tensor) -> Tensor:
        return core.normalize(x, self.ord, self.axis, self.eps)

    def extra_repr(self) -> str:
        return f"ord={self.ord}, axis={self.axis}, eps={self.eps}"


class NormalizeRGB(Module):
    """Give the channels of images a common scale; see :func:`odyssey.core.normalize_rgb`.

    Parameters
    ----------
    mean, std : sequence of float
        Of each channel over the data set, in the units of the input.
    dtype : dtype, optional
        Of the buffers, by default the default dtype; the output has the input's.

    Attributes
    ----------
    mean, std : Buffer, shape (channels,)
        Part of the state: what a model was trained on goes with it.

    Raises
    ------
    ShapeError
        If the two are not rows of one length.
    OdysseyError
        If a standard deviation is not positive.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.NormalizeRGB([0.5, 0.5], [0.25, 0.5])(od.tensor([[[0.25]], [[1.0]]]))
    tensor([[[-1.]],
    <BLANKLINE>
            [[ 1.]]])
    """

    def __init__(self, mean: Iterable[float], std: Iterable[float], dtype: Any = None) -> None:
        dtype = dtype or get_default_dtype()
        self.mean, self.std = Buffer(np.array(mean, dtype)), Buffer(np.array(std, dtype))
        if self.mean.ndim != 1 or self.mean.shape != self.std.shape:
            raise ShapeError(
                "NormalizeRGB: mean and std must hold a number for each channel, "
                f"got shapes {self.mean.shape} and {self.std.shape}"
            )
        if not np.all(self.std.data > 0):
            raise OdysseyError(f"NormalizeRGB: std must be positive, got {std}")

    def forward(self, x: Tensor) -> Tensor:
        return core.normalize_rgb(x, self.mean, self.std)

    def extra_repr(self) -> str:
        return f"mean={self.mean.data.tolist()}, std={self.std.data.tolist()}"


def _lengths(layer: str, normalized_shape: int | Iterable[int]) -> tuple[int, ...]:
    """Return the lengths of the axes that are normalised, as a tuple."""
    several = normalized_shape if isinstance(normalized_shape, Iterable) else (normalized_shape,)
    lengths = tuple(several)
    if not lengths:
        raise ShapeError(f"{layer}: normalized_shape must name 1 axis at least, got ()")
    for length in lengths:
        check_positive(layer, normalized_shape=length)
    return lengths


def _full(shape: tuple[int, ...], value: float, dtype: Any, wanted: bool) -> Parameter | None:
    """Return a parameter that has one value everywhere, if it is wanted."""
    return Parameter(core.constant(shape, value, dtype)) if wanted else None
