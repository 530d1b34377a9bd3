"""Samplers: in which order an epoch visits a dataset.

A sampler is anything that can be iterated over for indices and has a length.
One whose order changes from epoch to epoch has ``set_epoch`` too, which
`DataLoader` calls before each pass.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Protocol, SupportsIndex

import numpy as np
import numpy.typing as npt

from odyssey.errors import DTypeError, ShapeError

__all__ = ["RandomSampler", "Sampler", "SequentialSampler"]


class Sampler(Protocol):
    """What `DataLoader` asks of a sampler."""

    def __len__(self) -> int:
        """Count the indices of one epoch."""

    def __iter__(self) -> Iterator[int]:
        """Go through the indices of one epoch."""


class SequentialSampler:
    """The items in their own order.

    Parameters
    ----------
    n : int
        How many there are.

    Raises
    ------
    DTypeError, ShapeError
        If `n` is not an integer, or negative.

    Examples
    --------
    >>> list(SequentialSampler(4))
    [0, 1, 2, 3]
    """

    def __init__(self, n: SupportsIndex) -> None:
        self.n = as_count(n, "SequentialSampler", "n", 0)

    def __len__(self) -> int:
        """Count the indices."""
        return self.n

    def __iter__(self) -> Iterator[int]:
        """Go through the indices."""
        return iter(range(self.n))


class RandomSampler:
    """The items in a random order, another one each epoch.

    The order is a function of ``(n, seed, epoch)`` and of nothing else, so an
    epoch can be repeated without those before it. It rests on the raw stream
    of the Philox generator, keyed by seed and epoch, which NumPy promises to
    keep (its ``permutation`` it may change): the same on every machine and
    with every version of NumPy.

    Parameters
    ----------
    n : int
        How many items there are; at least one.
    seed : int, default 0
        From 0 to ``2**64 - 1``.

    Attributes
    ----------
    epoch : int
        The epoch of the next pass. Each ``iter`` moves it on by one.

    Raises
    ------
    DTypeError, ShapeError
        If `n` or `seed` is not an integer, or out of range.

    Examples
    --------
    >>> sampler = RandomSampler(6, seed=1)
    >>> list(sampler)
    [3, 5, 2, 0, 1, 4]
    >>> list(sampler)
    [0, 5, 3, 4, 2, 1]
    >>> sampler.set_epoch(0)
    >>> list(sampler)
    [3, 5, 2, 0, 1, 4]
    """

    def __init__(self, n: SupportsIndex, seed: SupportsIndex = 0) -> None:
        self.n = as_count(n, "RandomSampler", "n", 1)
        self.seed = as_count(seed, "RandomSampler", "seed", 0)
        self.epoch = 0

    def set_epoch(self, epoch: SupportsIndex) -> None:
        """Let the next pass be that of `epoch`, counted from 0."""
        self.epoch = as_count(epoch, "RandomSampler", "epoch", 0)

    def order(self, epoch: int) -> npt.NDArray[np.int64]:
        """Return the order of one epoch, shape (n,), and leave the sampler as it is."""
        key = np.array([self.seed, epoch], dtype=np.uint64)
        # Sorting random numbers shuffles: each order is equally likely as long as no two of the
        # 64-bit numbers are equal, and `stable` settles that case too.
        numbers = np.random.Philox(key=key).random_raw(self.n)
        return np.argsort(numbers, kind="stable").astype(np.int64, copy=False)

    def __len__(self) -> int:
        """Count the indices."""
        return self.n

    def __iter__(self) -> Iterator[int]:
        """Go through the order of the present epoch, and move on to the next."""
        order = self.order(self.epoch)
        self.epoch += 1
        return iter(order.tolist())


def as_count(value: SupportsIndex, caller: str, name: str, least: int) -> int:
    """Return an integer argument as an int, or raise an error that names it."""
    try:
        number = operator.index(value)
    except TypeError:
        kind = type(value).__name__
        raise DTypeError(f"{caller}: {name}: expected an integer, got {value!r} ({kind})") from None
    if not least <= number < 2**64:
        upper = "" if number < least else " and below 2**64"
        raise ShapeError(f"{caller}: {name}: expected at least {least}{upper}, got {number}")
    return number
