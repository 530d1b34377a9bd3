"""Instance normalisation as layers."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from odyssey import core
from odyssey.nn._moments import ChannelNorm
from odyssey.tensor import Tensor

__all__ = ["InstanceNorm1D", "InstanceNorm2D", "InstanceNorm3D"]


class _InstanceNorm(ChannelNorm):
    def __init__(
        self,
        num_features: int | None,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        dtype: Any = None,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, dtype)

    def _by_own_moments(self, x: Tensor) -> Tensor:
        self._check_count(x, math.prod(x.shape[2:]), " of an example")
        out: Tensor = core.instance_norm(x, self.weight, self.bias, self.eps)
        if self.training and self.track_running_stats and x.size:
            values = np.asarray(x, np.result_type(x.dtype, np.float32))
            inner = tuple(range(2, x.ndim))
            self._learn(values.mean(inner).mean(0), values.var(inner, ddof=1).mean(0))
        return out


class InstanceNorm2D(_InstanceNorm):
    r"""Give each channel of each image mean 0 and variance 1, and perhaps scale and shift it.

    The formulas are those of :func:`odyssey.core.instance_norm`.

    Parameters
    ----------
    num_features : int or None
        C, the channels, at least 1; None for those that the first input has.
    eps : float
        What is added to the variance.
    momentum : float or None
        The share of a new batch in the running moments, in [0, 1]; with None all
        batches count alike, 1 / k at the k-th.
    affine : bool, default False
        Whether to scale and shift.
    track_running_stats : bool, default False
        Whether to keep running moments, the means of those of the images, and to
        normalise by them in evaluation mode.
    dtype : dtype, optional
        By default the default dtype.

    Attributes
    ----------
    weight, bias : Parameter or None, shape (num_features,)
        1 and 0 at first.
    running_mean, running_var : Buffer or None, shape (num_features,)
    num_batches_tracked : Buffer or None, shape (), int64
        As in :class:`BatchNorm2D`. PyTorch's layer has the last one, too, but leaves it
        at 0, and with a momentum of None never moves the others.

    Raises
    ------
    ShapeError
        If ``num_features`` is not a positive integer; when called, if the input has
        other axes or channels, or only one number a channel to take moments of.
    OdysseyError
        If ``eps`` is negative or ``momentum`` out of range.

    References
    ----------
    .. [1] D. Ulyanov, A. Vedaldi, V. Lempitsky, "Instance normalization", 2016.
       https://arxiv.org/abs/1607.08022

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.InstanceNorm2D(2, eps=1e-12)(od.tensor([[[[1.0, 3.0]], [[40.0, 20.0]]]]))
    tensor([[[[-1.,  1.]],
    <BLANKLINE>
             [[ 1., -1.]]]])
    """

    axes: ClassVar = {4: "(N, C, H, W)"}


class InstanceNorm1D(_InstanceNorm):
    """Give each channel of each line mean 0 and variance 1.

    Parameters, attributes, errors and formulas are those of :class:`InstanceNorm2D`; the
    input has the shape (N, C, L).

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.InstanceNorm1D(2, eps=1e-12)(od.tensor([[[1.0, 3.0], [40.0, 20.0]]]))
    tensor([[[-1.,  1.],
             [ 1., -1.]]])
    """

    axes: ClassVar = {3: "(N, C, L)"}


class InstanceNorm3D(_InstanceNorm):
    """Give each channel of each volume mean 0 and variance 1.

    Parameters, attributes, errors and formulas are those of :class:`InstanceNorm2D`; the
    input has the shape (N, C, D, H, W).

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.InstanceNorm3D(2)(od.randn(4, 2, 3, 5, 6)).shape
    (4, 2, 3, 5, 6)
    """

    axes: ClassVar = {5: "(N, C, D, H, W)"}
