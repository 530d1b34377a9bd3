"""Watching operations run: who sees what, in which order, and that nothing is seen twice."""

import asyncio
import threading

import numpy as np
import pytest

import odyssey as od
from odyssey import core
from odyssey.errors import ShapeError
from odyssey.observe import observe, switch
from odyssey.tape import differentiable


def seen(function):
    events = []
    with observe(events.append):
        function()
    return events


def told(events):
    return [(event.phase, event.name) for event in events]


def test_forward_and_backward_are_seen_in_the_order_in_which_they_run():
    w = od.ones((3, 2), requires_grad=True)
    events = seen(lambda: core.relu(od.ones((4, 3)) @ w).sum().backward())
    forward = [("forward", "matmul"), ("forward", "relu"), ("forward", "sum")]
    assert told(events) == forward + [("backward", name) for _, name in reversed(forward)]
    assert [e.node for e in events[:3]] == [e.node for e in reversed(events[3:])]
    assert all(e.node is not None for e in events)
    times = [time for event in events for time in (event.begin, event.end)]
    assert times == sorted(times) and all(event.seconds > 0 for event in events)


def test_an_event_has_the_arguments_by_name_and_the_result():
    x = od.ones((2, 3))
    out = []
    (event,) = seen(lambda: out.append(core.softmax(x)))
    assert event.arguments == {"x": x, "axis": -1}
    assert event.result is out[0] and event.node is None
    assert [a.shape for a in event.inputs] == [a.shape for a in event.outputs] == [(2, 3)]


def test_lists_of_inputs_and_several_outputs():
    x = od.ones((4, 3), requires_grad=True)
    parts, joined = seen(lambda: core.concatenate(core.split(x, 2)))
    assert [a.shape for a in parts.outputs] == [a.shape for a in joined.inputs] == [(2, 3)] * 2
    assert parts.node is not None


def test_a_rule_has_the_names_of_its_parameters():
    x, w = od.ones((2, 3)), od.ones((3, 4), requires_grad=True)
    backward = seen(lambda: (x @ w).sum().backward())[-1]
    assert backward.names[0] == "grad" and backward.arguments["grad"].shape == (2, 4)
    assert set(backward.names) >= {"grad", "a", "b"}
    assert backward.result[0] is None and backward.result[1].shape == (3, 4)


def test_operations_on_arrays_are_seen_too():
    (event,) = seen(lambda: core.relu(np.ones(3)))
    assert type(event.result) is np.ndarray and event.arguments["x"].shape == (3,)


@differentiable
def twice(x):
    return core.add(core.relu(x), core.relu(x))


@twice.backward_rule(wrt=("x",))
def twice_backward(grad, x):
    return core.multiply(core.multiply(grad, 2), x > 0)


def test_what_an_operation_calls_belongs_to_it():
    x = od.ones(3, requires_grad=True)
    events = seen(lambda: twice(x).sum().backward())
    assert told(events) == [
        ("forward", "twice"),
        ("forward", "sum"),
        ("backward", "sum"),
        ("backward", "twice"),
    ]


def test_what_the_observer_computes_is_not_seen():
    count = []

    def callback(event):
        count.append(core.square(od.ones(2)).sum())

    with observe(callback, before=callback):
        core.relu(od.ones(2))
    assert len(count) == 2


def test_before_comes_before_and_with_the_same_event():
    order = []
    with observe(
        lambda event: order.append(("after", id(event), event.result is None)),
        before=lambda event: order.append(("before", id(event), event.result is None)),
    ):
        core.relu(od.ones(2))
    (first, one, without), (second, other, no_result) = order
    assert (first, second) == ("before", "after") and one == other
    assert without and not no_result


def test_blocks_may_be_nested_and_used_again():
    outer, inner = [], []
    watch = observe(outer.append)
    with watch, observe(inner.append):
        core.relu(od.ones(2))
    with watch, watch:
        core.sigmoid(od.ones(2))
    core.tanh(od.ones(2))
    assert told(inner) == [("forward", "relu")]
    assert told(outer) == [("forward", "relu"), ("forward", "sigmoid"), ("forward", "sigmoid")]
    assert switch.blocks == 0


def test_an_operation_that_raises_ends_no_event_and_hides_none():
    begun, ended = [], []
    with observe(ended.append, before=begun.append):
        with pytest.raises(ShapeError):
            od.ones((2, 3)) @ od.ones((2, 3))
        core.relu(od.ones(2))
    assert told(begun) == [("forward", "matmul"), ("forward", "relu")]
    assert told(ended) == [("forward", "relu")]
    assert switch.blocks == 0


def test_values_are_the_same_observed_or_not():
    def run():
        x = od.tensor([[1.0, -2.0], [3.0, 4.0]], requires_grad=True)
        y, indices = core.max_pool2d(x.reshape((1, 1, 2, 2)), 2, return_indices=True)
        (y.sum() + core.softmax(x)[0, 0]).backward()
        return y.numpy(), indices.numpy(), x.grad.numpy()

    plain = run()
    with observe(lambda event: None):
        observed = run()
    for a, b in zip(plain, observed, strict=True):
        np.testing.assert_array_equal(a, b)


def test_under_create_graph_a_rule_is_one_event():
    x = od.tensor([2.0], requires_grad=True)
    y = (x * x * x).sum()
    events = seen(lambda: y.backward(create_graph=True))
    rules = [event for event in events if event.phase == "backward"]
    assert [event.name for event in rules] == ["sum", "multiply", "multiply"]
    # x is an argument three times, and its gradients meet: two sums, on the tape like all else.
    assert told(events[2:]).count(("forward", "add")) == 2 and len(events) == 5
    assert isinstance(rules[-1].result[0], od.Tensor) and rules[-1].result[0].requires_grad
    first = x.grad
    x.grad = None
    first.sum().backward()
    assert x.grad.item() == pytest.approx(12.0)


def test_other_threads_and_tasks_are_not_seen():
    events = []
    with observe(events.append):
        thread = threading.Thread(target=lambda: core.relu(od.ones(2)))
        thread.start()
        thread.join()
    assert events == []

    async def observed():
        with observe(events.append):
            await asyncio.sleep(0)
            core.relu(od.ones(2))
            await asyncio.sleep(0)

    async def other():
        core.sigmoid(od.ones(2))
        await asyncio.sleep(0)
        core.sigmoid(od.ones(2))

    async def both():
        await asyncio.gather(observed(), other())

    asyncio.run(both())
    assert told(events) == [("forward", "relu")]
