"""Embedding and one-hot rows: samples, bad input, and what PyTorch has of them."""

import numpy as np

from odyssey.errors import DTypeError, RangeError, ShapeError
from samples import Bad, Sample, Shared
from samples._draws import choice, draws, numbers

rng, normal, positive = draws(__name__)


def rows(indices, weight, padding_idx=None):
    return weight[indices]


def np_one_hot(x, num_classes=None, dtype=None):
    dtype = np.float32 if dtype is None else dtype
    return (x[..., None] == np.arange(num_classes or x.max() + 1)).astype(dtype)


twice = np.array([[0, 2, 2], [1, 2, 0]])

SAMPLES = [
    Sample("embedding", (twice, normal(4, 3)), rows, {}, 3),
    Sample("embedding", (np.array(2, np.uint8), normal(4, 3)), rows),
    Sample("embedding", (np.array([0]), normal(1, 1)), rows),
    Sample("embedding", (twice[:0], normal(4, 3)), rows),
    Sample("embedding", (twice, normal(3, 0)), rows),
    Sample("one_hot", (twice, 4), np_one_hot, dtypes=("float32",)),
    Sample("one_hot", (twice,), np_one_hot, {"dtype": np.float64}, dtypes=("float64",)),
    Sample("one_hot", (np.array([1], np.int8), 3, np.int64), np_one_hot),
    Sample("one_hot", (twice[:0], 2, bool), np_one_hot),
]

x = np.ones((2, 3), np.float32)
ids = np.array([0, 1])

BAD = [
    Bad("embedding", (ids + 1, x), {}, RangeError, "reach from 1 to 2 but weight has 2 rows"),
    Bad("embedding", (ids - 1, x), {}, RangeError, "embedding: indices reach from -1 to 0"),
    Bad("embedding", (x, x), {}, DTypeError, "embedding: indices has dtype float32; expected an"),
    Bad("embedding", (ids, x[0]), {}, ShapeError, "embedding: weight has 1 axes but needs 2"),
    Bad("embedding", (ids, ids), {}, DTypeError, "embedding: weight must be floating-point"),
    Bad("embedding", (ids, x, 2), {}, RangeError, "embedding: padding_idx 2 but weight has 2 rows"),
    Bad("embedding", (ids, x, 0.5), {}, DTypeError, "padding_idx must be an integer or None, got"),
    Bad("one_hot", (x, 2), {}, DTypeError, "one_hot: x must hold integers, but its dtype is float"),
    Bad("one_hot", (ids, 1), {}, RangeError, "one_hot: x reaches from 0 to 1, num_classes is 1"),
    Bad("one_hot", (ids - 1, 2), {}, RangeError, "one_hot: x reaches from -1 to 0, num_classes"),
    Bad("one_hot", (ids[:0],), {}, ShapeError, r"one_hot: x of shape \(0,\) has no label; give"),
    Bad("one_hot", (ids, 2.0), {}, ShapeError, "one_hot: num_classes must be an integer, got 2.0"),
    Bad("one_hot", (ids[:0], -1), {}, RangeError, "one_hot: x is empty, num_classes is -1"),
]


def looked_up(rng):
    weight = numbers(rng, (int(rng.integers(1, 6)), int(rng.integers(0, 90))))
    indices = rng.integers(0, len(weight), choice(rng, (), (0,), (5,), (3, 4)))
    return (indices, weight), {"padding_idx": choice(rng, None, 0, -1)}


def labels(rng):
    shape = choice(rng, (), (1,), (5,), (3, 4))
    return (rng.integers(0, 4, shape), choice(rng, 4, 7), np.int64), {}


def one_hot(torch, x, num_classes, dtype):
    return torch.nn.functional.one_hot(x, num_classes)


SHARED = [
    Shared("embedding", "nn.functional.embedding", looked_up),
    Shared("one_hot", one_hot, labels),
]
