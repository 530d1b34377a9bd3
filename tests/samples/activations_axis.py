"""The activations along an axis: samples, bad input, and what PyTorch has of them."""

import numpy as np

from odyssey.errors import DTypeError, OdysseyError, ShapeError
from odyssey.testing.cases import grid
from samples import Bad, Sample, Shared
from samples._draws import array, axis_of, choice, draws, numbers, shape

rng, normal, positive = draws(__name__)


def np_softmax(x, axis=-1):
    e = np.exp(x - x.max(axis, keepdims=True, initial=-1e9))
    return e / e.sum(axis, keepdims=True)


def np_sparsemax(x, axis=-1):
    """Return it by bisection: the sum of max(x - tau, 0) falls with tau, and is to be 1."""
    high = x.max(axis, keepdims=True, initial=-1e9)
    low = high - 1
    for _ in range(60):
        tau = (low + high) / 2
        above = np.maximum(x - tau, 0).sum(axis, keepdims=True) > 1
        low, high = np.where(above, tau, low), np.where(above, high, tau)
    return np.maximum(x - low, 0)


def np_gumbel(x, tau, hard, axis, training, seed):
    noise = np.random.Generator(np.random.Philox(key=seed)).gumbel(size=x.shape)
    return np_softmax((x + training * noise) / tau, axis)


def np_glu(x, axis=-1):
    a, b = np.split(x, 2, axis)
    return a / (1 + np.exp(-b))


def np_swiglu(x, axis=-1):
    a, b = np.split(x, 2, axis)
    return a * b / (1 + np.exp(-a))


drawn = (0.7, False, 0, True, 5)  # tau, hard, axis, training and the seed

SAMPLES = [
    Sample("softmin", (normal(2, 3, 4),), lambda x, axis: np_softmax(-x, axis), {"axis": 1}, 3),
    *[
        Sample("softmin", (normal(*shape),), lambda x: np_softmax(-x), {}, 4)
        for shape in ((3, 4), (0, 3), (1, 1))
    ],
    # No sum of differences between these scores is 1, where the support would change.
    Sample("sparsemax", (1.86 * grid(rng, (4, 5)),), np_sparsemax, {}, 5),
    Sample("sparsemax", (1.86 * grid(rng, (2, 3, 4)),), np_sparsemax, {"axis": 1}, 3),
    Sample("sparsemax", (np.ones((0, 3)),), np_sparsemax),
    Sample("sparsemax", (np.array([0.3]),), np_sparsemax),
    *[
        Sample("gumbel_softmax", (normal(*shape), *drawn), np_gumbel, {}, 3)
        for shape in ((3, 4), (3, 0), (1,))
    ],
    Sample("gumbel_softmax", (normal(3, 4), 0.7, False, 0, False, 5), np_gumbel, {}, 3),
    *[
        Sample(name, (normal(*shape),), formula, {"axis": axis})
        for name, formula in (("glu", np_glu), ("swiglu", np_swiglu))
        for shape, axis in (((3, 4), 1), ((2, 4, 3), -2), ((0, 2), 1), ((3, 0), 1))
    ],
]

NO_SINGLE = dict.fromkeys(("glu", "swiglu"), "one number has no halves")

x = np.ones((2, 3), np.float32)
ints = np.ones((2, 4), np.int64)

BAD = [
    *[
        Bad(name, (ints,), {}, DTypeError, f"{name}: x must be floating-point")
        for name in ("glu", "gumbel_softmax", "softmin", "sparsemax", "swiglu")
    ],
    Bad("glu", (x,), {}, ShapeError, r"glu: axis 1 of x must have an even length \(x: \(2, 3\)\)"),
    Bad("swiglu", (x,), {}, ShapeError, "swiglu: axis 1 of x must have an even length"),
    Bad("gumbel_softmax", (x, 0), {}, OdysseyError, "tau must be larger than 0, got 0"),
    Bad("gumbel_softmax", (x,), {"seed": 1.5}, DTypeError, "seed must be an integer, not float"),
]


def rows(rng):
    x = array(rng, least=1)
    return (x,), {"axis": axis_of(rng, x)}


def even_rows(rng):
    lengths = list(shape(rng, least=1))
    axis = int(rng.integers(len(lengths)))
    lengths[axis] *= 2
    return (numbers(rng, tuple(lengths)),), {"axis": choice(rng, axis, axis - len(lengths))}


def torch_swiglu(torch, x, axis):
    a, b = torch.chunk(x, 2, axis)
    return torch.nn.functional.silu(a) * b


SHARED = [
    Shared("softmin", "nn.functional.softmin", rows, {"axis": "dim"}),
    Shared("glu", "nn.functional.glu", even_rows, {"axis": "dim"}),
    Shared("swiglu", torch_swiglu, even_rows, dtypes=("float64", "float32")),
]

NOT_SHARED = {"gumbel_softmax": "its random numbers are others; test_activations.py counts them"}
