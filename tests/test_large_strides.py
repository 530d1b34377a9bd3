"""Offsets are 64-bit: arrays whose rows lie further apart than 32-bit numbers count."""

import mmap

import numpy as np
import pytest

from odyssey import fast
from odyssey.testing import tolerance

STEP = 3 << 30  # bytes from one row to the next
ROWS, COLUMNS = 3, 40

pytestmark = pytest.mark.skipif(not fast.LEVEL, reason="this installation has no fast kernels")


@pytest.fixture(scope="module")
def memory():
    """Return more address space than 32 bits have; only pages that are touched cost memory."""
    try:
        space = mmap.mmap(-1, (ROWS - 1) * STEP + (1 << 20), mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    except (OSError, OverflowError, ValueError):
        pytest.skip("no address space of 7 GB here")
    return space


def many(x):
    """Return rows far apart that are long enough for loops of their own."""
    return np.broadcast_to(x[:, None], (x.shape[0], 200, x.shape[1]))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("turned", [False, True])
def test_rows_far_apart(memory, dtype, turned):
    item = np.dtype(dtype).itemsize
    far = np.ndarray((ROWS, COLUMNS), dtype, memory, strides=(STEP, item))
    near = np.random.default_rng(0).standard_normal((ROWS, COLUMNS)).astype(dtype)
    far[...] = near
    if turned:
        far, near = far.T, near.T
    other = np.ascontiguousarray(near.T)
    weight = np.random.default_rng(1).standard_normal((5, near.shape[1])).astype(dtype)
    grad = fast.linear(near, weight)
    for name, on in {
        "matmul": lambda x: fast.matmul(x, other),
        "matmul from the right": lambda x: fast.matmul(other, x),
        "linear": lambda x: fast.linear(x, weight),
        "linear_backward": lambda x: fast.linear_backward(grad, x, weight)[1],
        "add": lambda x: fast.add(x, x),
        "less": lambda x: fast.less(x, x[::-1]),
        "sum over rows": lambda x: fast.sum(x, 0),
        "sum over columns": lambda x: fast.sum(x, 1),
        "mean": fast.mean,
        "relu": fast.relu,
        "softmax": fast.softmax,
        "copy": fast.copy,
        "copy of many columns": lambda x: fast.copy(many(x)),
        "copy of many columns, transposed": lambda x: fast.copy(many(x).T),
    }.items():
        # The order of a sum may depend on strides; a number from a wrong place shows anyway.
        found, expected = (on(x).astype(np.float64) for x in (far, near))
        allowed = tolerance(dtype, COLUMNS) * max(abs(expected).max(), 1)
        np.testing.assert_allclose(found, expected, 0, allowed, err_msg=name)
