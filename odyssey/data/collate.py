"""From a list of items to one batch of arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from odyssey.errors import DTypeError, ShapeError
from odyssey.utils.arrays import as_ndarray
from odyssey.utils.defaults import get_default_dtype

__all__ = ["collate"]


def collate(items: Sequence[Any]) -> tuple[npt.NDArray[Any], ...]:
    """Stack the items of a batch along a new axis 0, field by field.

    Parameters
    ----------
    items : sequence
        At least one. Each a tuple (or list) with the same number of fields,
        or a single field. A field is an ndarray, a Tensor or a number, of the
        same shape in every item. Python's floats become the default dtype
        (float32) and its ints int64; what has a dtype keeps it.

    Returns
    -------
    batch : tuple of ndarray, shapes (B, ...)
        One array per field.

    Raises
    ------
    ShapeError
        If the items differ in their number of fields, or a field in shape.
    DTypeError
        If a field is none of the above, such as a string or a dict.

    Examples
    --------
    >>> collate([(np.array([1.0, 2.0]), 7), (np.array([3.0, 4.0]), 8)])
    (array([[1., 2.],
           [3., 4.]]), array([7, 8]))
    """
    rows = [tuple(item) if isinstance(item, (tuple, list)) else (item,) for item in items]
    counts = sorted({len(row) for row in rows})
    if len(counts) != 1:
        raise ShapeError(f"DataLoader: expected items with equally many fields, got {counts}")
    return tuple(_stack(field, column) for field, column in enumerate(zip(*rows, strict=True)))


def _stack(field: int, column: Sequence[Any]) -> npt.NDArray[Any]:
    arrays = [_field(value, field) for value in column]
    shapes = {array.shape for array in arrays}
    if len(shapes) > 1:
        raise ShapeError(
            f"DataLoader: field {field} differs in shape within a batch: "
            f"{', '.join(map(str, sorted(shapes)))}; give a collate_fn that makes them equal"
        )
    return np.stack(arrays)


def _field(value: Any, field: int) -> npt.NDArray[Any]:
    # By exact type, because np.float64 is a subclass of float and keeps its dtype.
    if type(value) is float:
        return np.asarray(value, dtype=get_default_dtype())
    if type(value) is int:
        return np.asarray(value, dtype=np.int64)
    if type(value) is bool:
        return np.asarray(value)
    array = as_ndarray(value, "DataLoader", f"field {field}")
    if array.dtype.kind not in "biuf":
        raise DTypeError(f"DataLoader: field {field} is {array.dtype}, expected numbers")
    return array
