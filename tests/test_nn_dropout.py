"""Dropout and noise while training: what is dropped, how much, and by which seed."""

import numpy as np
import pytest

import odyssey as od
from odyssey import nn

N = 40_000
DROPPING = [  # the layer, the shape of an input, and the axes along which all are dropped alike
    (nn.Dropout, (200, 200), ()),
    (nn.Dropout1D, (200, 200, 3), (2,)),
    (nn.Dropout2D, (200, 200, 2, 3), (2, 3)),
    (nn.Dropout3D, (200, 200, 2, 1, 3), (2, 3, 4)),
    (nn.DropPath, (N, 2, 3), (1, 2)),
]
cases = pytest.mark.parametrize(("make", "shape", "alike"), DROPPING, ids=lambda v: str(v))
p_values = pytest.mark.parametrize("p", [0.1, 0.5, 0.8])


def normal(*shape):
    return np.random.default_rng(0).standard_normal(shape)


@cases
@p_values
def test_a_share_is_dropped_and_the_rest_scaled(make, shape, alike, p):
    od.manual_seed(1)
    y = make(p)(od.ones(shape, dtype="float64")).numpy()
    kept = y != 0
    assert np.allclose(y[kept], 1 / (1 - p), rtol=1e-12)
    # N independent bits: their mean is within five standard deviations of what it should be.
    assert abs(kept.mean() - (1 - p)) < 5 * np.sqrt(p * (1 - p) / N)


@cases
def test_what_belongs_together_is_dropped_together(make, shape, alike):
    od.manual_seed(2)
    kept = make(0.5)(od.ones(shape)).numpy() != 0
    assert np.array_equal(kept.all(alike), kept.any(alike))
    bits = kept.all(alike).reshape(200, 200)  # and what does not belong together is not
    for one in (bits, bits.T):
        assert abs((one[:-1] == one[1:]).mean() - 0.5) < 5 * 0.5 / np.sqrt(one[1:].size)


@cases
def test_the_gradient_goes_where_the_values_went(make, shape, alike):
    od.manual_seed(3)
    x, g = od.tensor(normal(*shape), requires_grad=True), normal(*shape)[::-1].copy()
    y = make(0.3)(x)
    y.backward(g)
    mask = np.where(y.numpy() == 0, 0, 1 / 0.7)
    assert np.allclose(y.numpy(), x.numpy() * mask, rtol=1e-12)
    assert np.allclose(x.grad.numpy(), g * mask, rtol=1e-12) and (mask == 0).any()


ALL = [*[(make, shape) for make, shape, _ in DROPPING], (nn.AlphaDropout, (9, 9))]
ALL.append((nn.GaussianNoise, (9, 9)))


@pytest.mark.parametrize(("make", "shape"), ALL, ids=lambda v: str(v))
def test_the_seed_repeats_it_and_every_call_draws_anew(make, shape):
    layer, x = make(0.5), od.tensor(normal(*shape))
    runs = []
    for seed in (4, 4, 5):
        od.manual_seed(seed)
        runs.append((layer(x).numpy(), layer(x).numpy()))
    assert np.array_equal(runs[0][0], runs[1][0]) and np.array_equal(runs[0][1], runs[1][1])
    assert not np.array_equal(runs[0][0], runs[0][1])
    assert not np.array_equal(runs[0][0], runs[2][0])


@pytest.mark.parametrize(("make", "shape"), ALL, ids=lambda v: str(v))
def test_evaluation_changes_nothing_and_draws_nothing(make, shape):
    layer, x = make(0.5).eval(), od.tensor(normal(*shape), requires_grad=True)
    od.manual_seed(6)
    before = od.rand(3).numpy()
    od.manual_seed(6)
    y = layer(x)
    assert np.array_equal(y.numpy(), x.numpy())
    assert np.array_equal(od.rand(3).numpy(), before)
    y.sum().backward()
    assert (x.grad.numpy() == 1).all()
    assert not np.array_equal(layer.train()(x).numpy(), x.numpy())


@pytest.mark.parametrize("make", [make for make, _ in ALL[:-1]], ids=str)
def test_nothing_or_everything_dropped(make):
    shape = next(shape for one, shape in ALL if one is make)
    x = od.tensor(normal(*shape))
    assert np.array_equal(make(0.0)(x).numpy(), x.numpy())
    assert not make(1.0)(x).numpy().any()


@p_values
def test_alpha_dropout_keeps_mean_and_variance(p):
    od.manual_seed(7)
    x = od.tensor(normal(1000, 400))
    y = nn.AlphaDropout(p)(x).numpy()
    spread = 5 / np.sqrt(y.size)
    assert abs(y.mean()) < spread * 2 and abs(y.var() - 1) < 5 * spread
    counts = np.unique(y.round(9), return_counts=True)[1]  # all that is dropped has one value
    assert abs(counts.max() / y.size - p) < 5 * np.sqrt(p * (1 - p) / y.size)


def test_noise_has_its_deviation_and_passes_the_gradient():
    od.manual_seed(8)
    x = od.tensor(normal(300, 300), requires_grad=True)
    y = nn.GaussianNoise(0.25)(x)
    noise = y.numpy() - x.numpy()
    assert abs(noise.mean()) < 5 * 0.25 / 300 and abs(noise.std() / 0.25 - 1) < 5 / (300 * 1.4)
    y.sum().backward()
    assert (x.grad.numpy() == 1).all()
    assert np.array_equal(nn.GaussianNoise(0.0)(x).numpy(), x.numpy())


def test_a_dropped_branch_is_skipped_for_some_examples():
    od.manual_seed(9)
    block = nn.Residual(nn.Sequential(nn.Linear(3, 3), nn.DropPath(0.5)))
    x = od.tensor(normal(64, 3).astype(np.float32))
    branch = block.module[0](x).numpy()
    steps = block(x).numpy() - x.numpy()
    skipped = (steps == 0).all(1)
    assert 16 <= skipped.sum() <= 48
    assert np.allclose(steps[~skipped], 2 * branch[~skipped], atol=1e-5)


# -- Gumbel's softmax ------------------------------------------------------------------------------


def test_gumbel_softmax_draws_while_training_only():
    od.manual_seed(10)
    p = np.array([0.2, 0.3, 0.5])
    layer = nn.GumbelSoftmax(hard=True)
    scores = od.tensor(np.tile(np.log(p), (N, 1)))
    drawn = layer(scores).numpy()
    assert set(np.unique(drawn)) == {0, 1} and (drawn.sum(1) == 1).all()
    assert np.allclose(drawn.mean(0), p, atol=5 * np.sqrt(0.25 / N))
    assert np.array_equal(layer.eval()(scores).numpy(), np.tile([0, 0, 1], (N, 1)))
    soft = nn.GumbelSoftmax(tau=0.5)(scores).numpy()
    assert np.allclose(soft.sum(1), 1) and ((soft > 0.01) & (soft < 0.99)).any()
