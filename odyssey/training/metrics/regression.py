"""How far predicted numbers are from the true ones."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from odyssey.training.metrics.counting import pair_of
from odyssey.training.metrics.metric import Metric

__all__ = ["MAE", "MSE", "RMSE", "R2Score"]


class _MeanError(Metric):
    """The mean over all numbers of what a subclass makes of a difference."""

    def __init__(self) -> None:
        super().__init__(total=0.0, count=0)

    total: float
    count: int

    def error(self, difference: np.ndarray) -> np.ndarray:
        """Return how bad each difference is."""
        raise NotImplementedError

    def update(self, scores: Any, target: Any) -> None:
        found, true = pair_of(type(self).__name__, scores, target)
        self.total += float(np.sum(self.error(found - true)))
        self.count += found.size

    def compute(self) -> float:
        return self.total / self.count if self.count else math.nan


class MSE(_MeanError):
    r"""The mean squared error, :math:`\frac1n \sum_i (y_i - t_i)^2`.

    Examples
    --------
    >>> metric = MSE()
    >>> metric.update(np.array([1.0, 2.0]), np.array([1.0, 4.0]))
    >>> metric.compute()
    2.0
    """

    def error(self, difference: np.ndarray) -> np.ndarray:
        return difference**2


class RMSE(MSE):
    r"""The root of the mean squared error, in the unit of the target.

    Examples
    --------
    >>> metric = RMSE()
    >>> metric.update(np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    >>> metric.compute()
    2.0
    """

    def compute(self) -> float:
        return math.sqrt(super().compute())


class MAE(_MeanError):
    r"""The mean absolute error, :math:`\frac1n \sum_i |y_i - t_i|`.

    Examples
    --------
    >>> metric = MAE()
    >>> metric.update(np.array([1.0, 2.0]), np.array([1.0, 4.0]))
    >>> metric.compute()
    1.0
    """

    def error(self, difference: np.ndarray) -> np.ndarray:
        return np.abs(difference)


class R2Score(Metric):
    r"""The share of the target's variance that is explained; 1 is perfect, 0 is its mean.

    .. math:: R^2 = 1 - \frac{\sum_i (y_i - t_i)^2}{\sum_i (t_i - \bar t)^2}

    NaN for less than two examples; for a constant target 1 if it is met, else 0. The
    squares are summed about the running mean (Chan, Golub and LeVeque, 1979), so that
    large targets lose no digits.

    Examples
    --------
    >>> metric = R2Score()
    >>> metric.update(np.array([2.5, 0.0, 2.0, 8.0]), np.array([3.0, -0.5, 2.0, 7.0]))
    >>> round(metric.compute(), 3)
    0.949
    """

    def __init__(self) -> None:
        super().__init__(errors=0.0, mean=0.0, squares=0.0, count=0)

    errors: float
    mean: float
    squares: float
    count: int

    def update(self, scores: Any, target: Any) -> None:
        found, true = pair_of("R2Score", scores, target)
        if found.size:
            errors, mean = float(np.sum((found - true) ** 2)), float(true.mean())
            self._add(errors, mean, float(np.sum((true - mean) ** 2)), found.size)

    def _add(self, errors: float, mean: float, squares: float, count: int) -> None:
        both = self.count + count
        step = mean - self.mean
        self.errors += errors
        self.squares += squares + step * step * self.count * count / both
        self.mean += step * count / both
        self.count = both

    def merge(self, other: Metric) -> R2Score:
        if not isinstance(other, R2Score):
            return super().merge(other)  # which tells
        if other.count:
            self._add(other.errors, other.mean, other.squares, other.count)
        return self

    def compute(self) -> float:
        if self.count < 2:
            return math.nan
        if self.squares == 0:
            return 1.0 if self.errors == 0 else 0.0
        return 1 - self.errors / self.squares
