"""How often the right class is found."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from odyssey.errors import OdysseyError, ShapeError
from odyssey.training.metrics.counting import labels_of
from odyssey.training.metrics.metric import Metric

__all__ = ["Accuracy", "TopKAccuracy"]


class _Share(Metric):
    """The share of examples that were found."""

    def __init__(self) -> None:
        super().__init__(right=0, examples=0)

    right: int
    examples: int

    def compute(self) -> float:
        return self.right / self.examples if self.examples else math.nan


class Accuracy(_Share):
    """The share of examples whose highest score is that of their class.

    Scores have shape (N, classes, ...), or are class numbers in the shape of the
    target. Of equal scores the first counts.

    Examples
    --------
    >>> accuracy = Accuracy()
    >>> accuracy.update(np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3]]), np.array([0, 1, 1]))
    >>> round(accuracy.compute(), 3)
    0.667
    """

    def update(self, scores: Any, target: Any) -> None:
        scores, target = np.asarray(scores), np.asarray(target)
        if scores.ndim == target.ndim + 1:
            scores = scores.argmax(axis=1)
        if scores.shape != target.shape:
            raise ShapeError(
                f"Accuracy: scores of shape {scores.shape} do not fit a target of shape "
                f"{target.shape}"
            )
        self.right += int((scores == target).sum())
        self.examples += target.size


class TopKAccuracy(_Share):
    """The share of examples whose class is among the k highest scores.

    Of equal scores those of the larger class numbers count as higher.

    Parameters
    ----------
    k : int

    Raises
    ------
    OdysseyError
        If k is below 1.

    Examples
    --------
    >>> metric = TopKAccuracy(k=2)
    >>> metric.update(np.array([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7]]), np.array([1, 0]))
    >>> metric.compute()
    0.5
    """

    def __init__(self, k: int = 5) -> None:
        if isinstance(k, bool) or not isinstance(k, int) or k < 1:
            raise OdysseyError(f"TopKAccuracy: k must be a positive integer, got {k!r}")
        self.k = k
        super().__init__()

    def update(self, scores: Any, target: Any) -> None:
        scores, labels = np.asarray(scores), labels_of("TopKAccuracy", target)
        if scores.ndim != 2 or len(scores) != len(labels) or scores.shape[1] < self.k:
            raise ShapeError(
                f"TopKAccuracy: expected scores of shape ({len(labels)}, at least {self.k}), "
                f"got {scores.shape}"
            )
        highest = np.argsort(scores, axis=1, kind="stable")[:, -self.k :]
        self.right += int((highest == labels[:, None]).any(axis=1).sum())
        self.examples += len(labels)
