"""Convolutions against PyTorch, where it is installed: values and gradients of the operations."""

import numpy as np
import pytest

import odyssey as od
from odyssey.testing import difference, tolerance

torch = pytest.importorskip("torch")
F = torch.nn.functional

rng = np.random.default_rng(13)

# x, weight, settings that both have under one name
SETTINGS = {
    "plain": ((2, 3, 8, 9), (4, 3, 3, 2), {}),
    "stride": ((2, 3, 8, 9), (4, 3, 3, 3), {"stride": (2, 3)}),
    "padding": ((2, 3, 6, 5), (4, 3, 3, 3), {"padding": (1, 2)}),
    "same": ((2, 3, 6, 5), (4, 3, 4, 3), {"padding": "same"}),
    "valid": ((2, 3, 6, 5), (4, 3, 4, 3), {"padding": "valid"}),
    "dilation": ((2, 3, 9, 10), (4, 3, 2, 3), {"dilation": (3, 2), "padding": 1}),
    "groups": ((2, 6, 7, 6), (9, 2, 3, 3), {"groups": 3, "padding": 1, "stride": 2}),
    "1x1": ((3, 17, 5, 4), (33, 17, 1, 1), {}),
    "LeNet": ((4, 1, 28, 28), (6, 1, 5, 5), {"padding": 2}),
    "ResNet": ((2, 64, 14, 12), (96, 64, 3, 3), {"padding": 1}),
    "first layer of a ResNet": ((2, 3, 30, 32), (64, 3, 7, 7), {"padding": 3, "stride": 2}),
}
each_dtype = pytest.mark.parametrize("dtype", ["float32", "float64"])


def check(mine, theirs, arrays, dtype, terms):
    """Compare an operation and its gradients on the same arrays."""
    xs = [od.tensor(a, dtype=dtype, requires_grad=True) for a in arrays]
    ts = [torch.tensor(a, dtype=getattr(torch, dtype), requires_grad=True) for a in arrays]
    out, expected = mine(*xs), theirs(*ts)
    grad = rng.standard_normal(out.shape).astype(dtype)
    out.backward(grad)
    expected.backward(torch.tensor(grad))
    pairs = [(out, expected), *((x.grad, t.grad) for x, t in zip(xs, ts, strict=True))]
    terms = max(terms, grad.size // grad.shape[1])
    for number, (one, other) in enumerate(pairs):
        off = difference(one.numpy(), other.detach().numpy())
        assert off.error <= tolerance(dtype, terms), (number, off)


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel:UserWarning")
@each_dtype
@pytest.mark.parametrize("name", SETTINGS)
def test_conv2d(name, dtype):
    x, weight, settings = SETTINGS[name]
    arrays = [rng.standard_normal(s) for s in (x, weight, weight[:1])]
    check(
        lambda *a: od.core.conv2d(*a, **settings),
        lambda *a: F.conv2d(*a, **settings),
        arrays,
        dtype,
        int(np.prod(weight[1:])) * weight[0],
    )


@each_dtype
@pytest.mark.parametrize("multiplier", [1, 2])
@pytest.mark.parametrize("settings", [{}, {"stride": 2, "padding": 1}, {"dilation": 2}], ids=str)
def test_depthwise_conv2d(multiplier, settings, dtype):
    arrays = [rng.standard_normal(s) for s in ((3, 20, 9, 8), (20 * multiplier, 1, 3, 2))]
    arrays.append(rng.standard_normal(20 * multiplier))
    check(
        lambda *a: od.core.depthwise_conv2d(*a, **settings),
        lambda *a: F.conv2d(*a, **settings, groups=20),
        arrays,
        dtype,
        12,
    )


@each_dtype
def test_depthwise_separable_conv2d(dtype):
    shapes = ((3, 5, 9, 8), (10, 1, 3, 2), (7, 10, 1, 1), (7,))
    arrays = [rng.standard_normal(s) for s in shapes]
    check(
        lambda *a: od.core.depthwise_separable_conv2d(*a, stride=2, padding=1),
        lambda x, w, v, b: F.conv2d(F.conv2d(x, w, None, 2, 1, 1, 5), v, b),
        arrays,
        dtype,
        600,
    )


def test_layers_begin_like_those_of_torch():
    od.manual_seed(0)
    torch.manual_seed(0)
    for mine, theirs in (
        (od.nn.Conv2D(6, 50, (5, 3), groups=2), torch.nn.Conv2d(6, 50, (5, 3), groups=2)),
        (od.nn.DepthwiseConv2D(90, 3), torch.nn.Conv2d(90, 90, 3, groups=90)),
    ):
        for name in ("weight", "bias"):
            own, other = getattr(mine, name).numpy(), getattr(theirs, name).detach().numpy()
            assert own.shape == other.shape
            assert np.abs(own).max() == pytest.approx(np.abs(other).max(), rel=0.2)
            assert own.std() == pytest.approx(other.std(), rel=0.3)
