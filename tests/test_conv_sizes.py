"""Convolutions along one and three axes, and transposed ones, in sizes that networks have."""

import numpy as np
import pytest

import odyssey as od
from odyssey import core
from odyssey.testing import difference, tolerance

torch = pytest.importorskip("torch")

CASES = {
    "conv1d": ((4, 16, 400), (32, 16, 9), {"stride": 2, "padding": 4}),
    "conv3d": ((2, 8, 9, 20, 22), (12, 8, 3, 3, 3), {"padding": 1}),
    "conv_transpose1d": ((4, 32, 100), (32, 16, 8), {"stride": 4, "padding": 2}),
    "conv_transpose2d": ((4, 32, 14, 15), (32, 24, 4, 4), {"stride": 2, "padding": 1}),
    "conv_transpose3d": ((2, 12, 5, 7, 8), (12, 6, 2, 2, 2), {"stride": 2}),
}


@pytest.mark.parametrize("name", CASES)
def test_value_and_gradients_are_torchs_in_float32(name):
    x_shape, weight_shape, settings = CASES[name]
    rng = np.random.default_rng(len(name))
    arrays = [rng.standard_normal(shape, np.float32) for shape in (x_shape, weight_shape)]
    mine = [od.tensor(a, requires_grad=True) for a in arrays]
    exact = [torch.tensor(a, dtype=torch.float64, requires_grad=True) for a in arrays]
    out = getattr(core, name)(*mine, **settings)
    expected = getattr(torch.nn.functional, name)(*exact, **settings)
    v = rng.standard_normal(out.shape, np.float32)
    out.backward(v)
    expected.backward(torch.tensor(v, dtype=torch.float64))
    x, weight = arrays
    windows = len(x) * min(np.prod(x.shape[2:]), np.prod(out.shape[2:]))
    checks = [
        (out.data, expected.detach(), weight.size // out.shape[1]),
        (mine[0].grad.data, exact[0].grad, weight.size // x.shape[1]),
        (mine[1].grad.data, exact[1].grad, int(windows)),
    ]
    for found, truth, terms in checks:
        off = difference(found, truth.numpy())
        assert off.error <= tolerance("float32", terms), off
