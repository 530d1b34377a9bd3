"""Pools and dropout on drawn shapes, windows and layouts: fast = reference = PyTorch."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies_pooling import arranged, dtypes, examples, layouts, numbers, shapes, windows

from odyssey import fast, reference
from odyssey.testing import difference, tolerance

try:
    import torch
    import torch.nn.functional as F
except ImportError:
    torch = F = None

pytestmark = [
    pytest.mark.kernels,
    pytest.mark.skipif(not fast.LEVEL, reason="nothing was compiled in this installation"),
]

kinds = st.sampled_from(["normal", "ties", "special"])
seeds = st.integers(0, 2**32)


def same(found, expected, terms):
    assert found.shape == expected.shape and found.dtype == expected.dtype
    off = difference(found, expected, scale=1.0)
    assert off.error <= tolerance(found.dtype, terms), off


def channels_last(x):
    memory = x.transpose(0, 2, 3, 1)
    assert memory.flags.c_contiguous
    return x


def by_torch(function, x, grad):
    """Return what PyTorch gives for x, and for the cotangent grad; None where it cannot say."""
    if torch is None or not x.size or x.dtype == np.float16:
        return None
    tensor = torch.from_numpy(np.array(x, order="C")).requires_grad_()
    out = function(tensor)
    values = out if isinstance(out, tuple) else (out,)
    values[0].backward(torch.from_numpy(np.array(grad, order="C")))
    return [*(v.detach().numpy() for v in values), tensor.grad.numpy()]


def draw_input(data, layout, dtype, kind=None):
    shape = data.draw(shapes())
    x = numbers(shape, data.draw(seeds), dtype, kind or data.draw(kinds))
    return arranged(x, layout)


@examples
@given(st.data(), dtypes, layouts, layouts, st.booleans())
def test_max_pool(data, dtype, layout, other, dilated):
    x = draw_input(data, layout, dtype)
    settings = data.draw(windows(x.shape, dilated))
    expected, places = reference.max_pool2d(x, **settings)
    out, indices = map(channels_last, fast.max_pool2d(x, **settings))
    assert np.array_equal(out, expected, equal_nan=True) and np.array_equal(indices, places)
    grad = arranged(numbers(out.shape, data.draw(seeds), dtype, "normal"), other)
    back = reference.max_pool2d_backward(grad, indices, x.shape)
    same(channels_last(fast.max_pool2d_backward(grad, indices, x.shape)), back, 25)
    known = {name: value for name, value in settings.items() if name != "ceil_mode"}
    same(channels_last(fast.max_pool2d_backward(grad, indices, x.shape, **known)), back, 25)
    torchs = by_torch(lambda t: F.max_pool2d(t, **settings, return_indices=True), x, grad)
    if torchs:
        assert np.array_equal(out, torchs[0], equal_nan=True)
        assert np.array_equal(indices, torchs[1])
        same(back, torchs[2], 25)


@examples
@given(st.data(), dtypes, layouts, layouts, st.booleans())
def test_avg_pool(data, dtype, layout, other, counted):
    x = draw_input(data, layout, dtype)
    settings = data.draw(windows(x.shape, dilated=False))
    settings["count_include_pad"] = counted
    with np.errstate(invalid="ignore"):
        expected = reference.avg_pool2d(x, **settings)
        out = channels_last(fast.avg_pool2d(x, **settings))
    same(out, expected, 25)
    grad = arranged(numbers(out.shape, data.draw(seeds), dtype, "normal"), other)
    back = reference.avg_pool2d_backward(grad, x.shape, **settings)
    same(channels_last(fast.avg_pool2d_backward(grad, x.shape, **settings)), back, 25)
    torchs = by_torch(lambda t: F.avg_pool2d(t, **settings), x, grad)
    if torchs:
        same(out, torchs[0], 25)
        same(back, torchs[1], 25)


@examples
@given(st.data(), dtypes, layouts, layouts)
def test_adaptive_and_global_avg_pool(data, dtype, layout, other):
    x = draw_input(data, layout, dtype, "normal")
    size = data.draw(st.tuples(st.integers(1, 14), st.integers(1, 14)))
    expected = reference.adaptive_avg_pool2d(x, size)
    out = channels_last(fast.adaptive_avg_pool2d(x, size))
    same(out, expected, x[0:1, 0:1].size or 1)
    grad = arranged(numbers(out.shape, data.draw(seeds), dtype, "normal"), other)
    back = reference.adaptive_avg_pool2d_backward(grad, x.shape)
    same(channels_last(fast.adaptive_avg_pool2d_backward(grad, x.shape)), back, 144)
    torchs = by_torch(lambda t: F.adaptive_avg_pool2d(t, size), x, grad)
    if torchs:
        same(out, torchs[0], 144)
        same(back, torchs[1], 144)
    mean = fast.global_avg_pool2d(x)
    same(mean, reference.adaptive_avg_pool2d(x, 1), 144)
    grad = arranged(numbers(mean.shape, data.draw(seeds), dtype, "normal"), other)
    same(
        channels_last(fast.global_avg_pool2d_backward(grad, x.shape)),
        reference.global_avg_pool2d_backward(grad, x.shape),
        1,
    )


@examples
@given(st.data(), dtypes, layouts, kinds, st.floats(0, 1), st.integers(0, 2**64 - 1))
def test_dropout(data, dtype, layout, kind, p, seed):
    x = arranged(numbers(data.draw(shapes()), 1, dtype, kind), layout)
    expected = reference.dropout(x, p, seed)
    assert np.array_equal(fast.dropout(x, p, seed), expected, equal_nan=True)
    assert np.array_equal(fast.dropout_backward(x, p, seed), expected, equal_nan=True)
