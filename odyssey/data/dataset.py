"""Datasets: something with a length and an index.

A dataset's item is a tuple such as ``(image, label)``. Any object with
``__len__`` and ``__getitem__`` will do, a list of tuples for one. A dataset
that can give many items at once says so with ``array_indexing = True``: then
``dataset[index_array]`` is a tuple of whole arrays, and a batch costs one
gather instead of one call per item.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from odyssey.errors import DTypeError, ShapeError
from odyssey.utils.arrays import as_ndarray

__all__ = ["Dataset", "Subset", "TensorDataset", "can_index_arrays"]

Index = int | slice | npt.NDArray[np.integer[Any]]


@runtime_checkable
class Dataset(Protocol):
    """What `DataLoader` asks of a dataset.

    Optionally ``array_indexing = True``, for one whose ``__getitem__`` takes
    an array of indices and gives a tuple of arrays stacked along axis 0.

    Examples
    --------
    >>> isinstance([(np.zeros(2), 1)], Dataset)
    True
    """

    def __len__(self) -> int:
        """Count the items."""

    def __getitem__(self, index: Any, /) -> Any:
        """Return an item; IndexError beyond the last one."""


def can_index_arrays(dataset: Dataset) -> bool:
    """Whether ``dataset[index_array]`` gives a tuple of stacked arrays."""
    return bool(getattr(dataset, "array_indexing", False))


class TensorDataset:
    """Arrays of equal length, side by side.

    Parameters
    ----------
    *arrays : ndarray or Tensor, shape (N, ...)
        Shared, not copied. Of a Tensor the values are taken, not the tape.

    Attributes
    ----------
    arrays : tuple of ndarray
        The same.

    Raises
    ------
    DTypeError
        If one is not an array.
    ShapeError
        If there is none, one is 0-d, or the lengths differ.

    Examples
    --------
    >>> data = TensorDataset(np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), np.array([7, 8, 9]))
    >>> len(data), data[1]
    (3, (array([3., 4.]), np.int64(8)))
    >>> data[np.array([2, 0])]
    (array([[5., 6.],
           [1., 2.]]), array([9, 7]))
    """

    array_indexing = True

    def __init__(self, *arrays: object) -> None:
        if not arrays:
            raise ShapeError("TensorDataset: expected at least one array, got none")
        self.arrays = tuple(
            as_ndarray(array, "TensorDataset", f"array {i}") for i, array in enumerate(arrays)
        )
        shapes = [array.shape for array in self.arrays]
        if any(not shape for shape in shapes) or len({shape[0] for shape in shapes}) > 1:
            raise ShapeError(
                "TensorDataset: expected arrays of equal length along axis 0, got shapes "
                + ", ".join(map(str, shapes))
            )

    def __len__(self) -> int:
        """Count the items."""
        return len(self.arrays[0])

    def __getitem__(self, index: Index) -> tuple[Any, ...]:
        """Return a tuple with the rows of every array."""
        return tuple(array[index] for array in self.arrays)


class Subset:
    """Some items of a dataset, in an order of one's own.

    Parameters
    ----------
    dataset : Dataset
        Shared, not copied.
    indices : array_like of int, shape (M,)
        Which items. Negative ones count from the end, repeated ones are fine.
        Of a boolean mask take ``np.flatnonzero``.

    Raises
    ------
    DTypeError
        If the indices are not integers.
    ShapeError
        If they are not 1-d or one is out of range.

    Examples
    --------
    >>> letters = TensorDataset(np.array(["a", "b", "c", "d"]))
    >>> part = Subset(letters, [3, 1])
    >>> len(part), part[0], part[:]
    (2, (np.str_('d'),), (array(['d', 'b'], dtype='<U1'),))
    """

    def __init__(self, dataset: Dataset, indices: npt.ArrayLike) -> None:
        self.dataset = dataset
        raw = np.asarray(indices)
        if raw.size == 0:  # an empty list would be float64
            raw = raw.astype(np.int64)
        if raw.dtype.kind not in "iu":
            raise DTypeError(f"Subset: indices are {raw.dtype}, expected integers")
        if raw.ndim != 1:
            raise ShapeError(f"Subset: expected 1-d indices, got shape {raw.shape}")
        n = len(dataset)
        if raw.size and not (-n <= int(raw.min()) and int(raw.max()) < n):
            raise ShapeError(
                f"Subset: expected indices from {-n} to {n - 1} for {n} items, "
                f"got {raw.min()} to {raw.max()}"
            )
        chosen = raw.astype(np.int64)
        self.indices = np.where(chosen < 0, chosen + n, chosen)

    @property
    def array_indexing(self) -> bool:
        """Whether ``subset[index_array]`` works, as the dataset's own does."""
        return can_index_arrays(self.dataset)

    def __len__(self) -> int:
        """Count the items."""
        return len(self.indices)

    def __getitem__(self, index: Index) -> Any:
        """Return the dataset's item (or, for a slice or an array, its items)."""
        chosen = self.indices[index]
        return self.dataset[int(chosen) if np.ndim(chosen) == 0 else chosen]

    def __iter__(self) -> Iterator[Any]:
        """Go through the items one by one."""
        return (self.dataset[i] for i in self.indices.tolist())
