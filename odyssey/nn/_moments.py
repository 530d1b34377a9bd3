"""What batch and instance normalisation share: a scale, a shift and moments for each channel."""

from __future__ import annotations

from numbers import Real
from typing import Any, ClassVar

import numpy as np

from odyssey import core
from odyssey.errors import OdysseyError, ShapeError
from odyssey.nn._settings import check_eps, check_positive
from odyssey.nn.buffer import Buffer
from odyssey.nn.module import Module
from odyssey.tensor import Parameter, Tensor

__all__ = ["ChannelNorm"]


class ChannelNorm(Module):
    """Normalise channels, and remember the moments that were seen while training."""

    axes: ClassVar[dict[int, str]]
    """The forms that an input may have, by their number of axes: ``{3: "(N, C, L)"}``."""

    def __init__(
        self,
        num_features: int | None,
        eps: float,
        momentum: float | None,
        affine: bool,
        track_running_stats: bool,
        dtype: Any,
    ) -> None:
        name = type(self).__name__
        check_eps(name, eps)
        if not (momentum is None or (isinstance(momentum, Real) and 0 <= momentum <= 1)):
            raise OdysseyError(f"{name}: momentum must be None or lie in [0, 1], got {momentum!r}")
        self.eps, self.momentum = eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        self._dtype = dtype
        if num_features is None:
            self.waits_for_input = True
        else:
            self._create(num_features)

    num_features: int | None = None
    weight: Parameter | None
    bias: Parameter | None
    running_mean: Buffer | None
    running_var: Buffer | None
    num_batches_tracked: Buffer | None

    def _create(self, num_features: int) -> None:
        check_positive(type(self).__name__, num_features=num_features)
        self.num_features = num_features
        ones = core.constant((num_features,), 1, self._dtype)
        zeros = core.constant((num_features,), 0, self._dtype)
        self.weight = Parameter(ones) if self.affine else None
        self.bias = Parameter(zeros) if self.affine else None
        self.running_mean = self.running_var = self.num_batches_tracked = None
        if self.track_running_stats:
            wide = np.result_type(ones.dtype, np.float32)
            self.running_mean = Buffer(np.zeros(num_features, wide))
            self.running_var = Buffer(np.ones(num_features, wide))
            self.num_batches_tracked = Buffer(np.zeros((), np.int64))

    def infer(self, x: Tensor) -> None:
        self._check_axes(x)
        self._create(x.shape[1])

    def _check_axes(self, x: Tensor) -> None:
        if x.ndim not in self.axes:
            ranks, forms = " or ".join(map(str, self.axes)), " or ".join(self.axes.values())
            raise ShapeError(
                f"{type(self).__name__}: x must have {ranks} axes, {forms}, but has {x.ndim} "
                f"(x: {x.shape})"
            )
        if self.num_features is not None and x.shape[1] != self.num_features:
            raise ShapeError(
                f"{type(self).__name__}: x must have {self.num_features} channels, "
                f"{self.axes[x.ndim]}, but has {x.shape[1]} (x: {x.shape})"
            )

    def forward(self, x: Tensor) -> Tensor:
        self._check_axes(x)
        if self.training or not self.track_running_stats:
            return self._by_own_moments(x)
        out: Tensor = core.batch_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias, False, eps=self.eps
        )[0]
        return out

    def _by_own_moments(self, x: Tensor) -> Tensor:
        """Normalise by the moments of ``x``; while training, `_learn` them."""
        raise NotImplementedError

    def _check_count(self, x: Tensor, count: int, of: str) -> None:
        """Raise if each mean were that of one number, of which nothing would be left."""
        if count == 1:
            raise ShapeError(
                f"{type(self).__name__}: needs more than 1 number for each channel{of}, "
                f"or its own mean is all that is left (x: {x.shape})"
            )

    def _learn(self, mean: Any, var: Any) -> None:
        """Move the running moments towards those of a batch."""
        count = int(self.num_batches_tracked) + 1  # type: ignore[arg-type]
        share = 1 / count if self.momentum is None else self.momentum
        for running, new in ((self.running_mean, mean), (self.running_var, var)):
            old = np.asarray(running)
            running[...] = old + share * (np.asarray(new) - old)  # type: ignore[index]
        self.num_batches_tracked[...] = count  # type: ignore[index]

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, "
            f"affine={self.affine}, track_running_stats={self.track_running_stats}"
        )
