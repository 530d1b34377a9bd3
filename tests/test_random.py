"""Random numbers: streams, splitting, and what the distributions look like."""

import copy
import pickle

import numpy as np
import pytest

import odyssey as od
from odyssey.errors import DTypeError, OdysseyError, RangeError, ShapeError

N = 20_000


def mean_is(samples, mean, std):
    """Compare a mean with what it should be; five standard errors fail once in two million."""
    assert abs(np.mean(np.asarray(samples, np.float64)) - mean) < 5 * std / np.sqrt(
        np.size(samples)
    )


DRAWS = [
    lambda rng: od.randn(4, rng=rng),
    lambda rng: od.rand(4, dtype="float16", rng=rng),
    lambda rng: od.randint(9, shape=4, rng=rng),
    lambda rng: od.permutation(9, rng=rng),
    lambda rng: od.permutation(od.arange(9), rng=rng),
    lambda rng: od.bernoulli(0.5, (9,), rng=rng),
    lambda rng: od.categorical(np.zeros(9), (4,), rng=rng),
    lambda rng: od.multinomial(np.ones(9), 4, rng=rng),
    lambda rng: od.multinomial(np.ones(9), 4, True, rng=rng),
    lambda rng: od.exponential(4, rng=rng),
    lambda rng: od.truncated_normal(4, rng=rng),
]


@pytest.mark.parametrize("draw", DRAWS)
def test_the_same_seed_gives_the_same_numbers(draw):
    one, other = od.Generator(7), np.random.Generator(np.random.Philox(7))
    first = draw(one)
    assert first.tolist() == draw(other).tolist()
    assert first.tolist() != draw(one).tolist()  # the stream goes on
    od.manual_seed(7)
    assert first.tolist() == draw(None).tolist()
    threads = od.get_num_threads()
    try:
        od.set_num_threads(1)
        assert first.tolist() == draw(od.Generator(7)).tolist()
    finally:
        od.set_num_threads(threads)


def test_the_stream_does_not_depend_on_the_dtype():
    wide = od.truncated_normal(9, dtype="float64", rng=od.Generator(1))
    half = od.truncated_normal(9, dtype="float16", rng=od.Generator(1))
    assert half.dtype == np.float16 and half.tolist() == wide.astype("float16").tolist()


def test_split_gives_other_streams_and_repeats_itself():
    rng = od.Generator(0)
    children = rng.split(3) + rng.split() + [rng]
    firsts = [child.random() for child in children]
    assert len(set(firsts)) == 6
    rng = od.Generator(0)
    assert [child.random() for child in rng.split(3)] == firsts[:3]
    assert all(isinstance(child, od.Generator) for child in children)
    assert od.Generator(0).split(0) == []
    x, y = (child.standard_normal(N) for child in od.Generator(1).split())
    mean_is(x * y, 0, 1)  # not correlated


def test_the_default_generator_can_be_split_too():
    od.manual_seed(5)
    first = [child.random() for child in od.utils.random.default_generator().split()]
    assert first == [child.random() for child in od.Generator(5).split()]


def test_a_generator_is_copied_with_its_state():
    rng = od.Generator(3)
    rng.random()
    for twin in (copy.deepcopy(rng), pickle.loads(pickle.dumps(rng))):
        assert isinstance(twin, od.Generator)
        assert twin.random() == copy.deepcopy(rng).random()


def test_seeds_that_are_none():
    for seed in (1.5, "a", True, None):
        with pytest.raises(DTypeError, match="seed must be an integer"):
            od.Generator(seed)
    with pytest.raises(OdysseyError, match="seed must be at least 0"):
        od.Generator(-1)
    with pytest.raises(OdysseyError, match="split: n must be at least 0"):
        od.Generator(1).split(-1)


def test_randint():
    x = od.randint(-2, 3, (N,), dtype="int8")
    assert x.dtype == np.int8 and set(x.tolist()) == {-2, -1, 0, 1, 2}
    mean_is(x, 0, np.sqrt(2))
    assert od.randint(256, shape=(N,), dtype="uint8").data.max() == 255
    for bad in ((3, 3), (0, 129, (), "int8"), (-1, 5, (), "uint8")):
        with pytest.raises(RangeError, match="randint: there are no integers from"):
            od.randint(*bad)
    with pytest.raises(DTypeError, match="randint: dtype must be one of integers"):
        od.randint(3, dtype="float32")
    with pytest.raises(ShapeError, match="randint: negative dimensions"):
        od.randint(3, shape=(-1,))


def test_permutation():
    assert sorted(od.permutation(50).tolist()) == list(range(50)) != od.permutation(50).tolist()
    x = od.tensor(np.arange(12.0).reshape(3, 4), requires_grad=True)
    y = od.permutation(x, axis=1)
    assert sorted(y.data[0]) == [0, 1, 2, 3] and np.array_equal(y.data[2], y.data[0] + 8)
    (y * y.detach()).sum().backward()
    assert np.array_equal(x.grad.data, x.data)  # each gradient finds its way back
    for bad, kwargs in ((-1, {}), (np.ones(2), {"axis": 1}), (np.ones(()), {})):
        with pytest.raises(RangeError, match="permutation: "):
            od.permutation(bad, **kwargs)


def test_bernoulli():
    p = np.array([0.0, 0.25, 1.0])
    x = od.bernoulli(p, (N, 3))
    assert x.dtype == np.float32 and set(x.data[:, 1]) == {0, 1}
    assert (x.data[:, 0] == 0).all() and (x.data[:, 2] == 1).all()
    mean_is(x.data[:, 1], 0.25, np.sqrt(3) / 4)
    assert od.bernoulli(od.tensor(p), dtype=bool).dtype == bool
    for bad in (-0.1, 1.1, np.nan):
        with pytest.raises(RangeError, match="bernoulli: p must hold probabilities"):
            od.bernoulli(bad)
    with pytest.raises(ShapeError, match="bernoulli: p of shape"):
        od.bernoulli(p, (2,))


def test_categorical():
    p = np.array([[0.1, 0.2, 0.7], [0.5, 0.5, 0.0]])
    with np.errstate(divide="ignore"):
        x = od.categorical(np.log(p) + 3, (N,)).data
    assert x.shape == (N, 2) and x.dtype == np.int64
    for row, weights in enumerate(p):
        for k, q in enumerate(weights):
            mean_is(x[:, row] == k, q, np.sqrt(q * (1 - q)) + 1e-9)
    assert od.categorical(od.zeros((3, 5)), axis=0).shape == (5,)
    for bad in (np.full(2, -np.inf), np.array([0, np.nan]), np.zeros((2, 0))):
        with pytest.raises(OdysseyError, match="categorical: a distribution needs a finite"):
            od.categorical(bad)
    with pytest.raises(RangeError, match="categorical: axis 1 is out of range"):
        od.categorical(np.zeros(3), axis=1)


def test_multinomial():
    weights = np.array([[1.0, 2.0, 7.0, 0.0]] * (N // 4))
    for replacement in (False, True):
        x = od.multinomial(weights, 3, replacement).data
        assert x.shape == (N // 4, 3) and x.dtype == np.int64 and x.max() == 2
        mean_is(x[:, 0] == 2, 0.7, np.sqrt(0.21))
        if not replacement:
            assert all(len(set(row)) == 3 for row in x)
            mean_is(x[:, 1][x[:, 0] == 2] == 1, 2 / 3, np.sqrt(2) / 3)  # of what is left
    for bad in ([1.0, -1.0], [np.nan], [np.inf]):
        with pytest.raises(OdysseyError, match="multinomial: n and the weights"):
            od.multinomial(np.array(bad), 1)
    with pytest.raises(OdysseyError, match="multinomial: 2 draws without replacement"):
        od.multinomial(np.array([1.0, 0.0]), 2)
    with pytest.raises(OdysseyError, match="multinomial: a distribution needs"):
        od.multinomial(np.zeros(2), 2, replacement=True)
    with pytest.raises(ShapeError, match="multinomial: p has no axis"):
        od.multinomial(1.0, 1)


def test_exponential():
    x = od.exponential((N,), scale=3.0)
    assert x.dtype == np.float32 and x.data.min() >= 0
    mean_is(x, 3, 3)
    with pytest.raises(OdysseyError, match="exponential: scale must be at least 0"):
        od.exponential(3, scale=-1)


@pytest.mark.parametrize(
    ("low", "high"),
    [
        (-2, 2),
        (-1, 0.5),
        (-0.5, 1.9),
        (0, 9),
        (3, 3.1),
        (3, 99),
        (-np.inf, -2),
        (0.5, 2.9),
        (-9, 0),
    ],
)
def test_truncated_normal(low, high):
    x = od.truncated_normal((N,), 1.0, 2.0, 1 + 2 * low, 1 + 2 * high, dtype="float64").data
    z = (x - 1) / 2
    assert low - 1e-15 <= z.min() and z.max() <= high + 1e-12
    grid = np.linspace(max(low, -9), min(high, 12), 100_001)
    weight = np.exp(-(grid**2) / 2) / np.exp(-(grid**2) / 2).sum()
    for power in (1, 2):
        mean = (grid**power * weight).sum()
        std = np.sqrt((grid ** (2 * power) * weight).sum() - mean**2)
        mean_is(z**power, mean, std)


def test_truncated_normal_is_refused_without_room():
    for kwargs in ({"low": 1, "high": 1}, {"std": 0}, {"mean": np.nan, "std": -1}):
        with pytest.raises(OdysseyError, match="truncated_normal: needs std > 0 and low < high"):
            od.truncated_normal((2,), **kwargs)
    assert od.truncated_normal((0, 3)).shape == (0, 3)
