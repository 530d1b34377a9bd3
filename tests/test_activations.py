"""Activations: errors in ulp, limits at the infinities, and what is drawn at random."""

import importlib
import math

import numpy as np
import pytest
from formulas_transcendental import gelu, mish, softplus

import odyssey as od
from odyssey import core, fast, reference
from odyssey.testing.cases import generator

# Below these numbers the results, or factors of them, are subnormal and have fewer digits.
RIGHT = {
    "elu": (lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))), 700),
    "mish": (mish, 80),
    "softplus": (softplus, 80),
    "swish": (lambda x: x / (1 + np.exp(-x)), 80),
    # What rounds x by half an ulp moves these by x**2 of them.
    "erf": (np.vectorize(math.erf, otypes=[float]), 30),
    "gelu": (gelu, 1),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", RIGHT)
@pytest.mark.parametrize("level", ["reference", *fast.AVAILABLE_LEVELS])
def test_errors_are_a_few_ulp(level, name, dtype):
    package = "odyssey.reference" if level == "reference" else f"odyssey._ext.{level}"
    kernel = getattr(importlib.import_module(f"{package}.transcendental"), name)
    right, most = RIGHT[name]
    rng = generator(5)
    count = 200 if level == "reference" else 5_000
    for largest in (1e-30, 1e-3, 0.1, 0.5, 1, 4, 20, 80, 700):
        if largest > most:
            break
        x = rng.uniform(-largest, largest, count).astype(dtype)
        exact = np.asarray(right(x.astype(np.longdouble))).astype(np.longdouble)
        unit = np.spacing(np.abs(exact).astype(dtype)).astype(np.longdouble)
        error = np.abs(kernel(x).astype(np.longdouble) - exact) / unit
        assert error.max() < 4, (largest, x[error.argmax()])


@pytest.mark.parametrize("kernels", [fast, reference], ids=["fast", "reference"])
def test_small_shares_of_the_normal_distribution_keep_their_digits(kernels):
    if kernels is fast and not fast.LEVEL:
        pytest.skip("nothing was compiled in this installation")
    x = np.linspace(-12, -4, 33, dtype=np.float32)
    exact = [v * 0.5 * math.erfc(-v / math.sqrt(2)) for v in x.tolist()]
    assert np.allclose(kernels.gelu(x), exact, rtol=4e-7, atol=0)


LIMITS = [
    ("elu", (), [-1, np.inf], [0, 1]),
    ("erf", (), [-1, 1], [0, 0]),
    ("gelu", (False,), [0, np.inf], [0, 1]),
    ("gelu", (True,), [0, np.inf], [0, 1]),
    ("mish", (), [0, np.inf], [0, 1]),
    ("softplus", (), [0, np.inf], [0, 1]),
    ("softplus", (-1.0,), [-np.inf, 0], [1, 0]),
    ("swish", (), [0, np.inf], [0, 1]),
]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("kernels", [fast, reference], ids=["fast", "reference"])
def test_limits_at_the_infinities(kernels, dtype):
    if kernels is fast and not fast.LEVEL:
        pytest.skip("nothing was compiled in this installation")
    large = float(np.finfo(dtype).max)
    for name, setting, values, slopes in LIMITS:
        kernel, backward = getattr(kernels, name), getattr(kernels, f"{name}_backward")
        x = np.array([-np.inf, np.inf, np.nan], dtype)
        assert np.array_equal(kernel(x, *setting), [*values, np.nan], equal_nan=True), name
        slope = backward(np.ones(3, dtype), x, *setting)
        assert np.array_equal(slope, [*slopes, np.nan], equal_nan=True), name
        finite = np.array([-large, large], dtype)
        assert np.array_equal(backward(np.ones(2, dtype), finite, *setting), slopes), name


def test_sparsemax_is_a_distribution_with_zeros():
    x = generator(3).standard_normal((50, 20))
    y = core.sparsemax(x)
    assert np.allclose(y.sum(1), 1, atol=1e-14) and (y >= 0).all() and (y == 0).any()
    assert np.allclose(core.sparsemax(x + 1e3), y, atol=1e-12)
    x[:, 3], x[0, 0] = -np.inf, np.nan
    masked = core.sparsemax(x)
    assert (
        np.isnan(masked[0]).all() and np.allclose(masked[1:].sum(1), 1) and not masked[1:, 3].any()
    )
    x = np.nan_to_num(x, neginf=-9)
    half = core.sparsemax(x.astype(np.float16) * 1000)
    assert np.allclose(half.sum(1, dtype=np.float32), 1, atol=1e-3)


def test_gumbel_softmax_draws_what_the_scores_say():
    p = np.array([0.1, 0.2, 0.7])
    scores = np.tile(np.log(p), (20_000, 1))
    y = core.gumbel_softmax(scores, hard=True, seed=4)
    assert set(np.unique(y)) == {0, 1} and (y.sum(1) == 1).all()
    assert np.allclose(y.mean(0), p, atol=4 * np.sqrt(0.25 / len(y)))
    soft = core.gumbel_softmax(scores, tau=0.5, seed=4)
    assert np.array_equal(soft.argmax(1), y.argmax(1))


def test_a_hard_gumbel_softmax_has_the_gradient_of_the_soft_one():
    x, v = generator(1).standard_normal((4, 3)), generator(2).standard_normal((4, 3))
    grads = []
    for hard in (True, False):
        tensor = od.tensor(x, requires_grad=True)
        core.gumbel_softmax(tensor, tau=0.5, hard=hard, seed=8).backward(v)
        grads.append(tensor.grad.numpy())
    assert np.array_equal(*grads) and np.abs(grads[0]).max() > 0.01


def test_gumbel_softmax_without_noise_takes_the_largest():
    x, v = generator(1).standard_normal((4, 3)), generator(2).standard_normal((4, 3))
    tensor = od.tensor(x, requires_grad=True)
    y = core.gumbel_softmax(tensor, tau=0.5, hard=True, training=False)
    assert np.array_equal(y.numpy(), np.eye(3)[x.argmax(1)])
    y.backward(v)
    soft = od.tensor(x, requires_grad=True)
    core.softmax(soft / 0.5).backward(v)
    assert np.allclose(tensor.grad.numpy(), soft.grad.numpy(), atol=1e-12)


def test_the_seed_of_the_process_makes_it_reproducible():
    draws = []
    for seed in (3, 3, 4):
        od.manual_seed(seed)
        draws.append(core.gumbel_softmax(np.zeros((4, 5))))
    assert np.array_equal(draws[0], draws[1]) and not np.array_equal(draws[0], draws[2])


# What overflows does so without a warning.
@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("glu", ()), ("swiglu", ()), ("selu", ()), ("relu_squared", ()), ("sparsemax", ()),
        ("hard_tanh", (-1e9, 1e9)), ("threshold", (0.0, 1e9)), ("soft_shrink", (1e9,)),
        ("leaky_relu", (1e9,)), ("hard_swish", ()), ("gaussian_noise", (1e9,)), ("softsign", ()),
        ("squareplus", ()),
    ],
)  # fmt: skip
def test_no_warnings(name, settings):
    for value in (6.5e4, -6.5e4, np.inf, -np.inf, np.nan):
        y = getattr(core, name)(np.full(4, value, np.float16), *settings)
        assert y.dtype == np.float16
