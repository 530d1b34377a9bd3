"""Indices and counts: of any integer dtype, as arrays and as Tensors; order beside NaN."""

import numpy as np
import pytest

import odyssey as od
from odyssey import core
from odyssey.testing import gradgradcheck

INTEGERS = ("int8", "uint8", "int16", "int64", "uint64")
x = np.random.default_rng(0).standard_normal((3, 4))
places = np.array([[2, 0, 0, 1], [0, 1, 2, 2]])

INDEXED = {
    "take": lambda x, i: core.take(x, i, 1),
    "take_along_axis": lambda x, i: core.take_along_axis(x, i, 0),
    "gather": lambda x, i: core.gather(x, 0, i),
    "scatter": lambda x, i: core.scatter(x, 0, i, x),
    "scatter_add": lambda x, i: core.scatter_add(x, 0, i, x),
    "index_add": lambda x, i: core.index_add(x, 0, i[0], core.take(x, i[1], 0)),
    "index_put": lambda x, i: core.index_put(x, (i[0], i[1]), core.getitem(x, (i[1], i[0]))),
    "embedding": lambda x, i: core.embedding(i, x, padding_idx=-1),
    "repeat": lambda x, i: core.repeat(x, i[0], 1),
    "split": lambda x, i: core.split(x, i[0, 2:], 1)[1],
    "bincount": lambda x, i: core.bincount(i[0], x[0], 5),
    "one_hot": lambda x, i: x * core.one_hot(i[0], 4, np.float64)[:3],
}


@pytest.mark.parametrize("name", INDEXED)
def test_indices_of_any_integer_dtype(name):
    function, t = INDEXED[name], od.tensor(x, requires_grad=True)
    expected = function(x, places)
    for dtype in INTEGERS:
        index = places.astype(dtype)
        assert np.array_equal(function(x, index), expected)
        y = function(t, od.from_numpy(index))
        assert isinstance(y, od.Tensor) and y.requires_grad and np.array_equal(y.data, expected)
    gradgradcheck(lambda t: function(t, od.from_numpy(places)), [x])


@pytest.mark.parametrize("dtype", [*INTEGERS, "bool", "float16", "float64"])
def test_sort_of_every_dtype(dtype):
    values = np.array([3, 0, 1, 3, 0, 2, 1]).astype(dtype)
    for y in (core.sort(values), core.top_k(values, 7, largest=False).values):
        assert y.dtype == dtype and np.array_equal(y, np.sort(values))
    for y in (core.sort(values, descending=True), core.top_k(values, 7).values):
        assert y.dtype == dtype and np.array_equal(y, np.sort(values)[::-1])


def test_nan_is_the_largest():
    values = np.array([np.nan, 1.0, np.inf, np.nan, -np.inf])
    assert core.argsort(values).tolist() == [4, 1, 2, 0, 3]
    assert core.argsort(values, descending=True).tolist() == [0, 3, 2, 1, 4]
    assert core.top_k(values, 2).indices.tolist() == [0, 3]


def test_equal_elements_keep_their_order():
    values = np.array([1.0, 0.0, 1.0, 0.0, 1.0])
    assert core.argsort(values).tolist() == [1, 3, 0, 2, 4]
    assert core.argsort(values, descending=True).tolist() == [0, 2, 4, 1, 3]
    assert core.top_k(values, 4).indices.tolist() == [0, 2, 4, 1]
    assert core.top_k(values, 4, sorted=False).indices.tolist() == [0, 1, 2, 4]


@pytest.mark.parametrize("dtype", INTEGERS)
def test_counts_without_weights(dtype):
    counts = core.bincount(od.tensor([3, 1, 3, 0], dtype=dtype), minlength=6)
    assert counts.dtype == np.int64 and counts.tolist() == [1, 1, 0, 2, 0, 0]
    assert core.bincount(np.zeros(0, dtype)).shape == (0,)


def test_several_values_for_one_place():
    src = od.tensor([1.0, 2.0, 5.0], requires_grad=True)
    y = core.scatter(od.zeros(2), 0, od.tensor([1, 1, 0]), src)
    assert y.tolist() == [5.0, 2.0]
    y.backward(np.array([10.0, 20.0]))
    assert src.grad.tolist() == [0.0, 20.0, 10.0]


def test_many_halves_add_up_in_float32():
    many = np.ones(5000, np.float16)
    assert core.index_add(np.zeros(1, np.float16), 0, np.zeros(5000, int), many) == 5000
    weight = od.zeros((1, 1), dtype=np.float16, requires_grad=True)
    core.embedding(np.zeros(5000, int), weight).backward(many[:, None])
    assert weight.grad.item() == 5000
