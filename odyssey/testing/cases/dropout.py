"""Cases of dropout, forward and backward."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from odyssey.testing.cases import Case, generator

SHAPES = {
    "one element": (1,),
    "scalar": (),
    "not a whole block": (7,),
    "matrix": (5, 13),
    "longer than a vector": (3, 131),
    "image batch": (2, 3, 5, 7),
    "an MLP's hidden layer": (64, 130),
    "nothing": (0,),
    "no columns": (3, 0),
}


def cases() -> Iterator[Case]:
    """Yield the cases of the family."""
    for name, shape in SHAPES.items():
        x = generator(len(name)).standard_normal(shape)
        for kernel in ("dropout", "dropout_backward"):
            yield Case(kernel, name, (x, 0.25, 12345))
    x = generator(1).standard_normal((9, 11))
    for p in (0, 0.5, 0.999, 1):
        yield Case("dropout", f"p = {p}", (x, p, 2**64 - 1))
        yield Case("dropout_backward", f"p = {p}", (x, p, 2**40))
    special = np.array([np.nan, np.inf, -np.inf, -0.0] * 6)
    yield Case("dropout", "NaN and infinity", (special, 0.5, 1))
