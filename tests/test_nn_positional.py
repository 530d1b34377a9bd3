"""Positional layers: their papers' formulas in NumPy, and what these promise."""

import numpy as np
import pytest

import odyssey as od
from odyssey import core, nn

rng = np.random.default_rng(2)


@pytest.mark.parametrize("features", [1, 4, 7])
@pytest.mark.parametrize("offset", [0, 5])
def test_sinusoids_are_the_papers(features, offset):
    x = rng.standard_normal((2, 6, features))
    layer = nn.SinusoidalPositionalEncoding(features, dtype="float64")
    expected = x.copy()
    for m in range(6):
        for i in range(features):
            angle = (m + offset) / 10000 ** ((i - i % 2) / features)
            expected[:, m, i] += np.cos(angle) if i % 2 else np.sin(angle)
    np.testing.assert_allclose(layer(od.tensor(x), offset).numpy(), expected, atol=1e-12)


def test_the_table_of_sinusoids_grows_with_the_sequence():
    layer = nn.SinusoidalPositionalEncoding(4)
    long = layer(od.zeros((1, 100, 4))).numpy()
    assert np.array_equal(layer(od.zeros((1, 3, 4)), offset=97).numpy(), long[:, 97:])
    assert layer.state_dict() == {}


def test_learned_rows_are_added_from_the_offset_on_and_learn():
    layer = nn.LearnedPositionalEncoding(9, 3)
    y = layer(od.zeros((2, 4, 3)), offset=5)
    assert np.array_equal(y.numpy()[1], layer.weight.numpy()[5:])
    y.sum().backward()
    assert layer.weight.grad.numpy().tolist() == [[0.0] * 3] * 5 + [[2.0] * 3] * 4


@pytest.mark.parametrize("make", [nn.SinusoidalPositionalEncoding, nn.LearnedPositionalEncoding])
def test_encodings_drop_while_training_only(make):
    layer = make(8, dropout=0.5) if make is nn.SinusoidalPositionalEncoding else make(9, 8, 0.5)
    x = od.ones((4, 9, 8)) * 100
    assert 0.3 < float((layer(x).numpy() == 0).mean()) < 0.7
    assert float((layer.eval()(x).numpy() == 0).mean()) == 0


@pytest.mark.parametrize("interleaved", [True, False])
def test_rotated_products_depend_on_the_distance_alone(interleaved):
    q, k = rng.standard_normal((2, 1, 8))
    rope = nn.RotaryEmbedding(8, interleaved=interleaved)

    def product(m, n):
        return float((rope(od.tensor(q), m) * rope(od.tensor(k), n)).sum())

    for distance in (-3, 0, 1, 11):
        first = product(20, 20 + distance)
        for m in (3, 57, 1000):
            assert product(m, m + distance) == pytest.approx(first, abs=1e-11)
    assert product(0, 1) != pytest.approx(product(0, 2), abs=1e-3)


def test_rotations_keep_lengths_and_take_offsets():
    rope, x = nn.RotaryEmbedding(6), od.tensor(rng.standard_normal((2, 3, 9, 6)))
    whole = rope(x)
    np.testing.assert_allclose((whole**2).sum(-1).numpy(), (x**2).sum(-1).numpy())
    assert np.array_equal(rope(x[:, :, 4:], offset=4).numpy(), whole[:, :, 4:].numpy())
    assert np.array_equal(rope(x)[:, :, 0].numpy(), x[:, :, 0].numpy())


@pytest.mark.parametrize(
    ("heads", "slopes"),
    [
        (8, [2.0**-i for i in range(1, 9)]),
        (16, [2.0 ** (-i / 2) for i in range(1, 17)]),
        (6, [1 / 4, 1 / 16, 1 / 64, 1 / 256, 1 / 2, 1 / 8]),
    ],
)
def test_slopes_are_the_papers(heads, slopes):
    assert core.alibi_slopes(heads).tolist() == slopes


def test_alibi_takes_the_distance_from_the_scores():
    mask = nn.ALiBi(2, dtype="float64")(3, 5, offset=2).numpy()
    for h, i, j in np.ndindex(mask.shape):
        assert mask[h, i, j] == -[1 / 16, 1 / 256][h] * abs(i + 2 - j)
    assert np.array_equal(nn.ALiBi(2)(7).numpy()[:, 4:], nn.ALiBi(2)(3, offset=4).numpy())


def test_positions_in_core_refuse_nonsense():
    with pytest.raises(od.errors.ShapeError, match="alibi_slopes: num_heads must be"):
        core.alibi_slopes(0)
    with pytest.raises(od.errors.ShapeError, match="features must be an integer"):
        core.sinusoidal_positions(np.arange(2), -1)
