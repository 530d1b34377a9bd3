"""Cases of the matrix product.

Shapes: (M, K) times (K, N), and stacks of them.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from odyssey.testing.cases import Case, generator

SHAPES = {
    "one element": ((1, 1), (1, 1)),
    "small": ((2, 3), (3, 4)),
    "row by column": ((1, 7), (7, 1)),
    "column by row": ((5, 1), (1, 6)),
    "two terms": ((33, 2), (2, 70)),
    "three terms": ((21, 3), (3, 40)),
    "four terms": ((9, 4), (4, 33)),
    "primes": ((13, 37), (37, 29)),
    "wider than tiles": ((17, 5), (5, 131)),
    "taller than tiles": ((131, 6), (6, 17)),
    "whole tiles": ((16, 32), (32, 64)),
    "K above 1000": ((7, 1031), (1031, 19)),
    "a layer of an MLP": ((64, 784), (784, 256)),
    "batched": ((3, 5, 7), (3, 7, 11)),
    "batched twice": ((2, 3, 4, 6), (2, 3, 6, 5)),
    "no rows": ((0, 3), (3, 4)),
    "no columns": ((2, 3), (3, 0)),
    "nothing to sum": ((2, 0), (0, 4)),
    "no matrices": ((0, 2, 3), (0, 3, 4)),
}


def cases() -> Iterator[Case]:
    """Yield the cases of ``matmul``, which is also its own backward."""
    for name, (a, b) in SHAPES.items():
        rng = generator(len(name))
        left, right = rng.standard_normal(a), rng.standard_normal(b)
        yield Case("matmul", name, (left, right), terms=max(a[-1], 1))
    special = np.array([[1.0, np.nan, 2.0], [np.inf, 1.0, 0.5]])
    yield Case("matmul", "NaN and infinity", (special, np.ones((3, 4))), terms=3)
    rng = generator(9)
    signs = np.where(rng.random((9, 300)) < 0.5, -100.0, 100.0)
    # In half precision the partial sums would lose digits; their float32 sums are exact.
    yield Case("matmul", "large partial sums", (signs, np.ones((300, 5))), terms=300)
