"""The declaration of an operation: names are the contract."""

import gc
import weakref
from typing import NamedTuple

import numpy as np
import pytest

import odyssey as od
from odyssey.core._zeros import zero_rule
from odyssey.engine import gradients
from odyssey.errors import GradientError, OdysseyError
from odyssey.tape import Saved, differentiable, not_differentiable
from odyssey.testing import check_backward, gradcheck, gradgradcheck


def leaf(*values):
    return od.tensor(list(values), dtype=np.float64, requires_grad=True)


def declare(forward, wrt, rule):
    op = differentiable(forward)
    op.backward_rule(wrt=wrt)(rule)
    return op


# -- what a rule is given ----------------------------------------------------------------------


def test_every_legal_name_arrives():
    seen = {}

    @differentiable
    def op(x, weight, axis=0, scale=2.0):
        return scale * x * weight, Saved(mask=x > 1, count=7)

    @op.backward_rule(wrt=("x", "weight"))
    def op_backward(
        grad, weight, x_shape, x_dtype, weight_shape, out, mask, count, axis, scale, needs
    ):
        seen.update(locals())
        return grad * scale * weight, None

    x = leaf(1.0, 2.0)
    weight = od.tensor(np.array([3.0, 4.0], np.float64))
    op(x, weight, scale=5.0).backward(np.array([1.0, 10.0]))
    assert np.array_equal(seen["grad"], [1, 10]) and type(seen["grad"]) is np.ndarray
    assert seen["weight"] is weight.data
    assert seen["x_shape"] == (2,) and seen["weight_shape"] == (2,)
    assert seen["x_dtype"] == np.float64
    assert np.array_equal(seen["out"], [15, 40]) and type(seen["out"]) is np.ndarray
    assert seen["mask"].tolist() == [False, True] and seen["count"] == 7
    assert seen["axis"] == 0 and seen["scale"] == 5.0
    assert seen["needs"] == (True, False)
    assert x.grad.tolist() == [15, 200] and weight.grad is None


def test_names_in_any_order_and_positional_or_keyword_arguments():
    op = declare(
        lambda x, y, power=2: x * y**power,
        ("y", "x"),
        lambda grad, power, x, y: (grad * x * power * y ** (power - 1), grad * y**power),
    )
    for call in (lambda x, y: op(x, y, 3), lambda x, y: op(power=3, y=y, x=x)):
        x, y = leaf(2.0), leaf(5.0)
        call(x, y).backward()
        assert x.grad.tolist() == [125] and y.grad.tolist() == [150]


def test_metadata_does_not_keep_the_array():
    op = declare(
        lambda x: x.sum(keepdims=True), ("x",), lambda grad, x_shape: np.full(x_shape, 1.0)
    )
    x = leaf(1.0, 2.0)
    y = x * 1
    array = weakref.ref(y.data)
    out = op(y)
    del y
    assert array() is None
    out.backward()
    assert x.grad.tolist() == [1, 1]


def test_metadata_of_lists_and_numbers():
    seen = {}

    def rule(grad, xs_shape, xs_dtype, y_shape, y_dtype):
        seen.update(locals())
        return ([np.zeros(s) for s in xs_shape],)

    op = declare(lambda xs, y: xs[0].sum(keepdims=True) + y, ("xs",), rule)
    op([leaf(1.0, 2.0), leaf(3.0)], 4.0).backward()
    assert seen["xs_shape"] == [(2,), (1,)] and seen["xs_dtype"] == [np.float64] * 2
    assert seen["y_shape"] == () and seen["y_dtype"] is None


def test_list_argument_gets_a_gradient_for_each_and_none_where_not_wanted():
    op = declare(
        lambda xs: sum(xs),
        ("xs",),
        lambda grad, xs: ([grad * (i + 1) for i in range(len(xs))],),
    )
    a, b, c = leaf(1.0), od.tensor([2.0], dtype=np.float64), leaf(3.0)
    op([a, b, c]).backward()
    assert a.grad.tolist() == [1] and b.grad is None and c.grad.tolist() == [3]


def test_several_outputs_give_a_tuple_with_none_for_unused_ones():
    seen = []

    def rule(grad, x):
        seen.append(grad)
        return sum(g * f for g, f in zip(grad, (2, 3, 0), strict=True) if g is not None)

    op = declare(lambda x: (2 * x, 3 * x, x > 0), ("x",), rule)
    x = leaf(1.0)
    doubled, tripled, positive = op(x)
    assert not positive.requires_grad
    tripled.backward()
    assert seen[-1][0] is None and seen[-1][2] is None and x.grad.tolist() == [3]
    x.grad = None
    doubled, tripled, _ = op(x)
    (doubled * 10 + tripled).backward()
    assert x.grad.tolist() == [23]


class Pair(NamedTuple):
    low: object
    high: object


@pytest.mark.parametrize("kind", [list, tuple, lambda outs: Pair(*outs)])
def test_outputs_come_in_what_the_forward_gave_them_in(kind):
    seen = []

    def rule(grad, x, out):
        seen.append((grad, type(out)))
        return 2 * grad[0] * x + 3 * grad[1]

    op = declare(lambda x: kind([x * x, 3 * x]), ("x",), rule)
    arrays, x = op(np.array([2.0, 3.0])), leaf(2.0, 3.0)
    outs = op(x)
    assert type(outs) is type(arrays) and isinstance(outs[1], od.Tensor)
    (outs[0] * outs[1]).sum().backward()
    assert x.grad.tolist() == [36, 81]  # of 3 x ** 3
    assert type(seen[0][0]) is tuple and seen[0][1] is type(arrays)
    if isinstance(outs, Pair):
        assert outs.high is outs[1]
    x.grad = None
    outs = op(x)
    (first,) = gradients([outs[0].sum(), outs[1].sum()], [x], create_graph=True)
    first.sum().backward()
    assert x.grad.tolist() == [2, 2]


def test_one_output_in_a_tuple_gives_the_rule_a_tuple():
    op = declare(lambda x: (2 * x,), ("x",), lambda grad: 2 * grad[0])
    x = leaf(1.0)
    (doubled,) = op(x)
    doubled.backward()
    assert x.grad.tolist() == [2]
    check_backward(op, np.array([1.0, 2.0]))


def test_with_saved_gives_both():
    op = declare(
        lambda x: (2 * x, Saved(half=x / 2)), ("x",), lambda grad, half: grad * 2 + 0 * half
    )
    out, saved = op.with_saved(np.array([4.0]))
    assert out.tolist() == [8] and saved.half.tolist() == [2]
    assert op(np.array([4.0])).tolist() == [8]
    out, saved = op.with_saved(leaf(4.0))
    assert isinstance(out, od.Tensor) and saved.half.tolist() == [2]


def test_rule_stays_a_plain_function():
    def rule(grad, x):
        return grad * x

    op = differentiable(lambda x: x * x)
    assert op.backward_rule(wrt=("x",))(rule) is rule


def test_on_arrays_it_is_the_function_itself():
    op = declare(lambda x: x + 1, ("x",), lambda grad: grad)
    out = op(np.zeros(2))
    assert type(out) is np.ndarray and out.tolist() == [1, 1]


def test_integer_inputs_are_not_recorded():
    assert not od.core.add(od.tensor([1]), od.tensor([2])).requires_grad
    index = od.tensor([0, 1])
    assert od.core.getitem(leaf(1.0, 2.0), index).requires_grad


def test_not_differentiable_is_a_constant():
    step = not_differentiable(lambda x: np.sign(x))
    assert not step(leaf(1.0)).requires_grad


def test_a_tensor_that_is_not_in_wrt_does_not_make_a_node():
    op = declare(lambda x, y: x + y, ("x",), lambda grad: grad)
    assert not op(od.tensor([1.0]), leaf(1.0)).requires_grad


# -- mistakes in a declaration -----------------------------------------------------------------


def test_unknown_name_is_an_error():
    op = declare(lambda x: x * 2, ("x",), lambda grad, indices: grad)
    with pytest.raises(GradientError, match=r"its backward names 'indices', which is neither"):
        op(leaf(1.0))
    op = declare(lambda x: (x * 2, Saved(mask=1)), ("x",), lambda grad, indices: grad)
    with pytest.raises(GradientError, match=r"'indices'.*nor a value in Saved"):
        op(leaf(1.0))


def test_wrt_must_name_arguments():
    op = differentiable(lambda x: x)
    with pytest.raises(GradientError, match="wrt names no argument 'weight'"):
        op.backward_rule(wrt=("weight",))(lambda grad: grad)


def test_first_parameter_must_be_grad():
    op = differentiable(lambda x: x)
    with pytest.raises(GradientError, match="the first parameter must be 'grad', not 'out'"):
        op.backward_rule(wrt=("x",))(lambda out, grad: grad)


def test_gradient_of_another_shape_is_an_error():
    op = declare(lambda x: x * 2, ("x",), lambda grad: grad[:1])
    with pytest.raises(GradientError, match=r"gradient for x has shape \(1,\) but x has \(2,\)"):
        op(leaf(1.0, 2.0)).backward(np.ones(2))


def test_wrong_number_of_gradients_is_an_error():
    op = declare(lambda x, y: x * y, ("x", "y"), lambda grad, x, y: grad * y)
    with pytest.raises((GradientError, ValueError)):
        op(leaf(1.0), leaf(2.0)).backward()


def test_wrong_arguments_raise_as_python_does():
    with pytest.raises(TypeError, match="missing a required argument: 'y'"):
        od.core.add(leaf(1.0))
    with pytest.raises(TypeError, match="unexpected keyword argument 'z'"):
        od.core.add(leaf(1.0), 2, z=3)
    with pytest.raises(TypeError, match="too many positional arguments"):
        od.core.add(leaf(1.0), 2, 3)


# -- second derivatives ------------------------------------------------------------------------


def test_keyword_only_arguments():
    @differentiable
    def op(x, *, scale, shift=0.0):
        return x * scale + shift

    @op.backward_rule(wrt=("x", "shift"))
    def op_backward(grad, scale, needs):
        return grad * scale, grad if needs[1] else None

    x, shift = leaf(2.0), leaf(5.0)
    out = op(x, scale=3.0, shift=shift)
    out.backward()
    assert out.tolist() == [11] and x.grad.tolist() == [3] and shift.grad.tolist() == [1]
    assert op(np.array([2.0]), scale=2.0).tolist() == [4]
    for wrong in (lambda: op(x, 3.0), lambda: op(x, 3.0, 1.0), lambda: op(x)):
        with pytest.raises(TypeError):
            wrong()


def test_any_number_of_arguments_is_refused_when_it_is_declared():
    with pytest.raises(OdysseyError, match=r"op: .* cannot take \*xs; take a list, xs"):

        @differentiable
        def op(*xs):
            return xs

    with pytest.raises(GradientError, match=r"<lambda>: scale=2 cannot be passed by position"):
        declare(lambda x, scale=2: x, ("x",), lambda grad, *, scale=2: grad)


def test_differentiable_once_says_why():
    op = differentiable(lambda x: x * x)
    op.backward_rule(wrt=("x",), once="its rule calls a library")(lambda grad, x: 2 * grad * x)
    x = leaf(3.0)
    op(x).backward()
    assert x.grad.tolist() == [6]
    with pytest.raises(GradientError, match="no second derivative: its rule calls a library"):
        gradients([op(x)], [x], create_graph=True)


def test_zero_rule():
    op = differentiable(lambda x: np.floor(x))
    rule = zero_rule(op)
    x = leaf(1.5, 2.5)
    op(x).backward(np.ones(2), create_graph=True)
    assert x.grad.tolist() == [0, 0] and rule(np.ones(3, np.float32)).dtype == np.float32
    gradcheck(op, [np.array([1.5, 2.5])])
    gradgradcheck(op, [np.array([1.5, 2.5])])


def test_formula_is_used_under_create_graph_only():
    used = []

    @differentiable
    def cube(x):
        return x**3

    @cube.backward_rule(wrt=("x",))
    def rule(grad, x):
        used.append("rule")
        return grad * 3 * np.asarray(x) ** 2

    @cube.backward_formula
    def formula(grad, x):
        used.append("formula")
        return grad * 3 * x * x

    x = leaf(2.0)
    cube(x).backward()
    assert used == ["rule"]
    (first,) = gradients([cube(x)], [x], create_graph=True)
    assert used == ["rule", "formula"]
    first.backward()
    assert x.grad.tolist() == [12 + 12]


def test_saved_floats_without_a_formula_are_a_named_error():
    op = declare(lambda x: (x**2, Saved(double=2 * x)), ("x",), lambda grad, double: grad * double)
    x = leaf(3.0)
    op(x).backward()
    assert x.grad.tolist() == [6]
    with pytest.raises(GradientError, match=r"no second derivative.*saved value 'double'"):
        gradients([op(x)], [x], create_graph=True)


def test_saved_masks_are_constants():
    op = declare(
        lambda x: (np.where(x > 0, x * x, 0), Saved(mask=x > 0)),
        ("x",),
        lambda grad, x, mask: grad * 2 * x * mask,
    )
    x = leaf(3.0, -1.0)
    (first,) = gradients([op(x)], [x], [np.ones(2)], create_graph=True)
    first.backward(np.ones(2))
    assert x.grad.tolist() == [2, 0]


def test_out_is_connected_to_the_graph():
    x = leaf(0.5)
    (first,) = gradients([od.core.exp(x)], [x], create_graph=True)
    (second,) = gradients([first], [x], create_graph=True)
    (third,) = gradients([second], [x])
    assert third.item() == pytest.approx(np.exp(0.5))


# -- memory ------------------------------------------------------------------------------------


def test_no_reference_cycles():
    gc.collect()
    gc.disable()
    try:
        x = leaf(1.0, -2.0)
        y = od.core.softmax(od.core.relu(x) @ x.reshape(2, 1) * x).sum()
        node, array = weakref.ref(y), weakref.ref(y.data)
        del y
        assert node() is None and array() is None
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_no_reference_cycles_after_backward_and_create_graph():
    gc.collect()
    gc.disable()
    try:
        x = leaf(1.0, -2.0)
        y = (od.core.exp(x) * x).sum()
        (first,) = gradients([y], [x], create_graph=True)
        first.sum().backward()
        refs = [weakref.ref(t) for t in (y, first)]
        del y, first
        assert [ref() for ref in refs] == [None, None]
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_backward_frees_what_it_has_used():
    x = leaf(*range(4))
    hidden = x * 2
    squared = hidden * hidden  # saves hidden
    freed_in_time = []

    def rule(grad):
        freed_in_time.append(array() is None)
        return grad

    early = declare(lambda x: x + 0, ("x",), rule)
    x2 = leaf(*range(4))
    hidden = early(x2) * 2
    squared = hidden * hidden
    array = weakref.ref(hidden.data)
    total = squared.sum()
    del hidden, squared
    total.backward()
    assert freed_in_time == [True]


def test_what_an_op_does_not_name_is_not_kept():
    x = leaf(1.0, 2.0)
    y = x * 3
    array = weakref.ref(y.data)
    z = y + 1  # add needs shapes only
    del y
    assert array() is None and z.requires_grad
