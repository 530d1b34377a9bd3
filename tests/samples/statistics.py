"""Statistics: samples, bad input, and what PyTorch has of them."""

import numpy as np

from odyssey.errors import DTypeError, ShapeError
from odyssey.testing.cases import grid
from samples import Bad, Sample, Shared
from samples._draws import array, axes_of, axis_of, choice, draws

rng, normal, positive = draws(__name__)


def moment(name):
    """Return NumPy's function under array API's name of the correction."""

    def expected(x, axis=None, correction=0, keepdims=False):
        return getattr(np, name)(x, axis, ddof=correction, keepdims=keepdims)

    return expected


def logsumexp(x, axis=None, keepdims=False):
    return np.log(np.sum(np.exp(x), axis, keepdims=keepdims))


SAMPLES = [
    *[
        Sample(name, (x,), moment(name), kwargs, 15)
        for name in ("var", "std")
        for x, kwargs in (
            (normal(3, 5), {}),
            (normal(2, 3, 4), {"axis": 1, "correction": 1}),
            (normal(2, 3, 4), {"axis": (0, -1), "keepdims": True, "correction": 0.5}),
            (normal(0, 3), {"axis": 1}),
        )
    ],
    Sample("var", (normal(1),), moment("var")),
    Sample("std", (normal(1, 1),), lambda x: np.zeros(()), second=False),
    *[
        Sample(name, (x,), getattr(np, name), kwargs, 3)
        for name, q in (("quantile", 0.01), ("percentile", 1), ("median", None))
        for x, kwargs in (
            (grid(rng, (3, 5)), {}),
            (grid(rng, (2, 3, 4)), {"axis": 1}),
            (grid(rng, (2, 3, 4)), {"axis": (-1, 0), "keepdims": True}),
            (grid(rng, (0, 3)), {"axis": 1}),
            (grid(rng, (1,)), {}),
        )
        for kwargs in ([kwargs] if q is None else [
            {"q": 25 * q, **kwargs}, {"q": np.array([[9, 40], [100, 0]]) * q, **kwargs}
        ])
    ],
    *[
        Sample("logsumexp", (x,), logsumexp, kwargs, 15)
        for x, kwargs in (
            (normal(3, 5), {}),
            (normal(2, 3, 4), {"axis": (0, -1), "keepdims": True}),
            (normal(2, 3, 4), {"axis": 1}),
            (normal(0, 3), {"axis": 1}),
            (normal(1), {}),
        )
    ],
]  # fmt: skip

x = np.ones((2, 3), np.float32)
ints = np.ones((2, 3), np.int64)

BAD = [
    *[Bad(name, (ints,), {}, DTypeError, f"{name}: x must be floating-point")
      for name in ("var", "std", "median", "logsumexp")],
    *[Bad(name, (x, (0, -2)), {}, ShapeError, rf"{name}: axis \(0, -2\) names an axis twice")
      for name in ("var", "std", "median", "logsumexp")],
    Bad("median", (x[:0],), {}, ShapeError, r"median: x of shape \(0, 3\) has no element"),
    Bad("quantile", (x, 1.5), {}, ShapeError, "quantile: q must lie between 0 and 1"),
    Bad("quantile", (x, np.nan), {}, ShapeError, "quantile: q must lie between 0 and 1"),
    Bad("quantile", (x[:0], 0.5), {}, ShapeError, "quantile: x of shape .* has no element"),
    Bad("percentile", (x, -1), {}, ShapeError, "percentile: q must lie between 0 and 100"),
    Bad("percentile", (x, 50, 2), {}, ShapeError, "percentile: axis 2 is out of range"),
]  # fmt: skip


def spread(rng):
    """Draw what has a variance: two elements or more along the axes."""
    x = rng.standard_normal((int(rng.integers(2, 5)), *array(rng, 1, 2, empty=False).shape))
    axis = choice(rng, None, 0, (0, -1), (1, 0))
    return (x,), {
        "axis": axis,
        "correction": choice(rng, 0, 1, 0.5),
        "keepdims": choice(rng, True, False),
    }


def something(rng):
    x = array(rng, 0, 4, empty=False)
    return (x,), {"axis": axes_of(rng, x), "keepdims": choice(rng, True, False)}


def along_one(rng):
    x = array(rng, 1, 4, empty=False)
    return x, {"axis": choice(rng, None, axis_of(rng, x)), "keepdims": choice(rng, True, False)}


def ranked(rng):
    x, kwargs = along_one(rng)
    return (x, choice(rng, 0.0, 0.5, 0.8, 1.0)), kwargs


def percents(rng):
    (x, q), kwargs = ranked(rng)
    return (x, 100 * q), kwargs


def halved(rng):
    x, kwargs = along_one(rng)
    return (x,), kwargs


def middle(torch, x, axis, keepdims):
    return torch.quantile(x, 0.5, axis, keepdim=keepdims)


def percentile(torch, x, q, axis, keepdims):
    return torch.quantile(x, q / 100, axis, keepdim=keepdims)


def log_of_sum(torch, x, axis, keepdims):
    return torch.logsumexp(x, tuple(range(x.ndim)) if axis is None else axis, keepdim=keepdims)


NAMES = {"axis": "dim", "keepdims": "keepdim"}
WIDE = ("float64", "float32")

SHARED = [
    Shared("var", "var", spread, NAMES),
    Shared("std", "std", spread, NAMES),
    # PyTorch's quantile takes no half precision.
    Shared("quantile", "quantile", ranked, NAMES, dtypes=WIDE),
    Shared("percentile", percentile, percents, dtypes=WIDE),
    Shared("median", middle, halved, dtypes=WIDE),
    # In half precision its gradient is an exponential of a result that was rounded.
    Shared("logsumexp", log_of_sum, something, dtypes=WIDE),
]
