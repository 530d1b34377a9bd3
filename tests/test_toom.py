"""Cook and Toom's form of the convolution beyond its cases: exact numbers, drawn calls."""

import os
from fractions import Fraction

import numpy as np
import pytest

import odyssey as od
from odyssey import fast, reference
from odyssey.testing import difference, tolerance
from odyssey.utils.conv_algorithm import toom_tile

EXAMPLES = int(os.environ.get("ODYSSEY_EXAMPLES", "60"))
compiled = pytest.mark.skipif(not fast.LEVEL, reason="nothing was compiled in this installation")
rng = np.random.default_rng(5)


def fractions(*shape):
    out = np.empty(shape, dtype=object)
    for i in np.ndindex(shape):
        out[i] = Fraction(int(rng.integers(-9, 10)), int(rng.integers(1, 8)))
    return out


@pytest.mark.parametrize(
    ("shape", "filters", "form"),
    [
        ((2, 2, 3, 7), (2, 3, 3), {}),
        ((1, 1, 1, 2), (2, 1, 2), {"padding": (0, 1)}),
        ((1, 4, 4, 9), (2, 3, 5), {"groups": 2, "padding": ((1, 0), (0, 2))}),
        ((1, 1, 7, 13), (2, 3, 7), {"stride": 2, "padding": (1, 2)}),
        ((1, 2, 5, 9), (1, 2, 4), {"stride": (2, 1), "dilation": (2, 1)}),
    ],
    ids=str,
)
def test_fractions_are_those_of_the_direct_form(shape, filters, form):
    K, R, S = filters
    x, bias = fractions(*shape), fractions(K)
    weight = fractions(K, shape[1] // form.get("groups", 1), R, S)
    expected = reference.conv2d(x, weight, bias, **form)
    found = reference.toom_conv2d(x, weight, bias, **form)
    assert found.dtype == object and (found == expected).all()
    grad = fractions(*expected.shape)
    found = reference.toom_conv2d_weight_gradient(grad, x, weight, **form)
    for one, other in zip(
        found, reference.conv2d_backward(grad, x, weight, **form)[1:], strict=True
    ):
        assert one.shape == other.shape and (one == other).all()


def drawn(seed):
    """Return a call of any size: images, filters, biases, settings."""
    rng = np.random.default_rng(seed)
    stride, dilation = (int(rng.integers(1, 4)), int(rng.integers(1, 4))), int(rng.integers(1, 3))
    S = int(rng.integers(stride[1] + 1, 5 * stride[1] + 1))
    R, groups = int(rng.integers(1, 5)), int(rng.choice([1, 1, 2]))
    padding = tuple((int(a), int(b)) for a, b in rng.integers(0, 4, (2, 2)))
    H = max(1, (R - 1) * dilation + 1 - sum(padding[0]) + int(rng.integers(0, 14)))
    W = max(1, S - sum(padding[1]) + int(rng.integers(0, 30)))
    if H + sum(padding[0]) < (R - 1) * dilation + 1 or W + sum(padding[1]) < S:
        padding = ((R * dilation, 0), (0, S))
    C, K = groups * int(rng.integers(1, 20)), groups * int(rng.choice([1, 3, 9, 16, 17, 40]))
    x = rng.standard_normal((int(rng.integers(1, 4)), C, H, W))
    weight = rng.standard_normal((K, C // groups, R, S))
    form = {"stride": stride, "padding": padding, "dilation": (dilation, 1), "groups": groups}
    return x, weight, rng.standard_normal(K), form


@compiled
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_agrees_with_the_direct_form_for_any_number_of_threads(dtype):
    """The direct form in float64 is the truth; more threads change no bit."""
    before = od.get_num_threads()
    try:
        for seed in range(EXAMPLES):
            x, weight, bias, form = drawn(seed)
            assert toom_tile(weight.shape[3], form["stride"][1], 1)
            exact = fast.conv2d(x, weight, bias, **form)
            grad = np.random.default_rng(seed).standard_normal(exact.shape)
            arrays = [a.astype(dtype) for a in (x, weight, bias, grad)]
            exact = fast.conv2d(*[a.astype(float) for a in arrays[:3]], **form)
            truth = fast.conv2d_backward(
                *[arrays[i].astype(float) for i in (3, 0, 1)], **form, needs=(False, True, True)
            )
            found = []
            for threads in (1, 3):
                od.set_num_threads(threads)
                y = fast.toom_conv2d(*arrays[:3], **form)
                found.append((y, *fast.toom_conv2d_weight_gradient(arrays[3], *arrays[:2], **form)))
            for one, other, true in zip(*found, (exact, *truth[1:]), strict=True):
                assert one.tobytes() == other.tobytes(), seed
                terms = max(weight[0].size, grad.size // len(bias)) + 1
                off = difference(one, true, np.sqrt(terms))
                assert off.error <= tolerance(one.dtype, terms, 2.0), (seed, off)
    finally:
        od.set_num_threads(before)


@compiled
@pytest.mark.parametrize(
    ("shape", "filters", "stride", "padding"),
    [((4, 3, 32, 32), (64, 3, 3, 3), 1, 1), ((2, 3, 64, 64), (64, 3, 7, 7), 2, 3)],
    ids=str,
)
def test_first_layers_run_along_rows_within_a_millionth(shape, filters, stride, padding):
    x = rng.standard_normal(shape, np.float32)
    weight = rng.standard_normal(filters, np.float32)
    y = fast.conv2d(x, weight, None, stride, padding)
    assert y.tobytes() == fast.toom_conv2d(x, weight, None, stride, padding).tobytes()
    exact = fast.conv2d(x.astype(float), weight.astype(float), None, stride, padding)
    assert np.abs(y - exact).max() < 2e-6 * np.abs(exact).max()
    grad = rng.standard_normal(y.shape, np.float32)
    found = fast.conv2d_backward(grad, x, weight, stride, padding)
    alone = fast.toom_conv2d_weight_gradient(grad, x, weight, stride, padding)
    assert [a.tobytes() for a in found[1:]] == [a.tobytes() for a in alone]
