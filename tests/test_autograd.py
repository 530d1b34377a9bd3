"""Derivatives of derivatives, GradientTape, grad and value_and_grad."""

import numpy as np
import pytest

import odyssey as od
from odyssey.autograd import GradientTape, grad, value_and_grad
from odyssey.engine import gradients
from odyssey.errors import GradientError


def leaf(*values):
    return od.tensor(list(values), dtype=np.float64, requires_grad=True)


def number(value):
    return od.tensor(value, dtype=np.float64)


def test_create_graph_three_times():
    x = leaf(2.0)
    y = x**4
    for factor in (4 * 8, 12 * 4, 24 * 2, 24):
        (y,) = gradients([y], [x], create_graph=True)
        assert y.item() == factor


def test_backward_with_create_graph_leaves_a_differentiable_gradient():
    x = leaf(2.0)
    (x**3).backward(create_graph=True)
    assert x.grad.requires_grad and x.grad.item() == 12
    first, x.grad = x.grad, None
    first.backward()
    assert x.grad.item() == 12
    x = leaf(2.0)
    (x**3).backward()
    assert not x.grad.requires_grad


def test_gradient_penalty_reaches_the_weights():
    w, x = leaf(3.0), leaf(2.0)
    (slope,) = gradients([(w * x) ** 2], [x], create_graph=True)  # 2 w**2 x
    (slope * slope).backward()  # d/dw (4 w**4 x**2) = 16 w**3 x**2
    assert w.grad.item() == 16 * 27 * 4


# -- grad --------------------------------------------------------------------------------------


def test_grad_of_grad_of_grad():
    third = grad(grad(grad(lambda x: x**5)))
    assert third(number(2.0)).item() == 60 * 4


def test_value_and_grad_of_several_arguments():
    function = value_and_grad(lambda x, y, k: x * x * y * k, argnums=(0, 1))
    value, (dx, dy) = function(number(3.0), number(2.0), 10)
    assert value.item() == 180 and dx.item() == 120 and dy.item() == 90
    assert not value.requires_grad and not dx.requires_grad


def test_grad_leaves_arguments_as_they_were():
    x = number(3.0)
    grad(lambda x: x * x)(x)
    assert x.grad is None and not x.requires_grad and x.is_leaf


def test_inner_derivative_of_an_argument():
    # d/dx [x * d/dy (y**3) at y = x] = d/dx 3 x**3
    outer = grad(lambda x: x * grad(lambda y: y**3)(x))
    assert outer(number(2.0)).item() == 36


def test_inner_derivative_whose_closure_sees_the_outer_variable():
    # d/dx [d/dy (x * y**2) at y = 3] = d/dx 6 x = 6
    outer = grad(lambda x: grad(lambda y: x * y * y)(number(3.0)))
    assert outer(number(5.0)).item() == 6


def test_closure_over_the_same_tensor_counts_as_a_constant():
    x = number(3.0)
    # x in the closure is not the argument: d/dy (x * y) = x
    assert grad(lambda y: x * y)(x).item() == 3


def test_perturbations_are_not_confused():
    # d/dx [x * d/dy (x + y) at y = 1] = d/dx x = 1: the classic trap gives 2
    outer = grad(lambda x: x * grad(lambda y: x + y)(number(1.0)))
    assert outer(number(7.0)).item() == 1


def test_grad_inside_a_recorded_computation():
    w = leaf(2.0)
    slope = grad(lambda x: (w * x * x).sum())(leaf(3.0))  # 2 w x
    slope.backward()
    assert w.grad.item() == 6


def test_grad_of_what_does_not_depend_on_the_argument_is_zero():
    assert grad(lambda x: od.tensor(1.0))(number(2.0)).item() == 0


def test_no_graph_is_built_where_none_is_needed():
    w = leaf(2.0)
    assert not grad(lambda x: w * x * x)(number(3.0)).requires_grad


def test_grad_inside_no_grad():
    with od.no_grad():
        assert grad(lambda x: x * x)(number(3.0)).item() == 6


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: grad(lambda x: x)(3.0), "grad: argument 0 must be a Tensor, got float"),
        (
            lambda: grad(lambda x: x * 2)(od.ones(2)),
            r"must return a Tensor of one element, got shape",
        ),
        (lambda: grad(lambda x: 3)(od.ones(2)), "must return a Tensor of one element, got int"),
    ],
)
def test_bad_grad(call, message):
    with pytest.raises(GradientError, match=message):
        call()


# -- GradientTape ------------------------------------------------------------------------------


def test_tape_watches_and_stops():
    x = number(3.0)
    with GradientTape() as tape:
        tape.watch(x)
        y = x * x
    assert not x.requires_grad
    assert tape.gradient(y, x).item() == 6 and x.grad is None


def test_tape_gives_gradients_once():
    w = leaf(2.0)
    with GradientTape() as tape:
        y = w * w
    tape.gradient(y, w)
    with pytest.raises(GradientError, match="persistent=True"):
        tape.gradient(y, w)


def test_persistent_tape():
    w = leaf(2.0)
    with GradientTape(persistent=True) as tape:
        y = w * w
        z = y * w
    assert tape.gradient(y, w).item() == 4 and tape.gradient(z, [w])[0].item() == 12
    assert tape.gradient(z, w, grad=np.array([10.0])).item() == 120


def test_tape_in_a_tape():
    x = number(3.0)
    with GradientTape() as outer:
        outer.watch(x)
        with GradientTape() as inner:
            inner.watch(x)
            y = x * x * x
        slope = inner.gradient(y, x, create_graph=True)
    assert outer.gradient(slope, x).item() == 18


def test_tape_gives_none_for_what_was_not_used():
    w, v = leaf(2.0), leaf(1.0)
    with GradientTape() as tape:
        y = w * w
    assert tape.gradient(y, (w, v))[1] is None


def test_tape_ends_its_watch_after_an_error():
    x = number(3.0)
    tape = GradientTape()
    with pytest.raises(od.errors.ShapeError), tape:
        tape.watch(x), x.reshape(7)
    assert not x.requires_grad
