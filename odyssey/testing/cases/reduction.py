"""Cases of sum and mean: every choice of axes, rows and columns of every length."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from odyssey.testing.cases import Array, Case, generator

SHAPES: dict[str, tuple[int, ...]] = {
    "scalar": (),
    "one element": (1,),
    "short": (7,),
    "longer than a vector": (67,),
    "matrix": (5, 13),
    "long rows": (3, 5003),
    "many short rows": (501, 5),
    "wide columns": (9, 1100),
    "image batch": (2, 3, 5, 7),
    "axes of one": (1, 4, 1, 3),
    "no rows": (0, 4),
    "no columns": (3, 0),
}


def cases() -> Iterator[Case]:
    """Yield the cases of the family."""
    for name, shape in SHAPES.items():
        x = generator(len(name)).standard_normal(shape)
        yield from _both(name, x, None)
        for count in range(1, len(shape) + 1):
            for axes in itertools.combinations(range(len(shape)), count):
                yield from _both(f"{name}, axes {axes}", x, axes)
    x = generator(1).standard_normal((4, 3, 6))
    yield from _both("an axis from the end", x, -2)
    yield from _both("no axes", x, ())
    yield Case("sum", "kept axes", (x,), {"axis": (0, 2), "keepdims": True}, terms=24)
    yield Case("mean", "kept axes", (x,), {"axis": 1, "keepdims": True}, terms=3)
    yield from _both("several groups of rows", generator(2).standard_normal((70, 1001)), None)
    yield from _both("several groups of columns", generator(3).standard_normal((9001, 8)), 0)
    ones = np.ones((4099, 3))
    yield Case("sum", "more ones than half precision counts", (ones, 0), terms=1)
    odd = generator(4).standard_normal((6, 5))
    odd[0, 1], odd[2, 2], odd[3, 2], odd[4, 4] = np.nan, np.inf, -np.inf, np.inf
    yield from _both("NaN and infinity", odd, 0)
    yield from _both("NaN and infinity in rows", odd, 1)


def _both(name: str, x: Array, axis: int | tuple[int, ...] | None) -> Iterator[Case]:
    """Yield the sum and the mean; their terms may cancel, so their size is the measure."""
    finite = np.where(np.isfinite(x), x, 0)
    terms = max(x.size // max(np.sum(finite, axis).size, 1), 1)
    scale = float(np.sqrt(np.square(finite).sum(axis)).max(initial=0))
    yield Case("sum", name, (x, axis), terms=terms, scale=scale)
    yield Case("mean", name, (x, axis), terms=terms, scale=scale / terms)
