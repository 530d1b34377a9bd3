"""Cases of softmax with cross-entropy, forward and backward.

Shapes: N rows, C classes.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from odyssey.testing.cases import Array, Case, generator

SIZES = {
    "one row, one class": (1, 1),
    "one row": (1, 7),
    "one class": (5, 1),
    "small": (4, 3),
    "primes": (13, 37),
    "a batch of digits": (64, 10),
    "1003 classes": (3, 1003),
    "more rows than a chunk": (301, 5),
    "no rows": (0, 4),
}


def cases() -> Iterator[Case]:
    """Yield the cases of ``softmax_cross_entropy`` and its backward."""
    for name, (rows, classes) in SIZES.items():
        rng = generator(len(name))
        x = 3 * rng.standard_normal((rows, classes))
        yield from _both(name, x, rng.integers(0, classes, rows))
    rng = generator(1)
    extreme = rng.choice([-1e4, 0.0, 1e4], (8, 11))
    yield from _both("scores of +-1e4", extreme, rng.integers(0, 11, 8))
    sure = np.where(np.eye(5) > 0, 30.0, 0.0)
    yield from _both("certain and right", sure, np.arange(5))
    x = rng.standard_normal((6, 4))
    for kind in ("int8", "uint8", "int32", "uint64"):
        yield from _both(f"labels of {kind}", x, rng.integers(0, 4, 6).astype(kind))
    masked = x.copy()
    masked[:, 2] = -np.inf
    yield from _both("a class masked by -inf", masked, np.array([0, 1, 3, 3, 1, 0]))
    odd = rng.standard_normal((4, 5))
    odd[0, 2], odd[1, 3] = np.nan, np.inf
    args = (odd, np.array([0, 1, 2, 3]))
    yield Case("softmax_cross_entropy", "NaN and infinity", args, terms=5)


def _both(name: str, x: Array, labels: Array) -> Iterator[Case]:
    terms = x.shape[1]
    # A loss is a difference of scores.
    scale = float(np.abs(x[np.isfinite(x)]).max(initial=1))
    yield Case("softmax_cross_entropy", name, (x, labels), terms=terms, scale=scale)
    log_total = np.log(np.exp(x - x.max(1, keepdims=True)).sum(1))
    grad = generator(2).standard_normal(len(x))
    scale = float(np.abs(grad).max(initial=0))
    args = (grad, x, labels, log_total)
    backward = "softmax_cross_entropy_backward"
    yield Case(backward, name, args, terms=terms, scale=scale, wide=(3,))
