"""What the kernels refuse, on both backends in the same words."""

import numpy as np
import pytest

from odyssey import fast, reference
from odyssey.errors import DTypeError, OdysseyError, RangeError, ShapeError

pytestmark = pytest.mark.kernels

F = np.float32
x = np.ones((2, 3), F)
wide = np.ones((2, 3), np.float64)
ints = np.ones((2, 3), np.int64)
labels = np.array([0, 2])
row = np.ones(2, F)
logsumexp = np.ones(2, F)
SDPA = "scaled_dot_product_attention"
images = np.ones((2, 3, 4, 5), F)
small = np.ones((2, 3, 2, 2), F)
places = np.zeros((2, 3, 2, 2), np.int64)
image = np.ones((2, 4, 5, 6), F)
filters = np.ones((6, 4, 3, 3), F)
halves = np.ones((6, 2, 3, 3), F)
depth = np.ones((4, 1, 3, 3), F)
mix = np.ones((5, 4, 1, 1), F)
out_grad = np.ones((2, 6, 3, 4), F)
DEPTH, SEPARABLE = "depthwise_conv2d", "depthwise_separable_conv2d"
TOOM = "toom_conv2d"
WINOGRAD = "winograd_conv2d"
steps = np.ones((5, 2, 12), F)
units = np.ones((5, 2, 3), F)
four, three, one = (np.ones((3 * n, 3), F) for n in (4, 3, 1))
cell = (x, x, x, four, x, steps, units)


def frozen():
    out = np.ones((2, 3), F)
    out.flags.writeable = False
    return out


def two():
    """Return the parameters of an optimizer's group."""
    return [x.copy(), x.copy()]


BAD = [
    ("layer_norm", (ints,), DTypeError, "layer_norm: x has dtype int64"),
    ("layer_norm", (row,), ShapeError, r"x has 1 axes but needs 2, \(rows, features\)"),
    ("layer_norm", (x, row), ShapeError, r"weight must have shape \(3,\) but has \(2,\)"),
    ("layer_norm", (x, None, wide[0]), DTypeError, "x has dtype float32 but bias has dtype float6"),
    ("layer_norm_backward", (x[:1], x, None, row, row), ShapeError, r"grad must have shape \(2, 3"),
    ("layer_norm_backward", (x, x, None, row, wide[0]), DTypeError, "rstd has dtype float64"),
    ("layer_norm_backward", (x, x, None, row, x), ShapeError, r"rstd must have shape \(2,\) but"),
    (
        "layer_norm_backward",
        (x, x, None, row, row, (True,)),
        ShapeError,
        "needs must hold 3 truth values",
    ),
    ("rms_norm", (images,), ShapeError, "rms_norm: x has 4 axes but needs 2"),
    ("rms_norm", ([1.0],), DTypeError, "rms_norm: x must be a NumPy array, not list"),
    ("rms_norm_backward", (x, x, None, None), DTypeError, "rstd must be a NumPy array, not NoneTy"),
    ("batch_norm", (row,), ShapeError, r"batch_norm: x has 1 axes but needs at least 2, \(N, C"),
    ("batch_norm", (images, row), ShapeError, r"weight must have shape \(3,\) but has \(2,\)"),
    ("batch_norm", (images, None, [1.0]), DTypeError, "bias must be a NumPy array, not list"),
    ("batch_norm_backward", (small, images, None, row, row), ShapeError, "grad must have shape"),
    ("batch_norm_backward", (x, x, None, x[0], row), ShapeError, r"var must have shape \(3,\) but"),
    ("batch_norm_inference", (x, row, x[0]), ShapeError, r"mean must have shape \(3,\) but has"),
    ("batch_norm_inference", (x, x[0], wide[0]), DTypeError, "var has dtype float64; expected flo"),
    ("group_norm", (images, 2), ShapeError, "groups=2 does not divide the 3 channels of x"),
    ("group_norm", (images, 0), OdysseyError, "group_norm: groups must be at least 1, got 0"),
    ("group_norm", (images, 1.0), DTypeError, "groups must be an integer, not float"),
    ("group_norm_backward", (x, x, 3, None, x, row), ShapeError, r"rstd must have shape \(2, 3\)"),
    ("matmul", (x, x), ShapeError, r"matmul: a has 3 columns but b has 2 rows \(a: \(2, 3\)"),
    ("matmul", (x, wide.T), DTypeError, "a has dtype float32 but b has dtype float64"),
    ("matmul", (ints, ints.T), DTypeError, "a has dtype int64; expected float16, float32 or"),
    ("matmul", (x[0], x.T), ShapeError, "matmul: a has 1 axes but needs at least 2"),
    ("matmul", (x, x.T[None]), ShapeError, "a has 2 axes but b has 3"),
    ("matmul", (x[None], np.ones((4, 3, 2), F)), ShapeError, r"batch axes \(1,\) but b has \(4,\)"),
    ("matmul", ([[1.0]], x), DTypeError, "matmul: a must be a NumPy array, not list"),
    ("linear", (x, wide), DTypeError, "x has dtype float32 but weight has dtype float64"),
    ("linear", (x, x, ints[0]), DTypeError, "linear: bias has dtype int64"),
    ("linear", (x, x.T), ShapeError, r"linear: x has 3 features but weight expects 2 \(x: \(2, 3"),
    ("linear", (x, row), ShapeError, "linear: x needs at least 1 axis and weight 2"),
    ("linear", (np.array(1, F), x), ShapeError, "linear: x needs at least 1 axis and weight 2"),
    ("linear", (x, x, row[:1]), ShapeError, r"bias must have shape \(2,\) but has \(1,\)"),
    ("linear", (x, x, 1.0), DTypeError, "linear: bias must be a NumPy array, not float"),
    ("linear_backward", (x, x, x), ShapeError, r"grad has shape \(2, 3\); expected \(2, 2\)"),
    ("linear_backward", (wide, x, x), DTypeError, "grad has dtype float64 but x has dtype float32"),
    ("linear_backward", (x, x.T, x), ShapeError, "linear_backward: x has 2 features but weight"),
    (
        "linear_backward",
        (x[:, :2], x, x, (True,)),
        ShapeError,
        "linear_backward: needs must hold 3 truth values",
    ),
    ("add", (x, wide), DTypeError, "add: x has dtype float32 but y has dtype float64"),
    ("add", (x, 1.0), DTypeError, "add: y must be a NumPy array, not float"),
    ("multiply", (ints, ints), DTypeError, "multiply: x has dtype int64; expected float16"),
    ("subtract", (x, x.T), ShapeError, r"subtract: .* broadcast: axis -1 .* 3 and 2 \(x: \(2, 3\)"),
    ("divide", (x, x.astype(">f4")), DTypeError, "divide: y has dtype >f4"),
    ("greater", (x, wide), DTypeError, "greater: x has dtype float32 but y has dtype float64"),
    ("less", (x, x[None, :, :2]), ShapeError, "less: the operands do not broadcast"),
    ("equal", (x, ints), DTypeError, "equal: y has dtype int64; expected float16"),
    ("not_equal", (x, wide), DTypeError, "not_equal: x has dtype float32 but y has dtype float64"),
    ("less_equal", (x, x[:, :2]), ShapeError, "less_equal: the operands do not broadcast"),
    ("greater_equal", (x.T, x), ShapeError, r"greater_equal: .* \(x: \(3, 2\), y: \(2, 3\)\)"),
    ("where", (x, x, x), DTypeError, "where: condition has dtype float32; expected bool"),
    ("where", ([True], x, x), DTypeError, "where: condition must be a NumPy array, not list"),
    ("where", (x > 0, x, wide), DTypeError, "where: x has dtype float32 but y has dtype float64"),
    ("where", (x.T > 0, x, x), ShapeError, "where: the operands do not broadcast"),
    ("sum", (ints,), DTypeError, "sum: x has dtype int64"),
    ("sum", (x, 2), ShapeError, "sum: axis 2 is out of range for x with 2 axes"),
    ("sum", (x, (0, -2)), ShapeError, r"sum: axis \(0, -2\) names an axis twice"),
    ("mean", (x, 1.0), DTypeError, "mean: axis must be an integer, not float"),
    ("mean", ([1.0],), DTypeError, "mean: x must be a NumPy array, not list"),
    ("relu", (ints,), DTypeError, "relu: x has dtype int64"),
    ("relu", (x.astype(">f4"),), DTypeError, "relu: x has dtype >f4"),
    ("relu", (1.0,), DTypeError, "relu: x must be a NumPy array, not float"),
    ("relu_backward", (x, x[:1]), ShapeError, "out does not have the shape of grad"),
    ("relu_backward", (x, wide), DTypeError, "grad has dtype float32 but out has dtype float64"),
    ("softmax", (x, 2), ShapeError, "softmax: axis 2 is out of range for x with 2 axes"),
    ("softmax", (x, -3), ShapeError, "softmax: axis -3 is out of range"),
    ("softmax", (x, 1.0), DTypeError, "softmax: axis must be an integer, not float"),
    ("softmax", (np.array(1, F),), ShapeError, "axis -1 is out of range for x with 0 axes"),
    ("softmax", (x.astype(bool),), DTypeError, "softmax: x has dtype bool"),
    ("softmax_backward", (x, x.T), ShapeError, "softmax_backward: out does not have the shape"),
    ("log_softmax", (x, 5), ShapeError, "log_softmax: axis 5 is out of range"),
    ("log_softmax_backward", (x, x, 2), ShapeError, "log_softmax_backward: axis 2 is out of range"),
    ("softmax_cross_entropy", (x, labels[:1]), ShapeError, "x has 2 rows but labels has shape"),
    ("softmax_cross_entropy", (x, labels + 1), ShapeError, r"labels\[1\] is 3 but x has 3 classes"),
    (
        "softmax_cross_entropy",
        (x, labels - 1),
        ShapeError,
        r"labels\[0\] is -1 but x has 3 classes",
    ),
    (
        "softmax_cross_entropy",
        (x, row),
        DTypeError,
        "labels has dtype float32; expected an integer",
    ),
    ("softmax_cross_entropy", (x[0], labels), ShapeError, "x has 1 axes but needs 2"),
    (
        "softmax_cross_entropy",
        (x, np.array([2**63, 0], np.uint64)),
        ShapeError,
        r"labels\[0\] is 9",
    ),
    (SDPA, (x, wide, wide), DTypeError, f"{SDPA}: q has dtype float32 but k has dtype float64"),
    (SDPA, (ints, ints, ints), DTypeError, "q has dtype int64"),
    (SDPA, (row, x, x), ShapeError, "q has 1 axes but needs at least 2"),
    (SDPA, (x, x.T, x), ShapeError, r"q has 3 features but k has 2 \(q: \(2, 3\), k: \(3, 2\)"),
    (SDPA, (x, x, x[:1]), ShapeError, "k has 2 keys but v has 1 values"),
    (SDPA, (x, x[None], x), ShapeError, r"q has leading axes \(\) but k has \(1,\)"),
    (SDPA, (x[None], x[None], x), ShapeError, r"q has leading axes \(1,\) but v has \(\)"),
    (SDPA, (x[:, :0], x[:, :0], x), ShapeError, "q and k have 0 features but need at least 1"),
    (
        SDPA,
        (x, x, x, ints[:, :2]),
        DTypeError,
        r"mask has dtype int64; expected bool .* or float32",
    ),
    (SDPA, (x, x, x, wide[:, :2]), DTypeError, "mask has dtype float64; expected bool"),
    (SDPA, (x, x, x, [[True]]), DTypeError, "mask must be a NumPy array or None, not list"),
    (SDPA, (x, x, x, x), ShapeError, r"mask of shape \(2, 3\) does not broadcast to \(2, 2\)"),
    (SDPA, (x, x, x, x[None, :, :2]), ShapeError, r"mask of shape \(1, 2, 2\) does not broadcast"),
    (SDPA, (x, x, x, None, False, np.inf), OdysseyError, "scale must be finite, got inf"),
    (SDPA, (x, x, x, None, False, "2x"), DTypeError, "scale must be a number, not str"),
    (f"{SDPA}_backward", (x, x, x, x, wide, logsumexp), DTypeError, "but out has dtype float64"),
    (f"{SDPA}_backward", (x.T, x, x, x, x, logsumexp), ShapeError, r"grad has shape \(3, 2\)"),
    (f"{SDPA}_backward", (x, x, x, x, x, x), ShapeError, r"logsumexp has shape \(2, 3\); expected"),
    (f"{SDPA}_backward", (x, x, x, x, x, labels), DTypeError, "logsumexp has dtype int64"),
    (f"{SDPA}_backward", (x, x, x, x, x, None), DTypeError, "logsumexp must be a NumPy array"),
    (
        f"{SDPA}_backward",
        (x, x, x, x, x, logsumexp, None, False, None, (True,)),
        ShapeError,
        "needs must say yes or no of q, k, v and mask",
    ),
    (
        f"{SDPA}_backward",
        (x, x, x, x, x, logsumexp, None, False, None, (True,) * 4),
        DTypeError,
        "only an additive mask has one",
    ),
    (
        "conv2d",
        (image, halves),
        ShapeError,
        r"conv2d: weight has 2 input channels but x has 4 \(x: \(2, 4, 5, 6\), "
        r"weight: \(6, 2, 3, 3\), groups=1\)",
    ),
    (
        "conv2d",
        (image, filters, None, 1, 0, 1, 2),
        ShapeError,
        "weight has 4 input channels but x has 4, 2 a group",
    ),
    (
        "conv2d",
        (image, halves, None, 1, 0, 1, 3),
        ShapeError,
        r"groups=3 does not divide the 4 channels of x \(x: \(2, 4, 5, 6\), weight: ",
    ),
    (
        "conv2d",
        (image, halves[:3], None, 1, 0, 1, 2),
        ShapeError,
        "groups=2 does not divide the 3 filters of weight",
    ),
    ("conv2d", (image, filters, None, 1, 0, 1, 0), ShapeError, "groups must be at least 1, got 0"),
    ("conv2d", (image, filters, None, 1, 0, 1, 1.0), ShapeError, "groups must be an integer, got"),
    ("conv2d", (image, filters, row), ShapeError, r"bias must have shape \(6,\) but has \(2,\)"),
    ("conv2d", (image[0], filters), ShapeError, r"x has 3 axes but needs 4, \(N, C, H, W\)"),
    ("conv2d", (image, filters[0]), ShapeError, "weight has 3 axes but needs 4"),
    ("conv2d", (image, filters[:, :, :0]), ShapeError, "weight has an empty window"),
    ("conv2d", (image, filters, None, 0), ShapeError, "conv2d: stride must be at least 1, got 0"),
    ("conv2d", (image, filters, None, (1, 2, 3)), ShapeError, "stride must be one integer or two"),
    ("conv2d", (image, filters, None, 1, -1), ShapeError, "padding must be at least 0, got -1"),
    ("conv2d", (image, filters, None, 1, "full"), ShapeError, "padding must be 'same', 'valid' or"),
    ("conv2d", (image, filters, None, 1, 0, 0), ShapeError, "dilation must be at least 1, got 0"),
    (
        "conv2d",
        (image, filters, None, 1, 0, 3),
        ShapeError,
        r"the window is larger than the padded image \(image: \(5, 6\), padding: ",
    ),
    ("conv2d", (image, filters.astype(np.float64)), DTypeError, "but weight has dtype float64"),
    ("conv2d", (image, filters, [1.0]), DTypeError, "bias must be a NumPy array, not list"),
    ("conv2d", (image.astype(int), filters), DTypeError, "conv2d: x has dtype int64"),
    (
        "conv2d_backward",
        (out_grad[:1], image, filters),
        ShapeError,
        r"conv2d_backward: grad must have shape \(2, 6, 3, 4\) but has \(1, 6, 3, 4\)",
    ),
    (
        "conv2d_backward",
        (out_grad.astype(np.float16), image, filters),
        DTypeError,
        "x has dtype float32 but grad has dtype float16",
    ),
    (
        "conv2d_backward",
        (out_grad, image, filters, 1, 0, 1, 1, (True, True)),
        ShapeError,
        "needs must hold 3 truth values",
    ),
    (
        WINOGRAD,
        (image, filters[:, :, :2]),
        ShapeError,
        r"winograd_conv2d: weight must have 3x3, 4x4 or 5x5 taps, got shape \(6, 4, 2, 3\)",
    ),
    (WINOGRAD, (image, filters, None, 0, 1, 1, 3), ShapeError, "2 or 4 for 3x3 taps, got 3"),
    (WINOGRAD, (image, filters, None, 0, 1, 1, 4.0), ShapeError, "2 or 4 for 3x3 taps, got 4.0"),
    (WINOGRAD, (image, filters, None, 0, 1, 1, "4"), ShapeError, "2 or 4 for 3x3 taps, got '4'"),
    (WINOGRAD, (image, halves), ShapeError, "winograd_conv2d: weight has 2 input channels but x"),
    (WINOGRAD, (image, filters, row), ShapeError, r"bias must have shape \(6,\) but has \(2,\)"),
    (WINOGRAD, (image, filters, None, -1), ShapeError, "padding must be at least 0, got -1"),
    (WINOGRAD, (image, filters, None, 0, 3), ShapeError, "window is larger than the padded image"),
    (WINOGRAD, (image, filters.astype(float)), DTypeError, "but weight has dtype float64"),
    (
        f"{WINOGRAD}_backward",
        (out_grad[:1], image, filters),
        ShapeError,
        r"winograd_conv2d_backward: grad must have shape \(2, 6, 3, 4\) but has \(1, 6, 3, 4\)",
    ),
    (
        f"{WINOGRAD}_backward",
        (out_grad, image, filters, 0, 1, 1, (True,)),
        ShapeError,
        "needs must hold 3 truth values",
    ),
    (
        f"{WINOGRAD}_backward",
        (out_grad, image, filters, 0, 1, 1, (True,) * 3, 6),
        ShapeError,
        "winograd_conv2d_backward: tile must be 2 or 4 for 3x3 taps, got 6",
    ),
    (
        TOOM,
        (image, filters, None, 1, 0, (1, 2)),
        ShapeError,
        "horizontal dilation must be 1, got 2",
    ),
    (
        TOOM,
        (image, filters[..., :1]),
        ShapeError,
        "toom_conv2d: rows of taps must be two to five steps long, got 1 taps and steps of 1",
    ),
    (TOOM, (image, filters, None, (1, 3)), ShapeError, "long, got 3 taps and steps of 3"),
    (TOOM, (image, halves), ShapeError, "toom_conv2d: weight has 2 input channels but x"),
    (TOOM, (image, filters, row), ShapeError, r"bias must have shape \(6,\) but has \(2,\)"),
    (TOOM, (image, filters.astype(float)), DTypeError, "but weight has dtype float64"),
    (
        f"{TOOM}_weight_gradient",
        (out_grad[:1], image, filters),
        ShapeError,
        r"toom_conv2d_weight_gradient: grad must have shape \(2, 6, 3, 4\) but has \(1, 6, 3, 4\)",
    ),
    (
        f"{TOOM}_weight_gradient",
        (out_grad, image, filters, 1, 0, 1, 1, (True,) * 3),
        ShapeError,
        "needs must hold 2 truth values",
    ),
    (DEPTH, (image, filters), ShapeError, "weight has 4 input channels but each filter sees 1"),
    (DEPTH, (image, depth[:3]), ShapeError, "weight has 3 filters, no multiple of the 4 channels"),
    (DEPTH, (image, depth[:0]), ShapeError, "weight has no filters but x has 4 channels"),
    (DEPTH, (image, depth, row), ShapeError, r"bias must have shape \(4,\) but has \(2,\)"),
    (DEPTH, (image, depth, None, (0, 1)), ShapeError, "stride must be at least 1, got 0"),
    (f"{DEPTH}_backward", (out_grad, image, depth), ShapeError, r"grad must have shape \(2, 4, 3"),
    (
        SEPARABLE,
        (image, depth, mix[:, :3]),
        ShapeError,
        r"pointwise_weight must have shape \(filters, 4, 1, 1\) but has \(5, 3, 1, 1\)",
    ),
    (SEPARABLE, (image, depth, mix, row), ShapeError, r"bias must have shape \(5,\) but has"),
    (SEPARABLE, (image, depth, mix[0]), ShapeError, "pointwise_weight has 3 axes but needs 4"),
    (
        f"{SEPARABLE}_backward",
        (out_grad, image, depth, mix),
        ShapeError,
        r"grad must have shape \(2, 5, 3, 4\) but has \(2, 6, 3, 4\)",
    ),
    ("convert", ([1.0], "float16"), DTypeError, "convert: x must be a NumPy array, not list"),
    ("convert", (ints, "float16"), DTypeError, "convert: x must be float16, .* has dtype int64"),
    ("convert", (x, "int64"), DTypeError, "convert: dtype must be 'float16', .* got 'int64'"),
    ("copy", ([1.0],), DTypeError, "copy: x must be a NumPy array, not list"),
    ("copy", (x, "F"), OdysseyError, "copy: order must be 'C' or 'channels_last', got 'F'"),
    ("copy", (x, 1), OdysseyError, "copy: order must be 'C' or 'channels_last', got 1"),
    (
        "copy",
        (x, "channels_last"),
        ShapeError,
        r"channels_last needs 4 axes \(N, C, H, W\), but x has 2 \(x: \(2, 3\)\)",
    ),
    (
        "sgd",
        (x.copy(), [x], None, 0.1),
        DTypeError,
        "params must be a list of NumPy arrays",
    ),
    (
        "sgd",
        ([x], None, None, 0.1),
        DTypeError,
        "grads must be a list .* not NoneType",
    ),
    ("sgd", (two(), [x], None, 0.1), ShapeError, "grads must have an array for each of the 2 para"),
    ("sgd", ([x], [x], two(), 0.1, 0.9), ShapeError, "velocities must have an array for .* got 2"),
    (
        "sgd",
        ([None], [x], None, 0.1),
        DTypeError,
        r"params\[0\] must be a NumPy array, not",
    ),
    (
        "sgd",
        (two(), [x, [1]], None, 0.1),
        DTypeError,
        r"grads\[1\] must be a NumPy array, not",
    ),
    ("sgd", (two(), [x, wide], None, 0.1), DTypeError, r"float32 but grads\[1\] has dtype float64"),
    (
        "sgd",
        (two(), [x, x[:1]], None, 0.1),
        ShapeError,
        r"grads\[1\] does not have the shape of params\[1\]",
    ),
    ("sgd", ([ints], [ints], None, 0.1), DTypeError, r"sgd: params\[0\] has dtype int64"),
    ("sgd", ([frozen()], [x], None, 0.1), ValueError, r"sgd: params\[0\] is read-only"),
    ("sgd", ([x.copy()], [x], [frozen()], 0.1, 0.9), ValueError, r"velocities\[0\] is read-only"),
    (
        "sgd",
        ([x.copy()], [x], [wide], 0.1, 0.9),
        DTypeError,
        r"velocities\[0\] has dtype float64; expected float32 for params\[0\] of float32",
    ),
    ("sgd", ([x], [x], None, 0.1, 0.9), DTypeError, "velocities must be a list .* not NoneType"),
    ("sgd", ([x], [x], [None], 0.1, 0.9), DTypeError, r"velocities\[0\] must be a NumPy array"),
    ("adam", ([x], [x], [wide], two()[:1], 1, 0.1), DTypeError, r"exp_avgs\[0\] has dtype float64"),
    (
        "adam",
        (two(), two(), two(), [x.copy(), x.T.copy()], 1, 0.1),
        ShapeError,
        r"exp_avg_sqs\[1\] does not have the shape of params\[1\]",
    ),
    (
        "adam",
        (two(), two(), two(), two()[:1], 1, 0.1),
        ShapeError,
        "exp_avg_sqs must have",
    ),
    ("adam", (two(), two(), two(), two(), 0, 0.1), ValueError, "adam: step is 0 but counts"),
    ("adam", (two(), two(), two(), two(), 1.5, 0.1), DTypeError, "adam: step must be an int"),
    ("max_pool2d", (x, 2), ShapeError, r"max_pool2d: x has 2 axes but needs 4, \(N, C, H, W\)"),
    ("max_pool2d", (images, 2, 0), ShapeError, "max_pool2d: stride must be at least 1, got 0"),
    ("max_pool2d", (images, 2, 1, -1), ShapeError, "padding must be at least 0, got -1"),
    (
        "max_pool2d",
        (images, 3, 1, 2),
        ShapeError,
        r"max_pool2d: padding 2 is larger than half of the window \(3, 3\)",
    ),
    (
        "max_pool2d",
        (images, 6),
        ShapeError,
        r"larger than the padded image \(image: \(4, 5\), .*window: \(6, 6\)",
    ),
    ("max_pool2d", (images, 3, 1, 0, 2), ShapeError, "window is larger than the padded image"),
    ("max_pool2d", (images, 2, 1, 0, 0), ShapeError, "dilation must be at least 1, got 0"),
    ("max_pool2d", (images, (2, 2, 2)), ShapeError, "kernel_size must be one integer or two"),
    ("max_pool2d", (images, 2.0), ShapeError, "kernel_size must be made of integers, got 2.0"),
    ("max_pool2d", (images[:, :, :0], 1), ShapeError, "x holds images without pixels"),
    ("max_pool2d", (images[:, :, :1], 2, 1, 1, 2), ShapeError, "all its taps in the padding"),
    ("max_pool2d", (images.astype(int), 2), DTypeError, "max_pool2d: x has dtype int64"),
    ("max_pool2d", (images, 2**40, 1, 2**39), ShapeError, "has more than 2\\*\\*31 taps"),
    ("max_pool2d_backward", (small, places, (2, 3, 4)), ShapeError, "x_shape must be four lengths"),
    ("max_pool2d_backward", (small, places, 4), ShapeError, "x_shape must be a tuple of integers"),
    ("max_pool2d_backward", (small, places, (2, 4, 4, 5)), ShapeError, "does not fit x_shape"),
    ("max_pool2d_backward", (small, places[:1], (2, 3, 4, 5)), ShapeError, "the shape of grad"),
    ("max_pool2d_backward", (small, small, (2, 3, 4, 5)), DTypeError, "indices has dtype float32"),
    (
        "max_pool2d_backward",
        (small, places + 20, (2, 3, 4, 5)),
        ShapeError,
        r"indices\[0, 0, 0, 0\] is 20 but the images have 20 pixels",
    ),
    ("max_pool2d_backward", (small, places - 1, (2, 3, 4, 5)), ShapeError, "is -1 but the images"),
    (
        "max_pool2d_backward",
        (small, places, (2, 3, 4, 5), 2, 0),
        ShapeError,
        "stride must be at least 1, got 0",
    ),
    (
        "max_pool2d_backward",
        (small, places, (2, 3, 4, 5), (2, 2, 2)),
        ShapeError,
        "kernel_size must be one integer or two",
    ),
    (
        "max_pool2d_backward",
        (small, np.full((2, 3, 2, 2), 2**64 - 1, np.uint64), (2, 3, 4, 5)),
        ShapeError,
        "is 18446744073709551615 but",
    ),
    ("avg_pool2d", (images, 2, 1, 2), ShapeError, "avg_pool2d: padding 2 is larger than half"),
    ("avg_pool2d", (images, 7), ShapeError, "avg_pool2d: the window is larger than the padded"),
    # A last window may hang over the end, but the first one must lie inside.
    ("avg_pool2d", (images, 7, 7, 0, True), ShapeError, "window is larger than the padded image"),
    ("avg_pool2d", (images, 2, (1, 0)), ShapeError, "avg_pool2d: stride must be at least 1"),
    ("avg_pool2d", ([1.0], 2), DTypeError, "avg_pool2d: x must be a NumPy array, not list"),
    (
        "avg_pool2d_backward",
        (small, (2, 3, 4, 5), 3),
        ShapeError,
        r"grad has shape \(2, 3, 2, 2\) but the output has \(2, 3, 1, 1\)",
    ),
    ("global_avg_pool2d", (x,), ShapeError, "global_avg_pool2d: x has 2 axes but needs 4"),
    ("global_avg_pool2d", (images[..., :0],), ShapeError, "images without pixels"),
    ("global_avg_pool2d_backward", (small, (2, 3, 4, 5)), ShapeError, "the output has"),
    ("adaptive_avg_pool2d", (images, 0), ShapeError, "output_size must be at least 1, got 0"),
    ("adaptive_avg_pool2d", (images, (1, 2, 3)), ShapeError, "output_size must be one integer or"),
    ("adaptive_avg_pool2d_backward", (small, (2, 4, 4, 5)), ShapeError, "the output has"),
    ("adaptive_avg_pool2d_backward", (x, (2, 4, 4, 5)), ShapeError, "grad has 2 axes but needs 4"),
    ("dropout", (x, 1.5, 0), OdysseyError, r"must lie in \[0, 1\], got 1.5"),
    ("dropout", (x, -0.1, 0), OdysseyError, "dropout: p, the probability to drop an element"),
    ("dropout", (x, float("nan"), 0), OdysseyError, "got nan"),
    ("dropout", (x, "a", 0), DTypeError, "dropout: p must be a number, not str"),
    ("dropout", (x, 0.5, -1), OdysseyError, r"seed must lie in \[0, 2\*\*64\), got -1"),
    ("dropout", (x, 0.5, 1.0), DTypeError, "dropout: seed must be an integer, not float"),
    ("dropout", (ints, 0.5, 1), DTypeError, "dropout: x has dtype int64"),
    ("dropout_backward", (ints, 0.5, 1), DTypeError, "dropout_backward: grad has dtype int64"),
    ("embedding", (ints, x[:1]), RangeError, "indices reach from 1 to 1 but weight has 1 rows"),
    ("embedding", (-ints, x), RangeError, "embedding: indices reach from -1 to -1 but weight has"),
    ("embedding", (x, x), DTypeError, "embedding: indices has dtype float32; expected an integer"),
    ("embedding", ([0], x), DTypeError, "embedding: indices must be a NumPy array, not list"),
    ("embedding", (ints, x[0]), ShapeError, "embedding: weight has 1 axes but needs 2, "),
    ("embedding", (ints, ints), DTypeError, "embedding: weight has dtype int64; expected float16"),
    ("embedding_backward", (x, ints[0, :2], (1, 3)), RangeError, "from 1 to 1 but weight has 1 ro"),
    ("embedding_backward", (x, ints[0], (2, 3)), ShapeError, r"grad has shape \(2, 3\); expected"),
    ("embedding_backward", (x, ints[0, :2], 3), ShapeError, "weight_shape must be two integers, "),
    ("embedding_backward", (ints, ints[0, :2], (2, 3)), DTypeError, "grad has dtype int64"),
    (
        "embedding_backward",
        (x, ints[0, :2], (2, 3), 2),
        RangeError,
        "embedding_backward: padding_idx 2 but weight has 2 rows",
    ),
    (
        "embedding_backward",
        (x, ints[0, :2], (2, 3), 0.5),
        DTypeError,
        "padding_idx must be an integer or None, got 0.5",
    ),
    ("sigmoid", (ints,), DTypeError, "sigmoid: x has dtype int64"),
    ("tanh", (ints,), DTypeError, "tanh: x has dtype int64"),
    ("sigmoid_backward", (x, x[:1]), ShapeError, "out does not have the shape of grad"),
    ("tanh_backward", (x, wide), DTypeError, "grad has dtype float32 but out has dtype float64"),
    ("elu", (x, "one"), DTypeError, "elu: alpha must be a finite number, got 'one'"),
    ("elu", (x, np.nan), OdysseyError, "elu: alpha must be a finite number, got nan"),
    ("elu_backward", (x, x[:1]), ShapeError, "x does not have the shape of grad"),
    ("erf", (ints,), DTypeError, "erf: x has dtype int64"),
    ("erf_backward", (x, wide), DTypeError, "grad has dtype float32 but x has dtype float64"),
    ("gelu", (x, "none"), OdysseyError, "gelu: approximate must be True or False, got 'none'"),
    ("gelu_backward", (x, x, 1), OdysseyError, "gelu_backward: approximate must be True or False"),
    ("mish", (ints,), DTypeError, "mish: x has dtype int64"),
    ("mish_backward", (x, ints), DTypeError, "mish_backward: x has dtype int64"),
    ("softplus", (x, 0), OdysseyError, "softplus: beta must not be 0"),
    ("softplus_backward", (x, x, [1]), DTypeError, r"beta must be a finite number, got \[1\]"),
    ("swish", (x, None), DTypeError, "swish: beta must be a finite number, got None"),
    ("swish_backward", (x, x[0]), ShapeError, "x does not have the shape of grad"),
    ("lstm", (steps, four, x, wide), DTypeError, "gates has dtype float32 but c0 has dtype float"),
    ("lstm", (steps, three, x, x), ShapeError, r"weight has shape \(9, 3\); expected \(4H, H\)"),
    ("lstm", (steps[0], four, x, x), ShapeError, r"gates has shape \(2, 12\); expected \(T, N, 12"),
    ("lstm", (steps, four, x[:1], x), ShapeError, r"h0 has shape \(1, 3\); expected \(2, 3\)"),
    ("lstm", (steps, four, x, x, [5, 5]), DTypeError, "lengths must be a NumPy array, not list"),
    ("lstm", (steps, four, x, x, row), DTypeError, "lengths has dtype float32; expected int64"),
    (
        "lstm",
        (steps, four, x, x, labels[:1]),
        ShapeError,
        r"lengths has shape \(1,\); expected \(2",
    ),
    (
        "lstm",
        (steps, four, x, x, labels + 4),
        RangeError,
        "reach from 4 to 6 but there are 5 steps",
    ),
    ("lstm", (steps, four, x, x, labels - 1), RangeError, "lstm: lengths reach from -1 to 1"),
    ("lstm_backward", (x, *cell[1:]), ShapeError, r"grad has shape \(2, 3\); expected \(T, N, 3\)"),
    ("lstm_backward", (units, *cell[1:-1], ints), DTypeError, "cells has dtype int64; expected"),
    (
        "lstm_backward",
        (units, *cell[1:-1], units[1:]),
        ShapeError,
        r"cells has shape \(4, 2, 3\); ",
    ),
    ("gru", (steps[..., :9], three, x[0], [x]), DTypeError, "gru: h0 must be a NumPy array, not"),
    ("gru", (steps[..., :9], three, x, x), ShapeError, r"bias has shape \(2, 3\); expected \(3,\)"),
    (
        "gru",
        (steps, three, None, x),
        ShapeError,
        r"gates has shape \(5, 2, 12\); expected \(T, N, 9",
    ),
    ("gru_backward", (units, x, four, x, units, steps), ShapeError, r"expected \(3H, H\)"),
    (
        "gru_backward",
        (units, x, three, x, units, units),
        ShapeError,
        r"gates has shape \(5, 2, 3\);",
    ),
    ("rnn", (units, one, x[0]), ShapeError, r"rnn: h0 has shape \(3,\); expected \(2, 3\)"),
    ("rnn", (units, x, x), ShapeError, r"rnn: weight has shape \(2, 3\); expected \(H, H\)"),
    (
        "rnn",
        (units, one, x, None, False, "elu"),
        OdysseyError,
        "must be 'tanh' or 'relu', got 'elu'",
    ),
    (
        "rnn_backward",
        (units, x, one, units[0]),
        ShapeError,
        r"out has shape \(2, 3\); expected \(5",
    ),
    ("rnn_backward", (units, x, one, units, labels + 5), RangeError, "lengths reach from 5 to 7"),
]


@pytest.mark.parametrize("kernels", [fast, reference], ids=["fast", "reference"])
@pytest.mark.parametrize(
    ("name", "args", "error", "message"), [pytest.param(*b, id=f"{b[0]}: {b[3]}") for b in BAD]
)
def test_bad_input(kernels, name, args, error, message):
    if kernels is fast and not fast.LEVEL:
        pytest.skip("nothing was compiled in this installation")
    with pytest.raises(error, match=message):
        getattr(kernels, name)(*args)


def test_every_forward_kernel_refuses_something():
    assert {name for name in reference.__all__ if not name.endswith("_backward")} <= {
        bad[0] for bad in BAD
    }


@pytest.mark.parametrize("kernels", [fast, reference], ids=["fast", "reference"])
def test_nothing_is_updated_when_an_optimizer_refuses(kernels):
    if kernels is fast and not fast.LEVEL:
        pytest.skip("nothing was compiled in this installation")
    params, states = two(), two()
    with pytest.raises(ValueError, match=r"exp_avg_sqs\[1\] is read-only"):
        kernels.adam(params, two(), states, [x.copy(), frozen()], 1, 0.1)
    assert all((array == 1).all() for array in params + states)
