"""Cases of embedding, forward and backward.

Shapes: V rows, D columns.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from odyssey.testing.cases import Array, Case, generator

SIZES = {
    "one index, one number": ((1,), (1, 1)),
    "a single index": ((), (3, 5)),
    "one column": ((7,), (4, 1)),
    "a batch of sentences": ((3, 11), (29, 16)),
    "one row": ((2, 3, 4), (1, 7)),
    "more rows than indices": ((5,), (400, 3)),
    "columns for more than one thread": ((301,), (13, 150)),
    "no indices": ((0, 4), (3, 2)),
    "no columns": ((4,), (3, 0)),
}


def cases() -> Iterator[Case]:
    """Yield the cases of ``embedding`` and its backward."""
    for name, (shape, table) in SIZES.items():
        rng = generator(len(name))
        yield from _both(name, rng.integers(0, table[0], shape), rng.standard_normal(table))
    rng = generator(1)
    weight = rng.standard_normal((6, 5))
    indices = rng.integers(0, 6, (4, 3))
    for kind in ("int8", "uint8", "int32", "uint64"):
        yield from _both(f"indices of {kind}", indices.astype(kind), weight)
    yield from _both("a padding row", indices, weight, int(indices[0, 0]))
    yield from _both("one row a thousand times", np.full(1000, 2), weight)
    weight[1, 2], weight[3, 0] = np.nan, np.inf
    yield Case("embedding", "NaN and infinity", (indices, weight))


def _both(name: str, indices: Array, weight: Array, padding: int | None = None) -> Iterator[Case]:
    yield Case("embedding", name, (indices, weight))
    grad = generator(2).standard_normal((*indices.shape, weight.shape[1]))
    terms = int(np.bincount(indices.ravel().astype(np.int64), minlength=1).max())
    args = (grad, indices, weight.shape, padding)
    scale = float(np.abs(grad).max(initial=0))
    yield Case("embedding_backward", name, args, terms=max(terms, 1), scale=scale)
