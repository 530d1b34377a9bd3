"""How often the right class is found."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from odyssey.training.metrics.metric import Metric

__all__ = ["Accuracy"]


class Accuracy(Metric):
    """The share of examples whose highest score is that of their class.

    Examples
    --------
    >>> accuracy = Accuracy()
    >>> accuracy.update(np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3]]), np.array([0, 1, 1]))
    >>> round(accuracy.compute(), 3)
    0.667
    """

    def __init__(self) -> None:
        super().__init__(right=0, examples=0)

    right: int
    examples: int

    def update(self, scores: Any, target: Any) -> None:
        scores, target = np.asarray(scores), np.asarray(target)
        self.right += int((scores.argmax(axis=1) == target).sum())
        self.examples += len(target)

    def compute(self) -> float:
        return self.right / self.examples if self.examples else math.nan
