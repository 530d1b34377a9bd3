"""PyTorch as a third oracle, where it is installed: values, gradients, optimizer steps."""

import itertools

import numpy as np
import pytest

import odyssey as od
from odyssey.training.optimizers import SGD, Adam, AdamW

torch = pytest.importorskip("torch")
F = torch.nn.functional

rng = np.random.default_rng(11)


def normal(*shape):
    return rng.standard_normal(shape)


labels = rng.integers(0, 5, 7)
images = rng.integers(0, 5, (2, 3, 4))

CASES = {
    "matmul": (od.core.matmul, torch.matmul, [normal(6, 7), normal(7, 5)], (), {}),
    "matmul of stacks": (
        od.core.matmul,
        torch.matmul,
        [normal(2, 1, 3, 4), normal(5, 4, 2)],
        (),
        {},
    ),
    "matmul by a vector": (od.core.matmul, torch.matmul, [normal(2, 3, 4), normal(4)], (), {}),
    "relu": (od.core.relu, F.relu, [normal(5, 6)], (), {}),
    "softmax": (od.core.softmax, F.softmax, [normal(3, 4, 5)], (1,), {}),
    "log_softmax": (od.core.log_softmax, F.log_softmax, [normal(3, 4, 5)], (-1,), {}),
    "linear": (od.core.linear, F.linear, [normal(2, 4, 6), normal(3, 6), normal(3)], (), {}),
    "linear without bias": (od.core.linear, F.linear, [normal(4, 6), normal(3, 6)], (), {}),
    **{
        f"cross_entropy, {reduction}": (
            od.core.cross_entropy,
            F.cross_entropy,
            [normal(*shape)],
            (target,),
            {"reduction": reduction},
        )
        for shape, target in [((7, 5), labels), ((2, 5, 3, 4), images)]
        for reduction in ("mean", "sum", "none")
    },
}


@pytest.mark.parametrize("backend", ["fast", "reference"])
@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients(name, backend):
    mine, theirs, arrays, args, kwargs = CASES[name]
    xs = [od.tensor(x, requires_grad=True) for x in arrays]
    ts = [torch.tensor(x, requires_grad=True) for x in arrays]
    torch_args = [torch.tensor(a) if isinstance(a, np.ndarray) else a for a in args]
    with od.use_backend(backend):
        out = mine(*xs, *args, **kwargs)
        expected = theirs(*ts, *torch_args, **kwargs)
        assert np.allclose(out.numpy(), expected.detach().numpy(), rtol=0, atol=1e-12)
        v = np.asarray(normal(*out.shape))
        out.backward(v)
    expected.backward(torch.tensor(v))
    for x, t in zip(xs, ts, strict=True):
        assert np.allclose(x.grad.numpy(), t.grad.numpy(), rtol=0, atol=1e-12)


def test_second_derivative_of_cross_entropy():
    x, t = normal(4, 5), rng.integers(0, 5, 4)
    mine = od.tensor(x, requires_grad=True)
    (first,) = od.engine.gradients([od.core.cross_entropy(mine, t)], [mine], create_graph=True)
    (first * first).sum().backward()
    theirs = torch.tensor(x, requires_grad=True)
    (expected,) = torch.autograd.grad(
        F.cross_entropy(theirs, torch.tensor(t)), theirs, create_graph=True
    )
    (expected * expected).sum().backward()
    assert np.allclose(mine.grad.numpy(), theirs.grad.numpy(), rtol=0, atol=1e-12)


# -- optimizers --------------------------------------------------------------------------------


def trajectories(mine, theirs, steps=50):
    """Return the parameters after each step of both optimizers on one uneven valley."""
    start, scale = normal(3, 4), np.geomspace(0.01, 10, 12).reshape(3, 4)
    p = od.Parameter(start.copy())
    t = torch.nn.Parameter(torch.tensor(start))
    ours, other = mine([p]), theirs([t])
    for step in range(steps):
        noise = np.random.default_rng(step).standard_normal((3, 4))
        ours.zero_grad()
        (scale * (p - 1) ** 2 + noise * p).sum().backward()
        ours.step()
        other.zero_grad()
        (torch.tensor(scale) * (t - 1) ** 2 + torch.tensor(noise) * t).sum().backward()
        other.step()
        yield p.numpy(), t.detach().numpy()


def options(**choices):
    names = list(choices)
    for values in itertools.product(*choices.values()):
        yield dict(zip(names, values, strict=True))


SGD_OPTIONS = [
    o
    for o in options(
        lr=[0.02],
        momentum=[0, 0.9],
        dampening=[0, 0.3],
        weight_decay=[0, 0.1],
        nesterov=[False, True],
    )
    if not o["nesterov"] or (o["momentum"] and not o["dampening"])
]
ADAM_OPTIONS = list(
    options(lr=[0.05], betas=[(0.9, 0.999), (0.5, 0.8)], eps=[1e-8, 1e-3], weight_decay=[0, 0.1])
)


@pytest.mark.parametrize("backend", ["fast", "reference"])
@pytest.mark.parametrize(
    ("mine", "theirs", "settings"),
    [pytest.param(SGD, torch.optim.SGD, o, id=f"SGD {o}") for o in SGD_OPTIONS]
    + [pytest.param(Adam, torch.optim.Adam, o, id=f"Adam {o}") for o in ADAM_OPTIONS]
    + [pytest.param(AdamW, torch.optim.AdamW, o, id=f"AdamW {o}") for o in ADAM_OPTIONS],
)
def test_optimizer_takes_the_same_steps(mine, theirs, settings, backend):
    def ours(params):
        return mine(params, **settings)

    def other(params):
        return theirs(params, **settings)

    with od.use_backend(backend):
        for p, t in trajectories(ours, other):
            assert np.allclose(p, t, rtol=0, atol=1e-9)


def test_default_settings_are_the_same():
    for mine, theirs in [(Adam, torch.optim.Adam), (AdamW, torch.optim.AdamW)]:
        ours = mine([od.Parameter(np.zeros(1))]).groups[0]
        other = theirs([torch.zeros(1, requires_grad=True)]).param_groups[0]
        for name in ours.keys() - {"params"}:
            assert ours[name] == other[name], name
