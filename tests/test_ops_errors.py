"""Bad input to every operation: a named error that says what was expected and what came."""

import numpy as np
import pytest

import odyssey as od
from odyssey import core
from odyssey.errors import DTypeError, OdysseyError, ShapeError

x = np.ones((2, 3), np.float32)
ints = np.ones((2, 3), np.int64)
half = np.ones((2, 3), np.float16)
labels = np.array([0, 2])
row = np.ones(2, np.float32)
images = np.ones((2, 3, 4, 5), np.float32)
image, filters = np.ones((2, 4, 5, 6), np.float32), np.ones((6, 4, 3, 3), np.float32)

BAD = [
    ("add", (x, x.T), {}, ShapeError, r"add: the operands do not broadcast: axis -1 has lengths 3"),
    ("subtract", (x, row), {}, ShapeError, r"subtract: .* \(x: \(2, 3\), y: \(2,\)\)"),
    ("multiply", (x, row), {}, ShapeError, "multiply: the operands do not broadcast"),
    ("divide", (x, row), {}, ShapeError, "divide: the operands do not broadcast"),
    ("power", (x, row), {}, ShapeError, "power: the operands do not broadcast"),
    ("modulo", (x, row), {}, ShapeError, "modulo: the operands do not broadcast"),
    ("floor_divide", (x, row), {}, ShapeError, "floor_divide: the operands do not broadcast"),
    ("equal", (x, row), {}, ShapeError, "equal: the operands do not broadcast"),
    ("not_equal", (x, row), {}, ShapeError, "not_equal: the operands do not broadcast"),
    ("less", (x, row), {}, ShapeError, "less: the operands do not broadcast"),
    ("less_equal", (x, row), {}, ShapeError, "less_equal: the operands do not broadcast"),
    ("greater", (x, row), {}, ShapeError, "greater: the operands do not broadcast"),
    ("greater_equal", (x, row), {}, ShapeError, "greater_equal: the operands do not broadcast"),
    ("where", (x > 0, x, row), {}, ShapeError, r"where: .* \(condition: \(2, 3\), x: .*y: \(2,\)"),
    ("relu", (ints,), {}, DTypeError, "relu: x must be floating-point .* has dtype int64"),
    ("sigmoid", (ints,), {}, DTypeError, "sigmoid: x must be floating-point"),
    ("tanh", (ints,), {}, DTypeError, "tanh: x must be floating-point"),
    ("dropout", (ints,), {}, DTypeError, "dropout: x must be floating-point"),
    ("dropout", (x, 1.5), {}, OdysseyError, r"p, .* must lie in \[0, 1\], got 1.5"),
    ("dropout", (x,), {"seed": 2**64}, OdysseyError, r"seed must lie in \[0, 2\*\*64\)"),
    ("max_pool2d", (x, 2), {}, ShapeError, r"x has 2 axes but needs 4, \(N, C, H, W\)"),
    (
        "max_pool2d",
        (images, 3),
        {"padding": 2},
        ShapeError,
        r"max_pool2d: padding 2 is larger than half of the window \(3, 3\)",
    ),
    ("max_pool2d", (images, 2, 0), {}, ShapeError, "stride must be at least 1, got 0"),
    ("avg_pool2d", (images, 2), {"padding": -1}, ShapeError, "padding must be at least 0, got -1"),
    ("avg_pool2d", (images, 6), {}, ShapeError, r"larger than the padded image \(image: \(4, 5\)"),
    ("global_avg_pool2d", (x,), {}, ShapeError, "global_avg_pool2d: x has 2 axes but needs 4"),
    ("adaptive_avg_pool2d", (images, 0), {}, ShapeError, "output_size must be at least 1, got 0"),
    ("softmax", (ints,), {}, DTypeError, "softmax: x must be floating-point"),
    ("softmax", (x, 2), {}, ShapeError, "softmax: axis 2 is out of range for 2 axes"),
    ("softmax", (x, "rows"), {}, ShapeError, "softmax: axis must be an integer, got 'rows'"),
    ("log_softmax", (ints,), {}, DTypeError, "log_softmax: x must be floating-point"),
    ("log_softmax", (x, -3), {}, ShapeError, "log_softmax: axis -3 is out of range for 2 axes"),
    ("cross_entropy", (ints, labels), {}, DTypeError, "cross_entropy: x must be floating-point"),
    (
        "cross_entropy",
        (x, row),
        {},
        DTypeError,
        r"class numbers \(integers\) but has dtype float32",
    ),
    (
        "cross_entropy",
        (x, labels[:1]),
        {},
        ShapeError,
        r"without its class axis \(x: \(2, 3\), tar",
    ),
    ("cross_entropy", (x[0], labels), {}, ShapeError, "target must have the shape of x without"),
    ("cross_entropy", (x, labels + 1), {}, ShapeError, r"label 3, but x has 3 classes.* \[0, 3\)"),
    ("cross_entropy", (x, labels - 1), {}, ShapeError, "holds the label -1, but x has 3 classes"),
    ("cross_entropy", (x, labels, "avg"), {}, OdysseyError, "one of mean, sum, none, got 'avg'"),
    ("linear", (x, x.T), {}, ShapeError, r"x has 3 features but weight expects 2 \(x: \(2, 3\), w"),
    ("linear", (x, row), {}, ShapeError, "x needs at least 1 axis and weight 2"),
    ("linear", (x, x, row[:1]), {}, ShapeError, r"bias must have shape \(2,\) but has \(1,\)"),
    ("linear", (x, half), {}, DTypeError, "must share one dtype .x: float32, weight: float16"),
    ("linear", (ints, ints), {}, DTypeError, "linear: x must be floating-point"),
    ("matmul", (x, x), {}, ShapeError, r"matmul: a has 3 columns but b has 2 rows \(a: \(2, 3\)"),
    ("matmul", (x, 2.0), {}, ShapeError, r"matmul: the operands need at least one axis .* with \*"),
    (
        "matmul",
        (np.ones((2, 1, 3)), np.ones((4, 3, 1))),
        {},
        ShapeError,
        "leading axes do not broad",
    ),
    ("mean", (ints,), {}, DTypeError, "mean: x must be floating-point"),
    ("mean", (x, 2), {}, ShapeError, "mean: axis 2 is out of range"),
    ("sum", (x, (0, -2)), {}, ShapeError, r"sum: axis \(0, -2\) names an axis twice"),
    ("sum", (x, 1.0), {}, ShapeError, "sum: axis must be an integer, got 1.0"),
    ("max", (x, 2), {}, ShapeError, "max: axis 2 is out of range"),
    ("max", (x[:0],), {}, ShapeError, r"max: x of shape \(0, 3\) has no element"),
    ("argmax", (x, -4), {}, ShapeError, "argmax: axis -4 is out of range"),
    (
        "argmax",
        (x[:0], 0),
        {},
        ShapeError,
        r"argmax: x of shape \(0, 3\) has no element along axis",
    ),
    ("reshape", (x, (4, 2)), {}, ShapeError, r"reshape: x has 6 elements .*do not fit \(4, 2\)"),
    ("flatten", (x, 1, 0), {}, ShapeError, "flatten: end_axis 0 lies before start_axis 1"),
    ("flatten", (x, 2), {}, ShapeError, "flatten: start_axis 2 is out of range"),
    ("expand_dims", (x, 4), {}, ShapeError, "expand_dims: axis 4 is out of range for 3 axes"),
    ("squeeze", (x, 0), {}, ShapeError, r"squeeze: axis 0 has length 2, not 1 \(x: \(2, 3\)\)"),
    ("broadcast_to", (x, (4, 2)), {}, ShapeError, r"x of shape \(2, 3\) does not broadcast to"),
    ("concatenate", ([],), {}, ShapeError, "concatenate: xs is empty"),
    ("concatenate", ({1: x},), {}, DTypeError, "xs must be a list or tuple of arrays, got dict"),
    ("concatenate", ([x, x.T],), {}, ShapeError, r"than in axis 0: \(2, 3\), \(3, 2\)"),
    ("concatenate", ([x, x[0]],), {}, ShapeError, "concatenate: the shapes differ"),
    ("concatenate", ([x], 2), {}, ShapeError, "concatenate: axis 2 is out of range"),
    ("stack", ([],), {}, ShapeError, "stack: xs is empty"),
    ("stack", ({1: x},), {}, DTypeError, "xs must be a list or tuple of arrays, got dict"),
    ("stack", ([x, x.T],), {}, ShapeError, r"stack: the shapes differ: \(2, 3\), \(3, 2\)"),
    ("stack", ([x], 3), {}, ShapeError, "stack: axis 3 is out of range for 3 axes"),
    ("scaled_dot_product_attention", (ints,) * 3, {}, DTypeError, "attention: q must be floating"),
    ("scaled_dot_product_attention", (x, half, x), {}, DTypeError, "must share one dtype"),
    ("scaled_dot_product_attention", (row, x, x), {}, ShapeError, "q has 1 axes but needs at"),
    ("scaled_dot_product_attention", (x, x.T, x), {}, ShapeError, "q has 3 features but k has 2"),
    ("scaled_dot_product_attention", (x, x, x[:1]), {}, ShapeError, "k has 2 keys but v has 1"),
    (
        "scaled_dot_product_attention",
        (np.ones((2, 4, 3)), np.ones((3, 5, 3)), np.ones((3, 5, 3))),
        {},
        ShapeError,
        r"axes do not broadcast: .* 2 and 3 \(q: \(2, 4, 3\), k: \(3, 5, 3\), v: \(3, 5, 3\)\)",
    ),
    (
        "scaled_dot_product_attention",
        (np.ones((2, 5, 3)), np.ones((2, 4, 3)), np.ones((2, 4, 3)), np.ones((3, 4))),
        {},
        ShapeError,
        r"attention: mask of shape \(3, 4\) does not broadcast to \(2, 5, 4\), the shape of the",
    ),
    (
        "scaled_dot_product_attention",
        (x, x, x, ints[:, :2]),
        {},
        DTypeError,
        r"mask has dtype int64; expected bool \(True: may attend\) or float32",
    ),
    (
        "scaled_dot_product_attention",
        (np.ones((2, 0, 4, 3)),) * 3,
        {},
        ShapeError,
        r"there are 0 heads \(q: \(2, 0, 4, 3\)",
    ),
    (
        "scaled_dot_product_attention",
        (x[:, :0], x[:, :0], x),
        {},
        ShapeError,
        "q and k have 0 features but need at least 1",
    ),
    (
        "scaled_dot_product_attention",
        (x, x, x),
        {"scale": np.nan},
        OdysseyError,
        "scale must be finite, got nan",
    ),
    ("conv2d", (image.astype(int), filters), {}, DTypeError, "conv2d: x must be floating-point"),
    (
        "conv2d",
        (image, filters.astype(np.float64)),
        {},
        DTypeError,
        "conv2d: the arguments must share one dtype .x: float32, weight: float64",
    ),
    (
        "conv2d",
        (image, filters[:, :2]),
        {},
        ShapeError,
        r"weight has 2 input channels but x has 4 \(x: \(2, 4, 5, 6\), weight: \(6, 2, 3, 3\), gro",
    ),
    (
        "conv2d",
        (image, filters[:, :2]),
        {"groups": 4},
        ShapeError,
        "groups=4 does not divide the 6",
    ),
    ("conv2d", (image, filters), {"stride": 0}, ShapeError, "stride must be at least 1, got 0"),
    ("conv2d", (image, filters), {"padding": -1}, ShapeError, "padding must be at least 0, got -1"),
    ("conv2d", (image, filters), {"dilation": 3}, ShapeError, "larger than the padded image"),
    (
        "conv2d",
        (image, filters, row),
        {},
        ShapeError,
        r"bias must have shape \(6,\) but has \(2,\)",
    ),
    ("depthwise_conv2d", (image, filters), {}, ShapeError, "4 input channels but each filter sees"),
    ("depthwise_conv2d", (image, filters[:, :1]), {}, ShapeError, "no multiple of the 4 channels"),
    (
        "depthwise_separable_conv2d",
        (image, filters[:4, :1], filters),
        {},
        ShapeError,
        r"pointwise_weight must have shape \(filters, 4, 1, 1\) but has \(6, 4, 3, 3\)",
    ),
    ("swapaxes", (x, 0, 2), {}, ShapeError, "swapaxes: axis2 2 is out of range for 2 axes"),
    ("transpose", (x, (0,)), {}, ShapeError, r"transpose: axes \(0,\) names 1 of 2 axes"),
    ("transpose", (x, (0, 0)), {}, ShapeError, "names an axis twice"),
    ("getitem", (x, 2), {}, ShapeError, r"getitem: x of shape \(2, 3\): index 2 is out of bounds"),
    ("getitem", (x, (0, 0, 0)), {}, ShapeError, "getitem: x of shape .*: too many indices"),
    ("put", (x, slice(0, 1), (2, 3)), {}, ShapeError, r"put: values of shape .* do not fit"),
    ("put", (row, np.array([0, 9]), (4,)), {}, ShapeError, r"put: values of shape .* do not fit"),
]

NEVER_REFUSE = {"abs", "astype", "exp", "log", "negate", "sqrt"}


@pytest.mark.parametrize("kind", ["arrays", "tensors"])
@pytest.mark.parametrize(
    ("name", "args", "kwargs", "error", "message"),
    [pytest.param(*b, id=f"{b[0]}-{i}") for i, b in enumerate(BAD)],
)
def test_bad_input(name, args, kwargs, error, message, kind):
    if kind == "tensors":
        args = tuple(map(as_tensor, args))
    with pytest.raises(error, match=message):
        getattr(core, name)(*args, **kwargs)


def as_tensor(value):
    if isinstance(value, list):
        return [as_tensor(v) for v in value]
    return od.from_numpy(value) if isinstance(value, np.ndarray) else value


def test_every_operation_refuses_something():
    operations = {name for name, value in vars(core).items() if hasattr(value, "operation")}
    assert operations - {bad[0] for bad in BAD} == NEVER_REFUSE


@pytest.mark.parametrize("op", [core.abs, core.exp, core.log, core.negate, core.sqrt])
def test_text_is_refused_by_numpy(op):
    with pytest.raises(TypeError):
        op(np.array(["text"]))


def test_broadcast_error_aligns_the_shapes():
    with pytest.raises(
        ShapeError, match=r"axis -2 has lengths 4 and 3 \(x: \(2, 4, 5\), y: \(3, 1"
    ):
        core.add(np.ones((2, 4, 5)), np.ones((3, 1)))


def test_errors_are_the_built_in_kinds_too():
    with pytest.raises(ValueError, match="axis 5"):
        core.sum(x, axis=5)
    with pytest.raises(TypeError, match="floating-point"):
        core.relu(ints)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: core.kaiming_uniform((3,)), ShapeError, r"needs at least 2 axes .* shape \(3,\)"),
        (lambda: core.xavier_normal((3,)), ShapeError, "xavier_normal: a weight needs"),
        (
            lambda: core.kaiming_normal((3, 4), mode="in"),
            OdysseyError,
            "fan_in or fan_out, got 'in'",
        ),
        (lambda: core.calculate_gain("selu"), OdysseyError, "must be one of .* got 'selu'"),
    ],
)
def test_bad_initializer(call, error, message):
    with pytest.raises(error, match=message):
        call()
