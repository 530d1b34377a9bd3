"""Every operation of core: its value against NumPy, its gradients against finite differences."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from formulas_attention import attention
from formulas_conv import conv2d, depthwise_conv2d, depthwise_separable_conv2d

import odyssey as od
from odyssey import core
from odyssey.testing import (
    check_backward,
    compare_backends,
    difference,
    gradcheck,
    gradgradcheck,
    tolerance,
)
from odyssey.testing.cases import generator, grid

rng = generator(7)


def normal(*shape):
    return rng.standard_normal(shape)


def positive(*shape):
    return rng.uniform(0.5, 2.0, shape)


@dataclass
class Op:
    """An operation on some inputs; ``args`` may hold constants, marked by what they are."""

    name: str
    args: tuple[Any, ...]
    expected: Callable[..., Any]
    kwargs: dict[str, Any] = field(default_factory=dict)
    terms: int = 1
    second: bool = True

    def __str__(self):
        shapes = [str(np.shape(a)) if isinstance(a, np.ndarray) else type(a).__name__
                  for a in self.args]  # fmt: skip
        return f"{self.name}({', '.join([*shapes, *(f'{k}={v}' for k, v in self.kwargs.items())])})"

    def inputs(self):
        """Return the floating arrays among the arguments, those in lists included."""
        return [a for a in flat(self.args) if is_input(a)]

    def with_inputs(self, inputs):
        """Return the arguments with other values in the place of the inputs."""
        left = iter(inputs)

        def fill(value):
            if isinstance(value, list) and any(map(is_input, value)):
                return [fill(v) for v in value]
            return next(left) if is_input(value) else value

        return tuple(fill(a) for a in self.args)

    def call(self, *inputs):
        return getattr(core, self.name)(*self.with_inputs(inputs), **self.kwargs)

    def numpy(self, *inputs):
        return self.expected(*self.with_inputs(inputs), **self.kwargs)


def is_input(value):
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"


def flat(values):
    for value in values:
        yield from value if isinstance(value, list) else [value]


def np_softmax(x, axis=-1):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def np_cross_entropy(x, target, reduction="mean"):
    axis = 0 if x.ndim == 1 else 1
    p = np.take_along_axis(np_softmax(x, axis), np.expand_dims(target, axis), axis)
    losses = -np.log(p.squeeze(axis))
    return losses if reduction == "none" else getattr(losses, reduction)()


def np_put(values, index, shape):
    out = np.zeros(shape, values.dtype)
    np.add.at(out, index, values)
    return out


def np_linear(x, weight, bias=None):
    return np.einsum("...i,oi->...o", x, weight) + (0 if bias is None else bias)


def np_flatten(x, start_axis=1, end_axis=-1):
    end = end_axis % x.ndim
    return x.reshape(*x.shape[:start_axis], -1, *x.shape[end + 1 :])


labels = np.array([2, 0, 1, 2])
mask = np.array([[True, False, True], [False, False, True]])
away = rng.permutation(np.linspace(0.6, 5.3, 12)).reshape(3, 4)  # x / y is no integer nearby


def np_pool(x, reduce, kernel_size, stride=None, padding=0, fill=0.0):
    """Apply ``reduce`` to each window: views of the padded image, one for each tap."""
    stride = stride or kernel_size
    x = np.pad(x, [(0, 0), (0, 0), (padding, padding), (padding, padding)], constant_values=fill)
    windows = np.lib.stride_tricks.sliding_window_view(x, (kernel_size, kernel_size), (2, 3))
    return reduce(windows[:, :, ::stride, ::stride], (-2, -1))


def np_max_pool2d(x, kernel_size, **settings):
    return np_pool(x, np.max, kernel_size, fill=-np.inf, **settings)


def np_avg_pool2d(x, kernel_size, **settings):
    return np_pool(x, np.mean, kernel_size, **settings)


def np_adaptive_avg_pool2d(x, output_size):
    rows = [np.mean(part, 2) for part in np.array_split(x, output_size, 2)]
    columns = [np.mean(part, 3) for part in np.array_split(np.stack(rows, 2), output_size, 3)]
    return np.stack(columns, 3)


OPS = [
    Op("adaptive_avg_pool2d", (normal(2, 3, 4, 6), 2), np_adaptive_avg_pool2d, {}, 6),
    Op("avg_pool2d", (normal(2, 3, 5, 6), 2), np_avg_pool2d, {}, 4),
    Op("avg_pool2d", (normal(1, 2, 5, 6), 3), np_avg_pool2d, {"stride": 2, "padding": 1}, 9),
    Op("dropout", (normal(3, 5),), lambda x, training: x, {"training": False}),
    Op("dropout", (np.ones((2, 4)), 0.5, True, 1),
       lambda x, p, training, seed: np.array([[2.0, 2, 2, 2], [2, 2, 0, 2]])),
    Op("global_avg_pool2d", (normal(2, 3, 4, 5),), lambda x: x.mean((2, 3), keepdims=True), {}, 20),
    Op("max_pool2d", (grid(rng, (2, 3, 5, 6)), 2), np_max_pool2d),
    Op("max_pool2d", (grid(rng, (1, 2, 5, 6)), 3), np_max_pool2d, {"stride": 2, "padding": 1}),
    Op("sigmoid", (normal(3, 4),), lambda x: 1 / (1 + np.exp(-x))),
    Op("tanh", (normal(3, 4),), np.tanh),
    Op("abs", (grid(rng, (3, 5)),), np.abs),
    Op("add", (normal(3, 4), normal(3, 4)), np.add),
    Op("add", (normal(2, 3, 4), normal(3, 1)), np.add),
    Op("add", (normal(3, 1), 2.5), np.add),
    Op("astype", (normal(2, 3), np.float64), lambda x, dtype: x.astype(dtype)),
    Op("broadcast_to", (normal(3, 1), (2, 3, 4)), np.broadcast_to),
    Op("broadcast_to", (np.array(1.5), (2, 3)), np.broadcast_to),
    Op("concatenate", ([normal(2, 3), normal(2, 1), normal(2, 4)],), np.concatenate, {"axis": 1}),
    Op("concatenate", ([normal(2, 3), normal(1, 3)],), np.concatenate, {"axis": -2}),
    Op("conv2d", (normal(2, 3, 5, 4), normal(4, 3, 3, 2), normal(4)), conv2d, {}, 24),
    Op("conv2d", (normal(2, 2, 6, 7), normal(3, 2, 2, 3)), conv2d,
       {"stride": (2, 3), "padding": ((1, 0), (0, 2)), "dilation": (2, 1)}, 12),
    Op("conv2d", (normal(1, 4, 5, 4), normal(6, 2, 3, 3), normal(6)), conv2d,
       {"padding": "same", "groups": 2}, 27),
    Op("cross_entropy", (normal(4, 3), labels), np_cross_entropy, {}, 12),
    Op("cross_entropy", (normal(4, 3), labels), np_cross_entropy, {"reduction": "sum"}, 12),
    Op("cross_entropy", (normal(4, 3), labels), np_cross_entropy, {"reduction": "none"}, 12),
    Op("cross_entropy", (normal(3), np.array(1)), np_cross_entropy, {}, 3),
    Op("cross_entropy", (normal(2, 3, 2, 2), labels.reshape(1, 2, 2).repeat(2, 0)),
       np_cross_entropy, {}, 24),
    Op("cross_entropy", (normal(2, 3, 5), rng.integers(0, 3, (2, 5))),
       np_cross_entropy, {"reduction": "none"}, 3),
    Op("depthwise_conv2d", (normal(2, 3, 5, 4), normal(3, 1, 3, 2), normal(3)),
       depthwise_conv2d, {"padding": 1}, 20),
    Op("depthwise_conv2d", (normal(1, 2, 6, 7), normal(6, 1, 2, 3), normal(6)),
       depthwise_conv2d, {"stride": (2, 3), "dilation": (1, 2), "padding": ((0, 1), (2, 0))}, 18),
    Op("depthwise_separable_conv2d",
       (normal(2, 2, 5, 4), normal(4, 1, 3, 2), normal(3, 4, 1, 1), normal(3)),
       depthwise_separable_conv2d, {"stride": 2, "padding": 1}, 60),
    Op("depthwise_separable_conv2d", (normal(1, 2, 4, 4), normal(2, 1, 2, 2), normal(3, 2, 1, 1)),
       depthwise_separable_conv2d, {}, 20),
    Op("divide", (normal(3, 4), positive(3, 4)), np.divide),
    Op("divide", (normal(3, 1), positive(4)), np.divide),
    Op("divide", (2.0, positive(4)), np.divide),
    Op("exp", (normal(3, 4),), np.exp),
    Op("expand_dims", (normal(3, 4), -2), np.expand_dims),
    Op("flatten", (normal(2, 3, 4),), np_flatten),
    Op("flatten", (normal(2, 3, 4, 5),), np_flatten, {"start_axis": 1, "end_axis": 2}),
    Op("getitem", (normal(4, 5), (slice(None, None, -2), 1)), lambda x, i: x[i]),
    Op("getitem", (normal(4, 5), np.array([0, 2, 2, 3])), lambda x, i: x[i]),
    Op("getitem", (normal(2, 3), mask), lambda x, i: x[i]),
    Op("getitem", (normal(4, 5), (None, ..., 2)), lambda x, i: x[i]),
    Op("getitem", (normal(4, 5), (np.array([0, 1]), np.array([1, 1]))), lambda x, i: x[i]),
    Op("linear", (normal(4, 3), normal(5, 3), normal(5)), np_linear, {}, 3),
    Op("linear", (normal(2, 4, 3), normal(5, 3)), np_linear, {}, 3),
    Op("linear", (normal(3), normal(5, 3), normal(5)), np_linear, {}, 3),
    Op("log", (positive(3, 4),), np.log),
    Op("log_softmax", (normal(3, 4),), lambda x, axis=-1: np.log(np_softmax(x, axis)), {}, 4),
    Op("log_softmax", (normal(2, 3, 4),), lambda x, axis=-1: np.log(np_softmax(x, axis)),
       {"axis": 1}, 3),
    Op("matmul", (normal(3, 4), normal(4, 5)), np.matmul, {}, 4),
    Op("matmul", (normal(4), normal(4)), np.matmul, {}, 4),
    Op("matmul", (normal(3, 4), normal(4)), np.matmul, {}, 4),
    Op("matmul", (normal(4), normal(2, 4, 5)), np.matmul, {}, 4),
    Op("matmul", (normal(2, 3, 4), normal(4, 5)), np.matmul, {}, 4),
    Op("matmul", (normal(2, 1, 3, 4), normal(5, 4, 2)), np.matmul, {}, 4),
    Op("max", (grid(rng, (3, 5)),), np.max),
    Op("max", (grid(rng, (2, 3, 4)),), np.max, {"axis": 1}),
    Op("max", (grid(rng, (2, 3, 4)),), np.max, {"axis": (0, -1), "keepdims": True}),
    Op("mean", (normal(3, 5),), np.mean, {}, 15),
    Op("mean", (normal(2, 3, 4),), np.mean, {"axis": (0, 2)}, 8),
    Op("mean", (normal(2, 3, 4),), np.mean, {"axis": -2, "keepdims": True}, 3),
    Op("modulo", (away, positive(4) + 0.01), np.remainder),
    Op("multiply", (normal(3, 4), normal(3, 4)), np.multiply),
    Op("multiply", (normal(2, 3, 4), normal(3, 1)), np.multiply),
    Op("multiply", (normal(4), 3), np.multiply),
    Op("negate", (normal(3, 4),), np.negative),
    Op("power", (positive(3, 4), normal(4)), np.power),
    Op("power", (normal(3, 4), 3), np.power),
    Op("power", (normal(3, 4), 2), np.power),
    Op("power", (2.0, normal(3, 4)), np.power),
    Op("put", (normal(2, 3), (slice(1, 3), slice(None, None, 2)), (4, 5)), np_put),
    Op("put", (normal(3), np.array([0, 2, 2]), (4,)), np_put),
    Op("relu", (grid(rng, (4, 5)),), lambda x: np.maximum(x, 0)),
    Op("reshape", (normal(3, 4), (2, -1)), np.reshape),
    Op("scaled_dot_product_attention", (normal(5, 3), normal(4, 3), normal(4, 2)), attention,
       {}, 7),
    Op("scaled_dot_product_attention", (normal(2, 3, 4, 5), normal(2, 3, 6, 5), normal(2, 3, 6, 2)),
       attention, {"causal": True}, 11),
    Op("scaled_dot_product_attention",
       (normal(2, 1, 4, 3), normal(3, 2, 3), normal(2, 3, 2, 4), normal(3, 1, 2)),
       attention, {"scale": 0.7}, 5),
    Op("scaled_dot_product_attention",
       (normal(2, 6, 3), normal(2, 4, 3), normal(2, 4, 5), normal(2, 1, 4)),
       attention, {"causal": True}, 7),
    Op("scaled_dot_product_attention",
       (normal(2, 3, 4), normal(2, 3, 4), normal(2, 3, 2), rng.random((3, 3)) < 0.5),
       attention, {}, 7),
    Op("softmax", (normal(3, 4),), np_softmax, {}, 4),
    Op("softmax", (normal(2, 3, 4),), np_softmax, {"axis": 0}, 2),
    Op("sqrt", (positive(3, 4),), np.sqrt),
    Op("squeeze", (normal(1, 3, 1),), np.squeeze),
    Op("squeeze", (normal(1, 3, 1),), np.squeeze, {"axis": -1}),
    Op("stack", ([normal(2, 3), normal(2, 3)],), np.stack, {"axis": -1}),
    Op("stack", ([normal(2), normal(2), normal(2)],), np.stack),
    Op("subtract", (normal(3, 4), normal(3, 4)), np.subtract),
    Op("subtract", (1.0, normal(2, 1)), np.subtract),
    Op("sum", (normal(3, 5),), np.sum, {}, 15),
    Op("sum", (normal(2, 3, 4),), np.sum, {"axis": (0, 2)}, 8),
    Op("sum", (normal(2, 3, 4),), np.sum, {"axis": 1, "keepdims": True}, 3),
    Op("swapaxes", (normal(2, 3, 4), 0, -1), np.swapaxes),
    Op("transpose", (normal(2, 3, 4),), np.transpose),
    Op("transpose", (normal(2, 3, 4), (1, 2, 0)), np.transpose),
    Op("where", (mask, normal(2, 3), normal(3)), np.where),
    Op("where", (mask, normal(2, 1), 0.0), np.where),
]  # fmt: skip

CONSTANT = [
    Op("argmax", (normal(3, 5),), np.argmax),
    Op("argmax", (normal(3, 5),), np.argmax, {"axis": 0, "keepdims": True}),
    Op("equal", (np.array([1.0, 2.0]), np.array([1.0, 3.0])), np.equal),
    Op("floor_divide", (normal(3, 4), positive(4)), np.floor_divide),
    Op("greater", (normal(3, 4), normal(4)), np.greater),
    Op("greater_equal", (normal(3, 4), 0.5), np.greater_equal),
    Op("less", (normal(3, 4), normal(4)), np.less),
    Op("less_equal", (normal(3, 4), normal(4)), np.less_equal),
    Op("not_equal", (np.array([1.0, 2.0]), np.array([1.0, 3.0])), np.not_equal),
]

each_op = pytest.mark.parametrize("op", OPS, ids=str)
each_backend = pytest.mark.parametrize("backend", ["fast", "reference"])


def test_every_operation_is_in_the_tables():
    operations = {name for name, value in vars(core).items() if hasattr(value, "operation")}
    differentiable = {n for n in operations if getattr(core, n).operation.wrt}
    assert {op.name for op in OPS} == differentiable
    assert {op.name for op in CONSTANT} == operations - differentiable


@each_backend
@each_op
def test_gradient(op, backend):
    with od.use_backend(backend):
        gradcheck(op.call, op.inputs(), elementwise=True)


@each_backend
@each_op
def test_second_derivative(op, backend):
    with od.use_backend(backend):
        gradgradcheck(op.call, op.inputs())


@each_op
def test_backward_by_hand(op):
    check_backward(getattr(core, op.name), *op.args, **op.kwargs)


@each_op
def test_backends_agree(op):
    inputs = [od.tensor(a, dtype=np.float32, requires_grad=True) for a in op.inputs()]
    assert compare_backends(op.call, *inputs, terms=op.terms)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("op", OPS + CONSTANT, ids=str)
def test_value_and_dtype(op, dtype):
    arrays = [a.astype(dtype) for a in op.inputs()]
    wide = [a.astype(np.float64) for a in arrays]
    expected = np.asarray(op.numpy(*wide))
    on_arrays = op.call(*arrays)
    on_tensors = op.call(*map(od.from_numpy, arrays))
    assert isinstance(on_tensors, od.Tensor) and not on_tensors.requires_grad
    assert np.array_equal(on_tensors.data, on_arrays)
    assert on_arrays.shape == expected.shape
    if expected.dtype.kind != "f":
        assert on_arrays.dtype == expected.dtype and np.array_equal(on_arrays, expected)
        return
    if op.name != "astype":
        assert on_arrays.dtype == dtype
    off = difference(on_arrays, expected, scale=max(map(np.max, map(np.abs, wide))))
    assert off.error <= tolerance(dtype, op.terms), off


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@each_op
def test_gradient_has_the_dtype_of_its_tensor(op, dtype):
    inputs = [od.tensor(a, dtype=dtype, requires_grad=True) for a in op.inputs()]
    out = op.call(*inputs)
    out.backward(np.ones(out.shape))
    for x in inputs:
        assert x.grad.dtype == dtype and x.grad.shape == x.shape
        assert x.grad.data.flags.c_contiguous


@pytest.mark.parametrize("op", CONSTANT, ids=str)
def test_constants_are_not_recorded(op):
    out = op.call(*[od.tensor(a, requires_grad=True) for a in op.inputs()])
    assert not out.requires_grad and out.is_leaf
