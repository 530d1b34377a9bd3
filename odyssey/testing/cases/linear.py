"""Cases of the affine map of a fully connected layer, forward and backward.

Shapes: x (..., I), weight (O, I), bias (O,).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from odyssey.testing.cases import Array, Case, generator

# Leading axes, features in, features out.
SIZES = {
    "one number": ((1,), 1, 1),
    "small": ((4,), 3, 5),
    "a vector": ((), 7, 5),
    "one row": ((1,), 37, 29),
    "one feature out": ((13,), 5, 1),
    "one feature in": ((13,), 1, 5),
    "sequences": ((2, 3), 6, 4),
    "primes": ((13,), 37, 29),
    "more rows than a tile": ((131,), 6, 17),
    "few rows of many features": ((5,), 1031, 19),
    "a layer of an MLP": ((64,), 784, 33),
    "wider than a block": ((19,), 9, 1031),
    "no rows": ((0,), 3, 4),
    "no features in": ((2,), 0, 3),
    "no features out": ((2,), 3, 0),
}


def cases() -> Iterator[Case]:
    """Yield the cases of ``linear`` and ``linear_backward``."""
    for name, (leading, features, outputs) in SIZES.items():
        rng = generator(len(name))
        x = rng.standard_normal((*leading, features))
        weight, bias = rng.standard_normal((outputs, features)), rng.standard_normal(outputs)
        yield from _both(name, x, weight, bias)
    rng = generator(1)
    x, weight = rng.standard_normal((6, 4)), rng.standard_normal((3, 4))
    yield Case("linear", "without bias", (x, weight), terms=4)
    grad = rng.standard_normal((6, 3))
    for needs in ((True, False, False), (False, True, False), (False, False, True)):
        name = f"only the {('first', 'second', 'third')[needs.index(True)]} gradient"
        yield Case("linear_backward", name, (grad, x, weight), {"needs": needs}, terms=6)
    special = np.array([[1.0, np.nan, 2.0], [np.inf, 1.0, 0.5]])
    yield Case("linear", "NaN and infinity", (special, np.ones((4, 3)), np.ones(4)), terms=4)


def _both(name: str, x: Array, weight: Array, bias: Array) -> Iterator[Case]:
    outputs, features = weight.shape
    rows = x.size // max(features, 1)
    grad = generator(2).standard_normal((*x.shape[:-1], outputs))
    # Where the terms of a sum cancel, its rounding is still that of the largest one.
    x_peak, w_peak, b_peak, g_peak = (np.abs(a).max(initial=0) for a in (x, weight, bias, grad))
    scale = float(max(x_peak * w_peak, b_peak))
    yield Case("linear", name, (x, weight, bias), terms=features + 1, scale=scale)
    scale = float(max(x_peak, w_peak, 1) * g_peak)
    terms = max(rows, outputs, 1)
    yield Case("linear_backward", name, (grad, x, weight), terms=terms, scale=scale)
