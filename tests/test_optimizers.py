"""Optimizers: groups, state, settings, precision."""

import copy

import numpy as np
import pytest
from strategies_optimizers import MAKERS, WITH_KERNEL, give, parameter

import odyssey as od
from odyssey.errors import FormatError, OdysseyError
from odyssey.training.optimizers import (
    SGD,
    Adam,
    AdamW,
    Elementwise,
    Muon,
    Optimizer,
    decay_groups,
)

each = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
each_with_kernel = pytest.mark.parametrize("make", WITH_KERNEL.values(), ids=WITH_KERNEL)


# -- steps -------------------------------------------------------------------------------------


@each
def test_finds_the_bottom_of_a_valley(make):
    p = parameter(3.0, -2.0, dtype=np.float32)
    optimizer = make([p])
    for _ in range(300):
        optimizer.zero_grad()
        ((p - 1) ** 2).sum().backward()
        optimizer.step()
    assert p.numpy() == pytest.approx([1, 1], abs=0.1)


@each
def test_updates_in_place_and_only_what_has_a_gradient(make):
    p, idle = parameter(1.0), parameter(5.0)
    memory = p.numpy()
    optimizer = make([p, idle])
    give(p, 1.0)
    optimizer.step()
    assert p.numpy() is memory and memory[0] < 1 and idle.tolist() == [5]
    assert p.grad.tolist() == [1]  # the step does not clear it


def test_first_dampened_step_is_not_dampened():
    p, late = parameter(1.0), parameter(1.0)
    optimizer = SGD([p, late], lr=1.0, momentum=0.5, dampening=0.5)
    # Velocities 1 and 0.5 * 1 + 0.5 * 1; the second parameter begins when the first goes on.
    for expected, expected_late in ((0.0, 1.0), (-1.0, 0.0)):
        give(p, 1.0)
        if p.item() == 0:
            give(late, 1.0)
        optimizer.step()
        assert (p.item(), late.item()) == (expected, expected_late)


@each_with_kernel
def test_one_call_of_the_kernel_updates_all_parameters(make):
    shapes = [(3, 2), (2,), (), (0, 4)]
    alone, together = ([od.Parameter(np.ones(s)) for s in shapes] for _ in range(2))
    optimizers, optimizer = [make([p]) for p in alone], make(together)
    calls = []
    table = od.backend.current().table
    name = "sgd" if isinstance(optimizer, SGD) else "adam"
    kernel = table[name]
    for step in range(3):
        for p, q in zip(alone, together, strict=True):
            p.grad, q.grad = (od.tensor(np.full(p.shape, step + 0.5)) for _ in range(2))
        for one in optimizers:
            one.step()
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(table, name, lambda *args: (calls.append(1), kernel(*args)))
            optimizer.step()
    assert len(calls) == 3
    for p, q in zip(alone, together, strict=True):
        assert p.numpy().tobytes() == q.numpy().tobytes()


@each
def test_parameters_may_have_come_differently_far(make):
    p, q, alone = parameter(1.0), parameter(1.0), parameter(1.0)
    optimizer, other = make([p, q]), make([alone])
    for step in range(4):
        for x in (p, q):
            x.grad = None
        give(p, 0.5)
        if step > 1:  # q has rested for two steps, and is as far as `alone`
            give(q, 0.25)
            give(alone, 0.25)
            other.step()
        optimizer.step()
    assert q.item() == alone.item() != p.item()


@each
def test_memory_in_another_order(make):
    values = np.arange(12.0).reshape(3, 4)
    p, q = od.from_numpy(values.copy()), od.from_numpy(np.asfortranarray(values))
    memory = q.numpy()
    assert not memory.flags.c_contiguous
    for one in (p, q):
        one.requires_grad = True
        optimizer = make([one])
        for step in range(3):
            one.grad = od.tensor(np.cos(values + step))
            optimizer.step()
    assert q.tolist() == p.tolist() != values.tolist()
    assert q.numpy() is memory


@each
def test_what_is_not_finite_is_seen_and_warns_of_nothing(make):
    p = parameter(1.0, 2.0)
    optimizer = make([p])
    for _ in range(2):
        give(p, np.nan, np.inf)
        optimizer.step()
    assert not np.isfinite(p.numpy()).any()


def test_muon_learns_a_matrix():
    rng = np.random.default_rng(0)
    x, wanted = od.tensor(rng.standard_normal((20, 4))), rng.standard_normal((4, 3))
    target, p = x @ od.tensor(wanted), od.Parameter(np.zeros((4, 3)))
    optimizer = Muon([p], lr=0.05, weight_decay=0.0)
    losses = []
    for _ in range(100):
        optimizer.zero_grad()
        loss = ((x @ p - target) ** 2).mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.01 * losses[0]


def test_zero_grad():
    p = parameter(1.0)
    give(p, 1.0)
    SGD([p]).zero_grad()
    assert p.grad is None


@each
@pytest.mark.parametrize("backend", ["fast", "reference"])
def test_half_precision_keeps_its_state_in_single(make, backend):
    half, double = parameter(1.0, 2.0, dtype=np.float16), parameter(1.0, 2.0)
    a, b = make([half]), make([double])
    with od.use_backend(backend):
        for _ in range(10):
            give(half, 0.01, -0.02)
            give(double, *map(float, half.grad.numpy()))
            a.step()
            b.step()
    assert half.dtype == np.float16
    assert half.numpy() == pytest.approx(double.numpy(), abs=1e-2)
    state = a.state_dict()["state"]["0"]
    kept = [value for value in state.values() if isinstance(value, np.ndarray)]
    assert kept or state == {}
    for array in kept:
        assert array.dtype == np.float32


def test_backend_of_a_step(monkeypatch):
    used = []
    monkeypatch.setitem(od.backend._REFERENCE, "sgd", lambda *args: used.append(len(args)))
    p = parameter(1.0)
    give(p, 1.0)
    with od.use_backend("reference"):
        SGD([p]).step()
    assert len(used) == 1


# -- groups ------------------------------------------------------------------------------------


def test_groups_have_their_own_settings():
    p, q = parameter(1.0), parameter(1.0)
    optimizer = SGD([{"params": [p], "lr": 1.0}, {"params": [q]}], lr=0.5)
    assert [group["lr"] for group in optimizer.groups] == [1.0, 0.5]
    for x in (p, q):
        give(x, 1.0)
    optimizer.step()
    assert (p.item(), q.item()) == (0.0, 0.5)
    optimizer.groups[1]["lr"] = 0.25  # settings may change between steps
    optimizer.step()
    assert (p.item(), q.item()) == (-1.0, 0.25)


def test_parameters_may_come_from_a_generator():
    model = od.nn.Linear(2, 2)
    assert len(SGD(model.parameters()).groups[0]["params"]) == 2
    assert len(SGD([{"params": model.parameters()}]).groups[0]["params"]) == 2


def test_groups_that_decay_and_that_do_not():
    model = od.nn.Sequential(od.nn.Linear(3, 4), od.nn.Linear(4, 2))
    decayed, rest = decay_groups(model, 0.5)
    assert [id(p) for p in decayed["params"]] == [id(model[0].weight), id(model[1].weight)]
    assert [id(p) for p in rest["params"]] == [id(model[0].bias), id(model[1].bias)]
    before = {name: p.numpy().copy() for name, p in model.named_parameters()}
    for p in model.parameters():
        p.grad = od.zeros(p.shape)
    AdamW([decayed, rest], lr=0.1).step()
    for name, p in model.named_parameters():
        factor = 0.95 if name.endswith("weight") else 1.0
        np.testing.assert_allclose(p.numpy(), before[name] * factor, rtol=1e-6)


def test_groups_by_a_rule_of_ones_own():
    model = od.nn.Sequential(od.nn.Linear(3, 4), od.nn.Linear(4, 2))
    decayed, rest = decay_groups(model, 0.5, skip=lambda name, p: name.startswith("0."))
    assert [p.shape for p in decayed["params"]] == [(2, 4), (2,)]
    assert [p.shape for p in rest["params"]] == [(4, 3), (4,)]
    with pytest.raises(OdysseyError, match="decay_groups: weight_decay must lie in"):
        decay_groups(model, -1)


# -- closures ----------------------------------------------------------------------------------


@each
def test_a_step_may_compute_the_loss_itself(make):
    p, q = parameter(1.0, 3.0), parameter(1.0, 3.0)
    one, other = make([p]), make([q])

    def closure():
        one.zero_grad()
        loss = (p * p).sum()
        loss.backward()  # recorded, although a step is not
        return loss

    assert one.step(closure).item() == 10
    (q * q).sum().backward()
    assert other.step() is None
    assert p.tolist() == q.tolist() != [1, 3]


@each
def test_maximize_climbs(make):
    p, q = parameter(1.0, -2.0), parameter(1.0, -2.0)
    down, up = make([p]), make([q])
    assert up.groups[0]["maximize"] is False
    up.groups[0]["maximize"] = True
    for _ in range(3):
        give(p, 0.5, -1.0)
        give(q, -0.5, 1.0)
        down.step()
        up.step()
    assert p.tolist() == q.tolist() and q.grad.tolist() == [-0.5, 1]


# -- state -------------------------------------------------------------------------------------


@each
def test_state_round_trip(make):
    def train(p, optimizer, steps):
        for _ in range(steps):
            optimizer.zero_grad()
            ((p - 1) ** 2).sum().backward()
            optimizer.step()

    through, stopped = parameter(3.0, -2.0), parameter(3.0, -2.0)
    one, first_half = make([through]), make([stopped])
    train(through, one, 10)
    train(stopped, first_half, 5)
    state = copy.deepcopy(first_half.state_dict())
    second_half = make([stopped])
    second_half.load_state_dict(state)
    train(stopped, second_half, 5)
    assert through.numpy().tobytes() == stopped.numpy().tobytes()


def test_state_is_by_number_and_key():
    p, q = parameter(1.0), parameter(1.0, 2.0)
    optimizer = Adam([p, q])
    give(q, 1.0, 1.0)
    optimizer.step()
    state = optimizer.state_dict()
    assert sorted(state) == ["groups", "name", "state"] and state["name"] == "Adam"
    assert list(state["state"]) == ["1"]
    assert sorted(state["state"]["1"]) == ["exp_avg", "exp_avg_sq", "step"]
    assert isinstance(state["state"]["1"]["exp_avg"], np.ndarray)
    assert state["state"]["1"]["step"] == 1
    assert state["groups"][0]["betas"] == (0.9, 0.999) and "params" not in state["groups"][0]


def state_of(optimizer, state):
    return optimizer.state_dict() | {"state": state}


def test_loaded_state_is_a_copy():
    p = parameter(1.0)
    optimizer = SGD([p], momentum=0.9)
    velocity = np.array([3.0])
    optimizer.load_state_dict(state_of(optimizer, {"0": {"velocity": velocity}}))
    give(p, 1.0)
    optimizer.step()
    assert velocity.tolist() == [3] and optimizer.state[0]["velocity"] != 3


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"7": {"velocity": np.ones(1)}}, "SGD: the state names the parameter '7', but there are"),
        ({"velocity": {}}, "the state names the parameter 'velocity'"),
        ({"0.": {}}, "the state names the parameter '0.'"),
        (
            {"0": {"velocity": np.ones(3)}},
            r"0.velocity has shape \(3,\) but its parameter has \(1,\)",
        ),
    ],
)
def test_bad_state(state, message):
    optimizer = SGD([parameter(1.0)], momentum=0.9)
    optimizer.load_state_dict(state_of(optimizer, {"0": {"velocity": np.array([2.0])}}))
    with pytest.raises(FormatError, match=message):
        optimizer.load_state_dict(state_of(optimizer, state))
    assert optimizer.state_dict()["state"]["0"]["velocity"].tolist() == [2]


def test_state_of_another_optimizer():
    optimizer = SGD([parameter(1.0)])
    with pytest.raises(FormatError, match="SGD: the state is of the optimizer Adam"):
        optimizer.load_state_dict(Adam([parameter(1.0)]).state_dict())
    with pytest.raises(FormatError, match="other parameter groups than the 1 here"):
        optimizer.load_state_dict(optimizer.state_dict() | {"groups": []})


# -- own --------------------------------------------------------------------------------------


def test_own_rule_for_single_numbers():
    class Decaying(Elementwise):
        def initial(self, group):
            return {"sum": 1.0}

        def update(self, param, grad, state, group):
            assert param.ndim == grad.ndim == state["sum"].ndim == 1
            state["sum"] += grad
            param -= state["sum"] * state["step"]

    q = od.Parameter(np.ones((2, 2)))
    optimizer = Decaying([q], {})
    for _ in range(2):
        q.grad = od.ones((2, 2), dtype="float64")
        optimizer.step()
    assert q.tolist() == [[1 - 2 - 3 * 2] * 2] * 2
    assert optimizer.state[0]["sum"].tolist() == [[3, 3], [3, 3]]


def test_own_optimizer():
    class SignSGD(Optimizer):
        def update(self, param, grad, state, group):
            param -= group["lr"] * np.sign(grad)

    q = parameter(1.0, 1.0)
    give(q, 5.0, -0.1)
    SignSGD([q], {"lr": 0.5}).step()
    assert q.tolist() == [0.5, 1.5]
    with pytest.raises(OdysseyError, match="Optimizer: an optimizer must define update"):
        Optimizer([q], {}).step()
