"""Assignment to a part of a tensor: what it keeps of gradients, and what it refuses."""

import numpy as np
import pytest

import odyssey as od
from odyssey.errors import DTypeError, GradientError, RangeError, ShapeError

INDICES = [
    (1, ()),
    (slice(None, None, -2), (2, 3)),
    ((..., 0), (4,)),
    ((..., 0), (1,)),
    (np.array([[True, False, True]] * 4), (8,)),
    ([0, 3, 3], (3, 3)),
    ((np.array([0, 0, 1]), np.array([2, 2, 2])), (3,)),
    ((1, slice(0, 2)), (1, 1, 2)),
]


@pytest.mark.parametrize(("index", "shape"), INDICES)
@pytest.mark.parametrize("on_tape", [False, True], ids=["constant", "on the tape"])
def test_an_assigned_value_keeps_its_gradient(index, shape, on_tape):
    rng = np.random.default_rng(0)
    base, value = rng.standard_normal((4, 3)), rng.standard_normal(shape)

    def assign(x, v):
        y = x * 1
        y[index] = v
        return y * y

    expected = base.copy()
    expected[index] = value
    x, v = od.tensor(base, requires_grad=on_tape), od.tensor(value, requires_grad=True)
    assert np.array_equal(assign(x, v), expected**2)
    inputs = [base, value] if on_tape else [value]
    function = assign if on_tape else lambda v: assign(od.tensor(base), v)
    od.testing.gradcheck(function, inputs)
    od.testing.gradgradcheck(function, inputs)


def test_assigning_nothing():
    x = od.ones((2, 3), requires_grad=True)
    y = x * 2
    y[0:0] = od.ones((0, 3), requires_grad=True)
    y.sum().backward()
    assert (y.data == 2).all() and (x.grad.data == 2).all()


def test_assigning_step_by_step():
    w = od.tensor(2.0, requires_grad=True)
    y = od.zeros(4)
    y[0] = w
    for i in range(1, 4):
        y[i] = y[i - 1] * w
    y.sum().backward()
    assert y.tolist() == [2, 4, 8, 16] and w.grad.item() == 1 + 4 + 12 + 32


def test_a_constant_is_assigned_into_a_recorded_result():
    x = od.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = x * x
    y.retain_grad()
    y[1] = 0
    (y * 3).sum().backward()
    assert x.grad.tolist() == [6, 0, 18] and y.grad.tolist() == [3, 3, 3]


def test_what_was_saved_before_an_assignment_stays():
    w, y = od.tensor([3.0], requires_grad=True), od.ones(2)
    z = y * w  # saves y
    y[0] = w[0]
    z.sum().backward()
    assert w.grad.tolist() == [2] and y.tolist() == [3, 1]


def test_a_gradient_is_not_lost_through_a_window():
    w, y = od.tensor(1.0, requires_grad=True), od.zeros((2, 2))
    with pytest.raises(GradientError, match=r"setitem: a gradient depends on this write, but"):
        y[0][1] = w
    window = y[0]
    with pytest.raises(GradientError, match=r"another tensor is a window on this one"):
        y[0, 1] = w
    assert window.tolist() == [0, 0]
    del window
    y[0, 1] = w
    assert y.requires_grad and y.tolist() == [[0, 1], [0, 0]]


def test_assignments_that_would_lose_a_gradient():
    w = od.ones(2, requires_grad=True)
    with pytest.raises(GradientError, match="cannot write in place to a leaf"):
        w[0] = w[1]
    with pytest.raises(GradientError, match="a tensor of dtype int64 has no gradient"):
        od.arange(2)[...] = w
    with pytest.raises(GradientError, match="stack them first"):
        od.zeros(2)[...] = [w[0], w[1]]
    y = od.zeros(2)
    with od.no_grad():
        y[...] = w
    assert not y.requires_grad and y.tolist() == [1, 1]


@pytest.mark.parametrize("recorded", [False, True])
def test_assignment_says_what_does_not_fit(recorded):
    y = od.zeros((2, 3))
    if recorded:
        y = y * od.ones((), requires_grad=True)
    for index, value, error in (
        (2, 1.0, RangeError),
        ((0, 0, 0), 1.0, RangeError),
        (0, [1.0, 2.0], ShapeError),
        (slice(None), np.ones((3, 2)), ShapeError),
    ):
        with pytest.raises(error, match=r"setitem: value of shape .* into x of shape \(2, 3\): "):
            y[index] = value
    with pytest.raises(DTypeError):
        y[0] = 1j
