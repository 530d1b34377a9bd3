"""The state of every optimizer goes through a checkpoint, and the training goes on bit by bit."""

import numpy as np
import pytest
from strategies_optimizers import MAKERS, SHAPES, arrays, gradients, leaf

import odyssey as od
from odyssey.errors import FormatError
from odyssey.training import load_checkpoint, optimizers, save_checkpoint
from odyssey.training.optimizers import LBFGS, Adafactor, Adagrad, Muon, RMSprop

MATRICES = [(3, 4), (4, 3), (5, 5)]
ALL = {name: (make, SHAPES) for name, make in MAKERS.items()}
ALL["Muon"] = (lambda params: Muon(params, lr=0.01), MATRICES)


def take_steps(params, shapes, optimizer, steps):
    for step in steps:
        for p, grad in zip(params, gradients(step, shapes, np.float32), strict=True):
            p.grad = None if grad is None else od.tensor(grad.astype(p.dtype))
        optimizer.step()


def through_checkpoint(optimizer, path):
    save_checkpoint(path, {"optimizer": optimizer.state_dict()})
    return load_checkpoint(path).parts["optimizer"]


def same(one, other):
    """Whether two states are equal bit by bit, the types of their values included."""
    if isinstance(one, np.ndarray):
        return isinstance(other, np.ndarray) and (
            (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())
        )
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize(("make", "shapes"), ALL.values(), ids=ALL)
def test_stopped_half_way(make, shapes, dtype, tmp_path):
    def groups(params):
        return [{"params": params[:2]}, {"params": params[2:], "lr": 0.02}]

    through = [leaf(array) for array in arrays(shapes, dtype)]
    stopped = [leaf(array) for array in arrays(shapes, dtype)]
    one, first = make(groups(through)), make(groups(stopped))
    take_steps(through, shapes, one, range(50))
    take_steps(stopped, shapes, first, range(25))
    second = make([{"params": stopped[:2]}, {"params": stopped[2:], "lr": 7.0}])
    second.load_state_dict(through_checkpoint(first, tmp_path / "saved"))
    assert same(second.state_dict(), first.state_dict())
    take_steps(stopped, shapes, second, range(25, 50))
    for p, q, start in zip(through, stopped, arrays(shapes, dtype), strict=True):
        assert p.numpy().tobytes() == q.numpy().tobytes()
        assert p.size == 0 or p.numpy().tobytes() != start.tobytes()
    assert same(one.state_dict(), second.state_dict())


@pytest.mark.parametrize("search", [None, "strong_wolfe"])
def test_lbfgs_stopped_half_way(search, tmp_path):
    def make(p):
        return LBFGS([p], lr=0.1, max_iter=3, history_size=4, line_search_fn=search)

    def train(p, optimizer, steps):
        def closure():
            optimizer.zero_grad()
            loss = ((p**2 - 1) ** 2).sum() + (p[1:] * p[:-1]).sum()
            loss.backward()
            return loss

        for _ in range(steps):
            optimizer.step(closure)

    through, stopped = (od.Parameter(arrays([9])[0]) for _ in range(2))
    one, first, second = make(through), make(stopped), make(stopped)
    train(through, one, 10)
    train(stopped, first, 5)
    assert len(first.state[0]["steps"]) == 4
    second.load_state_dict(through_checkpoint(first, tmp_path / "saved"))
    assert same(second.state_dict(), first.state_dict())
    train(stopped, second, 5)
    assert through.numpy().tobytes() == stopped.numpy().tobytes()
    assert same(one.state_dict(), second.state_dict())


def test_loaded_lists_are_copies():
    p = od.Parameter(np.ones(2))
    optimizer = LBFGS([p])
    state = optimizer.state_dict() | {"state": {"0": {"steps": [np.ones(2)]}}}
    optimizer.load_state_dict(state)
    optimizer.state[0]["steps"][0][...] = 5
    optimizer.state[0]["steps"].clear()
    assert state["state"]["0"]["steps"][0].tolist() == [1, 1]


@pytest.mark.parametrize(
    ("optimizer", "state", "message"),
    [
        (Adafactor, {"row_var": np.ones((3, 4))}, r"0.row_var has shape \(3, 4\)"),
        (Adafactor, {"col_var": np.ones((3, 1))}, r"0.col_var has shape \(3, 1\)"),
        (LBFGS, {"steps": [np.ones(12), np.ones(11)]}, r"0.steps has shape \(11,\)"),
        (Muon, {"momentum_buffer": np.ones((4, 3))}, r"0.momentum_buffer has shape \(4, 3\)"),
        (RMSprop, {"square_avg": np.ones(12)}, r"0.square_avg has shape \(12,\)"),
    ],
)
def test_arrays_of_other_shapes(optimizer, state, message):
    one = optimizer([od.Parameter(np.ones((3, 4)))])
    with pytest.raises(FormatError, match=message):
        one.load_state_dict(one.state_dict() | {"state": {"0": state}})
    assert one.state == {}


def test_an_array_of_another_order_is_kept():
    p = od.Parameter(np.ones((2, 3)))
    optimizer = Adagrad([p])
    total = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    state = optimizer.state_dict() | {"state": {"0": {"step": 1, "sum": total}}}
    optimizer.load_state_dict(state)
    p.grad = od.tensor(np.ones((2, 3)))
    optimizer.step()
    assert optimizer.state[0]["sum"].tolist() == [[1, 2, 3], [4, 5, 6]]


def test_a_setting_may_be_switched_on_in_between():
    p = od.Parameter(np.ones(3))
    optimizer = RMSprop([p])
    for _ in range(2):
        p.grad = od.tensor(np.ones(3))
        optimizer.step()
        optimizer.groups[0]["momentum"] = 0.9
    assert sorted(optimizer.state[0]) == ["momentum_buffer", "square_avg", "step"]


def test_adagrad_starts_from_its_value():
    p = od.Parameter(np.ones(2))
    optimizer = Adagrad([p], lr=1.0, initial_accumulator_value=3.0, eps=0.0)
    p.grad = od.tensor(np.array([1.0, 0.0]))
    optimizer.step()
    assert optimizer.state[0]["sum"].tolist() == [4, 3] and p.tolist() == [0.5, 1]


def test_every_optimizer_is_tested():
    made = {type(make([od.Parameter(np.ones((2, 2)))])) for make, _ in ALL.values()} | {LBFGS}
    found = {
        value
        for value in vars(optimizers).values()
        if isinstance(value, type) and issubclass(value, optimizers.Optimizer)
    }
    assert made == found - {optimizers.Optimizer, optimizers.Elementwise}
