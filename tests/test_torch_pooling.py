"""PyTorch as third oracle for pools, sigmoid and tanh: values and gradients of every case."""

import numpy as np
import pytest

import odyssey as od
from odyssey import core
from odyssey.testing import difference, tolerance
from odyssey.testing.cases import all_cases

torch = pytest.importorskip("torch")
F = torch.nn.functional

PEERS = {
    "max_pool2d": F.max_pool2d,
    "avg_pool2d": F.avg_pool2d,
    "adaptive_avg_pool2d": F.adaptive_avg_pool2d,
    "global_avg_pool2d": lambda x: F.adaptive_avg_pool2d(x, 1),
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
}
# PyTorch refuses images without channels.
CASES = [
    pytest.param(case, id=str(case))
    for name in PEERS
    for case in all_cases()[name]
    if case.name != "no channels"
]


@pytest.mark.parametrize("backend", ["fast", "reference"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES)
def test_value_and_gradient(case, dtype, backend):
    x, *rest = case.cast(dtype)
    peer = torch.from_numpy(x.copy()).requires_grad_()
    expected = PEERS[case.kernel](peer, *rest, **case.kwargs)
    mine = od.tensor(x, requires_grad=True)
    with od.use_backend(backend):
        found = getattr(core, case.kernel)(mine, *rest, **case.kwargs)
        grad = np.random.default_rng(0).standard_normal(found.shape).astype(dtype)
        found.backward(grad)
    expected.backward(torch.from_numpy(grad))
    largest = np.abs(grad).max(initial=0)
    results = (found.data, expected.detach(), case.scale), (mine.grad.data, peer.grad, largest)
    for one, other, scale in results:
        off = difference(one, other.numpy(), scale)
        assert off.error <= tolerance(dtype, max(case.terms, 25), case.factor), off


@pytest.mark.parametrize("case", [p for p in CASES if p.values[0].kernel == "max_pool2d"])
def test_indices(case):
    (x,) = case.cast("float32")
    _, expected = F.max_pool2d(torch.from_numpy(x), **case.kwargs, return_indices=True)
    _, saved = core.max_pool2d.with_saved(x, **case.kwargs)
    assert np.array_equal(saved.indices, expected.numpy())
