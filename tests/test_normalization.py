"""Normalisation: what the samples cannot say: half precision, memory order, running moments."""

import numpy as np
import pytest

import odyssey as od
from odyssey import core
from odyssey.engine import gradients


def channels_last(x):
    return np.ascontiguousarray(np.moveaxis(x, 1, -1)).transpose(0, 3, 1, 2)


def images(dtype=np.float32, seed=0):
    return np.random.default_rng(seed).standard_normal((4, 6, 5, 7)).astype(dtype)


@pytest.mark.parametrize("name", ["batch_norm", "group_norm"])
def test_the_result_keeps_the_memory_order(name):
    norm = core.batch_norm if name == "batch_norm" else lambda x: (core.group_norm(x, 3),)
    x = images()
    planes, pixels = norm(x)[0], norm(channels_last(x))[0]
    assert planes.flags.c_contiguous
    assert pixels.transpose(0, 2, 3, 1).flags.c_contiguous or od.get_backend() == "reference"
    assert np.allclose(planes, pixels, atol=1e-6)


def test_moments_beside_half_precision_are_single():
    x = (300 * images(seed=1)).astype(np.float16)  # the squares are too large for float16
    running = [np.zeros(6, np.float32), np.ones(6, np.float32)]
    out, mean, var = core.batch_norm(x, *running, momentum=1.0)
    assert out.dtype == np.float16 and mean.dtype == var.dtype == np.float32
    wide = x.astype(np.float64)
    assert np.allclose(mean, wide.mean((0, 2, 3)), rtol=1e-5)
    assert np.allclose(var, wide.var((0, 2, 3), ddof=1), rtol=1e-5)
    assert np.allclose(out.astype(float).std((0, 2, 3)), 1, rtol=1e-3)
    out, mean, _ = core.batch_norm(x, mean, var, training=False)
    assert out.dtype == np.float16 and mean.dtype == np.float32


def test_running_moments_are_not_written_to():
    running = np.zeros(6, np.float32), np.ones(6, np.float32)
    for training in (True, False):
        _, *new = core.batch_norm(images(), *running, training=training)
        assert not running[0].any() and (running[1] == 1).all()
        assert not any(np.may_share_memory(a, b) for a in new for b in running)


def test_momentum_one_in_k_averages_all_batches():
    mean, var, batches = (
        np.zeros(6, np.float32),
        np.zeros(6, np.float32),
        [images(seed=s) for s in range(5)],
    )
    for k, x in enumerate(batches, 1):
        _, mean, var = core.batch_norm(x, mean, var, momentum=1 / k)
    assert np.allclose(mean, np.mean([x.mean((0, 2, 3)) for x in batches], 0), atol=1e-6)
    assert np.allclose(var, np.mean([x.var((0, 2, 3), ddof=1) for x in batches], 0), atol=1e-6)


def test_a_batch_of_nothing_teaches_nothing():
    running = np.full(6, 2.0, np.float32), np.full(6, 3.0, np.float32)
    out, mean, var = core.batch_norm(images()[:0], *running)
    assert out.shape == (0, 6, 5, 7) and (mean == 2).all() and (var == 3).all()


def test_far_from_zero_no_digits_are_lost():
    # The mean of squares less the square of the mean would be wrong in the first digit.
    x = images(np.float64) + 1000
    exact = core.batch_norm(x)[0]
    for y in (x, channels_last(x)):
        assert np.abs(core.batch_norm(y.astype(np.float32))[0] - exact).max() < 2e-3
    rows = x.reshape(4, -1)
    exact = core.layer_norm(rows, rows.shape[1])
    assert np.abs(core.layer_norm(rows.astype(np.float32), rows.shape[1]) - exact).max() < 2e-3


def test_the_gradient_of_the_sum_is_nearly_zero_and_so_proves_nothing():
    x = od.tensor(images(np.float64), requires_grad=True)
    out, *_ = core.batch_norm(x)
    for cotangent, moves in ((np.ones(out.shape), False), (images(np.float64, 2), True)):
        (grad,) = gradients([out], [x], [cotangent], retain_graph=True)
        assert (np.abs(grad.data).max() > 0.1) == moves
        assert np.abs(grad.data.sum((0, 2, 3))).max() < 1e-12


def test_only_wanted_gradients_are_made():
    x, weight = images(), np.ones(6, np.float32)
    _, saved = core.group_norm.with_saved(x, 3, weight)
    grads = core.group_norm_backward(x, x, saved.mean, saved.rstd, 3, weight, (False, True, False))
    assert [g is None for g in grads] == [True, False, True]
