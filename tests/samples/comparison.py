"""The comparisons: samples, bad input, and what PyTorch has of them."""

import numpy as np

from odyssey.errors import ShapeError
from samples import Bad, Sample, Shared
from samples._draws import broadcasting, draws

rng, normal, positive = draws(__name__)

SAMPLES = [
    Sample("equal", (np.array([1.0, 2.0]), np.array([1.0, 3.0])), np.equal),
    Sample("greater", (normal(3, 4), normal(4)), np.greater),
    Sample("greater_equal", (normal(3, 4), 0.5), np.greater_equal),
    Sample("less", (normal(3, 4), normal(4)), np.less),
    Sample("less_equal", (normal(3, 4), normal(4)), np.less_equal),
    Sample("not_equal", (np.array([1.0, 2.0]), np.array([1.0, 3.0])), np.not_equal),
    *[
        Sample(name, (normal(*shape), normal(*shape)), f)
        for shape in ((0, 3), (1,))
        for name, f in (
            ("equal", np.equal),
            ("not_equal", np.not_equal),
            ("less", np.less),
            ("less_equal", np.less_equal),
            ("greater", np.greater),
            ("greater_equal", np.greater_equal),
        )
    ],
]

x = np.ones((2, 3), np.float32)
row = np.ones(2, np.float32)

BAD = [
    Bad("equal", (x, row), {}, ShapeError, "equal: the operands do not broadcast"),
    Bad("not_equal", (x, row), {}, ShapeError, "not_equal: the operands do not broadcast"),
    Bad("less", (x, row), {}, ShapeError, "less: the operands do not broadcast"),
    Bad("less_equal", (x, row), {}, ShapeError, "less_equal: the operands do not broadcast"),
    Bad("greater", (x, row), {}, ShapeError, "greater: the operands do not broadcast"),
    Bad("greater_equal", (x, row), {}, ShapeError, "greater_equal: the operands do not broadcast"),
]


def with_equal_ones(rng):
    x, y = broadcasting(rng)
    return (np.round(x), np.round(y)), {}


SHARED = [
    Shared("equal", "eq", with_equal_ones),
    *[
        Shared(name, name, with_equal_ones)
        for name in ("greater", "greater_equal", "less", "less_equal", "not_equal")
    ],
]
