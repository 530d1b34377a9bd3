"""Optimizers: groups, state, settings, precision."""

import numpy as np
import pytest

import odyssey as od
from odyssey.errors import FormatError, OdysseyError
from odyssey.training.optimizers import SGD, Adam, AdamW, Optimizer


def parameter(*values, dtype=np.float64):
    return od.Parameter(np.array(values, dtype))


def give(p, *values):
    p.grad = od.tensor(np.array(values, p.dtype))


MAKERS = {
    "SGD": lambda params: SGD(params, lr=0.1),
    "SGD with momentum": lambda params: SGD(params, lr=0.1, momentum=0.9, weight_decay=0.01),
    "Nesterov": lambda params: SGD(params, lr=0.1, momentum=0.9, nesterov=True),
    "Adam": lambda params: Adam(params, lr=0.1),
    "AdamW": lambda params: AdamW(params, lr=0.1, weight_decay=0.1),
}
each = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)


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


@each
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
    for name, array in a.state_dict().items():
        if not name.endswith("step"):
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
    state = {name: array.copy() for name, array in first_half.state_dict().items()}
    second_half = make([stopped])
    second_half.load_state_dict(state)
    train(stopped, second_half, 5)
    assert through.numpy().tobytes() == stopped.numpy().tobytes()


def test_state_is_arrays_by_number_and_key():
    p, q = parameter(1.0), parameter(1.0, 2.0)
    optimizer = Adam([p, q])
    give(q, 1.0, 1.0)
    optimizer.step()
    state = optimizer.state_dict()
    assert sorted(state) == ["1.exp_avg", "1.exp_avg_sq", "1.step"]
    assert all(isinstance(array, np.ndarray) for array in state.values())
    assert state["1.step"] == 1


def test_loaded_state_is_a_copy():
    p = parameter(1.0)
    optimizer = SGD([p], momentum=0.9)
    velocity = np.array([3.0])
    optimizer.load_state_dict({"0.velocity": velocity})
    give(p, 1.0)
    optimizer.step()
    assert velocity.tolist() == [3]


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"7.velocity": np.ones(1)}, "SGD: the state names '7.velocity', but there are 1 param"),
        ({"velocity": np.ones(1)}, "the state names 'velocity'"),
        ({"0.": np.ones(1)}, "the state names '0.'"),
        ({"0.velocity": np.ones(3)}, r"0.velocity has shape \(3,\) but its parameter has \(1,\)"),
    ],
)
def test_bad_state(state, message):
    optimizer = SGD([parameter(1.0)], momentum=0.9)
    optimizer.load_state_dict({"0.velocity": np.array([2.0])})
    with pytest.raises(FormatError, match=message):
        optimizer.load_state_dict(state)
    assert optimizer.state_dict()["0.velocity"].tolist() == [2]


# -- errors ------------------------------------------------------------------------------------

p = parameter(1.0)

BAD = [
    (lambda: SGD([]), "SGD: there are no parameters to optimize"),
    (lambda: SGD([p, p]), "SGD: a parameter occurs twice"),
    (lambda: SGD([{"params": [p]}, {"params": [p]}]), "a parameter occurs twice"),
    (lambda: SGD([np.ones(1)]), "SGD: params must be Parameters, got ndarray"),
    (lambda: SGD([{"params": [p], "rl": 1}]), "SGD: unknown setting 'rl'; settings are lr, mom"),
    (lambda: SGD([p], lr=-1), r"SGD: lr must lie in \[0, inf\), got -1"),
    (lambda: SGD([p], lr=float("nan")), "SGD: lr must lie in .* got nan"),
    (lambda: SGD([p], momentum=-0.1), "SGD: momentum must lie in"),
    (lambda: SGD([p], weight_decay=-1), "SGD: weight_decay must lie in"),
    (lambda: SGD([p], nesterov=True), "SGD: nesterov needs a momentum above 0 and no dampening"),
    (lambda: SGD([p], momentum=0.9, dampening=0.1, nesterov=True), "nesterov needs a momentum"),
    (lambda: Adam([p], betas=(1.0, 0.9)), r"Adam: betas\[0\] must lie in \[0, 1\), got 1.0"),
    (lambda: Adam([p], betas=(0.9, -0.1)), r"Adam: betas\[1\] must lie in"),
    (lambda: Adam([p], eps=-1), "Adam: eps must lie in"),
    (lambda: AdamW([p], weight_decay=-1), "AdamW: weight_decay must lie in"),
]


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_settings(call, message):
    with pytest.raises(OdysseyError, match=message):
        call()


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
