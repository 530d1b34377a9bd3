"""Optimizers that PyTorch has, too: the same gradients must give the same parameters."""

import itertools

import numpy as np
import pytest
from strategies_optimizers import SHAPES, arrays, gradients, leaf

import odyssey as od
from odyssey.training import optimizers

torch = pytest.importorskip("torch")

STEPS = 50
DECAY = {"weight_decay": (0.0, 0.1), "maximize": (False, True)}
ADAM = {"betas": ((0.9, 0.999), (0.5, 0.8)), "eps": (1e-8, 1e-2), **DECAY}

OPTIONS = {
    "SGD": {"momentum": (0.0, 0.9), "dampening": (0.0, 0.3), "nesterov": (False, True), **DECAY},
    "Adam": {"amsgrad": (False, True), **ADAM},
    "AdamW": {"amsgrad": (False, True), **ADAM},
    "NAdam": {"momentum_decay": (4e-3, 0.5), "decoupled_weight_decay": (False, True), **ADAM},
    "RAdam": {"decoupled_weight_decay": (False, True), **ADAM},
    "Adamax": ADAM,
    "Adagrad": {
        "lr_decay": (0.0, 0.1),
        "initial_accumulator_value": (0.0, 0.5),
        "eps": (1e-10, 1e-2),
        **DECAY,
    },
    "Adadelta": {"rho": (0.9, 0.5), "eps": (1e-6, 1e-2), **DECAY},
    "RMSprop": {
        "alpha": (0.99, 0.5),
        "momentum": (0.0, 0.9),
        "centered": (False, True),
        "eps": (1e-8, 1e-2),
        **DECAY,
    },
    "Adafactor": {
        "beta2_decay": (-0.8, -0.3),
        "eps": ((None, 1e-3), (1e-2, 0.5)),
        "d": (1.0, 2.0),
        **DECAY,
    },
    "Rprop": {
        "etas": ((0.5, 1.2), (0.3, 2.0)),
        "step_sizes": ((1e-6, 50), (0.02, 0.1)),
        "maximize": (False, True),
    },
    "ASGD": {"lambd": (1e-4, 0.1), "alpha": (0.75, 0.3), "t0": (1e6, 10.0), **DECAY},
}
"""The values of every option; each is tried with each of all others."""


def combinations():
    for name, options in OPTIONS.items():
        for values in itertools.product(*options.values()):
            settings = dict(zip(options, values, strict=True))
            if settings.get("nesterov") and (not settings["momentum"] or settings["dampening"]):
                continue  # both refuse
            yield pytest.param(name, settings, id=f"{name}-{'-'.join(map(str, values))}")


@pytest.fixture
def double():
    """Have PyTorch keep the numbers of its state in float64."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def two_groups(params, **settings):
    return [{"params": params[:3]}, {"params": params[3:], **settings}]


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize(("name", "settings"), list(combinations()))
def test_trajectories(name, settings):
    # PyTorch's Adafactor divides by the size.
    shapes = SHAPES[:-1] if name == "Adafactor" else SHAPES
    mine = [leaf(array) for array in arrays(shapes)]
    theirs = [torch.nn.Parameter(torch.tensor(array)) for array in arrays(shapes)]
    other = {"lr": 0.03} | ({"weight_decay": 0.02} if "weight_decay" in settings else {})
    optimizer, expected = (
        getattr(package, name)(two_groups(params, **other), lr=0.05, **settings)
        for package, params in ((optimizers, mine), (torch.optim, theirs))
    )
    for step in range(STEPS):
        for p, q, grad in zip(mine, theirs, gradients(step, shapes), strict=True):
            p.grad = None if grad is None else od.tensor(grad)
            q.grad = None if grad is None else torch.tensor(grad)
        optimizer.step()
        expected.step()
        for p, q in zip(mine, theirs, strict=True):
            np.testing.assert_allclose(p.numpy(), q.detach().numpy(), rtol=1e-9, atol=1e-9)


def test_asgd_keeps_the_mean_that_pytorch_keeps(double):
    mine, theirs = od.Parameter(np.ones(3)), torch.nn.Parameter(torch.ones(3))
    optimizer = optimizers.ASGD([mine], lr=0.1, t0=5)
    expected = torch.optim.ASGD([theirs], lr=0.1, t0=5)
    for step in range(20):
        (grad,) = arrays([3], seed=step)
        mine.grad, theirs.grad = od.tensor(grad), torch.tensor(grad)
        optimizer.step()
        expected.step()
        mean = expected.state[theirs]["ax"].numpy()
        np.testing.assert_allclose(optimizer.state[0]["ax"], mean, rtol=1e-12)
    assert not np.allclose(optimizer.state[0]["ax"], mine.numpy())


@pytest.mark.parametrize("name", OPTIONS)
def test_defaults_are_pytorchs(name):
    p = od.Parameter(np.ones((2, 2)))
    own = getattr(optimizers, name)([p]).groups[0]
    theirs = getattr(torch.optim, name)([torch.nn.Parameter(torch.ones(2, 2))]).defaults
    # SGD's rate was documented before PyTorch gave it a default.
    for setting, value in own.items():
        if setting != "params" and (name, setting) != ("SGD", "lr"):
            assert value == theirs[setting], setting


MUON = {
    "nesterov": (True, False),
    "adjust_lr_fn": (None, "original", "match_rms_adamw"),
    "ns_steps": (5, 3),
}


@pytest.mark.parametrize("values", list(itertools.product(*MUON.values())), ids=str)
def test_muon_is_as_near_as_bfloat16_allows(values):
    shapes = [(6, 6), (4, 9), (9, 4)]
    settings = {"lr": 0.02, "weight_decay": 0.1, "momentum": 0.9}
    settings |= dict(zip(MUON, values, strict=True))
    mine = [leaf(array) for array in arrays(shapes)]
    theirs = [torch.nn.Parameter(torch.tensor(array)) for array in arrays(shapes)]
    optimizer, expected = optimizers.Muon(mine, **settings), torch.optim.Muon(theirs, **settings)
    for step in range(STEPS):
        for p, q, grad in zip(mine, theirs, gradients(step, shapes), strict=True):
            p.grad = None if grad is None else od.tensor(grad)
            q.grad = None if grad is None else torch.tensor(grad)
        optimizer.step()
        expected.step()
    for p, q, start in zip(mine, theirs, arrays(shapes), strict=True):
        moved = np.linalg.norm(q.detach().numpy() - start)
        # bfloat16 has 8 bits: each of the products in the five iterations is off by 2**-8.
        assert np.linalg.norm(p.numpy() - q.detach().numpy()) < 5 * 2**-8 * moved


def test_defaults_of_muon_and_lbfgs_are_pytorchs():
    for name in ("Muon", "LBFGS"):
        own = getattr(optimizers, name)([od.Parameter(np.ones((2, 2)))]).groups[0]
        theirs = getattr(torch.optim, name)([torch.nn.Parameter(torch.ones(2, 2))]).defaults
        assert {key: value for key, value in own.items() if key != "params"} == theirs
