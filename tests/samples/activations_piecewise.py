"""The activations with kinks: samples, bad input, and what PyTorch has of them."""

import numpy as np

from odyssey.errors import DTypeError, OdysseyError, ShapeError
from odyssey.testing.cases import grid
from samples import Bad, Sample, Shared
from samples._draws import array, choice, draws, numbers, shape

rng, normal, positive = draws(__name__)


def np_leaky(x, slope=0.01):
    return np.maximum(x, 0) + slope * np.minimum(x, 0)


def np_prelu(x, weight):
    slopes = weight if weight.size == 1 else weight.reshape((-1,) + (1,) * (x.ndim - 2))
    return np_leaky(x, slopes)


FORMULAS = [
    ("hard_shrink", lambda x, lambd=0.5: x * (np.abs(x) > lambd), ({}, {"lambd": 2.0})),
    ("hard_sigmoid", lambda x: np.minimum(np.maximum(x / 6 + 0.5, 0), 1), ({},)),
    ("hard_swish", lambda x: x * np.minimum(np.maximum(x / 6 + 0.5, 0), 1), ({},)),
    (
        "hard_tanh",
        lambda x, min=-1, max=1: np.minimum(np.maximum(x, min), max),
        ({}, {"min": -0.7, "max": 3.5}),
    ),
    ("leaky_relu", np_leaky, ({}, {"slope": 0.2})),
    ("relu6", lambda x: np.minimum(np.maximum(x, 0), 6), ({},)),
    ("relu_squared", lambda x: x * np.maximum(x, 0), ({},)),
    (
        "soft_shrink",
        lambda x, lambd=0.5: np.maximum(x - lambd, 0) + np.minimum(x + lambd, 0),
        ({}, {"lambd": 2.0}),
    ),
    (
        "threshold",
        lambda x, threshold, value: np.array([value, 0])[(x > threshold) * 1] + x * (x > threshold),
        ({"threshold": 1.0, "value": -3.0},),
    ),
]

# The multiples of 0.82 that a grid of 20 numbers gives meet no kink.
SAMPLES = [
    *[
        Sample(name, (x,), formula, kwargs)
        for name, formula, settings in FORMULAS
        for kwargs in settings
        for x in (8.2 * grid(rng, (4, 5)), np.ones((0, 3)), np.array([0.9]), np.array(-4.2))
    ],
    Sample("prelu", (grid(rng, (2, 3, 4)), positive(3)), np_prelu),
    Sample("prelu", (grid(rng, (4, 5)), positive(1)), np_prelu, terms=20),
    Sample("prelu", (np.array(-0.7), np.array(0.3)), np_prelu),
    Sample("prelu", (np.ones((0, 3)), positive(3)), np_prelu),
]

x = np.ones((2, 3), np.float32)
ints = np.ones((2, 3), np.int64)

BAD = [
    *[
        Bad(name, (ints,), settings[-1], DTypeError, f"{name}: x must be floating-point")
        for name, _, settings in FORMULAS
    ],
    Bad("hard_shrink", (x, -1), {}, OdysseyError, "hard_shrink: lambd must be at least 0, got -1"),
    Bad("soft_shrink", (x, -1), {}, OdysseyError, "soft_shrink: lambd must be at least 0, got -1"),
    Bad("hard_tanh", (x, 1, 1), {}, OdysseyError, "hard_tanh: min must be less than max, got 1 an"),
    Bad("hard_tanh", (x, "a"), {}, DTypeError, "hard_tanh: min must be a finite number, got 'a'"),
    Bad("leaky_relu", (x, None), {}, DTypeError, "leaky_relu: slope must be a finite number"),
    Bad("threshold", (x, None, 0), {}, DTypeError, "threshold: threshold must be a finite number"),
    Bad("prelu", (ints, x[0]), {}, DTypeError, "prelu: x must be floating-point"),
    Bad("prelu", (x, x[0, :2]), {}, ShapeError, r"prelu: weight must .* weight: \(2,\)"),
    Bad("prelu", (x[0], x[0]), {}, ShapeError, "one for each channel .axis 1. of x"),
]


def with_settings(**options):
    """Return a draw of an array and of a setting for each name."""

    def draw(rng):
        chosen = {name: choice(rng, *values) for name, values in options.items()}
        return (3 * array(rng),), chosen

    return draw


def channels(rng):
    x = numbers(rng, shape(rng, least=2))
    weight = choice(rng, np.array([0.25]), np.linspace(0.1, 0.9, x.shape[1]))
    return (x, weight), {}


SHARED = [
    Shared("hard_shrink", "nn.functional.hardshrink", with_settings(lambd=(0.0, 0.51, 2.0))),
    # In float64, too, its slope is a sixth of float32.
    Shared(
        "hard_sigmoid", "nn.functional.hardsigmoid", with_settings(), dtypes=("float32", "float16")
    ),
    Shared("hard_swish", "nn.functional.hardswish", with_settings()),
    Shared(
        "hard_tanh",
        "nn.functional.hardtanh",
        with_settings(min=(-1.0, -3.0), max=(0.5, 2.0)),
        {"min": "min_val", "max": "max_val"},
    ),
    Shared(
        "leaky_relu",
        "nn.functional.leaky_relu",
        with_settings(slope=(0.01, 0.2)),
        {"slope": "negative_slope"},
    ),
    Shared("prelu", "nn.functional.prelu", channels),
    Shared("relu6", "nn.functional.relu6", with_settings()),
    Shared("soft_shrink", "nn.functional.softshrink", with_settings(lambd=(0.0, 0.51, 2.0))),
    Shared(
        "threshold",
        "nn.functional.threshold",
        with_settings(threshold=(0.0, 1.0), value=(-3.0, 0.5)),
    ),
]
