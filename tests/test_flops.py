"""Floating-point operations, against counts by hand, against PyTorch, and for every operation."""

import numpy as np
import pytest
import samples

import odyssey as od
from odyssey import core, nn
from odyssey.core._flop_counter import FlopCounter, flops
from odyssey.core._flops import FLOPS
from odyssey.observe import observe
from odyssey.testing import operations

ones = od.ones


@pytest.mark.parametrize(
    ("count", "call"),
    [
        (2 * 2 * 3 * 5, lambda: ones((2, 3)) @ ones((3, 5))),
        (7 * 2 * 2 * 3 * 5, lambda: ones((7, 2, 3)) @ ones((3, 5))),
        (2 * 3, lambda: ones(3) @ ones(3)),
        (2 * 5 * (2 * 3 + 1), lambda: core.linear(ones((2, 3)), ones((5, 3)), ones(5))),
        (2 * 3, lambda: core.dot(ones(3), ones(3))),
        (3 * 4, lambda: core.outer(ones(3), ones(4))),
        (2 * 4 * 3, lambda: core.vecdot(ones((4, 3)), ones(3))),
        (2 * 4 * 3, lambda: core.vecdot(ones((3, 4)), ones((3, 4)), axis=-2)),
        (2 * 2 * 12 * 5, lambda: core.tensordot(ones((2, 3, 4)), ones((3, 4, 5)))),
        (2 * 2 * 3 * 5 * 4, lambda: core.tensordot(ones((2, 3, 4)), ones((5, 4)), ([2], [1]))),
        (6 * 20, lambda: core.tensordot(ones((2, 3)), ones((4, 5)), 0)),
        (2 * 2 * 3 * 5, lambda: core.einsum("ij,jk->ik", ones((2, 3)), ones((3, 5)))),
        (6 * 4, lambda: core.einsum("ij,k->ijk", ones((2, 3)), ones(4))),
        (2 * 7 * 2 * 3 * 5, lambda: core.einsum("...ij,jk->...ik", ones((7, 2, 3)), ones((3, 5)))),
        (3 * 2 * 3 * 4, lambda: core.einsum("i,ij,jk->k", ones(2), ones((2, 3)), ones((3, 4)))),
        (6, lambda: core.einsum("ij->", ones((2, 3)))),
        # 2 images, 6 filters of 3x3 over 4 channels in 2 groups, 8x8 outputs, and a bias
        (
            2 * 6 * 64 * (2 * 9 * 2 + 1),
            lambda: core.conv2d(
                ones((2, 4, 8, 8)), ones((6, 2, 3, 3)), ones(6), padding=1, groups=2
            ),
        ),
        # dilation 2: windows of 3x3 over 5x5 pixels; stride 2: 2x2 of them
        (
            2 * 4 * 9,
            lambda: core.conv2d(ones((1, 1, 8, 8)), ones((1, 1, 3, 3)), stride=2, dilation=2),
        ),
        (2 * 2 * 5 * 6 * 3 * 4, lambda: core.conv1d(ones((2, 3, 9)), ones((5, 3, 4)))),
        (2 * 8 * 27, lambda: core.conv3d(ones((1, 1, 4, 4, 4)), ones((1, 1, 3, 3, 3)))),
        (4 * 36 * 9 * 2, lambda: core.depthwise_conv2d(ones((1, 4, 8, 8)), ones((4, 1, 3, 3)))),
        (
            2 * 4 * 36 * 9 + 2 * 5 * 36 * 4,
            lambda: core.depthwise_separable_conv2d(
                ones((1, 4, 8, 8)), ones((4, 1, 3, 3)), ones((5, 4, 1, 1))
            ),
        ),
        # every one of 3·16 inputs goes to 2x2 places of 5 channels
        (
            2 * 48 * 5 * 4,
            lambda: core.conv_transpose2d(ones((1, 3, 4, 4)), ones((3, 5, 2, 2)), stride=2),
        ),
        (3 * 16 * 4, lambda: core.max_pool2d(ones((1, 3, 8, 8)), 2)),
        (3 * 16 * (4 + 4), lambda: core.avg_pool2d(ones((1, 3, 8, 8)), 2)),
        (3 * 64 + 4 * 3, lambda: core.global_avg_pool2d(ones((1, 3, 8, 8)))),
        (6, lambda: core.relu(ones((2, 3)))),
        (6, lambda: ones((2, 1)) + ones(3)),
        (24, lambda: ones((2, 3)) / 2),
        (48, lambda: core.exp(ones((2, 3)))),
        (90, lambda: core.softmax(ones((2, 3)))),
        (6, lambda: ones((2, 3)).sum()),
        (6 + 4 * 2, lambda: ones((2, 3)).mean(1)),
        (4 * 6 + 8, lambda: core.var(ones((2, 3)))),
        (0, lambda: core.concatenate([ones((2, 3)).reshape(3, 2).T, ones((1, 3))])[0]),
        (0, lambda: core.dropout(ones((2, 3)), training=False)),
        (12, lambda: core.dropout(ones((2, 3)))),
        # mean 1, difference 1, square and sum 2, product 1; each row /n, /n, +eps, root, 1/x
        (5 * 12 + 3 * 17, lambda: core.layer_norm(ones((3, 4)), 4)),
        (7 * 12 + 3 * 17, lambda: core.layer_norm(ones((3, 4)), (4,), ones(4), ones(4))),
        (4 * 12 + 3 * 13, lambda: core.rms_norm(ones((3, 4)), 4, ones(4))),
        (5 * 12 + 2 * 17, lambda: core.group_norm(ones((1, 4, 3)), 2)),
        (5 * 12 + 4 * 17, lambda: core.batch_norm(ones((3, 4)))),
        (
            2 * 12 + 4 * 9,
            lambda: core.batch_norm(ones((3, 4)), od.zeros(4), ones(4), training=False),
        ),
        # 2·3 heads, 4 queries, 5 keys: a product of 6, one of 7, scaling, softmax
        (
            6 * 20 * (2 * 6 + 2 * 7 + 16),
            lambda: core.scaled_dot_product_attention(
                ones((2, 3, 4, 6)), ones((2, 3, 5, 6)), ones((2, 3, 5, 7))
            ),
        ),
        (
            (1 + 2 + 3 + 4) * (2 * 6 + 2 * 6 + 16),
            lambda: core.scaled_dot_product_attention(
                ones((4, 6)), ones((4, 6)), ones((4, 6)), causal=True
            ),
        ),
        # 4 projections 8x8 of 5 rows; 2 heads of 4 features, 25 pairs each
        (
            4 * 5 * 2 * 64 + 2 * 25 * (8 + 8 + 16),
            lambda: core.multi_head_attention(*[ones((5, 8))] * 3, *[ones((8, 8))] * 4, 2),
        ),
        # a window of 2: 1 + 2 + 2 pairs of each of 4 heads, which share 2 of keys
        (
            4 * 5 * (4 + 6 + 16 + 2),
            lambda: core.scaled_dot_product_attention(
                ones((4, 3, 2)),
                ones((2, 3, 2)),
                ones((2, 3, 3)),
                causal=True,
                window=2,
                enable_gqa=True,
                dropout_p=0.5,
            ),
        ),
        (3 * 8, lambda: core.rotary(ones((2, 4)), np.arange(2))),
        (round(2 / 3 * 1000), lambda: core.det(od.eye(10))),
    ],
)
def test_count_by_hand(count, call):
    assert flops(call) == count


def test_lenet_by_hand():
    convolutions = 4704 * (2 * 25 + 1) + 1600 * (2 * 150 + 1)
    pools = 1176 * 4 + 400 * 4
    linear = 120 * 801 + 84 * 241 + 10 * 169
    tanh = 8 * (4704 + 1600 + 120 + 84)
    model, x = od.models.lenet5(), od.zeros((1, 1, 28, 28))
    assert flops(model, x) == convolutions + pools + linear + tanh == 897_926
    assert flops(model, od.zeros((3, 1, 28, 28))) == 3 * 897_926


def test_backward_counts_the_forward_once_for_each_gradient_but_those_of_biases():
    x = ones((2, 3))
    layer = nn.Linear(3, 5)
    assert flops(layer, x, backward=True) == 2 * 70  # the weights' only
    wanted = ones((2, 3), requires_grad=True)
    assert flops(layer, wanted, backward=True) == 3 * 70
    assert layer.weight.grad is None and wanted.grad is None
    assert flops(lambda a: a.reshape(6), wanted, backward=True) == 0


def test_backward_without_its_forward_counts_the_gradients():
    x, w = ones((2, 3)), ones((3, 5), requires_grad=True)
    y = x @ w
    counter = FlopCounter()
    with observe(counter):
        y.backward(np.ones((2, 5), np.float32))
    assert (counter.forward, counter.backward) == (0, 15)


def test_results_in_dicts_and_arrays_as_inputs():
    w = ones((3, 5), requires_grad=True)
    assert flops(lambda x: {"a": [x @ w]}, np.ones((2, 3), np.float32), backward=True) == 120


@pytest.mark.parametrize("name", ["matmul", "conv1d", "conv2d", "conv_transpose2d", "groups"])
def test_products_against_pytorch(name):
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    from torch.utils.flop_counter import FlopCounterMode

    theirs, ours, shapes = {
        "matmul": (torch.matmul, core.matmul, [(4, 3, 5), (5, 6)]),
        "conv1d": (functional.conv1d, core.conv1d, [(2, 3, 11), (4, 3, 5)]),
        "conv2d": (functional.conv2d, core.conv2d, [(2, 3, 9, 8), (4, 3, 3, 2)]),
        "conv_transpose2d": (
            functional.conv_transpose2d,
            core.conv_transpose2d,
            [(2, 3, 5, 4), (3, 4, 3, 2)],
        ),
        "groups": (
            lambda x, w: functional.conv2d(x, w, None, 2, 1, 1, 2),
            lambda x, w: core.conv2d(x, w, None, 2, 1, 1, 2),
            [(2, 4, 9, 8), (6, 2, 3, 2)],
        ),
    }[name]
    inputs = [torch.ones(shape, requires_grad=True) for shape in shapes]
    own = [ones(shape, requires_grad=True) for shape in shapes]
    with FlopCounterMode(display=False) as counter:
        out = theirs(*inputs)
        assert flops(ours, *own) == counter.get_total_flops()
        out.sum().backward()
    if name != "groups":  # PyTorch forgets them there
        assert flops(ours, *own, backward=True) == counter.get_total_flops()


@pytest.mark.parametrize("name", sorted(operations()))
def test_every_operation_has_a_count_for_all_of_its_samples(name):
    counted = []
    counter = FlopCounter(lambda event, number: counted.append((event, number)))
    for sample in samples.by_name("SAMPLES")[name]:
        tensors = [od.Tensor(x) for x in sample.inputs()]
        with observe(counter):
            sample.call(*tensors)
    assert counted
    for event, number in counted:
        assert isinstance(number, int) and number >= 0, event


@pytest.mark.skipif(not hasattr(core, "lstm"), reason="there are no recurrent operations yet")
def test_recurrent_by_hand():
    x, h = ones((5, 2, 3)), ones((2, 4))  # 5 steps of 2 sequences of 3 features, 4 units

    def weights(gates, bias=True):
        n = 4 * gates
        return ones((n, 3)), ones((n, 4)), *([ones(n)] * 2 if bias else [])

    # each gate of each unit: products with 3 inputs and 4 states, their sum, two biases
    assert flops(core.lstm, x, h, h, *weights(4)) == 10 * (16 * (6 + 8 + 3) + 4 * 62)
    assert flops(core.gru, x, h, *weights(3)) == 10 * (12 * (6 + 8 + 3) + 4 * 40)
    assert flops(core.rnn, x, h, *weights(1, bias=False)) == 10 * (4 * (6 + 8 + 1) + 4 * 8)


def test_the_table_names_operations_only():
    inner = {"_watch", "input_gradient", "weight_gradient"}
    inner |= set() if hasattr(core, "lstm") else {"gru", "lstm", "rnn"}
    assert set(FLOPS) - inner <= set(operations())
