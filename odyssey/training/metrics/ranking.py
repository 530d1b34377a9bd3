"""Areas under curves of two classes: how well scores rank, whatever the threshold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from odyssey.errors import DTypeError, FormatError
from odyssey.training.metrics.counting import pair_of
from odyssey.training.metrics.metric import Metric

__all__ = ["PRAUC", "ROCAUC"]


class _Ranked(Metric):
    """Keeps all scores and targets: the order of all of them decides."""

    def __init__(self) -> None:
        super().__init__(scores=np.zeros(0), target=np.zeros(0, bool))
        self.reset()

    scores: np.ndarray
    target: np.ndarray

    def reset(self) -> None:
        self._parts: list[tuple[np.ndarray, np.ndarray]] = []
        super().reset()

    def update(self, scores: Any, target: Any) -> None:
        found, true = pair_of(type(self).__name__, scores, target)
        if not np.isin(true, (0, 1)).all():
            raise DTypeError(f"{type(self).__name__}: target must hold 0 and 1, or booleans")
        self._parts.append((found, true.astype(bool)))

    def _gather(self) -> tuple[np.ndarray, np.ndarray]:
        parts = [(self.scores, self.target), *self._parts]
        self.scores, self.target = (np.concatenate(column) for column in zip(*parts, strict=True))
        self._parts = []
        return self.scores, self.target

    def merge(self, other: Metric) -> Self:
        if type(other) is not type(self):
            return super().merge(other)  # which tells
        self._parts.append(other._gather())
        return self

    def state_dict(self) -> dict[str, Any]:
        self._gather()
        return super().state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        super().load_state_dict(state)
        self._parts = []
        if len(self.scores) != len(self.target):
            raise FormatError(f"{type(self).__name__}: the state is damaged")

    def _thresholds(self) -> tuple[np.ndarray, np.ndarray]:
        """Return true and false positives at each distinct score, from the highest down."""
        scores, target = self._gather()
        order = np.argsort(-scores, kind="stable")
        scores, target = scores[order], target[order]
        last = np.flatnonzero(np.diff(scores, append=np.nan) != 0)  # of equal scores
        hits = np.cumsum(target)[last]
        return hits, last + 1 - hits


class ROCAUC(_Ranked):
    r"""The area under the curve of true against false positives.

    It is the probability that a random positive example is scored higher than a random
    negative one, ties counted half:

    .. math:: A = P(s_+ > s_-) + \tfrac12 P(s_+ = s_-)

    NaN unless both classes occur. Scores are of the class 1, shape (N,).

    References
    ----------
    .. [1] T. Fawcett, "An introduction to ROC analysis", Pattern Recognition Letters 27,
       2006, sections 5 and 7. https://doi.org/10.1016/j.patrec.2005.10.010

    Examples
    --------
    >>> metric = ROCAUC()
    >>> metric.update(np.array([0.1, 0.4, 0.35, 0.8]), np.array([0, 0, 1, 1]))
    >>> metric.compute()
    0.75
    """

    def compute(self) -> float:
        hits, misses = self._thresholds()
        if not len(hits) or not hits[-1] or not misses[-1]:
            return float("nan")
        return float(np.trapezoid(np.r_[0, hits] / hits[-1], np.r_[0, misses] / misses[-1]))


class PRAUC(_Ranked):
    r"""The average precision: the area under the curve of precision against recall, in steps.

    With precision :math:`P_i` and recall :math:`R_i` at the i-th highest distinct score:

    .. math:: A = \sum_i (R_i - R_{i-1})\, P_i

    NaN if there is no positive example. Scores are of the class 1, shape (N,).

    References
    ----------
    .. [1] J. Davis, M. Goadrich, "The relationship between precision-recall and ROC
       curves", ICML 2006. https://doi.org/10.1145/1143844.1143874

    Examples
    --------
    >>> metric = PRAUC()
    >>> metric.update(np.array([0.1, 0.4, 0.35, 0.8]), np.array([0, 0, 1, 1]))
    >>> round(metric.compute(), 3)
    0.833
    """

    def compute(self) -> float:
        hits, misses = self._thresholds()
        if not len(hits) or not hits[-1]:
            return float("nan")
        return float(np.sum(np.diff(hits, prepend=0) / hits[-1] * (hits / (hits + misses))))
