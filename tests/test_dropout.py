"""Dropout: Philox's known answers, statistics, reproducibility; and the errors of sigmoid, tanh."""

import importlib

import numpy as np
import pytest

import odyssey as od
from odyssey import core, fast, nn, reference
from odyssey.errors import OdysseyError
from odyssey.reference.dropout import _philox
from odyssey.testing import LAYOUTS
from odyssey.testing.cases import generator

compiled = pytest.mark.skipif(not fast.LEVEL, reason="nothing was compiled in this installation")

# counter, key, result: Random123's kat_vectors for philox4x32 with 10 rounds.
KNOWN = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    (
        (0xFFFFFFFF,) * 4,
        (0xFFFFFFFF,) * 2,
        (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD),
    ),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


@pytest.mark.parametrize(("counter", "key", "result"), KNOWN)
def test_known_answers_of_philox(counter, key, result):
    assert _philox(counter, key) == result


@compiled
@pytest.mark.parametrize("level", fast.AVAILABLE_LEVELS)
def test_the_fast_words_are_those_of_philox(level):
    kernel = importlib.import_module(f"odyssey._ext.{level}.dropout").dropout
    seed, ones = 0x299F31D0A4093822, np.ones(200)
    words = [w for block in range(50) for w in _philox((block, 0, 0, 0), (0xA4093822, 0x299F31D0))]
    for p in (0.1, 0.5, 0.9):
        expected = np.array(words) >= round(p * 2**32)
        assert np.array_equal(kernel(ones, p, seed) != 0, expected)
    # A word decides at its own value, to the bit.
    threshold = words[7] / 2**32
    assert kernel(ones, threshold, seed)[7] != 0
    assert kernel(ones, threshold + 2.0**-32, seed)[7] == 0


@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
def test_statistics(p):
    x = od.ones((500, 400))
    y = core.dropout(x, p, seed=7).numpy()
    kept = y != 0
    assert kept.mean() == pytest.approx(1 - p, abs=4 * np.sqrt(p * (1 - p) / y.size))
    assert y.mean() == pytest.approx(1, abs=0.01)
    assert np.unique(y[kept]).tolist() == [np.float32(1 / (1 - p))]
    other = core.dropout(x, p, seed=8).numpy() != 0
    for a, b in ((kept, other), (kept[:, :-1], kept[:, 1:]), (kept[:-1], kept[1:])):
        assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 0.012


@compiled
def test_same_bits_on_both_backends_in_every_layout_dtype_and_thread_count():
    x = generator().uniform(1, 2, (3, 6, 50, 31))
    kept = reference.dropout(x, 0.3, 99) != 0
    before = od.get_num_threads()
    layouts = {name: f for name, f in LAYOUTS.items() if name != "broadcast"}
    layouts["channels-last"] = lambda a: np.ascontiguousarray(a.transpose(0, 2, 3, 1)).transpose(
        0, 3, 1, 2
    )
    for threads in (1, 2, 4):
        od.set_num_threads(threads)
        for layout in layouts.values():
            for dtype in ("float16", "float32", "float64"):
                given = layout(x.astype(dtype))
                assert np.array_equal(fast.dropout(given, 0.3, 99) != 0, kept)
                assert np.array_equal(fast.dropout_backward(given, 0.3, 99) != 0, kept)
    od.set_num_threads(before)


@compiled
def test_a_channels_last_array_stays_channels_last():
    x = np.ones((2, 5, 7, 3), np.float32).transpose(0, 3, 1, 2)
    assert fast.dropout(x, 0.5, 1).strides == x.strides


def test_the_seed_of_the_process_makes_it_reproducible():
    x = od.ones(1000)
    od.manual_seed(3)
    first, second = core.dropout(x).numpy(), core.dropout(x).numpy()
    od.manual_seed(3)
    assert np.array_equal(core.dropout(x).numpy(), first)
    assert not np.array_equal(first, second)


def test_backward_drops_what_forward_dropped():
    x = od.tensor(generator().uniform(1, 2, (20, 30)), requires_grad=True)
    y, saved = core.dropout.with_saved(x, 0.4)
    y.backward(np.ones(y.shape))
    assert np.array_equal(x.grad.numpy() != 0, y.numpy() != 0)
    by_hand = core.dropout_backward(np.ones(x.shape), saved.used_seed, 0.4)
    assert np.array_equal(by_hand, x.grad.numpy())


def test_ends_of_p():
    x = od.tensor([1.0, float("nan")], requires_grad=True)
    assert np.array_equal(core.dropout(x, 0).numpy(), x.numpy(), equal_nan=True)
    zeros = core.dropout(x, 1)
    zeros.backward(np.ones(2))
    assert zeros.tolist() == x.grad.tolist() == [0, 0]


# -- the family ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["dropout1d", "dropout2d", "dropout3d", "drop_path"])
def test_whole_slices_are_dropped(name):
    axes = 1 if name == "drop_path" else 2
    shape = (100, 40, *(2,) * 3)[: axes + (3 if axes == 1 else int(name[-2]))]
    x = generator().uniform(1, 2, shape)
    kept = core.dropout(np.ones(shape[:axes]), 0.3, seed=5) != 0
    y = getattr(core, name)(x, 0.3, seed=5)
    assert np.allclose(y[kept], x[kept] / 0.7) and not y[~kept].any()
    assert kept.mean() == pytest.approx(0.7, abs=4 * np.sqrt(0.21 / kept.size))
    x[~kept] = np.nan  # a dropped NaN is 0, as in dropout
    assert not getattr(core, name)(x, 0.3, seed=5)[~kept].any()
    assert not getattr(core, name)(x, 1.0).any()


def test_alpha_dropout_keeps_mean_and_variance():
    x = generator().standard_normal(200_000)
    for p in (0.1, 0.5, 0.9):
        y = core.alpha_dropout(x, p, seed=2)
        assert y.mean() == pytest.approx(0, abs=0.01) and y.var() == pytest.approx(1, abs=0.02)


def test_gaussian_noise_is_the_same_in_every_dtype():
    x = np.zeros((30, 40))
    noise = core.gaussian_noise(x, 0.5, seed=6)
    assert noise.std() == pytest.approx(0.5, abs=0.05)
    for dtype in (np.float16, np.float32):
        assert np.array_equal(
            core.gaussian_noise(x.astype(dtype), 0.5, seed=6), noise.astype(dtype)
        )


def test_layer_drops_in_training_mode_only():
    layer = nn.Dropout(0.5)
    x = od.ones(100)
    assert (layer(x).numpy() == 0).any()
    assert (layer.eval()(x).numpy() == 1).all()
    assert repr(layer) == "Dropout(p=0.5)"
    with pytest.raises(OdysseyError, match=r"Dropout: p, .* must lie in \[0, 1\], got 2"):
        nn.Dropout(2)
    with pytest.raises(OdysseyError, match="dropout: p"):
        core.dropout(x, 2, training=False)
    with pytest.raises(OdysseyError, match="dropout: seed must lie in"):
        core.dropout(x, seed=-1)


# -- sigmoid and tanh ------------------------------------------------------------------------------


def exact(name, x):
    if name == "tanh":
        return np.tanh(x)
    with np.errstate(over="ignore", invalid="ignore"):
        e = np.exp(-np.abs(x))
        return np.where(x < 0, e, 1) / (1 + e)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["sigmoid", "tanh"])
@pytest.mark.parametrize("level", ["reference", *fast.AVAILABLE_LEVELS])
def test_errors_are_a_few_ulp(level, name, dtype):
    package = "odyssey.reference" if level == "reference" else f"odyssey._ext.{level}"
    kernel = getattr(importlib.import_module(f"{package}.sigmoidal"), name)
    rng = generator(5)
    count = 300 if level == "reference" else 20_000
    for largest in (1e-30, 1e-3, 0.1, 0.5, 1, 4, 20, 87, 103 if dtype == "float32" else 740):
        x = rng.uniform(-largest, largest, count).astype(dtype)
        right = exact(name, x.astype(np.float64 if dtype == "float32" else np.longdouble))
        unit = np.spacing(np.abs(right).astype(dtype)).astype(right.dtype)
        error = np.abs(kernel(x).astype(right.dtype) - right) / unit
        assert error.max() < 4, (largest, x[error.argmax()])


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("kernels", [fast, reference], ids=["fast", "reference"])
def test_sigmoid_and_tanh_of_special_numbers(kernels, dtype):
    if kernels is fast and not fast.LEVEL:
        pytest.skip("nothing was compiled in this installation")
    x = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 6e4, -6e4], dtype)
    assert np.array_equal(kernels.sigmoid(x), [0.5, 0.5, 1, 0, np.nan, 1, 0], equal_nan=True)
    y = kernels.tanh(x)
    assert np.array_equal(y, [0, 0, 1, -1, np.nan, 1, -1], equal_nan=True)
    assert np.signbit(y[:2]).tolist() == [False, True]
