"""Which classes are taken for which, and what follows: precision, recall, F1, IoU."""

from __future__ import annotations

from typing import Any

import numpy as np

from odyssey.errors import OdysseyError
from odyssey.training.metrics.counting import check_average, classes_of, ratio
from odyssey.training.metrics.metric import Metric

__all__ = ["ClassAccuracy", "ConfusionMatrix", "F1Score", "IoU", "Precision", "Recall"]


class ConfusionMatrix(Metric):
    r"""Count how often each class was taken for which.

    .. math:: C_{tf} = |\{n : \text{true}_n = t, \text{found}_n = f\}|

    Parameters
    ----------
    classes : int
        How many there are.
    normalize : {None, "true", "found", "all"}
        Divide by the sums of rows, of columns, or of all.

    Raises
    ------
    OdysseyError
        If a setting is out of range.

    Examples
    --------
    >>> matrix = ConfusionMatrix(2)
    >>> matrix.update(np.array([0, 1, 1, 1]), np.array([0, 0, 1, 1]))
    >>> matrix.compute()
    array([[1, 1],
           [0, 2]])
    """

    def __init__(self, classes: int, normalize: str | None = None) -> None:
        name = type(self).__name__
        if isinstance(classes, bool) or not isinstance(classes, int) or classes < 1:
            raise OdysseyError(f"{name}: classes must be a positive integer, got {classes!r}")
        if normalize not in (None, "true", "found", "all"):
            raise OdysseyError(
                f"{name}: normalize must be None, 'true', 'found' or 'all', got {normalize!r}"
            )
        self.classes, self.normalize = classes, normalize
        super().__init__(matrix=np.zeros((classes, classes), np.int64))

    matrix: np.ndarray

    def update(self, scores: Any, target: Any) -> None:
        found, true = classes_of(type(self).__name__, scores, target, self.classes)
        counts = np.bincount(true * self.classes + found, minlength=self.classes**2)
        self.matrix = self.matrix + counts.reshape(self.classes, self.classes)

    def compute(self) -> Any:
        if self.normalize is None:
            return self.matrix.copy()
        axis = {"true": 1, "found": 0, "all": None}[self.normalize]
        return ratio(self.matrix, np.broadcast_to(self.matrix.sum(axis, keepdims=True),
                                                  self.matrix.shape))  # fmt: skip

    @property
    def right(self) -> np.ndarray:
        """How many of each class were found."""
        return np.diagonal(self.matrix)

    @property
    def true(self) -> np.ndarray:
        """How many there are of each class."""
        return np.asarray(self.matrix.sum(axis=1))

    @property
    def found(self) -> np.ndarray:
        """How many were taken for each class."""
        return np.asarray(self.matrix.sum(axis=0))


class _OfClasses(ConfusionMatrix):
    """A figure for each class, and its average over the classes."""

    def __init__(self, classes: int, average: str = "macro") -> None:
        self.average = check_average(type(self).__name__, average)
        super().__init__(classes)

    def counts(self) -> tuple[np.ndarray, np.ndarray]:
        """Return what is divided for each class, and by what."""
        raise NotImplementedError

    def compute(self) -> Any:
        part, whole = self.counts()
        if not self.matrix.any():
            return np.full(self.classes, np.nan) if self.average == "none" else np.nan
        if self.average == "micro":
            return float(ratio(part.sum(), whole.sum()))
        figures = ratio(part, whole)
        if self.average == "none":
            return figures
        if self.average == "weighted":
            return float(np.average(figures, weights=self.true))
        # A class that neither is there nor was found has no figure.
        present = (self.true + self.found) > 0
        return float(figures[present].mean())


class Precision(_OfClasses):
    r"""How many of those taken for a class are of it, :math:`C_{kk} / \sum_t C_{tk}`.

    Parameters
    ----------
    classes : int
    average : {"macro", "micro", "weighted", "none"}
        The mean over the classes that occur, or that were found; all classes counted
        together; the mean weighted by how often each class occurs; or an array with a
        figure for each class. Where there is nothing to divide by, a figure is 0.

    Raises
    ------
    OdysseyError
        If a setting is out of range.

    Examples
    --------
    >>> metric = Precision(2, "none")
    >>> metric.update(np.array([0, 1, 1, 1]), np.array([0, 0, 1, 1]))
    >>> metric.compute().round(3).tolist()
    [1.0, 0.667]
    """

    def counts(self) -> tuple[np.ndarray, np.ndarray]:
        return self.right, self.found


class Recall(_OfClasses):
    r"""How many of a class were found: :math:`C_{kk} / \sum_f C_{kf}`.

    Parameters and errors are those of :class:`Precision`.

    Examples
    --------
    >>> metric = Recall(2, "none")
    >>> metric.update(np.array([0, 1, 1, 1]), np.array([0, 0, 1, 1]))
    >>> metric.compute().tolist()
    [0.5, 1.0]
    """

    def counts(self) -> tuple[np.ndarray, np.ndarray]:
        return self.right, self.true


class F1Score(_OfClasses):
    r"""The harmonic mean of precision p and recall r: :math:`2 p r / (p + r)`.

    In counts: :math:`2\, C_{kk} / (\sum_t C_{tk} + \sum_f C_{kf})`.

    Parameters and errors are those of :class:`Precision`.

    Examples
    --------
    >>> metric = F1Score(2, "none")
    >>> metric.update(np.array([0, 1, 1, 1]), np.array([0, 0, 1, 1]))
    >>> metric.compute().round(3).tolist()
    [0.667, 0.8]
    """

    def counts(self) -> tuple[np.ndarray, np.ndarray]:
        return 2 * self.right, self.true + self.found


class IoU(_OfClasses):
    r"""Intersection over union, Jaccard's index, of each class.

    :math:`C_{kk} / (\sum_t C_{tk} + \sum_f C_{kf} - C_{kk})`; scores of shape
    (N, classes, H, W) are those of a segmentation.

    Parameters and errors are those of :class:`Precision`.

    Examples
    --------
    >>> metric = IoU(2, "none")
    >>> metric.update(np.array([0, 1, 1, 1]), np.array([0, 0, 1, 1]))
    >>> metric.compute().round(3).tolist()
    [0.5, 0.667]
    """

    def counts(self) -> tuple[np.ndarray, np.ndarray]:
        return self.right, self.true + self.found - self.right


class ClassAccuracy(Recall):
    """The accuracy within each class, its recall: an array by default.

    Parameters
    ----------
    classes : int
    average : {"none", "macro", "micro", "weighted"}
        As in :class:`Recall`; "macro" is called the balanced accuracy.

    Examples
    --------
    >>> metric = ClassAccuracy(2)
    >>> metric.update(np.array([0, 1, 1, 1]), np.array([0, 0, 1, 1]))
    >>> metric.compute().tolist()
    [0.5, 1.0]
    """

    def __init__(self, classes: int, average: str = "none") -> None:
        super().__init__(classes, average)
