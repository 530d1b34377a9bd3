"""Cases of arithmetic, comparisons and where: how operands broadcast, and how rows end."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from odyssey.testing.cases import Case, generator

ARITHMETIC = ("add", "subtract", "multiply", "divide")
COMPARISONS = ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal")

SHAPES: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "scalars": ((), ()),
    "a scalar and a row": ((), (7,)),
    "short": ((5,), (5,)),
    "longer than a vector": ((67,), (67,)),
    "a matrix and a row": ((5, 37), (37,)),
    "a matrix and a column": ((5, 37), (5, 1)),
    "a row and a column": ((1, 19), (6, 1)),
    "images and channels": ((2, 3, 5, 7), (3, 1, 1)),
    "more axes on the right": ((4, 1), (3, 4, 5)),
    "middle axes": ((2, 1, 3, 1), (2, 5, 1, 4)),
    "longer than what is gathered": ((3, 1100), (3, 1100)),
    "no rows": ((0, 4), (4,)),
    "nothing times a row of one": ((3, 0), (3, 1)),
}


def cases() -> Iterator[Case]:
    """Yield the cases of the family."""
    for name, (left, right) in SHAPES.items():
        rng = generator(len(name))
        # Few different numbers, so that many are equal; none is 0, for the quotients.
        x, y = (rng.choice([-2.0, -1.0, -0.5, 0.25, 1.0, 3.0], shape) for shape in (left, right))
        for op in ARITHMETIC + COMPARISONS:
            yield Case(op, name, (x, y))
        condition = rng.random(np.broadcast_shapes(left, right)) < 0.4
        yield Case("where", name, (condition, x, y))
        yield Case("where", f"{name}, one condition", (np.array([True]), x, y))
    rng = generator(1)
    x, y = rng.standard_normal((2, 40_000))
    for op in ARITHMETIC:
        yield Case(op, "several chunks", (x, y))
    yield Case("less", "several chunks", (x, y))
    yield Case("where", "several chunks", (x > 0, x, y))
    odd = np.array([0.0, -0.0, np.nan, np.inf, -np.inf, 1.0, -1.0, 6e4])
    for op in ARITHMETIC + COMPARISONS:
        yield Case(op, "zeros, NaN and infinity", (odd[:, None], odd))
    yield Case("where", "zeros, NaN and infinity", (odd[:, None] > odd, odd[:, None], odd))
