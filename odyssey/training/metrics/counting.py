"""Scores and targets as metrics take them, and the errors of those that do not fit."""

from __future__ import annotations

from typing import Any

import numpy as np

from odyssey.errors import DTypeError, OdysseyError, ShapeError

__all__ = ["check_average", "classes_of", "labels_of", "pair_of", "ratio"]

AVERAGES = ("micro", "macro", "weighted", "none")


def labels_of(metric: str, target: Any) -> np.ndarray:
    """Return targets as one flat array of class numbers; raise unless they are integers."""
    array = np.asarray(target)
    if array.dtype.kind not in "iub":
        raise DTypeError(f"{metric}: target must hold class numbers, got {array.dtype}")
    return array.reshape(-1).astype(np.int64)


def classes_of(metric: str, scores: Any, target: Any, classes: int) -> tuple[np.ndarray, ...]:
    """Return found and true class numbers, flat.

    Scores have one axis more than the target, that of the classes, after the batch axis;
    or they are class numbers already, in the shape of the target.
    """
    found, true = np.asarray(scores), np.asarray(target)
    if found.dtype.kind == "f" and found.ndim == true.ndim + 1:
        if found.shape[1] != classes:
            raise ShapeError(
                f"{metric}: scores of shape {found.shape} are of {found.shape[1]} classes, "
                f"expected {classes}"
            )
        found = found.argmax(axis=1)
    if found.shape != true.shape:
        raise ShapeError(
            f"{metric}: scores of shape {np.shape(scores)} do not fit a target of shape "
            f"{true.shape}: expected (N, classes, ...) or the target's own"
        )
    found, true = labels_of(metric, found), labels_of(metric, true)
    for name, labels in (("scores", found), ("target", true)):
        if labels.size and not 0 <= labels.min() <= labels.max() < classes:
            raise ShapeError(
                f"{metric}: {name} hold classes from {labels.min()} to {labels.max()}, "
                f"expected 0 to {classes - 1}"
            )
    return found, true


def pair_of(metric: str, scores: Any, target: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return two arrays of one shape, in float64 and flat."""
    found, true = np.asarray(scores), np.asarray(target)
    if found.shape != true.shape:
        raise ShapeError(
            f"{metric}: scores of shape {found.shape} do not fit a target of shape {true.shape}"
        )
    return found.reshape(-1).astype(np.float64), true.reshape(-1).astype(np.float64)


def check_average(metric: str, average: str) -> str:
    """Return the way to average over classes; raise if there is none of the name."""
    if average not in AVERAGES:
        raise OdysseyError(
            f"{metric}: average must be one of {', '.join(AVERAGES)}, got {average!r}"
        )
    return average


def ratio(part: Any, whole: Any) -> np.ndarray:
    """Return part / whole, 0 where there is nothing to divide by."""
    part, whole = np.asarray(part, np.float64), np.asarray(whole, np.float64)
    return np.divide(part, whole, out=np.zeros(np.shape(whole)), where=whole != 0)
