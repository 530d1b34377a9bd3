"""A mean over examples."""

from __future__ import annotations

import math

from odyssey.training.metrics.metric import Metric

__all__ = ["Mean"]


class Mean(Metric):
    """The mean of means: a smaller last batch counts for what it is.

    Examples
    --------
    >>> mean = Mean()
    >>> mean.add(1.0, 3); mean.add(2.0, 1)
    >>> mean.compute()
    1.25
    """

    def __init__(self) -> None:
        super().__init__(total=0.0, examples=0)

    total: float
    examples: int

    def add(self, value: float, examples: int) -> None:
        """Add the mean of some examples."""
        if examples:  # the mean of no examples is NaN, and would stay in the sum
            self.total += value * examples
            self.examples += examples

    def compute(self) -> float:
        return self.total / self.examples if self.examples else math.nan
