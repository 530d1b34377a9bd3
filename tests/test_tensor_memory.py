"""Memory: who sees a write, who gets a copy, and where writing in place is refused."""

import copy
import pickle
import weakref

import numpy as np
import pytest

import odyssey as od
from odyssey.errors import GradientError, OdysseyError


def test_basic_index_is_a_window():
    x = od.zeros((3, 4))
    row, cell, corner = x[1], x[2, 3], x[:2, ::2]
    x[1, 0] = 5
    assert row.tolist() == [5, 0, 0, 0]
    row[1] = 6
    cell[...] = 7
    corner[0] = 8
    assert x.tolist() == [[8, 0, 8, 0], [5, 6, 0, 0], [0, 0, 0, 7]]


def test_detach_is_a_window():
    x = od.ones(2, requires_grad=True)
    y = x.detach()
    assert not y.requires_grad
    y[0] = 9
    assert x.tolist() == [9, 1]


@pytest.mark.parametrize("index", [np.array([0, 1]), np.array([True, False, True]), [0, 1]])
def test_array_index_is_a_copy(index):
    x = od.zeros((3, 2))
    y = x[index]
    y[...] = 5
    assert (x.numpy() == 0).all()
    x[...] = 3
    assert (y.numpy() == 5).all()


def test_tensor_as_an_index():
    x = od.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = x[od.tensor([2, 0, 2])]
    assert y.tolist() == [3, 1, 3]
    assert x[x > 1.5].tolist() == [2, 3]
    y.backward(np.ones(3))
    assert x.grad.tolist() == [1, 0, 2]
    z = od.zeros(3)
    z[od.tensor([0, 2])] = od.tensor([5.0, 6.0])
    assert z.tolist() == [5, 0, 6]


BORROWING = [
    lambda x: x.reshape(6),
    lambda x: x.T,
    lambda x: x.transpose(1, 0),
    lambda x: x.swapaxes(0, 1),
    lambda x: x.flatten(0),
    lambda x: x.reshape(1, 2, 3).squeeze(0),
    lambda x: od.core.expand_dims(x, 0),
    lambda x: od.core.broadcast_to(x, (2, 2, 3)),
]


@pytest.mark.parametrize("view", BORROWING)
def test_other_views_have_a_value_of_their_own(view):
    x = od.arange(6, dtype=np.float32).reshape(2, 3).copy()
    y = view(x)
    before = y.numpy().copy()
    assert np.shares_memory(x.numpy(), y.numpy())  # it costs nothing until somebody writes
    x[...] = -1
    assert np.array_equal(y.numpy(), before)
    x = od.arange(6, dtype=np.float32).reshape(2, 3).copy()
    y = view(x)
    y[...] = -1
    assert x.numpy().ravel().tolist() == [0, 1, 2, 3, 4, 5] and (y.numpy() == -1).all()


def test_borrower_of_a_borrower():
    x = od.zeros((2, 3))
    y = x.reshape(6)
    z = y.reshape(3, 2)
    y[...] = 1
    assert (x.numpy() == 0).all() and (z.numpy() == 0).all()
    x[...] = 2
    assert (y.numpy() == 1).all() and (z.numpy() == 0).all()
    z[...] = 3
    assert (x.numpy() == 2).all() and (y.numpy() == 1).all()


def test_window_on_the_source_of_a_borrower():
    x = od.zeros((2, 3))
    y, window = x.T, x[0]
    window[...] = 1
    assert x.tolist() == [[1, 1, 1], [0, 0, 0]] and (y.numpy() == 0).all()


def test_window_on_a_borrower_is_closed_to_writes():
    y = od.zeros((2, 3)).reshape(6)
    window = y[:2]
    for tensor in (y, window):
        with pytest.raises(OdysseyError, match="reads the memory of another"):
            tensor[0] = 1
    own = y.copy()
    own[0] = 1
    assert own[0].item() == 1 and y[0].item() == 0
    del window, tensor
    y[0] = 1  # nobody is left who should see it
    assert y.tolist() == [1, 0, 0, 0, 0, 0]


def test_windows_of_a_borrower_stay_closed_when_its_source_was_written_to():
    x = od.zeros((2, 3))
    y = x.reshape(6)
    window = y[:2]
    x[...] = 1
    for tensor in (y, window):
        with pytest.raises(OdysseyError, match="reads the memory of another"):
            tensor[0] = 1
    assert y.tolist() == [0] * 6 and window.tolist() == [0, 0]


def test_in_place_operators():
    x = od.ones(3)
    window = x[:2]
    x += 1
    x *= 3
    x -= 1
    x /= 5
    assert x.tolist() == [1, 1, 1] and window.tolist() == [1, 1]
    half = od.ones(2, dtype=np.float16)
    half += od.ones(2)
    assert half.dtype == np.float16 and half.tolist() == [2, 2]


def test_in_place_write_to_a_leaf_needs_no_grad():
    w = od.ones(2, requires_grad=True)
    with pytest.raises(GradientError, match=r"cannot write in place to a leaf that requires_grad"):
        w += 1
    with pytest.raises(GradientError, match=r"setitem: cannot write in place"):
        w[0] = 1
    with od.no_grad():
        w += 1
        w[0] = 7
    assert w.tolist() == [7, 2]


def test_in_place_write_to_a_result_needs_no_grad():
    y = od.ones(2, requires_grad=True) * 2
    with pytest.raises(GradientError, match="a result that is on the tape"):
        y._before_write("step")
    y[0] = 1  # an assignment is recorded: tests/test_assignment.py
    assert y.tolist() == [1, 2] and y.requires_grad


def test_augmented_assignment_of_a_recorded_value_is_an_operation():
    w = od.ones(2, requires_grad=True)
    total = od.zeros(2)
    total += w * 3
    total += w
    total.sum().backward()
    assert w.grad.tolist() == [4, 4]


def test_augmented_assignment_under_no_grad_writes_in_place():
    average, w = od.zeros(2), od.ones(2, requires_grad=True)
    same = average
    with od.no_grad():
        average += w
    assert same is average and same.tolist() == [1, 1]


def test_write_that_does_not_fit():
    with pytest.raises(ValueError, match="could not broadcast"):
        od.zeros(2)[...] = np.ones(3)
    x = od.zeros(2)
    with pytest.raises(ValueError, match="broadcast"):
        x += np.ones(3)


def test_copy_is_independent_and_differentiable():
    x = od.ones(2, requires_grad=True)
    y = x.copy()
    assert not np.shares_memory(x.numpy(), y.numpy())
    (y * 3).sum().backward()
    assert x.grad.tolist() == [3, 3]


def test_deepcopy():
    p = od.Parameter(np.ones(2, np.float32))
    q = copy.deepcopy(p)
    assert type(q) is od.Parameter and q.requires_grad and q is not p
    assert not np.shares_memory(p.numpy(), q.numpy())


def test_deepcopy_of_a_result_has_a_graph_of_its_own():
    x = od.ones(2, requires_grad=True)
    y = copy.deepcopy(x * 3)
    y.sum().backward()
    assert y.tolist() == [3, 3] and x.grad is None


def test_pickle():
    p = od.Parameter(np.ones(2, np.float32), requires_grad=False)
    p.grad = od.zeros(2)
    q = pickle.loads(pickle.dumps(p))
    assert type(q) is od.Parameter and not q.requires_grad
    assert q.tolist() == [1, 1] and q.grad.tolist() == [0, 0]


def test_weak_references_and_subclasses():
    class Named(od.Tensor):
        def __init__(self, data, name):
            super().__init__(data)
            self.name = name

    named = Named(np.ones(2), "weights")
    ref = weakref.ref(named)
    assert ref() is named and (named + 1).tolist() == [2, 2] and named.name == "weights"
    del named
    assert ref() is None
