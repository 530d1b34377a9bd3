"""The checker is checked: wrong backwards must fail, right ones pass."""

import numpy as np
import pytest

import odyssey as od
from odyssey import core
from odyssey.tape import differentiable
from odyssey.testing import check_backward, gradcheck, gradgradcheck
from odyssey.testing.cases import generator

rng = generator(3)
x = rng.standard_normal((3, 4))
y = rng.standard_normal((4, 5))
square = rng.standard_normal((4, 4))


def declare(forward, wrt, rule):
    """Return an operation with a rule that may be wrong."""
    op = differentiable(forward)
    op.backward_rule(wrt=wrt)(rule)
    return op


def matmul(a, b):
    return a @ b


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def linear(x, weight):
    return x @ weight.T


def mean(x):
    return np.asarray(x.mean())


def hypot(x, y):
    return np.hypot(x, y)


right_matmul = declare(matmul, ("a", "b"), lambda grad, a, b: (grad @ b.T, a.T @ grad))
right_softmax = declare(
    softmax, ("x",), lambda grad, out: out * (grad - (grad * out).sum(-1, keepdims=True))
)
right_hypot = declare(hypot, ("x", "y"), lambda grad, x, y, out: (grad * x / out, grad * y / out))

WRONG = {
    "a sign": (
        declare(matmul, ("a", "b"), lambda grad, a, b: (-(grad @ b.T), a.T @ grad)),
        [x, y],
        "input 0",
    ),
    "a sign in the second input": (
        declare(matmul, ("a", "b"), lambda grad, a, b: (grad @ b.T, -(a.T @ grad))),
        [x, y],
        "input 1",
    ),
    "a swapped axis": (
        declare(matmul, ("a", "b"), lambda grad, a, b: (grad @ b, a.T @ grad)),
        [square, square + 1],
        "input 0",
    ),
    "a missing term": (
        declare(softmax, ("x",), lambda grad, out: out * grad),
        [x],
        "input 0",
    ),
    "softmax's gradient left at zero": (
        declare(softmax, ("x",), lambda grad, out: grad * 0),
        [x],
        "input 0",
    ),
    "softmax summed over the wrong axis": (
        declare(
            softmax, ("x",), lambda grad, out: out * (grad - (grad * out).sum(0, keepdims=True))
        ),
        [square],
        "input 0",
    ),
    "a linear map that ignores its gradient": (
        declare(
            linear,
            ("x", "weight"),
            lambda grad, x, weight: (np.ones_like(grad) @ weight, np.ones_like(grad).T @ x),
        ),
        [x, y.T],
        "input 0",
    ),
    "a factor": (declare(mean, ("x",), lambda grad, x: np.ones_like(x) * grad), [x], "input 0"),
    "a small relative error": (
        declare(matmul, ("a", "b"), lambda grad, a, b: (grad @ b.T * 1.0001, a.T @ grad)),
        [x, y],
        "input 0",
    ),
    "one wrong element": (
        declare(np_exp := (lambda x: np.exp(x)), ("x",), lambda grad, out: one_wrong(grad * out)),
        [x],
        r"worst at \(1, 2\)",
    ),
    "NaN": (declare(mean, ("x",), lambda grad, x: x * np.nan), [x], "input 0"),
    "no gradient where there is one": (
        declare(hypot, ("x", "y"), lambda grad, x, y, out: (grad * x / out, grad * 0)),
        [x, x + 3],
        "input 1",
    ),
}


def one_wrong(gradient):
    gradient = gradient.copy()
    gradient[1, 2] += 0.1
    return gradient


@pytest.mark.parametrize("name", WRONG)
def test_wrong_rule_fails(name):
    op, inputs, message = WRONG[name]
    with pytest.raises(AssertionError, match=f"gradcheck.*{message}"):
        gradcheck(op, inputs)


@pytest.mark.parametrize(
    ("op", "inputs"),
    [(right_matmul, [x, y]), (right_softmax, [x]), (right_hypot, [x, x + 3])],
)
def test_right_rule_passes(op, inputs):
    gradcheck(op, inputs, elementwise=True)


def test_a_sum_would_not_have_noticed():
    """Under a cotangent of ones softmax's gradient is zero, and the zero rule looks right."""
    op, inputs, _ = WRONG["softmax's gradient left at zero"]
    gradcheck(lambda x: op(x).sum(), inputs)


def test_report_names_the_worst_element_and_both_values():
    op, inputs, _ = WRONG["one wrong element"]
    with pytest.raises(AssertionError, match=r"worst at \(1, 2\): .* but backward gives"):
        gradcheck(op, inputs)


def test_elementwise_finds_what_a_direction_may_miss():
    """An error of 1e-6 of the whole gradient hides in a projection, not in its element."""

    def rule(grad, out):
        wrong = grad * out
        wrong[0, 0] *= 1 + 3e-5
        return wrong

    op = declare(lambda x: np.exp(x), ("x",), rule)
    inputs = [np.ones((2, 2)) * np.array([[0.0, 1.0], [1.0, 1.0]])]
    with pytest.raises(AssertionError, match=r"worst at \(0, 0\)"):
        gradcheck(op, inputs, elementwise=True)


def test_several_outputs_and_integer_inputs():
    index = np.array([2, 0])
    gradcheck(lambda x, i: (core.exp(x), x[i] * 2), [x, index])


def test_inputs_are_not_written_to():
    before = x.copy()
    gradcheck(core.exp, [x])
    assert np.array_equal(x, before)


def test_function_without_gradient_is_an_error():
    with pytest.raises(AssertionError, match="no result is connected"):
        gradcheck(lambda x: od.tensor(np.exp(x.data)), [x])


def test_unused_input_counts_as_zero():
    gradcheck(lambda x, y: core.exp(x), [x, y])


def test_wrong_shape_fails():
    op = declare(lambda x: np.exp(x), ("x",), lambda grad, out: (grad * out).sum(0))
    with pytest.raises(od.errors.GradientError, match=r"shape \(4,\) but x has \(3, 4\)"):
        gradcheck(op, [x])


# -- second derivatives ------------------------------------------------------------------------


def test_wrong_second_derivative_fails_though_the_first_is_right():
    """A saved value that counts as a constant: right once, wrong twice."""
    op = differentiable(lambda x: x**3)

    @op.backward_rule(wrt=("x",))
    def rule(grad, x):
        return grad * (3 * np.asarray(x) ** 2)

    gradcheck(op, [x])
    with pytest.raises(AssertionError, match="input 0"):
        gradgradcheck(op, [x])


def test_wrong_formula_fails():
    op = differentiable(lambda x: np.exp(x))
    op.backward_rule(wrt=("x",))(lambda grad, out: grad * out)
    op.backward_formula(lambda grad, out: grad * out * out)
    gradcheck(op, [x])
    with pytest.raises(AssertionError, match="under create_graph the gradient of floating input 0"):
        gradgradcheck(op, [x])


def test_right_second_derivative_passes():
    gradgradcheck(lambda a, b: core.exp(a @ b), [x * 0.3, y * 0.3])


# -- rules by hand -----------------------------------------------------------------------------


def test_rule_that_differs_by_hand_fails():
    """A rule that looks at what kind of thing it was given."""
    calls = []

    def rule(grad, x):
        calls.append(grad)
        return grad * len(calls)

    op = declare(lambda x: x * 1.0, ("x",), rule)
    with pytest.raises(AssertionError, match="another by hand"):
        check_backward(op, x)


def test_unwanted_gradient_must_be_none():
    op = declare(matmul, ("a", "b"), lambda grad, a, b: (grad @ b.T, a.T @ grad))
    with pytest.raises(AssertionError, match="not wanted"):
        check_backward(op, x, np.ones((4, 5), np.int64))
