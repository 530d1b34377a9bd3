"""Embedding as a layer: a learned row for each index."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from odyssey import core
from odyssey.errors import RangeError
from odyssey.nn._settings import check_positive
from odyssey.nn.module import Module
from odyssey.tensor import Parameter, Tensor

__all__ = ["Embedding"]


class Embedding(Module):
    """Look up a learned row for each index; see :func:`odyssey.core.embedding`.

    Parameters
    ----------
    num_embeddings : int
        V, the rows; indices lie in [0, V).
    embedding_dim : int
        D, the columns.
    padding_idx : int, optional
        A row that starts at zero and gets no gradient; a negative number counts from
        the end.
    dtype : dtype, optional
    rng : numpy.random.Generator, optional
        The other rows are drawn from the standard normal distribution.

    Attributes
    ----------
    weight : Parameter, shape (V, D)

    Raises
    ------
    ShapeError
        If a size is not a positive integer.
    RangeError
        If ``padding_idx`` is no row.

    Examples
    --------
    >>> import odyssey as od
    >>> layer = od.nn.Embedding(10, 4, padding_idx=0)
    >>> layer(od.tensor([[3, 1, 0]])).shape
    (1, 3, 4)

    A model that reads and writes the same tokens may have one table for both: assign
    the parameter, and it counts once.

    >>> head = od.nn.Linear(4, 10, bias=False)
    >>> head.weight = layer.weight
    >>> model = od.nn.Sequential(layer, head)
    >>> [name for name, _ in model.named_parameters()]
    ['0.weight']
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        dtype: Any = None,
        rng: np.random.Generator | None = None,
    ) -> None:
        check_positive("Embedding", num_embeddings=num_embeddings, embedding_dim=embedding_dim)
        if padding_idx is not None:
            index = operator.index(padding_idx)
            if not -num_embeddings <= index < num_embeddings:
                raise RangeError(
                    f"Embedding: padding_idx must lie in [{-num_embeddings}, {num_embeddings}), "
                    f"got {padding_idx}"
                )
            padding_idx = index % num_embeddings
        self.padding_idx = padding_idx
        shape = (num_embeddings, embedding_dim)
        self.weight = Parameter(core.normal(shape, 0.0, 1.0, dtype, rng))
        if padding_idx is not None:
            self.weight.data[padding_idx] = 0

    def forward(self, indices: Tensor) -> Tensor:
        return core.embedding(indices, self.weight, self.padding_idx)

    def extra_repr(self) -> str:
        rows, columns = self.weight.shape
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{rows}, {columns}{padding}"
