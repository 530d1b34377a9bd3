"""Backward: gradients arrive, add up, belong to their leaf, and damage is noticed."""

import gc
import threading
import weakref
from pathlib import Path

import numpy as np
import pytest

import odyssey as od
from odyssey.engine import gradients
from odyssey.errors import GradientError, ShapeError
from odyssey.tape import differentiable, record_places


def leaf(*values):
    return od.tensor(list(values), dtype=np.float64, requires_grad=True)


# -- graphs ------------------------------------------------------------------------------------


def test_diamonds_add_up():
    x = leaf(3.0)
    a, b = x * 2, x * 5
    y = a * b + a
    y.backward()
    assert x.grad.tolist() == [2 * 2 * 5 * 3 + 2]


def test_a_ladder_of_diamonds_is_walked_once():
    calls = []

    @differentiable
    def twice(x):
        return x + x

    @twice.backward_rule(wrt=("x",))
    def rule(grad):
        calls.append(1)
        return 2 * grad

    x = y = leaf(1.0)
    for _ in range(30):
        y = twice(y) + twice(y)
    y.backward()
    assert x.grad.item() == 4.0**30 and len(calls) == 60


def test_the_same_tensor_twice_in_one_operation():
    x = leaf(3.0)
    (x * x).backward()
    assert x.grad.tolist() == [6]
    x = leaf(1.0)
    od.core.concatenate([x, x, x]).backward(np.array([1.0, 2.0, 4.0]))
    assert x.grad.tolist() == [7]


def test_gradients_accumulate_over_calls():
    x = leaf(2.0)
    for _ in range(3):
        (x * 4).backward()
    assert x.grad.tolist() == [12]


def test_a_chain_of_100_000_operations():
    x = leaf(1.0)
    y = x
    for _ in range(100_000):
        y = y + 1.0
    y.backward(retain_graph=True)
    assert x.grad.tolist() == [1]
    del y  # the whole chain is deleted from its end, which must not recurse either
    gc.collect()


def test_branches_that_lead_nowhere_are_not_walked():
    @differentiable
    def forbidden(x):
        return x + 0

    @forbidden.backward_rule(wrt=("x",))
    def rule(grad):
        raise RuntimeError("walked")

    x, other = leaf(1.0), leaf(1.0)
    y = x * 2 + forbidden(other)
    assert gradients([y], [x])[0].tolist() == [2]


def test_gradient_for_a_result_in_the_middle():
    x = leaf(3.0)
    h = x * x
    assert gradients([h * h], [h])[0].tolist() == [18]
    y = h * 2
    dx, dh = gradients([y], [x, h])
    assert dx.tolist() == [12] and dh.tolist() == [2] and x.grad is None
    assert gradients([x * 1], [h]) == [None]


def test_what_lies_below_the_inputs_is_neither_run_nor_freed():
    x = leaf(3.0)
    h = x * x
    gradients([h * 2], [h])
    h.backward()
    assert x.grad.tolist() == [6]
    assert gradients([h * 2], [h])[0].tolist() == [2]  # h stands on a freed graph by now
    with pytest.raises(GradientError, match="through multiply was freed"):
        gradients([h * 2], [h, x])
    with pytest.raises(GradientError, match="through multiply was freed"):
        gradients([h * 2], [x])


def test_gradient_of_a_leaf_for_itself():
    x = leaf(3.0)
    x.backward()
    assert x.grad.tolist() == [1]


def test_retain_grad():
    x = leaf(3.0)
    h = x * x
    h.retain_grad()
    (h * 2).backward()
    assert h.grad.tolist() == [2] and x.grad.tolist() == [12]


# -- gradients belong to their leaf ------------------------------------------------------------


def test_leaf_gradients_do_not_alias():
    a, b = leaf(1.0, 2.0), leaf(3.0, 4.0)
    seed = np.ones(2)
    (a + b).backward(seed)
    assert not np.shares_memory(a.grad.data, b.grad.data)
    assert not np.shares_memory(a.grad.data, seed)
    a.grad.data[...] = 7
    assert b.grad.tolist() == [1, 1] and seed.tolist() == [1, 1]


def test_gradient_of_a_root_is_not_the_callers_array():
    x = leaf(1.0, 2.0)
    seed = np.ones(2)
    x.backward(seed)
    x.backward(seed)
    assert x.grad.tolist() == [2, 2] and seed.tolist() == [1, 1]


@pytest.mark.parametrize(
    "op", [lambda x: x.T, lambda x: x.reshape(6), lambda x: x[::-1], lambda x: x.sum()]
)
def test_leaf_gradients_are_contiguous_and_writable(op):
    x = od.tensor(np.ones((2, 3)), requires_grad=True)
    y = op(x)
    y.backward(np.ones(y.shape))
    assert x.grad.data.flags.c_contiguous and x.grad.data.flags.writeable
    assert x.grad.data.flags.owndata or x.grad.data.base is None


def test_grad_keeps_its_values_when_the_seed_changes():
    x = leaf(1.0)
    y = x * 1
    seed = od.ones(1, dtype=np.float64)
    y.backward(seed)
    seed[...] = 5
    assert x.grad.tolist() == [1]


def test_a_leaf_does_not_keep_an_array_that_its_rule_returned_twice():
    @differentiable
    def total(x, y):
        return x + y

    @total.backward_rule(wrt=("x", "y"))
    def rule(grad):
        doubled = 2 * grad
        return doubled, doubled

    x, y = leaf(1.0), leaf(1.0)
    h = y * 1
    z = x * 1  # newer than h: its gradient is added to x.grad before the one of h is read
    (total(x, h) + z).backward()
    assert x.grad.tolist() == [3] and y.grad.tolist() == [2]


def test_a_leaf_does_not_keep_what_the_forward_saved():
    @differentiable
    def dot(x, w):
        return np.asarray((x * w).sum())

    @dot.backward_rule(wrt=("x",))
    def rule(grad, w):
        return w  # right for a gradient of 1, and an array that is not the rule's to give away

    x, w = leaf(1.0, 2.0), od.tensor(np.array([3.0, 4.0]))
    y = dot(x, w)
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.tolist() == [6, 8] and w.tolist() == [3, 4]


# -- errors ------------------------------------------------------------------------------------


def test_second_backward_through_a_freed_graph():
    x = leaf(2.0)
    y = od.core.exp(x)
    y.backward()
    with pytest.raises(GradientError, match=r"through exp was freed.*retain_graph=True"):
        y.backward()
    with pytest.raises(GradientError, match="was freed"):
        (y * 2).backward()
    with pytest.raises(GradientError, match="was freed"):
        gradients([y], [x])


def test_wrong_number_of_gradients():
    @differentiable
    def op(x, y):
        return x + y

    op.backward_rule(wrt=("x", "y"))(lambda grad: grad)
    with pytest.raises(GradientError, match=r"op_backward: expected one gradient .* wrt, 2, got 1"):
        op(leaf(1.0), leaf(1.0)).backward()


def test_retain_graph():
    x = leaf(2.0)
    y = x * x
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.tolist() == [8]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: od.ones(1).backward(), GradientError, "requires no gradient"),
        (lambda x: (x * 2).detach().sum().backward(), GradientError, "requires no gradient"),
        (lambda x: (x * 2).backward(), GradientError, r"grad is needed .*shape \(2,\)"),
        (lambda x: (x * 2).backward(np.ones(3)), ShapeError, r"shape \(3,\) but the tensor has"),
        (lambda x: (x * 2).backward(1.0), ShapeError, r"shape \(\) but the tensor has \(2,\)"),
    ],
)
def test_bad_backward(call, error, message):
    with pytest.raises(error, match=message):
        call(leaf(1.0, 2.0))


# -- in-place damage ---------------------------------------------------------------------------


def test_write_to_a_saved_input():
    x, w = leaf(1.0, 2.0), od.tensor([3.0, 4.0])
    y = x * w
    w[0] = 9
    with pytest.raises(GradientError, match="multiply saved y, which has been written to in place"):
        y.backward(np.ones(2))


def line_of(text):
    """Return where in this file ``text`` stands, as an error shows it."""
    lines = Path(__file__).read_text().splitlines()
    return rf"test_backward\.py:{1 + next(i for i, line in enumerate(lines) if text in line)}\b"


def test_the_error_says_where_the_value_was_written_and_saved():
    x, w = leaf(1.0, 2.0), od.tensor([3.0, 4.0])
    y = x * w
    w += 9  # the write
    with pytest.raises(GradientError, match=f"by add at .*{line_of('# the write')}.*record_places"):
        y.backward(np.ones(2))
    record_places()
    try:
        z = x * w  # the save
    finally:
        record_places(False)
    w[0] = 9
    with pytest.raises(GradientError, match=f"multiply at .*{line_of('# the save')} saved y"):
        z.backward(np.ones(2))


def test_write_through_an_alias():
    for alias in (lambda w: w.detach(), lambda w: w[1:], lambda w: w[0:1][...]):
        w = od.tensor([3.0, 4.0])
        view = alias(w)
        y = leaf(1.0, 2.0) * w
        view[0] = 9
        with pytest.raises(GradientError, match="written to in place"):
            y.backward(np.ones(2))


def test_write_to_what_an_alias_has_saved():
    w = od.tensor([3.0, 4.0])
    y = leaf(1.0) * w[1:]
    w += 1
    with pytest.raises(GradientError, match="written to in place"):
        y.backward(np.ones(1))


def test_write_to_a_saved_output():
    x = leaf(1.0)
    y = od.core.exp(x)
    with od.no_grad():
        y[...] = 0
    with pytest.raises(GradientError, match="exp saved its output, which has been written to"):
        y.backward()


def test_optimizer_step_between_forward_and_backward():
    w = od.Parameter(np.array([1.0, 2.0]))
    loss = (w * w).sum()
    loss.backward(retain_graph=True)
    od.training.optimizers.SGD([w], lr=0.1).step()
    with pytest.raises(GradientError, match="written to in place"):
        loss.backward()


def test_loading_a_state_between_forward_and_backward():
    model = od.nn.Linear(2, 2)
    loss = (model(od.ones((1, 2), requires_grad=True)) ** 2).sum()
    model.load_state_dict({name: a * 0 for name, a in model.state_dict().items()})
    with pytest.raises(GradientError, match="written to in place"):
        loss.backward()


def test_write_to_what_was_not_saved_is_allowed():
    x, w = leaf(1.0), od.tensor([3.0])
    y = x + w  # add saves nothing
    w[0] = 9
    y.backward()
    assert x.grad.tolist() == [1]


def test_write_before_the_forward_is_allowed():
    x, w = leaf(1.0), od.tensor([3.0], dtype=np.float64)
    w[0] = 5
    (x * w).backward()
    assert x.grad.tolist() == [5]


# -- no_grad -----------------------------------------------------------------------------------


def test_no_grad_and_enable_grad():
    x = leaf(1.0)
    with od.no_grad():
        assert not od.is_grad_enabled() and not (x * 2).requires_grad
        with od.enable_grad():
            assert (x * 2).requires_grad
        assert not od.is_grad_enabled()
    assert (x * 2).requires_grad


def test_no_grad_as_a_decorator():
    @od.no_grad()
    def evaluate(x):
        return x * 2

    x = leaf(1.0)
    assert not evaluate(x).requires_grad and not evaluate(x).requires_grad
    assert od.is_grad_enabled()


def test_no_grad_as_a_decorator_of_calls_that_overlap():
    @od.no_grad()
    def evaluate(x, depth):
        return evaluate(x, depth - 1) if depth else x * 2

    assert not evaluate(leaf(1.0), 3).requires_grad and od.is_grad_enabled()


def test_no_grad_ends_with_an_exception():
    with pytest.raises(KeyError), od.no_grad():
        raise KeyError
    assert od.is_grad_enabled()


def test_no_grad_holds_for_its_thread_only():
    found = []
    with od.no_grad():
        thread = threading.Thread(target=lambda: found.append(od.is_grad_enabled()))
        thread.start()
        thread.join()
    assert found == [True]


def test_threads_build_their_graphs_at_the_same_time():
    results = []

    def work(k):
        x = leaf(1.0)
        y = x
        for _ in range(300):
            y = y * 1.0 + x * k
        y.backward()
        results.append((k, x.grad.item()))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [(k, 1 + 300 * k) for k in range(4)]


# -- the backend of the forward ----------------------------------------------------------------


def test_backward_runs_on_the_backend_of_its_forward():
    used = []

    @differentiable
    def op(x):
        used.append(("forward", od.get_backend()))
        return x * 2

    @op.backward_rule(wrt=("x",))
    def rule(grad):
        used.append(("backward", od.get_backend()))
        return grad * 2

    x = leaf(1.0)
    with od.use_backend("reference"):
        y = op(x)
    with od.use_backend("fast"):
        y = op(y)
    with od.use_backend("reference"):
        y.backward()
        assert od.get_backend() == "reference"
    assert used == [
        ("forward", "reference"), ("forward", "fast"), ("backward", "fast"),
        ("backward", "reference"),
    ]  # fmt: skip


def test_override_of_one_kernel_covers_its_backward(monkeypatch):
    used = []

    def recording(name):
        real = getattr(od.reference, name)

        def kernel(*args):
            used.append(name)
            return real(*args)

        monkeypatch.setitem(od.backend._REFERENCE, name, kernel)

    recording("relu")
    recording("relu_backward")
    x = leaf(1.0, -1.0)
    with od.use_backend("fast", relu="reference"):
        y = od.core.relu(x)
    y.backward(np.ones(2))
    assert used == ["relu", "relu_backward"] and x.grad.tolist() == [1, 0]


# -- memory ------------------------------------------------------------------------------------


def test_graph_dies_with_its_result():
    x = leaf(1.0)
    h = x * 2
    ref = weakref.ref(h)
    y = h * h
    del h
    node = weakref.ref(y)
    del y
    assert ref() is None and node() is None
