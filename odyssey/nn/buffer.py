"""Buffer: a tensor that belongs to a module, but that no optimizer updates."""

from __future__ import annotations

from typing import Any

import numpy as np

from odyssey.tensor import Tensor, _plain

__all__ = ["Buffer"]


class Buffer(Tensor):
    """A tensor of a module that is part of its state, but has no gradient.

    A running mean, a table of positions: what ``to(dtype)`` converts and
    ``state_dict`` holds, though it is not learned. A module updates its buffer
    in place, ``self.running_mean[...] = new``.

    Parameters
    ----------
    data : ndarray or Tensor
        Of any dtype; made C-contiguous, shared where it already is.
    persistent : bool, default True
        False leaves it out of the state: it can be computed again.

    Examples
    --------
    >>> import odyssey as od
    >>> class Centre(od.nn.Module):
    ...     def __init__(self):
    ...         self.mean = od.nn.Buffer(od.zeros(2))
    ...     def forward(self, x):
    ...         self.mean[...] = x.mean(0)
    ...         return x - self.mean
    >>> layer = Centre()
    >>> _ = layer(od.tensor([[1.0, 2.0], [3.0, 4.0]]))
    >>> layer.state_dict()
    {'mean': array([2., 3.], dtype=float32)}
    """

    __slots__ = ("persistent",)

    persistent: bool

    def __init__(self, data: np.ndarray | Tensor, persistent: bool = True) -> None:
        super().__init__(np.asarray(_plain(data), order="C"))
        self.persistent = persistent

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.data, self.persistent)  # what copy and pickle make it of again

    def __repr__(self) -> str:
        return f"Buffer({super().__repr__()})"
