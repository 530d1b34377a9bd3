"""Cumulative sums and products, differences: samples, bad input, and what PyTorch has of them."""

import numpy as np

from odyssey.errors import ShapeError
from samples import Bad, Sample, Shared
from samples._draws import array, axis_of, draws, numbers

rng, normal, positive = draws(__name__)


def accumulated(ufunc):
    """Return NumPy's accumulation, with what ours has beside it."""

    def expected(x, axis=0, include_initial=False):
        out = ufunc.accumulate(x, axis)
        first = np.full_like(out.take([0], axis) if out.size else out, ufunc.identity)
        return np.concatenate([first, out], axis) if include_initial else out

    return expected


with_zeros = normal(2, 4, 3)
with_zeros[0, 1, 2] = with_zeros[0, 3, 2] = with_zeros[1, 0, 0] = 0

SAMPLES = [
    *[
        Sample(name, args, accumulated(ufunc), kwargs, 4)
        for name, ufunc in (("cumulative_sum", np.add), ("cumulative_prod", np.multiply))
        for args, kwargs in (
            ((normal(5),), {}),
            ((normal(1),), {"include_initial": True}),
            ((normal(0, 3),), {"axis": 1}),
            ((normal(2, 4, 3),), {"axis": 1}),
            ((normal(2, 3, 4),), {"axis": -1, "include_initial": True}),
        )
    ],
    Sample("cumulative_prod", (with_zeros,), accumulated(np.multiply), {"axis": 1}),
    Sample("diff", (normal(5),), np.diff),
    Sample("diff", (normal(1),), np.diff),
    Sample("diff", (normal(0, 3),), np.diff),
    Sample("diff", (normal(2, 4, 3), 1, 2), lambda x, axis, n: np.diff(x, n, axis), {}, 3),
    Sample("diff", (normal(2, 3), -1, 5), lambda x, axis, n: np.diff(x, n, axis)),
    Sample(
        "diff",
        (normal(2, 3), -1, 0, normal(2, 2)),
        lambda x, axis, n, before: np.diff(x, n, axis, before),
    ),
    Sample(
        "diff",
        (normal(2, 3), -1, 1, normal(2, 2), normal(2, 1)),
        lambda x, axis, n, before, after: np.diff(x, n, axis, before, after),
    ),
    Sample(
        "diff",
        (normal(2, 3), 0, 2, np.array(1.5), 2.0),
        lambda x, axis, n, before, after: np.diff(x, n, axis, before, after),
        terms=3,
    ),
]

x = np.ones((2, 3), np.float32)

BAD = [
    Bad("cumulative_sum", (x,), {}, ShapeError, "cumulative_sum: x has 2 axes; say along which"),
    Bad("cumulative_sum", (x, 2), {}, ShapeError, "cumulative_sum: axis 2 is out of range"),
    Bad("cumulative_prod", (x,), {}, ShapeError, "cumulative_prod: x has 2 axes; say along"),
    Bad("cumulative_prod", (x[0, 0], 0), {}, ShapeError, "axis 0 is out of range for 0 axes"),
    Bad("diff", (x, 0, -1), {}, ShapeError, "diff: n must not be negative, got -1"),
    Bad("diff", (x, 0, 1, x.T), {}, ShapeError, r"diff: prepend of shape \(3, 2\) does not fit"),
    Bad("diff", (x, 0), {"append": x.T}, ShapeError, r"diff: append of shape \(3, 2\) does not"),
]


def along_one(rng):
    x = array(rng, 1)
    return (x,), {"axis": axis_of(rng, x)}


def factors(rng):
    """Draw numbers of size about 1, for products; one in eight is zero."""
    (x,), kwargs = along_one(rng)
    size = rng.choice([-1, 1], x.shape) * rng.uniform(0.7, 1.3, x.shape)
    return (np.where(rng.random(x.shape) < 0.125, 0.0, size),), kwargs


def neighbours(rng):
    (x,), kwargs = along_one(rng)
    axis = kwargs["axis"] % x.ndim
    ends = [numbers(rng, (*x.shape[:axis], int(n), *x.shape[axis + 1 :]))
            for n in rng.integers(0, 3, 2)]  # fmt: skip
    kwargs |= {"n": int(rng.integers(0, 4))}
    if rng.random() < 0.7:
        return (x,), kwargs | {"prepend": ends[0], "append": ends[1]}
    return (x,), kwargs


SHARED = [
    Shared("cumulative_sum", "cumsum", along_one, {"axis": "dim"}),
    Shared("cumulative_prod", "cumprod", factors, {"axis": "dim"}, dtypes=("float64", "float32")),
    Shared("diff", "diff", neighbours, {"axis": "dim"}),
]
