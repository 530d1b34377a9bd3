"""What attention keeps of a sequence that is still being written."""

from __future__ import annotations

import numpy as np

from odyssey.errors import ShapeError
from odyssey.nn._settings import check_positive
from odyssey.tensor import Tensor

__all__ = ["KVCache"]


class KVCache:
    """The keys and values that an attention layer has computed so far.

    Memory grows by doubling: n tokens cost O(n) copies, one by one or not.

    Parameters
    ----------
    batch : int
        How many sequences are written side by side.

    Attributes
    ----------
    length : int
        How many keys there are.

    Examples
    --------
    >>> import odyssey as od
    >>> layer = od.nn.MultiHeadAttention(8, 2).eval()
    >>> cache = layer.init_cache(1)
    >>> for token in range(3):
    ...     y = layer(od.ones((1, 1, 8)), cache=cache)
    >>> cache.length
    3
    """

    def __init__(self, batch: int) -> None:
        check_positive("KVCache", batch=batch)
        self.batch = batch
        self.length = 0
        self._room: tuple[np.ndarray, ...] = ()

    def extend(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Append keys (N, h, n, D) and values (N, h, n, V); return all that there are.

        Raises
        ------
        ShapeError
            If they are not those of ``batch`` sequences.
        """
        if keys.ndim != 4 or keys.shape[0] != self.batch:
            raise ShapeError(
                f"KVCache: it was made for {self.batch} sequences, inputs of shape "
                f"({self.batch}, L, ...), but the keys have shape {keys.shape}"
            )
        start, self.length = self.length, self.length + keys.shape[-2]
        if not self._room or self._room[0].shape[-2] < self.length:
            self._room = tuple(self._grown(index, x) for index, x in enumerate((keys, values)))
        for room, new in zip(self._room, (keys, values), strict=True):
            room[:, :, start : self.length] = new.data
        return self.contents()

    def _grown(self, index: int, new: Tensor) -> np.ndarray:
        """Return room for at least twice as many, with those there are in it."""
        old = self._room[index] if self._room else new.data[:, :, :0]
        shape = (*new.shape[:2], max(2 * old.shape[-2], self.length), new.shape[-1])
        room = np.empty(shape, new.dtype)
        room[:, :, : old.shape[-2]] = old
        return room

    def contents(self) -> tuple[Tensor, Tensor]:
        """Return the keys and the values: windows on the cache, without a gradient."""
        keys, values = (Tensor(room[:, :, : self.length]) for room in self._room)
        return keys, values

    def __repr__(self) -> str:
        return f"KVCache(batch={self.batch}, length={self.length})"
