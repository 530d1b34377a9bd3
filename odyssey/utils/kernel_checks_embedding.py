"""What the embedding kernels ask of their arguments, on both backends."""

from __future__ import annotations

import operator

import numpy as np

from odyssey.errors import DTypeError, RangeError, ShapeError
from odyssey.utils.kernel_checks import check_arrays

__all__ = ["check_embedding", "check_embedding_backward"]


def _checked_indices(op: str, indices: np.ndarray, rows: int) -> np.ndarray:
    """Return the indices as contiguous 64-bit integers; raise unless all lie in [0, rows)."""
    if not isinstance(indices, np.ndarray):
        raise DTypeError(f"{op}: indices must be a NumPy array, not {type(indices).__name__}")
    if indices.dtype.kind not in "iu":
        raise DTypeError(f"{op}: indices has dtype {indices.dtype}; expected an integer dtype")
    if indices.size and not 0 <= int(indices.min()) <= int(indices.max()) < rows:
        raise RangeError(
            f"{op}: indices reach from {indices.min()} to {indices.max()} "
            f"but weight has {rows} rows"
        )
    return np.asarray(indices, np.dtype(np.int64), order="C")


def check_embedding(indices: np.ndarray, weight: np.ndarray, objects: bool = False) -> np.ndarray:
    """Return the indices as contiguous 64-bit integers; raise unless they name rows of weight."""
    check_arrays("embedding", objects, weight=weight)
    if weight.ndim != 2:
        raise ShapeError(f"embedding: weight has {weight.ndim} axes but needs 2, (rows, columns)")
    return _checked_indices("embedding", indices, weight.shape[0])


def check_embedding_backward(
    grad: np.ndarray,
    indices: np.ndarray,
    weight_shape: tuple[int, int],
    padding_idx: int | None,
    objects: bool = False,
) -> tuple[np.ndarray, int, int, int]:
    """Return indices, rows, columns and the padding row, -1 for none; raise unless all fit."""
    op = "embedding_backward"
    check_arrays(op, objects, grad=grad)
    try:
        rows, columns = map(operator.index, weight_shape)
    except (TypeError, ValueError):
        raise ShapeError(f"{op}: weight_shape must be two integers, got {weight_shape!r}") from None
    try:
        padding = -1 if padding_idx is None else operator.index(padding_idx)
    except TypeError:
        raise DTypeError(
            f"{op}: padding_idx must be an integer or None, got {padding_idx!r}"
        ) from None
    if padding_idx is not None and not 0 <= padding < rows:
        raise RangeError(f"{op}: padding_idx {padding} but weight has {rows} rows")
    checked = _checked_indices(op, indices, rows)
    if grad.shape != (*indices.shape, columns):
        raise ShapeError(
            f"{op}: grad has shape {grad.shape}; expected {(*indices.shape, columns)} for indices "
            f"{indices.shape} and weight {(rows, columns)}"
        )
    return checked, rows, columns, padding
