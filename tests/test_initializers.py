"""Initializers: their variance, structure, and what they refuse."""

import numpy as np
import pytest

import odyssey as od
from odyssey import core
from odyssey.errors import OdysseyError, ShapeError


@pytest.mark.parametrize(
    ("make", "variance"),
    [
        (lambda rng: core.lecun_uniform((300, 200), rng=rng), 1 / 200),
        (lambda rng: core.lecun_normal((60, 50, 3, 5), rng=rng), 1 / 750),
        (lambda rng: core.variance_scaling((300, 200), 2.0, rng=rng), 2 / 200),
        (lambda rng: core.variance_scaling((300, 200), 2.0, "fan_out", "normal", rng=rng), 2 / 300),
        (
            lambda rng: core.variance_scaling((300, 200), 1.0, "fan_avg", "uniform", rng=rng),
            1 / 250,
        ),
        (lambda rng: core.orthogonal((300, 200), rng=rng), 1 / 300),
        (lambda rng: core.sparse((400, 300), 0.5, std=0.1, rng=rng), 0.005),
    ],
)
def test_variance(make, variance):
    values = make(np.random.default_rng(0)).numpy()
    assert values.var() == pytest.approx(variance, rel=0.03)
    assert abs(values.mean()) < 4 * np.sqrt(variance / values.size)
    assert values.dtype == np.float32


def test_truncated_normal_is_cut_at_two_deviations():
    values = core.variance_scaling((400, 100), 1.0, rng=np.random.default_rng(0)).numpy()
    spread = 0.1 / np.sqrt(1 - 4 * 0.05399096651318806 / 0.9544997361036416)
    assert 1.95 * spread < np.abs(values).max() <= 2 * spread * (1 + 1e-6)


@pytest.mark.parametrize("shape", [(4, 4), (3, 7), (7, 3), (4, 2, 3, 1), (1, 1)])
def test_orthogonal_keeps_lengths(shape):
    w = core.orthogonal(shape, gain=3.0, dtype="float64").numpy().reshape(shape[0], -1)
    square = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
    assert np.allclose(square, 9 * np.eye(min(w.shape)))


def test_orthogonal_favours_no_direction():
    rng = np.random.default_rng(0)
    entries = [core.orthogonal((2, 2), rng=rng).numpy()[0, 0] for _ in range(2000)]
    assert abs(np.mean(entries)) < 4 * np.sqrt(0.5 / 2000)


@pytest.mark.parametrize(
    ("shape", "groups"), [((4, 4, 3, 5), 1), ((6, 2, 3, 3), 3), ((4, 6, 1, 1), 1)]
)
def test_dirac_passes_channels_on(shape, groups):
    x = od.randn(2, shape[1] * groups, 7, 8)
    padding = (shape[2] // 2, shape[3] // 2)
    y = core.conv2d(x, core.dirac(shape, groups), None, 1, padding, 1, groups)
    assert np.array_equal(y.numpy(), x.numpy()[:, : shape[0]])


def test_dirac_has_a_filter_for_each_channel_and_no_more():
    assert core.dirac((5, 3, 4)).numpy().sum((1, 2)).tolist() == [1, 1, 1, 0, 0]


def test_sparse_has_so_many_zeros_in_each_column():
    w = core.sparse((10, 50), 0.31, rng=np.random.default_rng(0)).numpy()
    assert ((w == 0).sum(0) == 4).all()
    assert len({tuple(column) for column in (w == 0).T}) > 20


def test_selu_gain():
    assert core.calculate_gain("selu") == 0.75


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: core.lecun_normal((3,)), ShapeError, "needs at least 2 axes"),
        (lambda: core.variance_scaling((3, 4), 0.0), OdysseyError, "scale must be positive"),
        (lambda: core.variance_scaling((3, 4), 1.0, "fan"), OdysseyError, "mode must be fan_in"),
        (
            lambda: core.variance_scaling((3, 4), distribution="cauchy"),
            OdysseyError,
            "normal or uniform, got 'cauchy'",
        ),
        (lambda: core.orthogonal((3,)), ShapeError, "orthogonal: a rotation needs at least 2"),
        (lambda: core.identity((3, 3, 1)), ShapeError, "identity: a matrix has 2 axes"),
        (lambda: core.dirac((3, 3)), ShapeError, "at least 3 axes"),
        (lambda: core.dirac((3, 3, 1), 2), ShapeError, "groups=2 does not divide the 3 filters"),
        (lambda: core.sparse((3,), 0.5), ShapeError, "sparse: a matrix has 2 axes"),
        (lambda: core.sparse((3, 3), 1.5), OdysseyError, r"must lie in \[0, 1\], got 1.5"),
    ],
)
def test_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
