"""A layer that is fitted to data before it is used."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from odyssey.errors import OdysseyError, ShapeError
from odyssey.nn._settings import check_eps, check_positive
from odyssey.nn.buffer import Buffer
from odyssey.nn.module import Module
from odyssey.tensor import Tensor
from odyssey.utils.defaults import get_default_dtype

__all__ = ["Standardize"]


class Standardize(Module):
    r"""Give features the mean 0 and the deviation 1 that they had in the data it was fitted to.

    .. math:: y_c = (x_c - \mu_c) / \max(\sigma_c, \epsilon)

    Inside a model, it is saved with it: no other program has to know the units.

    Parameters
    ----------
    axis : int or None
        The axis of the features, each with moments of its own; None for one mean and
        one deviation of all numbers.
    num_features : int or None
        What ``axis`` counts; None for what the data have. Needed to load a state
        without data.
    eps : float
        Smaller deviations count as this: a feature that is constant becomes 0.
    dtype : dtype, optional
        Of the buffers, by default the default dtype.

    Attributes
    ----------
    mean, std : Buffer or None, shape (num_features,) or ()
        None until the number of features is known.
    count : Buffer or None, shape (), int64
        How many numbers each of them comes from; 0 before :meth:`adapt`.

    Raises
    ------
    ShapeError
        If ``axis`` is no integer, or ``num_features`` not a positive one; when called, if
        the input has another number of features.
    OdysseyError
        If ``eps`` is negative; when called, if it was not fitted.

    Examples
    --------
    >>> import odyssey as od
    >>> layer = od.nn.Standardize().adapt(od.tensor([[1.0, 10.0], [3.0, 30.0]]))
    >>> layer(od.tensor([[2.0, 40.0]]))
    tensor([[0., 2.]])
    """

    def __init__(
        self,
        axis: int | None = -1,
        num_features: int | None = None,
        eps: float = 1e-7,
        dtype: Any = None,
    ) -> None:
        check_eps("Standardize", eps)
        if axis is not None and not isinstance(axis, (int, np.integer)):
            raise ShapeError(f"Standardize: axis must be None or an integer, got {axis!r}")
        self.axis, self.eps, self._dtype = axis, eps, dtype or get_default_dtype()
        if axis is None:
            self._create(())
        elif num_features is not None:
            check_positive("Standardize", num_features=num_features)
            self._create((num_features,))

    mean: Any = None
    std: Any = None
    count: Any = None

    def _create(self, shape: tuple[int, ...]) -> None:
        self.mean = Buffer(np.zeros(shape, self._dtype))
        self.std = Buffer(np.ones(shape, self._dtype))
        self.count = Buffer(np.zeros((), np.int64))

    def adapt(self, data: Any) -> Self:
        """Fit the layer to data, and to nothing that it was fitted to before.

        Parameters
        ----------
        data : Tensor, ndarray or iterable of these
            All data, or batches of them: one pass, of which one batch is in memory at a
            time. Sums are taken in float64.

        Raises
        ------
        ShapeError
            If there are no numbers, or batches differ in their features.
        """
        batches = [data] if isinstance(data, (Tensor, np.ndarray)) else data
        count, mean, square = 0, np.float64(0), np.float64(0)
        for batch in batches:
            values = np.asarray(batch, np.float64)
            if not values.size:
                continue
            rows = self._rows(values)
            if count and rows.shape[1:] != np.shape(mean):
                raise ShapeError(
                    f"Standardize: batches have {rows.shape[1:]} features, and {np.shape(mean)}"
                )
            # The sums of squares around two means are added around the mean of both.
            away = rows.mean(0) - mean
            total = count + len(rows)
            square = square + ((rows - rows.mean(0)) ** 2).sum(0)
            square = square + away**2 * (count * len(rows) / total)
            mean, count = mean + away * (len(rows) / total), total
        if not count:
            raise ShapeError("Standardize: adapt needs data, but there are no numbers")
        if self.mean is None:
            self._create(np.shape(mean))
        self._check_features(np.shape(mean))
        self.mean[...], self.std[...], self.count[...] = mean, np.sqrt(square / count), count
        return self

    def _rows(self, values: np.ndarray) -> np.ndarray:
        """Return values as rows, one column for each feature, or as a line without features."""
        if self.axis is None:
            return values.reshape(-1)
        self._check_axis(values.ndim)
        columns = np.moveaxis(values, self.axis, -1)
        return columns.reshape(-1, columns.shape[-1])

    def _check_axis(self, ndim: int) -> None:
        if self.axis is not None and not -ndim <= self.axis < ndim:
            raise ShapeError(f"Standardize: axis {self.axis} is out of range for {ndim} axes")

    def _check_features(self, shape: tuple[int, ...]) -> None:
        if shape != self.mean.shape:
            raise ShapeError(
                f"Standardize: x must have {self.mean.size} features along axis {self.axis}, "
                f"but has {shape[0]}"
            )

    def forward(self, x: Tensor) -> Tensor:
        if self.mean is None or not self.count:
            raise OdysseyError("Standardize: call adapt(data) first, or load a state")
        shape: tuple[int, ...] = ()
        if self.axis is not None:
            self._check_axis(x.ndim)
            self._check_features((x.shape[self.axis],))
            shape = tuple(-1 if i == self.axis % x.ndim else 1 for i in range(x.ndim))
        std = np.maximum(self.std.data, self.eps)
        out: Tensor = (x - self.mean.data.reshape(shape)) / std.reshape(shape)
        return out

    def extra_repr(self) -> str:
        features = None if self.axis is None or self.mean is None else self.mean.size
        return f"axis={self.axis}, num_features={features}, eps={self.eps}"
