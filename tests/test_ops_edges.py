"""Operations at their edges: kinks, ties, limits, half precision, nothing at all."""

import numpy as np
import pytest

import odyssey as od
from odyssey import core

inf, nan = np.inf, np.nan


def gradient(function, values, dtype=np.float64):
    """Return the gradient of a function at a vector, each element's result weighing 1."""
    x = od.tensor(values, dtype=dtype, requires_grad=True)
    y = function(x)
    y.backward(np.ones(y.shape))
    return x.grad.numpy()


# -- kinks, ties and limits --------------------------------------------------------------------


def test_kinks_have_the_gradient_zero():
    assert gradient(core.relu, [-1.0, 0.0, -0.0, 2.0]).tolist() == [0, 0, 0, 1]
    assert gradient(core.abs, [-1.0, 0.0, 2.0]).tolist() == [-1, 0, 1]


def test_maximum_shares_ties():
    assert gradient(core.max, [3.0, 1.0, 3.0, 3.0]) == pytest.approx([1 / 3, 0, 1 / 3, 1 / 3])
    x = od.tensor([[1.0, 1.0], [2.0, 0.0]], requires_grad=True)
    core.max(x, axis=1).backward(np.array([6.0, 5.0]))
    assert x.grad.tolist() == [[3, 3], [5, 0]]


def test_maximum_shares_many_ties_in_half_precision():
    share = gradient(core.max, np.ones(4096), np.float16)
    assert (share == np.float16(1 / 4096)).all()


def test_power_takes_the_finite_limits():
    assert gradient(lambda x: x**0, [0.0, 2.0]).tolist() == [0, 0]
    assert gradient(lambda x: x**1, [0.0]).tolist() == [1]
    assert gradient(lambda x: x**2, [0.0, -3.0]).tolist() == [0, -6]
    assert gradient(lambda x: x ** od.tensor([0.0, 2.0]), [0.0, 0.0]).tolist() == [0, 0]
    exponent = gradient(lambda y: od.zeros(3, dtype=np.float64) ** y, [0.0, 1.0, 2.5])
    assert exponent.tolist() == [0, 0, 0]
    assert gradient(lambda y: 0.0**y, [1.0, 2.0]).tolist() == [0, 0]
    assert gradient(lambda x: x**0.5, [0.0]).tolist() == [inf]


def test_square_root_of_zero():
    assert gradient(core.sqrt, [0.0, 4.0]).tolist() == [inf, 0.25]
    masked = gradient(lambda x: core.where(x > 0, core.sqrt(x), 0.0), [0.0, 4.0])
    assert masked.tolist() == [0, 0.25]


def test_where_lets_no_nan_through_from_the_other_branch():
    chosen, other = od.tensor([1.0], requires_grad=True), od.tensor([nan], requires_grad=True)
    core.where(np.array([True]), chosen, other).backward()
    assert chosen.grad.tolist() == [1] and other.grad.tolist() == [0]


def test_indices_that_occur_twice_add_up():
    assert gradient(lambda x: x[np.array([0, 2, 2, 2])], [5.0, 6.0, 7.0]).tolist() == [1, 0, 3]


# -- large numbers -----------------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["fast", "reference"])
def test_scores_of_any_size(backend):
    scores = od.tensor([[1e4, -1e4, 0.0], [-1e4, -1e4, -1e4]], requires_grad=True)
    with od.use_backend(backend):
        assert core.softmax(scores)[0].tolist() == [1, 0, 0]
        assert core.log_softmax(scores)[0].tolist() == [0, -2e4, -1e4]
        loss = core.cross_entropy(scores, np.array([1, 2]), reduction="none")
        assert loss.numpy() == pytest.approx([2e4, np.log(3)])
        loss.backward(np.ones(2))
    assert scores.grad[0].tolist() == [1, -1, 0]
    assert scores.grad[1].numpy() == pytest.approx([1 / 3, 1 / 3, -2 / 3], abs=1e-6)


def test_masked_class_has_no_gradient():
    scores = od.tensor([[1.0, -inf, 2.0]], requires_grad=True)
    core.cross_entropy(scores, np.array([0])).backward()
    assert scores.grad[0, 1].item() == 0 and np.isfinite(scores.grad.numpy()).all()


# -- half precision is stored, not summed in ---------------------------------------------------


def test_half_precision_sums():
    ones = np.ones((4096, 2), np.float16)
    assert core.sum(ones, axis=0).tolist() == [4096, 4096]
    assert core.sum(ones, axis=0).dtype == np.float16
    assert core.mean(np.full(1000, 100, np.float16)) == 100  # the sum is beyond 65504


def test_half_precision_bias_gradient():
    bias = od.zeros(2, dtype=np.float16, requires_grad=True)
    weight = od.zeros((2, 3), dtype=np.float16, requires_grad=True)
    y = core.linear(od.ones((4096, 3), dtype=np.float16), weight, bias)
    y.backward(np.ones(y.shape))
    assert bias.grad.tolist() == [4096, 4096] and weight.grad[0].tolist() == [4096] * 3


def test_half_precision_broadcasting():
    x = od.zeros((1, 3), dtype=np.float16, requires_grad=True)
    y = x + od.ones((4096, 3), dtype=np.float16)
    y.backward(np.ones(y.shape))
    assert x.grad.tolist() == [[4096] * 3]


# -- nothing at all ----------------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["fast", "reference"])
@pytest.mark.parametrize(
    ("op", "shape", "expected"),
    [
        (lambda x: core.linear(x, od.ones((5, 4))), (0, 4), (0, 5)),
        (lambda x: core.matmul(x, od.ones((4, 5))), (0, 4), (0, 5)),
        (lambda x: core.matmul(od.ones((3, 0)), x), (0, 4), (3, 4)),
        (core.relu, (0, 4), (0, 4)),
        (core.softmax, (0, 4), (0, 4)),
        (core.log_softmax, (3, 0), (3, 0)),
        (core.flatten, (0, 3, 4), (0, 12)),
        (core.sum, (0, 4), ()),
        (lambda x: core.mean(x, axis=1), (0, 4), (0,)),
        (lambda x: core.max(x, axis=1), (0, 4), (0,)),
        (lambda x: core.cross_entropy(x, np.zeros(0, int), reduction="sum"), (0, 4), ()),
        (lambda x: core.cross_entropy(x, np.zeros(0, int), reduction="none"), (0, 4), (0,)),
        (lambda x: core.concatenate([x, x]), (0, 4), (0, 4)),
        (lambda x: x[1:], (0, 4), (0, 4)),
    ],
)
def test_size_zero_batches_work(op, shape, expected, backend):
    x = od.zeros(shape, requires_grad=True)
    with od.use_backend(backend):
        y = op(x)
        assert y.shape == expected
        y.backward(np.ones(expected))
    assert x.grad.shape == shape


def test_mean_of_nothing_is_nan():
    assert np.isnan(core.mean(od.zeros(0)).item())
    loss = core.cross_entropy(od.zeros((0, 3), requires_grad=True), np.zeros(0, int))
    assert np.isnan(loss.item())


# -- dtypes ------------------------------------------------------------------------------------


def test_promotion_follows_numpy():
    half, single, double = (od.ones(2, dtype=d) for d in ("float16", "float32", "float64"))
    assert (half + single).dtype == np.float32 and (single * double).dtype == np.float64
    assert core.matmul(half, od.ones((2, 2))).dtype == np.float32
    assert (od.arange(2) + single).dtype == np.float64  # int64 with float32, as in NumPy
    assert (od.arange(3) @ od.arange(3)).item() == 5


def test_gradients_of_promoted_operands_come_back_in_their_own_dtype():
    half = od.ones((2, 2), dtype=np.float16, requires_grad=True)
    single = od.ones((2, 2), requires_grad=True)
    (half @ single + half * single).backward(np.ones((2, 2)))
    assert half.grad.dtype == np.float16 and single.grad.dtype == np.float32
    assert half.grad.tolist() == [[3, 3], [3, 3]] == single.grad.tolist()


def test_rules_by_hand_keep_the_dtype():
    x = np.array([1.0, 2.0], np.float32)
    grads = [
        core.relu_backward(x, x),
        core.softmax_backward(x, x),
        core.log_softmax_backward(x, x),
        core.exp_backward(x, x),
        core.abs_backward(x, x),
        core.multiply_backward(x, x, 2.0)[0],
        core.divide_backward(x, x, x)[1],
        core.power_backward(x, x, 2, x * x, (True, False))[0],
        core.mean_backward(x[0], (2,)),
        core.max_backward(x[1], x, x[1]),
        core.matmul_backward(x[0], x, x)[0],
    ]
    assert [g.dtype for g in grads] == [np.dtype(np.float32)] * len(grads)
