"""The fully connected layer, and the one of two inputs."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from odyssey import core
from odyssey.errors import ShapeError
from odyssey.nn._settings import check_positive
from odyssey.nn.module import Module
from odyssey.tensor import Parameter, Tensor

__all__ = ["Bilinear", "Linear"]


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


class Bilinear(Module):
    r"""Combine each feature of one input with each of another.

    .. math:: y_o = \sum_{i,j} A_{oij}\; u_i\, v_j + b_o

    Shapes: (..., in1_features) and (..., in2_features) in, (..., out_features) out.

    Parameters
    ----------
    in1_features, in2_features, out_features : int
        At least 1.
    bias : bool
        Whether to add b.
    dtype : dtype, optional
        By default the default dtype.
    rng : numpy.random.Generator, optional
        What the first values are drawn from; by default the process's
        generator. Both are drawn from :math:`U(-1/\sqrt I, 1/\sqrt I)` with I
        the features of the first input.

    Attributes
    ----------
    weight : Parameter, shape (out_features, in1_features, in2_features)
    bias : Parameter or None, shape (out_features,)

    Raises
    ------
    ShapeError
        If a number of features is not a positive integer.

    See Also
    --------
    odyssey.core.einsum

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.Bilinear(3, 4, 2)(od.ones((8, 3)), od.ones((8, 4))).shape
    (8, 2)
    """

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        dtype: Any = None,
        rng: np.random.Generator | None = None,
    ) -> None:
        shape = (out_features, in1_features, in2_features)
        check_positive(
            "Bilinear",
            in1_features=in1_features,
            in2_features=in2_features,
            out_features=out_features,
        )
        self.in1_features, self.in2_features = in1_features, in2_features
        self.out_features = out_features
        bound = 1 / math.sqrt(in1_features)
        self.weight = Parameter(core.uniform(shape, -bound, bound, dtype, rng))
        self.bias: Parameter | None = None
        if bias:
            self.bias = Parameter(core.uniform(shape[:1], -bound, bound, dtype, rng))

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        # A single feature would broadcast.
        for name, x, features in (("x1", x1, self.in1_features), ("x2", x2, self.in2_features)):
            if not x.ndim or x.shape[-1] != features:
                raise ShapeError(f"bilinear: {name} must have {features} features, got {x.shape}")
        y = core.einsum("...i,oij,...j->...o", x1, self.weight, x2)
        return y if self.bias is None else y + self.bias

    def extra_repr(self) -> str:
        features = f"{self.in1_features}, {self.in2_features}, {self.out_features}"
        return f"{features}, bias={self.bias is not None}"
