"""L-BFGS and its line search: beside PyTorch's, and what the conditions say."""

import itertools

import numpy as np
import pytest

import odyssey as od
from odyssey.training.optimizers import LBFGS, strong_wolfe
from odyssey.training.optimizers.line_search import Point, minimum_of_cubic

OPTIONS = {
    "line_search_fn": (None, "strong_wolfe"),
    "max_iter": (1, 4, 20),
    "history_size": (2, 5, 100),
    "lr": (0.01, 1.0),
    "max_eval": (None, 3),
}


def rosenbrock(x, y):
    """Return the height in a curved valley of some dimensions; another parameter comes along."""
    inner, first = x[1:] - x[:-1] ** 2, 1 - x[:-1]
    return (10 * inner**2 + first**2).sum() + ((y - x[:2]) ** 2).sum()


def closure_of(x, y, optimizer, calls=None):
    def closure():
        optimizer.zero_grad()
        loss = rosenbrock(x, y)
        loss.backward()
        loss = loss.detach()
        if calls is not None:
            calls.append(float(loss))
        return loss

    return closure


START = [np.array([-0.5, 0.5, 1.5, 0.2]), np.array([[0.3, 0.1], [-1.0, 2.0], [0.5, 0.5]])]


@pytest.mark.parametrize("values", list(itertools.product(*OPTIONS.values())), ids=str)
def test_trajectories_are_pytorchs(values):
    torch = pytest.importorskip("torch")
    settings = dict(zip(OPTIONS, values, strict=True))
    if settings["line_search_fn"] is None and settings["lr"] == 1.0:
        settings["lr"] = 0.1  # without a search a whole step diverges here
    mine = [od.Parameter(array) for array in START]
    theirs = [torch.nn.Parameter(torch.tensor(array)) for array in START]
    optimizer, expected = LBFGS(mine, **settings), torch.optim.LBFGS(theirs, **settings)
    calls, expected_calls = [], []
    for _ in range(max(2, 12 // settings["max_iter"])):
        loss = optimizer.step(closure_of(*mine, optimizer, calls))
        expected_loss = expected.step(closure_of(*theirs, expected, expected_calls))
        assert float(loss) == pytest.approx(float(expected_loss), rel=1e-9, abs=1e-12)
        for p, q in zip(mine, theirs, strict=True):
            np.testing.assert_allclose(p.numpy(), q.detach().numpy(), rtol=1e-9, atol=1e-9)
    assert calls == pytest.approx(expected_calls, rel=1e-7, abs=1e-9)
    state = expected.state[theirs[0]]
    assert optimizer.state[0]["func_evals"] == state["func_evals"] == len(calls)
    assert optimizer.state[0]["n_iter"] == state["n_iter"]


@pytest.mark.parametrize("search", [None, "strong_wolfe"])
def test_finds_the_bottom_of_a_curved_valley(search):
    params = [od.Parameter(array) for array in START]
    idle = od.Parameter(np.ones((0, 2)))
    still = od.Parameter(np.ones(2))  # never has a gradient
    optimizer = LBFGS([*params, idle, still], lr=0.3, line_search_fn=search)
    for _ in range(20):
        optimizer.step(closure_of(*params, optimizer))
    np.testing.assert_allclose(params[0].numpy(), np.ones(4), atol=1e-4)
    assert still.tolist() == [1, 1]
    evaluations = optimizer.state[0]["func_evals"]
    optimizer.step(closure_of(*params, optimizer))
    assert optimizer.state[0]["func_evals"] <= evaluations + 3  # nothing is left to do


def test_single_precision():
    params = [od.Parameter(array.astype(np.float32)) for array in START]
    optimizer = LBFGS(params, line_search_fn="strong_wolfe")
    for _ in range(4):
        optimizer.step(closure_of(*params, optimizer))
    np.testing.assert_allclose(params[0].numpy(), np.ones(4), atol=1e-2)
    assert optimizer.state[0]["d"].dtype == np.float32


# -- line search -------------------------------------------------------------------------------

LINES = {
    "parabola": (lambda t: (t - 3) ** 2, lambda t: 2 * (t - 3)),
    "far": (lambda t: (t / 1000 - 3) ** 2, lambda t: (t / 1000 - 3) / 500),
    "quartic": (lambda t: (t - 1) ** 4 - t, lambda t: 4 * (t - 1) ** 3 - 1),
    "waves": (lambda t: np.cos(5 * t) - t + t**2 / 9, lambda t: -5 * np.sin(5 * t) - 1 + t / 4.5),
    "steep": (lambda t: np.exp(-9 * t) + t, lambda t: -9 * np.exp(-9 * t) + 1),
}


@pytest.mark.parametrize("first", [1e-3, 0.1, 1.0, 30.0])
@pytest.mark.parametrize(("loss", "slope"), LINES.values(), ids=LINES)
def test_the_conditions_hold(loss, slope, first):
    asked = []

    def evaluate(t):
        asked.append(t)
        return Point(t, float(loss(t)), np.zeros(1), float(slope(t)))

    start = evaluate(0.0)
    point, evaluations = strong_wolfe(evaluate, start, first, 1.0)
    assert evaluations == len(asked) - 1 and point.t in asked
    assert point.loss <= start.loss + 1e-4 * point.t * start.slope
    assert abs(point.slope) <= 0.9 * abs(start.slope)


def test_the_search_ends():
    def falling(t):
        return Point(t, -t, np.zeros(1), -1.0)

    point, evaluations = strong_wolfe(falling, falling(0.0), 1.0, 1.0, most=7)
    assert evaluations == 8 and point.t == 1e7


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ((0.0, 9.0, -6.0), (4.0, 1.0, 2.0), 3.0),
        ((4.0, 1.0, 2.0), (0.0, 9.0, -6.0), 3.0),
        ((0.0, 9.0, -6.0), (2.0, 1.0, -2.0), 2.5),  # beyond the range
        ((0.0, 0.0, -1.0), (1.0, -1.0, -1.0), 2.5),  # a straight line falls for ever
        ((0.0, 0.0, -1.0), (1.0, float("nan"), 1.0), 1.25),
        ((0.0, 0.0, -1.0), (1.0, -2 / 3, -1.0), 1.25),  # no minimum
    ],
)
def test_minimum_of_a_cubic(a, b, expected):
    a, b = (Point(t, loss, np.zeros(1), slope) for t, loss, slope in (a, b))
    high = 2.5 if expected != 3.0 else 4.0
    assert minimum_of_cubic(a, b, 0.0, high) == pytest.approx(expected)
