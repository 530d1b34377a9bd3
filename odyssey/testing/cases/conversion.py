"""Cases of conversions."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from odyssey.testing.cases import Case, generator

SHAPES = {
    "one element": (1,),
    "scalar": (),
    "nothing": (0,),
    "no columns": (3, 0),
    "less than a register": (7,),
    "registers and a bit": (5, 131),
    "a piece and a bit": (129, 131),
    "images": (2, 3, 37, 41),
    "worth two threads": (363, 364),
}


def cases() -> Iterator[Case]:
    """Yield the cases of the family."""
    for dtype in ("float16", "float32", "float64"):
        for name, shape in SHAPES.items():
            x = generator(len(name)).standard_normal(shape)
            yield Case("convert", f"{name}, to {dtype}", (x, dtype))
        # Towards the ends of float16's range, and halfway between two of its numbers.
        edges = np.array([6e4, 2.0**-14, 2.0**-24, 2.0**-25, 2049, 2051, 0.1])
        yield Case("convert", f"edges, to {dtype}", (np.tile([edges, -edges], 5), dtype))
        special = np.array([np.nan, np.inf, -np.inf, -0.0, 0.0] * 9)
        yield Case("convert", f"NaN and infinity, to {dtype}", (special, dtype))
