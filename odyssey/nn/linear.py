"""The fully connected layer."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from odyssey import core
from odyssey.errors import ShapeError
from odyssey.nn._settings import check_positive
from odyssey.nn.module import Module
from odyssey.tensor import Parameter, Tensor

__all__ = ["Linear"]


class Linear(Module):
    r"""Apply an affine map to the last axis: :math:`y = x\,W^\top + b`.

    Parameters
    ----------
    in_features : int or None
        At least 1; None for what the first input has.
    out_features : int
        At least 1.
    bias : bool
        Whether to add b.
    dtype : dtype, optional
        By default the default dtype.
    rng : numpy.random.Generator, optional
        What the first values are drawn from; by default the process's
        generator. Both are drawn from :math:`U(-1/\sqrt I, 1/\sqrt I)` with I
        the number of input features.

    Attributes
    ----------
    weight : Parameter, shape (out_features, in_features)
    bias : Parameter or None, shape (out_features,)

    Raises
    ------
    ShapeError
        If a number of features is not a positive integer.

    See Also
    --------
    odyssey.core.linear

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.Linear(3, 2)(od.ones((8, 3))).shape
    (8, 2)
    """

    def __init__(
        self,
        in_features: int | None,
        out_features: int,
        bias: bool = True,
        dtype: Any = None,
        rng: np.random.Generator | None = None,
    ) -> None:
        check_positive("Linear", out_features=out_features)
        self.out_features = out_features
        self._first = bias, dtype, rng
        if in_features is None:
            self.waits_for_input = True
        else:
            self._create(in_features)

    def _create(self, in_features: int) -> None:
        check_positive("Linear", in_features=in_features)
        self.in_features = in_features
        bias, dtype, rng = self._first
        bound = 1 / math.sqrt(in_features)
        shape = (self.out_features, in_features)
        self.weight = Parameter(core.uniform(shape, -bound, bound, dtype, rng))
        self.bias = None
        if bias:
            self.bias = Parameter(core.uniform(shape[:1], -bound, bound, dtype, rng))

    in_features: int | None = None
    bias: Parameter | None

    def infer(self, x: Tensor) -> None:
        if not x.ndim:
            raise ShapeError("Linear: x must have at least 1 axis, that of the features, but has 0")
        self._create(x.shape[-1])

    def forward(self, x: Tensor) -> Tensor:
        return core.linear(x, self.weight, self.bias)

    def extra_repr(self) -> str:
        return f"{self.in_features}, {self.out_features}, bias={self._first[0]}"
