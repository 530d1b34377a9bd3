"""How well the probabilities of a model are those of the world."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from odyssey.errors import OdysseyError, ShapeError
from odyssey.training.metrics.counting import labels_of
from odyssey.training.metrics.metric import Metric

__all__ = ["CalibrationError", "Perplexity"]


def _rows(metric: str, scores: Any, target: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return scores (n, classes) in float64 and targets (n,), of (N, ..., classes) and (N, ...)."""
    array, labels = np.asarray(scores), labels_of(metric, target)
    if array.shape[:-1] != np.shape(target):
        raise ShapeError(
            f"{metric}: scores of shape {array.shape} do not fit a target of shape "
            f"{np.shape(target)}: expected its shape and an axis of classes at the end"
        )
    return array.reshape(-1, array.shape[-1]).astype(np.float64), labels


class Perplexity(Metric):
    r"""Between how many equally likely words a model wavers.

    .. math:: \exp\!\Big(-\frac1n \sum_i \ln p_i(t_i)\Big), \qquad p_i = \mathrm{softmax}(x_i)

    Parameters
    ----------
    ignore_index : int
        Targets that are not counted, such as padding.

    Notes
    -----
    Scores are logits of shape (N, ..., classes), targets class numbers of shape (N, ...).

    References
    ----------
    .. [1] F. Jelinek, R. Mercer, L. Bahl, J. Baker, "Perplexity: a measure of the difficulty
       of speech recognition tasks", J. Acoust. Soc. Am. 62, 1977.

    Examples
    --------
    >>> metric = Perplexity()
    >>> metric.update(np.zeros((5, 4)), np.array([0, 1, 2, 3, 0]))
    >>> round(metric.compute(), 12)
    4.0
    """

    def __init__(self, ignore_index: int = -100) -> None:
        self.ignore_index = ignore_index
        super().__init__(total=0.0, count=0)

    total: float
    count: int

    def update(self, scores: Any, target: Any) -> None:
        rows, labels = _rows("Perplexity", scores, target)
        rows, labels = rows[labels != self.ignore_index], labels[labels != self.ignore_index]
        highest = rows.max(axis=1, keepdims=True, initial=-math.inf)
        total = np.log(np.exp(rows - highest).sum(axis=1)) + highest[:, 0]
        self.total += float(np.sum(total - rows[np.arange(len(rows)), labels]))
        self.count += len(rows)

    def compute(self) -> float:
        return math.exp(self.total / self.count) if self.count else math.nan


class CalibrationError(Metric):
    r"""The expected calibration error: by how much a model is too sure of itself.

    Examples are put into bins by their confidence, the highest probability; with
    accuracy :math:`a_b` and mean confidence :math:`c_b` in bin b of :math:`n_b`:

    .. math:: \sum_b \frac{n_b}{n} |a_b - c_b|

    Parameters
    ----------
    bins : int
        Equally wide, each open on the left.

    Raises
    ------
    OdysseyError
        If there is no bin.

    Notes
    -----
    Scores are probabilities of shape (N, ..., classes), targets of shape (N, ...).

    References
    ----------
    .. [1] C. Guo, G. Pleiss, Y. Sun, K. Weinberger, "On calibration of modern neural
       networks", ICML 2017, section 2. https://arxiv.org/abs/1706.04599

    Examples
    --------
    >>> metric = CalibrationError(bins=10)
    >>> metric.update(np.array([[0.75, 0.25]] * 4), np.array([0, 0, 1, 1]))
    >>> metric.compute()
    0.25
    """

    def __init__(self, bins: int = 15) -> None:
        if isinstance(bins, bool) or not isinstance(bins, int) or bins < 1:
            raise OdysseyError(f"CalibrationError: bins must be a positive integer, got {bins!r}")
        self.bins = bins
        super().__init__(counts=np.zeros(bins), right=np.zeros(bins), sure=np.zeros(bins))

    counts: np.ndarray
    right: np.ndarray
    sure: np.ndarray

    def update(self, scores: Any, target: Any) -> None:
        rows, labels = _rows("CalibrationError", scores, target)
        if rows.size and not (rows.min() >= 0 and rows.max() <= 1):
            raise OdysseyError(
                "CalibrationError: scores must be probabilities in [0, 1], got "
                f"{rows.min():g} to {rows.max():g}; take a softmax first"
            )
        if not len(rows):
            return
        sure, right = rows.max(axis=1), rows.argmax(axis=1) == labels
        place = np.clip(np.ceil(sure * self.bins).astype(int) - 1, 0, self.bins - 1)
        self.counts = self.counts + np.bincount(place, minlength=self.bins)
        self.right = self.right + np.bincount(place, right, self.bins)
        self.sure = self.sure + np.bincount(place, sure, self.bins)

    def compute(self) -> float:
        count = self.counts.sum()
        return float(np.abs(self.right - self.sure).sum() / count) if count else math.nan
