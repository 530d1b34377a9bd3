"""The losses where samples do not reach: ignored examples, kinks, certainty, large numbers."""

import numpy as np
import pytest

import odyssey as od
from odyssey import core


def gradient(loss, x, *args, **kwargs):
    x = od.tensor(x, requires_grad=True)
    loss(x, *args, **kwargs).backward()
    return x.grad.numpy()


@pytest.mark.parametrize("loss", [core.cross_entropy, core.nll_loss])
@pytest.mark.parametrize("settings", [{}, {"weight": np.ones(2)}])
def test_what_is_ignored_may_be_anything(loss, settings):
    x = np.array([[np.nan, np.inf], [0.25, 0.75]])
    target = np.array([-7, 1])
    assert loss(x, target, ignore_index=-7, **settings) == loss(x[1:], target[1:])
    grad = gradient(loss, np.where(np.isfinite(x), x, 0), target, ignore_index=-7, **settings)
    assert (grad[0] == 0).all() and np.array_equal(grad[1:], gradient(loss, x[1:], target[1:]))


@pytest.mark.parametrize("loss", [core.cross_entropy, core.nll_loss])
def test_the_mean_of_nothing_is_nan_and_has_no_gradient(loss):
    x, target = np.ones((2, 3)), np.array([-100, -100])
    assert np.isnan(loss(x, target))
    assert (gradient(loss, x, target) == 0).all()
    assert loss(x, target, reduction="sum") == 0


def test_smoothing_ignores_too():
    x, target = np.array([[np.nan, 1.0], [0.0, 2.0]]), np.array([-100, 0])
    assert core.cross_entropy(x, target, label_smoothing=0.5) == core.cross_entropy(
        x[1:], target[1:], label_smoothing=0.5
    )


def test_probabilities_of_one_class_are_class_numbers():
    x, labels = np.random.default_rng(0).standard_normal((5, 4)), np.array([0, 3, 1, 1, 2])
    weight = np.array([1.0, 0.5, 2.0, 4.0])
    for reduction in ("sum", "none"):
        hard = core.cross_entropy(x, labels, weight, reduction=reduction)
        soft = core.cross_entropy(x, np.eye(4)[labels], weight, reduction=reduction)
        assert np.allclose(hard, soft, rtol=1e-14)


@pytest.mark.parametrize(
    "loss",
    [
        core.mean_squared_error,
        core.l1_loss,
        core.huber_loss,
        core.smooth_l1_loss,
        core.log_cosh_loss,
    ],
)
def test_a_hit_costs_nothing_and_pulls_nowhere(loss):
    x = np.array([0.0, -3.0])
    assert loss(x, x) == 0
    assert (gradient(loss, x, x) == 0).all()


def test_a_small_log_cosh_keeps_its_digits():
    d = np.array([1e-6, 1e-3, 0.5, 1000.0])
    exact = [5e-13, 4.9999991666668889e-07, np.log(np.cosh(0.5)), 1000 - np.log(2)]
    assert np.allclose(core.log_cosh_loss(d, np.zeros(4), reduction="none"), exact, rtol=1e-12)


def test_a_kink_has_the_slope_zero():
    yes = np.array([1])
    assert gradient(core.hinge_loss, np.ones(1), yes) == 0
    assert gradient(core.margin_ranking_loss, np.ones(1), np.zeros(1), yes, margin=1.0) == 0


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_certainty_has_a_price(dtype):
    x = np.array([0.0, 1.0, 0.0, 1.0], dtype)
    target = np.array([0, 1, 1, 0])
    losses = core.binary_cross_entropy(x, target, reduction="none")
    assert losses.tolist() == [0, 0, 100, 100]
    grad = gradient(core.binary_cross_entropy, x, target, reduction="sum")
    assert (grad[:2] == 0).all() and grad[2] < -1e4 and grad[3] > 1e4
    answer = od.tensor(target.astype(dtype), requires_grad=True)
    core.binary_cross_entropy(x, answer, reduction="sum").backward()
    assert answer.grad.numpy().tolist() == [100, -100, 100, -100]
    scores = np.array([-200, 200, -200, 200], dtype)
    losses = core.binary_cross_entropy_with_logits(scores, target, reduction="none")
    assert np.allclose(losses, [0, 0, 200, 200], rtol=0, atol=1e-80)
    assert gradient(core.focal_loss, scores, target, gamma=0.5).shape == (4,)


def test_kl_divergence_where_the_truth_is_zero():
    x, truth = np.log(np.array([0.25, 0.75])), np.array([0.0, 1.0])
    assert np.isclose(core.kl_divergence(x, truth, reduction="sum"), -np.log(0.75))
    grad = gradient(lambda t: core.kl_divergence(od.tensor(x), t, reduction="sum"), truth)
    assert np.allclose(grad, [-x[0], 1 - x[1]])


def test_a_variance_below_the_least_one_can_grow():
    x, target, var = np.zeros(2), np.ones(2), np.array([0.0, 1e-3])
    losses = core.gaussian_nll_loss(x, target, var, eps=0.1, reduction="none")
    assert losses[0] == losses[1]
    grad = gradient(lambda v: core.gaussian_nll_loss(x, target, v, eps=0.1), var)
    assert np.allclose(grad, (1 - 1 / 0.1) / 0.1 / 4)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_vectors_of_zeros(dtype):
    x, y = np.zeros((2, 3), dtype), np.ones((2, 3), dtype)
    assert (core.cosine_similarity(x, y) == 0).all()
    assert core.cosine_embedding_loss(x, y, np.array([1, 1])) == 1
    assert (gradient(core.pairwise_distance, x[:1], x[:1], eps=0.0) == 0).all()
    assert np.isfinite(core.info_nce_loss(x, y))


def test_the_mean_of_many_halves_has_a_gradient():
    x = np.ones(100_000, np.float16)
    grad = gradient(core.l1_loss, x, np.zeros_like(x))
    assert np.allclose(grad.astype(float), 1e-5, rtol=0.01)
