"""The fully connected layer."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from odyssey import core
from odyssey.errors import ShapeError
from odyssey.nn.module import Module
from odyssey.tensor import Parameter, Tensor

__all__ = ["Linear"]


class Linear(Module):
    r"""Apply an affine map to the last axis: :math:`y = x\,W^\top + b`.

    Parameters
    ----------
    in_features, out_features : int
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
        in_features: int,
        out_features: int,
        bias: bool = True,
        dtype: Any = None,
        rng: np.random.Generator | None = None,
    ) -> None:
        for name, value in (("in_features", in_features), ("out_features", out_features)):
            if not isinstance(value, int) or value < 1:
                raise ShapeError(f"Linear: {name} must be a positive integer, got {value!r}")
        self.in_features, self.out_features = in_features, out_features
        bound = 1 / math.sqrt(in_features)
        shape = (out_features, in_features)
        self.weight = Parameter(core.uniform(shape, -bound, bound, dtype, rng))
        self.bias = None
        if bias:
            self.bias = Parameter(core.uniform((out_features,), -bound, bound, dtype, rng))

    def forward(self, x: Tensor) -> Tensor:
        return core.linear(x, self.weight, self.bias)

    def extra_repr(self) -> str:
        return f"{self.in_features}, {self.out_features}, bias={self.bias is not None}"
