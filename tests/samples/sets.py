"""Sets and counts: samples, bad input, and what PyTorch has of them."""

import numpy as np

from odyssey.errors import DTypeError, OdysseyError, RangeError, ShapeError
from samples import Bad, Sample, Shared
from samples._draws import array, choice, draws, numbers

rng, normal, positive = draws(__name__)


def np_unique_all(x):
    """Loop over the definition: a value is new if it is equal to none before it."""
    flat = x.ravel().tolist()
    first = sorted((v, i) for i, v in enumerate(flat) if v not in flat[:i])
    values, indices = [v for v, _ in first], [i for _, i in first]
    inverse = np.reshape([values.index(v) for v in flat], x.shape).astype(np.int64)
    counts = np.array([flat.count(v) for v in values], np.int64)
    return np.array(values, x.dtype), np.array(indices, np.int64), inverse, counts


def np_isin(x1, x2, invert=False):
    return (x1[..., None] == x2.ravel()).any(-1) ^ invert


def np_bincount(x, weights=None, minlength=0):
    length = max([minlength, *(x + 1)])
    w = np.ones(x.shape, np.int64) if weights is None else weights
    return np.array([w[x == k].sum() for k in range(length)], w.dtype)


def np_histogram(x, bins=10, range=None):
    return np.histogram(x, bins, range)


again = np.array([[2.0, -1.0, 2.0], [0.5, -1.0, 2.0]])
whole = np.array([3, 1, 3, 0, 3])
nan = np.array([np.nan, 1.0, np.nan])

SAMPLES = [
    *[
        Sample(name, (values,), f)
        for values in (again, normal(0, 3), normal(1), np.array(1.5), whole)
        for name, f in (
            ("unique_all", np_unique_all),
            ("unique_counts", lambda x: np_unique_all(x)[::3]),
            ("unique_inverse", lambda x: np_unique_all(x)[::2]),
            ("unique_values", lambda x: np_unique_all(x)[0]),
            ("unique", lambda x: np_unique_all(x)[0]),
        )
    ],
    Sample("unique", (again, True, True, True), lambda x, *which: np_unique_all(x)),
    Sample("unique", (again, False, True, True), lambda x, *which: np_unique_all(x)[::2][:1]
           + np_unique_all(x)[2:]),
    Sample("unique_values", (nan,), lambda x: np.array([1.0, np.nan, np.nan])),
    Sample("unique", (nan,), lambda x: np.array([1.0, np.nan])),
    Sample("isin", (again, np.array([0.5, 2.0, 7.0])), np_isin),
    Sample("isin", (again, np.array([[0.5], [2.0]]), True), np_isin),
    Sample("isin", (normal(0, 3), normal(2)), np_isin),
    Sample("isin", (nan, nan), np_isin),
    Sample("isin", (np.array(1.0), np.array([1.0])), np_isin),
    Sample("bincount", (whole, normal(5)), np_bincount, {}, 3),
    Sample("bincount", (whole.astype(np.uint8), normal(5), 6), np_bincount, {}, 3),
    Sample("bincount", (whole[:0], normal(0), 2), np_bincount),
    Sample("bincount", (whole[:1], normal(1)), np_bincount),
    Sample("histogram", (again, 4, (-2.0, 2.0)), np_histogram),
    Sample("histogram", (again, np.array([-1.0, 0.0, 0.5, 2.0])), np_histogram),
    Sample("histogram", (np.array([0.0, 8.0, 1.5, 2.0, 2.5]), 4), np_histogram),
    Sample("histogram", (normal(0, 2), 2), np_histogram),
    Sample("histogram", (np.array([0.25]), 2), np_histogram),
]  # fmt: skip

x = np.ones((2, 3), np.float32)
NEVER_REFUSE = ["isin", "unique", "unique_all", "unique_counts", "unique_inverse", "unique_values"]

BAD = [
    Bad("bincount", (x[0],), {}, DTypeError, "bincount: x must hold integers, but its dtype is fl"),
    Bad("bincount", (whole[None],), {}, ShapeError, r"bincount: x must have 1 axis.* \(x: \(1, 5"),
    Bad("bincount", (whole, x[0]), {}, ShapeError, r"\(x: \(5,\), weights: \(3,\)\)"),
    Bad("bincount", (whole - 2,), {}, RangeError, "must hold numbers from 0 on, but holds -2"),
    Bad("bincount", (whole, None, -1), {}, ShapeError, "minlength must be an integer from 0 on"),
    Bad("bincount", (whole, None, 1.5), {}, ShapeError, "minlength must be an integer from 0 on"),
    Bad("histogram", (x, 0), {}, OdysseyError, "histogram: bins 0, range None: .*positive"),
    Bad("histogram", (x, np.array([1.0, 0.0])), {}, OdysseyError, "histogram: bins .*monoton"),
    Bad("histogram", (x, 2, (0.0, np.inf)), {}, OdysseyError, "histogram: bins 2, .* not finite"),
    Bad("histogram", (x, 1.5), {}, OdysseyError, "histogram: bins 1.5, range None: .*integer"),
]


def counted(rng):
    return (rng.integers(0, 9, int(rng.integers(0, 20))),), {"minlength": choice(rng, 0, 12)}


def some_equal(rng):
    x = array(rng, 0, 3)
    settings = {"return_inverse": choice(rng, False, True)}
    return (choice(rng, x, np.round(x)),), {**settings, "return_counts": choice(rng, False, True)}


def shared_values(rng):
    x = array(rng, 0, 3)
    return (x, choice(rng, x.ravel()[::2], numbers(rng, (3,)))), {
        "invert": choice(rng, False, True)
    }


def binned(rng):
    # No element where edges are rounded: at the middles of bins in eighths.
    x = rng.integers(-20, 20, int(rng.integers(1, 20))) / 8 + 1 / 16
    return (x, choice(rng, 4, 8, 16), (-2.0, 2.0)), {}


def histogram(torch, x, bins, range):
    counts, edges = torch.histogram(x.detach(), bins, range=range)
    return counts.long(), edges


def unique(torch, x, return_inverse, return_counts):
    return torch.unique(x.detach(), True, return_inverse, return_counts)


SHARED = [
    Shared("bincount", "bincount", counted),
    Shared("histogram", histogram, binned, dtypes=("float64", "float32")),
    Shared("isin", lambda torch, a, b, invert: torch.isin(a.detach(), b.detach(), invert=invert),
           shared_values, dtypes=("float64", "float32")),
    Shared("unique", unique, some_equal),
]  # fmt: skip
