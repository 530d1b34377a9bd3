"""Positions: samples and bad input."""

import numpy as np

from odyssey.errors import DTypeError, OdysseyError, ShapeError
from samples import Bad, Sample
from samples._draws import draws

rng, normal, positive = draws(__name__)


def turned(x, positions, base=10000.0, interleaved=True):
    """Turn by multiplying with a matrix for each position, the paper's equation 15."""
    features = x.shape[-1]
    positions = np.broadcast_to(positions, x.shape[:-1])
    out = np.empty_like(x)
    for index in np.ndindex(x.shape[:-1]):
        matrix = np.zeros((features, features))
        for i in range(features // 2):
            angle = positions[index] * base ** (-2 * i / features)
            pair = [2 * i, 2 * i + 1] if interleaved else [i, i + features // 2]
            matrix[np.ix_(pair, pair)] = [
                [np.cos(angle), -np.sin(angle)],
                [np.sin(angle), np.cos(angle)],
            ]
        out[index] = matrix @ x[index]
    return out


SAMPLES = [
    Sample("rotary", (normal(2, 3, 4), np.arange(3)), turned, {}, 3),
    Sample("rotary", (normal(2, 3, 6), np.array([[5], [9]])), turned, {"base": 50.0}, 3),
    Sample("rotary", (normal(4, 2), np.array([7, 0, 3, 1])), turned, {"interleaved": False}, 3),
    Sample("rotary", (normal(2, 4, 6), np.arange(4) + 10), turned, {"interleaved": False}, 3),
    Sample("rotary", (normal(2, 0, 4), np.arange(0)), turned),
]
NO_SINGLE = {"rotary": "features are turned in pairs"}
BAD = [
    Bad("rotary", (normal(2, 3), np.arange(2)), {}, ShapeError, "even number of features"),
    Bad("rotary", (normal(4), np.arange(4)), {}, ShapeError, "must have shape"),
    Bad("rotary", (normal(2, 4), np.arange(3)), {}, ShapeError, "positions of shape"),
    Bad("rotary", (normal(2, 4), np.array(["a", "b"])), {}, DTypeError, "positions must be num"),
    Bad("rotary", (np.ones((2, 4), int), np.arange(2)), {}, DTypeError, "rotary: x must be"),
    Bad("rotary", (normal(2, 4), np.arange(2), -1.0), {}, OdysseyError, "base must be positive"),
]
