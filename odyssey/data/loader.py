"""The loader: from a dataset to an endless supply of epochs of batches.

The work is cut so that each stage can run elsewhere::

    order      sampler -> lists of indices            here, cheap
    gather     indices -> arrays (`fetch`)            needs the dataset and the epoch's seed
    wrap       arrays -> Tensors, without a copy      here, where the tape is

`fetch` is a plain function of picklable arguments and neither sees nor changes
the loader, so which process calls it makes no difference to the batches.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np

from odyssey.data.collate import collate
from odyssey.data.dataset import Dataset, can_index_arrays
from odyssey.data.samplers import RandomSampler, Sampler, SequentialSampler, as_count
from odyssey.errors import DTypeError, FormatError, OdysseyError, ShapeError
from odyssey.utils import random

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
        Of the shuffling, and of what random transforms draw: equal seeds give equal
        batches, epoch by epoch. Each item draws from a generator of its own, a function
        of seed, epoch and index.
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
    batch : int
        How many batches of the iteration that began last have been handed out.

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
        self.batch = 0
        self._skip = 0
        self.seed = seed = as_count(seed, "DataLoader", "seed", 0)
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
        self.epoch, self.batch, self._skip = as_count(epoch, "DataLoader", "epoch", 0), 0, 0

    def state_dict(self) -> dict[str, int]:
        """Return the position: the epoch of the iteration that began last, and its batches so far.

        When it has ended, that is when a batch more was asked for in vain, it is the
        beginning of the next one.
        """
        if self._skip:  # loaded, and not gone on from yet
            return {"epoch": self.epoch, "batch": self._skip}
        return {"epoch": self.epoch - bool(self.batch), "batch": self.batch}

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        """Let the next iteration go on where :meth:`state_dict` was asked.

        Raises
        ------
        FormatError
            If the state is none, or beyond the end of an epoch.
        """
        try:
            epoch, skip = operator.index(state["epoch"]), operator.index(state["batch"])
        except (KeyError, TypeError) as error:
            raise FormatError(f"DataLoader: the state {dict(state)} is of no loader") from error
        if not (epoch >= 0 and 0 <= skip <= len(self)):
            raise FormatError(
                f"DataLoader: the state is of batch {skip} of epoch {epoch}, but an epoch has "
                f"{len(self)} batches"
            )
        self.epoch, self._skip, self.batch = epoch, skip, 0

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
        self.batch, self._skip, skip = self._skip, 0, self._skip
        order = islice(iter(self.sampler), skip * self.batch_size, None)
        return self._batches(order, epoch)

    def _batches(self, order: Iterator[int], epoch: int) -> Iterator[Any]:
        while indices := list(islice(order, self.batch_size)):
            if len(indices) < self.batch_size and self.drop_last:
                break
            batch = wrap(fetch(self.dataset, indices, self.collate_fn, (self.seed, epoch)))
            self.batch += 1
            yield batch
        self.batch = 0


def fetch(
    dataset: Dataset,
    indices: list[int],
    collate_fn: CollateFn | None = None,
    stream: tuple[int, int] = (0, 0),
) -> Any:
    """Get the items at `indices` as one batch of arrays (or what `collate_fn` makes of them).

    `stream` is seed and epoch: what random transforms draw for an item is a function of
    these and of its index.
    """
    if collate_fn is None and can_index_arrays(dataset):
        return dataset[np.asarray(indices, dtype=np.int64)]
    items = []
    for i in indices:
        with random.drawing_from(random.item_generator(*stream, i)):
            items.append(dataset[i])
    return collate(items) if collate_fn is None else collate_fn(items)


def wrap(batch: Any) -> Any:
    """Make Tensors of a batch's arrays, without a copy."""
    # Here and not above, so that this module can be read with nothing but NumPy at hand.
    from odyssey.tensor import Tensor

    def one(value: Any) -> Tensor | Any:
        return Tensor(value) if isinstance(value, np.ndarray) else value

    return tuple(map(one, batch)) if isinstance(batch, (tuple, list)) else one(batch)
