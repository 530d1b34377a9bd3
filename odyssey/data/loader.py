"""The loader: from a dataset to an endless supply of epochs of batches.

The work is cut so that each stage can run elsewhere::

    order      sampler -> lists of indices            here, cheap
    gather     indices -> arrays (`fetch`)            needs the dataset only
    wrap       arrays -> Tensors, without a copy      here, where the tape is

`fetch` is a plain function of picklable arguments and neither sees nor changes
the loader, so which process calls it makes no difference to the batches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np

from odyssey.data.collate import collate
from odyssey.data.dataset import Dataset, can_index_arrays
from odyssey.data.samplers import RandomSampler, Sampler, SequentialSampler, as_count
from odyssey.errors import DTypeError, OdysseyError, ShapeError

if TYPE_CHECKING:
    from odyssey.tensor import Tensor

__all__ = ["DataLoader", "fetch"]

CollateFn = Callable[[list[Any]], Any]


class DataLoader:
    """Go through a dataset in batches of Tensors, an epoch per iteration.

    Batches are made one at a time, when they are asked for.

    Parameters
    ----------
    dataset : Dataset
        Anything with ``__len__`` and ``__getitem__``. With
        ``array_indexing = True`` a batch is gathered with one index array,
        else item by item.
    batch_size : int, default 32
        B, items per batch. The last batch of an epoch has what is left.
    shuffle : bool, default False
        Visit the items in a new random order each epoch (`RandomSampler`).
    drop_last : bool, default False
        Leave out a last batch with fewer than `batch_size` items.
    seed : int, default 0
        Of the shuffling: equal seeds give equal batches, epoch by epoch.
    sampler : Sampler, optional
        Indices in an order of your own, in place of `shuffle`.
    collate_fn : callable, optional
        ``collate_fn(items)`` makes a batch of a list of items, for items that
        do not stack as they are. Arrays in what it returns, and in a tuple
        that it returns, become Tensors; anything else is passed on.

    Yields
    ------
    batch : tuple of Tensor, shapes (B, ...)
        A Tensor per field of an item, as (images, labels). The dtypes are the
        dataset's; Python's floats become the default dtype (float32), ints int64.

    Attributes
    ----------
    epoch : int
        The epoch of the next iteration. ``iter(loader)`` moves it on by one,
        also when the iteration is left early.

    Raises
    ------
    DTypeError
        If an argument is of the wrong type.
    ShapeError
        If a number is out of range, there is nothing to shuffle, or
        `drop_last` would leave no batch.
    OdysseyError
        If `shuffle` and `sampler` are both given.

    Examples
    --------
    >>> from odyssey.data import DataLoader, TensorDataset
    >>> loader = DataLoader(TensorDataset(np.arange(5) * 10), batch_size=2)
    >>> [batch.numpy().tolist() for batch, in loader]
    [[0, 10], [20, 30], [40]]
    >>> len(loader), loader.epoch
    (3, 1)
    """

    def __init__(
        self,
        dataset: Dataset,
        batch_size: SupportsIndex = 32,
        shuffle: bool = False,
        drop_last: bool = False,
        seed: SupportsIndex = 0,
        sampler: Sampler | None = None,
        collate_fn: CollateFn | None = None,
    ) -> None:
        if not isinstance(dataset, Dataset):
            kind = type(dataset).__name__
            raise DTypeError(
                f"DataLoader: dataset: expected __len__ and __getitem__, which {kind} lacks"
            )
        if collate_fn is not None and not callable(collate_fn):
            kind = type(collate_fn).__name__
            raise DTypeError(f"DataLoader: collate_fn: expected a function, got {kind}")
        if sampler is not None and shuffle:
            raise OdysseyError(
                "DataLoader: expected shuffle=True or a sampler (which sets the order), got both"
            )
        self.dataset = dataset
        self.batch_size = as_count(batch_size, "DataLoader", "batch_size", 1)
        self.drop_last = bool(drop_last)
        self.collate_fn = collate_fn
        self.epoch = 0
        seed = as_count(seed, "DataLoader", "seed", 0)
        if sampler is not None:
            if not (hasattr(sampler, "__len__") and isinstance(sampler, Iterable)):
                kind = type(sampler).__name__
                raise DTypeError(f"DataLoader: sampler: expected __len__ and __iter__, got {kind}")
            self.sampler = sampler
        elif shuffle:
            if len(dataset) == 0:
                raise ShapeError("DataLoader: dataset is empty: there is nothing to shuffle")
            self.sampler = RandomSampler(len(dataset), seed)
        else:
            self.sampler = SequentialSampler(len(dataset))
        if self.drop_last and 0 < len(self.sampler) < self.batch_size:
            raise ShapeError(
                f"DataLoader: drop_last leaves no batch: expected at least batch_size="
                f"{self.batch_size} items, got {len(self.sampler)}"
            )

    def set_epoch(self, epoch: SupportsIndex) -> None:
        """Let the next iteration be that of `epoch`, counted from 0: to resume a training."""
        self.epoch = as_count(epoch, "DataLoader", "epoch", 0)

    def __len__(self) -> int:
        """Count the batches of an epoch."""
        whole, rest = divmod(len(self.sampler), self.batch_size)
        return whole + bool(rest and not self.drop_last)

    def __iter__(self) -> Iterator[Any]:
        """Begin the present epoch, and move on to the next."""
        epoch, self.epoch = self.epoch, self.epoch + 1
        if callable(set_epoch := getattr(self.sampler, "set_epoch", None)):
            set_epoch(epoch)
        # Here and not in the generator, which starts only when the first batch is asked for: two
        # iterators of one loader would else both take the order of the later epoch.
        return self._batches(iter(self.sampler))

    def _batches(self, order: Iterator[int]) -> Iterator[Any]:
        while indices := list(islice(order, self.batch_size)):
            if len(indices) < self.batch_size and self.drop_last:
                return
            yield wrap(fetch(self.dataset, indices, self.collate_fn))


def fetch(dataset: Dataset, indices: list[int], collate_fn: CollateFn | None = None) -> Any:
    """Get the items at `indices` as one batch of arrays (or what `collate_fn` makes of them)."""
    if collate_fn is not None:
        return collate_fn([dataset[i] for i in indices])
    if can_index_arrays(dataset):
        return dataset[np.asarray(indices, dtype=np.int64)]
    return collate([dataset[i] for i in indices])


def wrap(batch: Any) -> Any:
    """Make Tensors of a batch's arrays, without a copy."""
    # Here and not above, so that this module can be read with nothing but NumPy at hand.
    from odyssey.tensor import Tensor

    def one(value: Any) -> Tensor | Any:
        return Tensor(value) if isinstance(value, np.ndarray) else value

    return tuple(map(one, batch)) if isinstance(batch, (tuple, list)) else one(batch)
