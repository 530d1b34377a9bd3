"""Cases of copies."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from odyssey.testing.cases import Case, generator

SHAPES = {
    "one element": (1,),
    "scalar": (),
    "nothing": (0,),
    "no columns": (3, 0),
    "a row": (5003,),
    "a matrix": (65, 67),
    "squares and a bit": (97, 145),
    "short rows": (1501, 3),
    "pairs": (2500, 2),
    "narrow": (1001, 5),
    "few rows": (7, 701),
    "a stack": (11, 19, 23),
    "many axes": (3, 2, 5, 1, 4, 3, 2, 7),
    "worth two threads": (363, 364),
}

IMAGES = {
    "grey": (3, 1, 37, 41),
    "in colour": (2, 3, 37, 41),
    "many channels": (2, 67, 7, 9),
    "of one pixel": (65, 70, 1, 1),
    "none": (0, 3, 4, 5),
}


def cases() -> Iterator[Case]:
    """Yield the cases of the family."""
    for name, shape in SHAPES.items():
        yield Case("copy", name, (generator(len(name)).standard_normal(shape),))
    for name, shape in IMAGES.items():
        images = generator(len(name)).standard_normal(shape)
        yield Case("copy", f"images, {name}", (images, "C"))
        yield Case("copy", f"images, {name}, to channels-last", (images, "channels_last"))
    special = np.array([np.nan, np.inf, -np.inf, -0.0, 0.0, 6e4] * 1000).reshape(75, 80)
    yield Case("copy", "NaN and infinity", (special,))
    for dtype in ("bool", "int64"):
        numbers = generator(7).integers(0, 2 if dtype == "bool" else 100, (71, 131)).astype(dtype)
        yield Case("copy", dtype, (numbers,))
