"""The loader and its samplers: which items, in which order, as what."""

from __future__ import annotations

import pickle
from itertools import chain

import numpy as np
import pytest

from odyssey.data import (
    DataLoader,
    RandomSampler,
    SequentialSampler,
    Subset,
    TensorDataset,
    collate,
)
from odyssey.data.datasets import Digits
from odyssey.data.loader import fetch
from odyssey.errors import DTypeError, OdysseyError, ShapeError
from odyssey.tensor import Tensor
from odyssey.utils.defaults import set_default_dtype


def numbers(n: int) -> TensorDataset:
    return TensorDataset(np.arange(n))


def epoch_of(loader: DataLoader) -> list[list[int]]:
    return [batch.numpy().tolist() for (batch,) in loader]


# -- samplers ----------------------------------------------------------------------------------


def test_sequential_sampler():
    sampler = SequentialSampler(np.int64(5))
    assert len(sampler) == 5
    assert list(sampler) == list(sampler) == [0, 1, 2, 3, 4]


def test_random_sampler_permutes_and_reshuffles():
    sampler = RandomSampler(100, seed=4)
    first, second = list(sampler), list(sampler)
    assert sorted(first) == sorted(second) == list(range(100))
    assert first != second and first != list(range(100))
    sampler.set_epoch(0)
    assert list(sampler) == first and sampler.epoch == 1
    assert sampler.order(1).tolist() == second and sampler.epoch == 1


def test_random_sampler_is_a_function_of_seed_and_epoch():
    assert list(RandomSampler(50, seed=7)) == list(RandomSampler(50, seed=7))
    # Seed and epoch are two halves of the key: neither may stand in for the other.
    orders = {tuple(RandomSampler(50, s).order(e).tolist()) for s in range(4) for e in range(4)}
    assert len(orders) == 16
    assert sorted(RandomSampler(3, 2**64 - 1)) == [0, 1, 2]


def test_random_sampler_does_not_move_with_numpy():
    # Written down once: a change here would change everybody's training runs.
    assert RandomSampler(8, seed=42).order(3).tolist() == [1, 6, 3, 4, 5, 2, 0, 7]


def test_random_orders_are_equally_likely():
    counts = np.zeros((4, 4), dtype=int)
    sampler = RandomSampler(4, seed=0)
    for epoch in range(6000):
        counts[np.arange(4), sampler.order(epoch)] += 1
    assert np.abs(counts - 1500).max() < 5 * np.sqrt(6000 * 0.25 * 0.75)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: RandomSampler(0), ShapeError, "RandomSampler: n: expected at least 1, got 0"),
        (lambda: RandomSampler(3, -1), ShapeError, "seed: expected at least 0, got -1"),
        (lambda: RandomSampler(3, 2**64), ShapeError, r"seed: .* below 2\*\*64, got 18446744"),
        (lambda: RandomSampler(3.0), DTypeError, r"n: expected an integer, got 3\.0 \(float\)"),
        (lambda: SequentialSampler(-2), ShapeError, "SequentialSampler: n: .* least 0, got -2"),
        (lambda: RandomSampler(3).set_epoch("1"), DTypeError, r"epoch: .* got '1' \(str\)"),
    ],
)
def test_samplers_name_wrong_arguments(make, error, message):
    with pytest.raises(error, match=message):
        make()


# -- batches -----------------------------------------------------------------------------------


def test_batches_are_tensors_of_the_datasets_dtypes():
    digits = Digits("test")
    loader = DataLoader(digits, batch_size=50)
    assert len(loader) == 8
    batches = list(loader)
    assert [len(labels.data) for _, labels in batches] == [50] * 7 + [10]
    images, labels = batches[1]
    assert type(images) is Tensor and type(labels) is Tensor
    assert images.data.dtype == np.float32 and labels.data.dtype == np.int64
    assert not images.requires_grad and images.data.flags.c_contiguous
    np.testing.assert_array_equal(images.data, digits.images[50:100])
    np.testing.assert_array_equal(labels.data, digits.labels[50:100])


def test_writing_to_a_batch_leaves_the_dataset_alone():
    data = TensorDataset(np.zeros((4, 2)))
    for (batch,) in DataLoader(data, batch_size=4):
        batch.data[...] = 7
    assert not data.arrays[0].any()


def test_wrapping_does_not_copy():
    made = np.arange(3.0)
    loader = DataLoader([1, 2, 3], batch_size=3, collate_fn=lambda items: (made, "a note"))
    ((batch, note),) = loader
    assert batch.data is made and note == "a note"


@pytest.mark.parametrize(
    ("n", "size", "drop_last", "want"),
    [
        (7, 3, False, [3, 3, 1]),
        (7, 3, True, [3, 3]),
        (6, 3, True, [3, 3]),
        (2, 5, False, [2]),
        (0, 4, False, []),
        (0, 4, True, []),
    ],
)
def test_number_and_size_of_batches(n, size, drop_last, want):
    loader = DataLoader(numbers(n), batch_size=size, drop_last=drop_last)
    assert len(loader) == len(want)
    assert list(map(len, epoch_of(loader))) == want


def test_shuffling_visits_all_and_is_repeatable():
    one = DataLoader(numbers(23), batch_size=4, shuffle=True, seed=9)
    two = DataLoader(numbers(23), batch_size=4, shuffle=True, seed=9)
    epochs = [epoch_of(one) for _ in range(3)]
    assert epochs == [epoch_of(two) for _ in range(3)]
    assert all(sorted(chain(*epoch)) == list(range(23)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2] != epochs[0]
    other = DataLoader(numbers(23), batch_size=4, shuffle=True, seed=10)
    assert epoch_of(other) != epochs[0]


def test_rows_stay_together_when_shuffled():
    data = TensorDataset(np.arange(20), np.arange(20) * 3)
    for x, y in DataLoader(data, batch_size=6, shuffle=True):
        np.testing.assert_array_equal(y.data, 3 * x.data)


def test_set_epoch_resumes():
    whole = DataLoader(numbers(11), batch_size=4, shuffle=True, seed=1)
    epochs = [epoch_of(whole) for _ in range(4)]
    assert whole.epoch == 4
    resumed = DataLoader(numbers(11), batch_size=4, shuffle=True, seed=1)
    resumed.set_epoch(2)
    assert [epoch_of(resumed), epoch_of(resumed)] == epochs[2:]


def test_an_epoch_left_early_counts_and_iterators_are_independent():
    want = DataLoader(numbers(9), batch_size=2, shuffle=True)
    epochs = [epoch_of(want), epoch_of(want)]
    loader = DataLoader(numbers(9), batch_size=2, shuffle=True)
    first, second = iter(loader), iter(loader)
    assert loader.epoch == 2
    got = [
        (a[0].numpy().tolist(), b[0].numpy().tolist()) for a, b in zip(first, second, strict=True)
    ]
    assert got == list(zip(*epochs, strict=True))


def test_batches_are_made_when_they_are_asked_for():
    class Watched:
        def __init__(self):
            self.seen = []

        def __len__(self):
            return 10**9

        def __getitem__(self, index):
            self.seen.append(index)
            return np.zeros(2), index

    data = Watched()
    batches = iter(DataLoader(data, batch_size=3))
    assert data.seen == []
    next(batches)
    assert data.seen == [0, 1, 2]


def test_a_dataset_without_arrays_is_gathered_item_by_item():
    items = [(np.full((2, 3), i, dtype=np.float16), i, i / 4) for i in range(5)]
    x, i, f = list(DataLoader(items, batch_size=3))[1]
    assert x.data.shape == (2, 2, 3) and x.data.dtype == np.float16
    assert i.data.tolist() == [3, 4] and i.data.dtype == np.int64
    assert f.data.tolist() == [0.75, 1.0] and f.data.dtype == np.float32


def test_pythons_floats_become_the_default_dtype():
    set_default_dtype(np.float64)
    try:
        ((batch,),) = DataLoader([0.1, 0.2], batch_size=2, collate_fn=None)
    finally:
        set_default_dtype(np.float32)
    assert batch.data.dtype == np.float64 and batch.data.tolist() == [0.1, 0.2]


def test_gathering_at_once_and_one_by_one_agree():
    digits = Digits("test")
    subset = Subset(digits, np.arange(20, 3, -3))
    one_by_one = [subset[i] for i in range(len(subset))]
    for a, b in zip(DataLoader(subset, 4), DataLoader(one_by_one, 4), strict=True):
        for got, want in zip(a, b, strict=True):
            np.testing.assert_array_equal(got.data, want.data)
            assert got.data.dtype == want.data.dtype


def test_a_sampler_of_ones_own():
    loader = DataLoader(numbers(10), batch_size=2, sampler=[9, 1, 1, 4, 0])
    assert len(loader) == 3
    assert epoch_of(loader) == epoch_of(loader) == [[9, 1], [1, 4], [0]]


def test_a_random_sampler_follows_the_loaders_epoch():
    loader = DataLoader(numbers(10), batch_size=10, sampler=RandomSampler(10, seed=5))
    loader.set_epoch(3)
    assert epoch_of(loader) == [RandomSampler(10, seed=5).order(3).tolist()]


def test_collate_fn_gets_the_items():
    def pad(items):
        longest = max(map(len, items))
        return np.array([[*item, *[0] * (longest - len(item))] for item in items])

    (batch,) = DataLoader([[1], [2, 3, 4], [5, 6]], batch_size=3, collate_fn=pad)
    assert type(batch) is Tensor
    assert batch.data.tolist() == [[1, 0, 0], [2, 3, 4], [5, 6, 0]]


def test_fetch_can_be_sent_to_another_process():
    # What the loader will hand to workers must survive the journey, and give the same there.
    function, dataset, indices = pickle.loads(pickle.dumps((fetch, Digits("test"), [5, 2])))
    images, labels = function(dataset, indices)
    np.testing.assert_array_equal(images, Digits("test").images[[5, 2]])
    np.testing.assert_array_equal(labels, Digits("test").labels[[5, 2]])


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"batch_size": 0}, ShapeError, "batch_size: expected at least 1, got 0"),
        ({"batch_size": -3}, ShapeError, "batch_size: expected at least 1, got -3"),
        ({"batch_size": 2.0}, DTypeError, r"batch_size: expected an integer, got 2\.0 \(float\)"),
        ({"seed": -1}, ShapeError, "seed: expected at least 0, got -1"),
        ({"seed": None}, DTypeError, r"seed: expected an integer, got None \(NoneType\)"),
        ({"dataset": numbers(0), "shuffle": True}, ShapeError, "dataset is empty: there is noth"),
        (
            {"dataset": iter([1, 2])},
            DTypeError,
            "dataset: expected __len__ and __getitem__, which list_iterator lacks",
        ),
        (
            {"drop_last": True, "batch_size": 6},
            ShapeError,
            "drop_last leaves no batch: expected at least batch_size=6 items, got 5",
        ),
        (
            {"shuffle": True, "sampler": [1, 2]},
            OdysseyError,
            r"expected shuffle=True or a sampler \(which sets the order\), got both",
        ),
        ({"sampler": iter([0])}, DTypeError, "sampler: expected __len__ and __iter__, got list_"),
        ({"collate_fn": 3}, DTypeError, "collate_fn: expected a function, got int"),
    ],
)
def test_the_loader_names_wrong_arguments(arguments, error, message):
    with pytest.raises(error, match=f"DataLoader: {message}"):
        DataLoader(**{"dataset": numbers(5), **arguments})


def test_a_wrong_epoch_is_named():
    with pytest.raises(ShapeError, match="DataLoader: epoch: expected at least 0, got -1"):
        DataLoader(numbers(5)).set_epoch(-1)


# -- collate -----------------------------------------------------------------------------------


def test_collate_keeps_dtypes_and_places():
    items = [(np.float64(1.5), True, np.int8(3)), (np.float64(2.5), False, np.int8(4))]
    a, b, c = collate(items)
    assert (a.dtype, b.dtype, c.dtype) == (np.float64, np.bool_, np.int8)
    assert a.tolist() == [1.5, 2.5] and b.tolist() == [True, False] and c.tolist() == [3, 4]
    (single,) = collate([np.array([1, 2]), np.array([3, 4])])
    assert single.tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    ("items", "error", "message"),
    [
        ([(1, 2), (3,)], ShapeError, r"expected items with equally many fields, got \[1, 2\]"),
        (
            [(0, np.zeros((2, 3))), (0, np.zeros((2, 4)))],
            ShapeError,
            r"field 1 differs in shape within a batch: \(2, 3\), \(2, 4\); give a collate_fn",
        ),
        ([(0, "cat")], DTypeError, "field 1: expected an ndarray or a Tensor, got str"),
        ([{"x": 1}], DTypeError, "field 0: expected an ndarray or a Tensor, got dict"),
        ([(np.array(["a"]),)], DTypeError, "field 0 is <U1, expected numbers"),
    ],
)
def test_collate_names_what_does_not_stack(items, error, message):
    with pytest.raises(error, match=f"DataLoader: {message}"):
        collate(items)
