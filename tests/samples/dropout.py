"""Dropout: samples, bad input, and what PyTorch has of them."""

import numpy as np

from odyssey.errors import DTypeError, OdysseyError
from samples import Bad, Sample
from samples._draws import draws

rng, normal, positive = draws(__name__)

SAMPLES = [
    Sample("dropout", (normal(3, 5),), lambda x, training: x, {"training": False}),
    Sample(
        "dropout",
        (np.ones((2, 4)), 0.5, True, 1),
        lambda x, p, training, seed: np.array([[2.0, 2, 2, 2], [2, 2, 0, 2]]),
    ),
    *[Sample("dropout", (normal(*shape), 0.0), lambda x, p: x) for shape in ((0, 3), (1,))],
]

x = np.ones((2, 3), np.float32)
ints = np.ones((2, 3), np.int64)

BAD = [
    Bad("dropout", (ints,), {}, DTypeError, "dropout: x must be floating-point"),
    Bad("dropout", (x, 1.5), {}, OdysseyError, r"p, .* must lie in \[0, 1\], got 1.5"),
    Bad("dropout", (x,), {"seed": 2**64}, OdysseyError, r"seed must lie in \[0, 2\*\*64\)"),
]


NOT_SHARED = {"dropout": "its random numbers are others; test_dropout.py has its statistics"}
