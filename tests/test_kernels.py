"""Every kernel on its cases: fast against the reference, the reference against NumPy.

The selected level (``ODYSSEY_CPU``) and backend (``ODYSSEY_BACKEND``) are what is
checked; with the reference backend, or without compiled kernels, the reference is
checked against itself in every layout, and against the formulas below.
"""

import math
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from formulas_attention import attention_kernel, attention_kernel_backward
from formulas_conv import (
    conv2d,
    conv2d_backward,
    depthwise_conv2d,
    depthwise_conv2d_backward,
    depthwise_separable_conv2d,
    depthwise_separable_conv2d_backward,
    toom_conv2d_weight_gradient,
    winograd_conv2d,
    winograd_conv2d_backward,
)
from formulas_normalization import (
    batch_norm,
    batch_norm_backward,
    batch_norm_inference,
    batch_norm_inference_backward,
    group_norm,
    group_norm_backward,
    layer_norm,
    layer_norm_backward,
    rms_norm,
    rms_norm_backward,
)
from formulas_recurrent import RECURRENT
from formulas_transcendental import TRANSCENDENTAL

import odyssey as od
from odyssey import fast, reference
from odyssey.testing import all_cases, check_kernel, difference, tolerance
from odyssey.testing.cases import arrays_in, each_array
from odyssey.testing.kernels import ALL_LAYOUTS

pytestmark = pytest.mark.kernels

BACKEND = od.get_backend() if fast.LEVEL else "reference"
CASES = [
    pytest.param(case, id=str(case)) for name in sorted(all_cases()) for case in all_cases()[name]
]


@pytest.mark.parametrize("case", CASES)
def test_backend_agrees_with_the_reference(case):
    counts = (od.get_num_threads(), 2) if BACKEND == "fast" else (od.get_num_threads(),)
    checked = check_kernel(case.kernel, backend=BACKEND, thread_counts=counts, cases=[case])
    assert checked == len(counts) * 3 * len(ALL_LAYOUTS)


# -- the formulas, written once more and otherwise, in float64 ---------------------------------


def softmax(x, axis=-1):
    return np.exp(log_softmax(x, axis))


def log_softmax(x, axis=-1):
    near = x - np.max(x, axis, keepdims=True, initial=-1e6)  # rows may be empty, or masked
    return near - np.logaddexp.reduce(near, axis, keepdims=True)


def along_rows(jacobian, grad, out, axis):
    """Apply the transposed Jacobian of each row to its gradient."""
    grads, outs = np.moveaxis(grad, axis, -1), np.moveaxis(out, axis, -1)
    result = np.zeros(grads.shape)
    for n in np.ndindex(grads.shape[:-1]):
        result[n] = jacobian(outs[n]).T @ grads[n]
    return np.moveaxis(result, -1, axis)


def softmax_backward(grad, out, axis=-1):
    return along_rows(lambda y: np.diag(y) - np.outer(y, y), grad, out, axis)


def log_softmax_backward(grad, out, axis=-1):
    return along_rows(lambda y: np.eye(len(y)) - np.exp(y)[None, :], grad, out, axis)


def linear(x, weight, bias=0.0):
    return np.einsum("...i,oi->...o", x, weight) + bias


def linear_backward(grad, x, weight, needs=(True, True, True)):
    g, rows = (np.reshape(a, (math.prod(x.shape[:-1]), a.shape[-1])) for a in (grad, x))
    grads = np.tensordot(grad, weight, 1), np.einsum("no,ni->oi", g, rows), g.sum(0)
    return tuple(one if needed else None for one, needed in zip(grads, needs, strict=True))


def softmax_cross_entropy(x, labels):
    below = x - x.max(1, keepdims=True)  # not before: -1e4 beside 1e4 would hide the digits
    log_total = np.logaddexp.reduce(below, 1)
    return log_total - below[np.arange(len(x)), labels.astype(int)], log_total


def softmax_cross_entropy_backward(grad, x, labels, log_total):
    truth = labels[:, None].astype(int) == np.arange(x.shape[1])
    below = x - x.max(1, keepdims=True)
    return grad[:, None] * (np.exp(below - log_total[:, None]) - truth)


def of_each_parameter(formula):
    """Make of a formula about one parameter one about lists: all parameters, then all states."""

    def of_lists(params, grads, *rest, **settings):
        states = [one for one in rest if one is not None]
        rows = [formula(*row, **settings) for row in zip(params, grads, *states, strict=True)]
        return tuple(array for column in zip(*rows, strict=True) for array in column)

    return of_lists


@of_each_parameter
def sgd(
    param, grad, velocity=None, *, lr, momentum=0.0, dampening=0.0, weight_decay=0.0,
    nesterov=False,
):  # fmt: skip
    grad = grad + weight_decay * param
    if velocity is None:
        return (param - lr * grad,)
    velocity = momentum * velocity + (1 - dampening) * grad
    return param - lr * (grad + momentum * velocity if nesterov else velocity), velocity


@of_each_parameter
def adam(
    param, grad, exp_avg, exp_avg_sq, *, step, lr, beta1=0.9, beta2=0.999, eps=1e-8,
    weight_decay=0.0, decoupled=False,
):  # fmt: skip
    if decoupled:
        param = param - lr * weight_decay * param
    else:
        grad = grad + weight_decay * param
    m = beta1 * exp_avg + (1 - beta1) * grad
    v = beta2 * exp_avg_sq + (1 - beta2) * grad**2
    unbiased_m, unbiased_v = m / (1 - beta1**step), v / (1 - beta2**step)
    return param - lr * unbiased_m / (np.sqrt(unbiased_v) + eps), m, v


def windows_of(shape, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False):
    """Yield (output, rows and columns of its taps in the image, taps in the padded image)."""
    kernel, step, pad, gap = (np.broadcast_to(v, 2) for v in
                              (kernel_size, stride or kernel_size, padding, dilation))  # fmt: skip
    axes = []
    for n, k, s, o, d in zip(shape[2:], kernel, step, pad, gap, strict=True):
        starts = np.arange(-o, n + o, s)
        fits = starts + d * (k - 1) < n + o
        if ceil_mode:  # one more, if something is left over and it begins before the padding there
            left_over = starts[:-1] + d * (k - 1) + 1 < n + o
            fits[1:] |= fits[:-1] & left_over & (starts[1:] < n)
        taps = [start + d * np.arange(k) for start in starts[fits]]
        axes.append([(t[(t >= 0) & (t < n)], np.sum(t < n + o)) for t in taps])
    for (p, (rows, high)), (q, (columns, wide)) in product(*map(enumerate, axes)):
        yield (p, q), (..., rows[:, None], columns), high * wide


def max_pool2d(x, **settings):
    windows = list(windows_of(x.shape, **settings))
    size = tuple(n + 1 for n in windows[-1][0])
    out, indices = np.zeros((2, *x.shape[:2], *size))
    numbers = np.arange(x.shape[2] * x.shape[3]).reshape(x.shape[2:])
    for at, taps, _ in windows:
        flat = x[taps].reshape(*x.shape[:2], taps[1].size * taps[2].size)
        out[(..., *at)] = flat.max(-1)
        indices[(..., *at)] = numbers[taps].ravel()[flat.argmax(-1)]
    return out, indices


def max_pool2d_backward(grad, indices, x_shape, **settings):  # the indices say it all
    pixels = np.arange(x_shape[2] * x_shape[3])
    hits = indices[..., None] == pixels
    return (grad[..., None] * hits).sum((2, 3)).reshape(x_shape)


def avg_matrix(shape, count_include_pad=True, **settings):
    """Return the outputs' size and the matrix (outputs, pixels) of an average pool."""
    windows = list(windows_of(shape, **settings))
    matrix = np.zeros((len(windows), *shape[2:]))
    for row, (_, taps, divisor) in zip(matrix, windows, strict=True):
        row[taps[1:]] = 1 / (divisor if count_include_pad else taps[1].size * taps[2].size)
    return tuple(n + 1 for n in windows[-1][0]), matrix.reshape(len(windows), -1)


def avg_pool2d(x, kernel_size, **settings):
    size, matrix = avg_matrix(x.shape, kernel_size=kernel_size, **settings)
    return (x.reshape(*x.shape[:2], x.shape[2] * x.shape[3]) @ matrix.T).reshape(
        *x.shape[:2], *size
    )


def avg_pool2d_backward(grad, x_shape, **settings):
    _, matrix = avg_matrix(x_shape, **settings)
    return (grad.reshape(*x_shape[:2], len(matrix)) @ matrix).reshape(x_shape)


def adaptive_matrix(n, outputs):
    """Return the matrix (outputs, pixels) of an adaptive pool along one axis."""
    matrix = np.zeros((outputs, n))
    for o, row in enumerate(matrix):
        row[math.floor(o * n / outputs) : math.ceil((o + 1) * n / outputs)] = 1
    return matrix / matrix.sum(1, keepdims=True)


def adaptive_avg_pool2d(x, output_size=1):
    P, Q = np.broadcast_to(output_size, 2)
    return adaptive_matrix(x.shape[2], P) @ x @ adaptive_matrix(x.shape[3], Q).T


def adaptive_avg_pool2d_backward(grad, x_shape):
    P, Q = grad.shape[2:]
    return adaptive_matrix(x_shape[2], P).T @ grad @ adaptive_matrix(x_shape[3], Q)


def dropout(x, p, seed):
    if p == 1:
        return np.zeros(x.shape)
    keep = philox_words(x.size, seed).reshape(x.shape) >= p * 2**32
    return np.where(keep, x / (1 - p), 0)


def philox_words(n, seed):
    """Return Philox4x32-10's words in a second writing: columns of 64-bit integers."""
    blocks = np.arange((n + 3) // 4, dtype=np.uint64)
    c = [blocks & 0xFFFFFFFF, blocks >> np.uint64(32), 0 * blocks, 0 * blocks]
    key = [seed % 2**32, seed // 2**32]
    for _ in range(10):
        high0, low0 = np.divmod(c[0] * np.uint64(0xD2511F53), np.uint64(2**32))
        high1, low1 = np.divmod(c[2] * np.uint64(0xCD9E8D57), np.uint64(2**32))
        c = [high1 ^ c[1] ^ np.uint64(key[0]), low1, high0 ^ c[3] ^ np.uint64(key[1]), low0]
        key = [(key[0] + 0x9E3779B9) % 2**32, (key[1] + 0xBB67AE85) % 2**32]
    return np.stack(c, 1).ravel()[:n]


@np.errstate(invalid="ignore")  # the mean of nothing
def mean(x, axis=None, keepdims=False):
    total = np.sum(x, axis, keepdims=keepdims)
    return total / np.sum(np.ones(x.shape), axis, keepdims=keepdims)


@np.errstate(over="ignore")
def convert(x, dtype):
    return x.astype(dtype)


def embedding_backward(grad, indices, weight_shape, padding_idx=None):
    # The product with a matrix that has a one where a row was taken.
    taken = indices.reshape(-1, 1) == np.arange(weight_shape[0])
    if padding_idx is not None:
        taken[:, padding_idx] = False
    return taken.T.astype(float) @ grad.reshape(indices.size, weight_shape[1])


FORMULAS = {
    "adam": adam,
    "add": np.add,
    "convert": convert,
    "copy": lambda x, order="C": np.array(x),
    "divide": np.divide,
    "equal": np.equal,
    "greater": np.greater,
    "greater_equal": np.greater_equal,
    "less": np.less,
    "less_equal": np.less_equal,
    "mean": mean,
    "multiply": np.multiply,
    "not_equal": np.not_equal,
    "subtract": np.subtract,
    "sum": np.sum,
    "where": np.where,
    "adaptive_avg_pool2d": adaptive_avg_pool2d,
    "adaptive_avg_pool2d_backward": adaptive_avg_pool2d_backward,
    "avg_pool2d": avg_pool2d,
    "avg_pool2d_backward": avg_pool2d_backward,
    "dropout": dropout,
    "dropout_backward": dropout,
    "global_avg_pool2d": adaptive_avg_pool2d,
    "global_avg_pool2d_backward": adaptive_avg_pool2d_backward,
    "batch_norm": batch_norm,
    "batch_norm_backward": batch_norm_backward,
    "batch_norm_inference": batch_norm_inference,
    "batch_norm_inference_backward": batch_norm_inference_backward,
    "group_norm": group_norm,
    "group_norm_backward": group_norm_backward,
    "layer_norm": layer_norm,
    "layer_norm_backward": layer_norm_backward,
    "rms_norm": rms_norm,
    "rms_norm_backward": rms_norm_backward,
    "conv2d": conv2d,
    "conv2d_backward": conv2d_backward,
    "depthwise_conv2d": depthwise_conv2d,
    "depthwise_conv2d_backward": depthwise_conv2d_backward,
    "depthwise_separable_conv2d": depthwise_separable_conv2d,
    "depthwise_separable_conv2d_backward": depthwise_separable_conv2d_backward,
    "embedding": lambda indices, weight: weight[indices],
    "embedding_backward": embedding_backward,
    "linear": linear,
    "linear_backward": linear_backward,
    "log_softmax": log_softmax,
    "log_softmax_backward": log_softmax_backward,
    "matmul": np.matmul,
    "max_pool2d": max_pool2d,
    "max_pool2d_backward": max_pool2d_backward,
    "relu": lambda x: (x + np.abs(x)) / 2,
    "relu_backward": lambda grad, out: grad * np.sign(out),
    "scaled_dot_product_attention": attention_kernel,
    "scaled_dot_product_attention_backward": attention_kernel_backward,
    "sgd": sgd,
    "sigmoid": lambda x: np.exp(np.minimum(x, 0)) / (1 + np.exp(-np.abs(x))),
    "sigmoid_backward": lambda grad, out: grad * out * (1 - out),
    "softmax": softmax,
    "softmax_backward": softmax_backward,
    "softmax_cross_entropy": softmax_cross_entropy,
    "softmax_cross_entropy_backward": softmax_cross_entropy_backward,
    "tanh": np.tanh,
    "tanh_backward": lambda grad, out: grad * (1 - out**2),
    "toom_conv2d": conv2d,
    "toom_conv2d_weight_gradient": toom_conv2d_weight_gradient,
    **RECURRENT,
    **TRANSCENDENTAL,
    "winograd_conv2d": winograd_conv2d,
    "winograd_conv2d_backward": winograd_conv2d_backward,
}


def special(case):
    """Tell whether a case has NaN or +inf, about which these formulas have their own opinion."""
    arrays = [a for arg in case.args for a in arrays_in(arg) if a.dtype == np.float64]
    return any(np.isnan(a).any() or (a == np.inf).any() for a in arrays)


def test_every_kernel_has_a_formula():
    assert sorted(FORMULAS) == sorted(reference.__all__)


@pytest.mark.parametrize("case", [p for p in CASES if not special(p.values[0])])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_reference_agrees_with_the_formula(case, dtype):
    args = case.cast(dtype)
    # float32 inputs, but float64 formulas: what the kernel rounds on its way shows.
    wide = [each_array(lambda a: a.astype(np.float64) if a.dtype.kind == "f" else a, arg)
            for arg in args]  # fmt: skip
    expected = FORMULAS[case.kernel](*wide, **case.kwargs)
    expected = expected if isinstance(expected, tuple) else (expected,)
    found = getattr(reference, case.kernel)(*args, **case.kwargs)
    if found is None:
        found = tuple(array for i in case.writes for array in arrays_in(args[i]))
    found = found if isinstance(found, tuple) else (found,)
    assert [one is None for one in found] == [one is None for one in expected]
    found, expected = ([one for one in both if one is not None] for both in (found, expected))
    for mine, exact in zip(found, expected, strict=True):
        off = difference(mine, exact, case.scale)
        places = np.int32 if case.kernel == "max_pool2d" else np.int64
        own = args[1] if case.kernel == "convert" else dtype
        assert mine.dtype in (own, places, bool)  # indices, truth values
        assert off.error <= tolerance(mine.dtype, case.terms, case.factor), off


# -- exact numbers pass through the reference --------------------------------------------------


def fractions(shape, seed):
    rng = np.random.default_rng(seed)
    out = np.empty(shape, dtype=object)
    for i in np.ndindex(shape):
        out[i] = Fraction(int(rng.integers(-9, 10)), int(rng.integers(1, 8)))
    return out


def test_exact_linear():
    x, weight, bias = fractions((3, 4), 2), fractions((2, 4), 3), fractions((2,), 4)
    y = reference.linear(x, weight, bias)
    for n, o in np.ndindex(3, 2):
        assert y[n, o] == sum(x[n, i] * weight[o, i] for i in range(4)) + bias[o]
    g = fractions((3, 2), 5)
    grad_x, grad_weight, grad_bias = reference.linear_backward(g, x, weight)
    # Linear in each argument: each gradient times its argument is the product with g, exactly.
    product = (g * (y - bias)).sum()
    assert product == (grad_x * x).sum() == (grad_weight * weight).sum()
    assert (grad_bias * bias).sum() == (g * bias).sum()


def test_exact_matmul():
    a, b = fractions((3, 4), 0), fractions((4, 2), 1)
    product = reference.matmul(a, b)
    for i, j in np.ndindex(3, 2):
        assert product[i, j] == sum(a[i, k] * b[k, j] for k in range(4))
        assert isinstance(product[i, j], Fraction)


def test_exact_relu():
    x = fractions((3, 5), 2)
    out = reference.relu(x)
    assert all(
        isinstance(y, (Fraction, int)) and y == max(v, 0)
        for y, v in zip(out.flat, x.flat, strict=True)
    )
    grad = fractions((3, 5), 3)
    back = reference.relu_backward(grad, out)
    assert all(
        d == (g if v > 0 else 0) for d, g, v in zip(back.flat, grad.flat, x.flat, strict=True)
    )


def test_exact_pools():
    x = fractions((1, 2, 4, 5), 7)
    settings = {"kernel_size": 3, "stride": 2, "padding": 1}
    mean = reference.avg_pool2d(x, **settings, count_include_pad=False)
    largest, indices = reference.max_pool2d(x, **settings)
    for (p, q), taps, _ in windows_of(x.shape, **settings):
        for c in range(2):
            window = list(x[0, c][taps[1:]].flat)
            assert mean[0, c, p, q] == sum(window) / Fraction(len(window))
            assert largest[0, c, p, q] == max(window) == x[0, c].flat[indices[0, c, p, q]]
    assert reference.global_avg_pool2d(x)[0, 1].item() == x[0, 1].sum() / 20
    # <pool(x), g> = <x, pool_backward(g)>, exactly.
    for pool, args in (("avg_pool2d", (2,)), ("adaptive_avg_pool2d", ((3, 2),))):
        y = getattr(reference, pool)(x, *args)
        g = fractions(y.shape, 8)
        rest = args if pool == "avg_pool2d" else ()
        back = getattr(reference, f"{pool}_backward")(g, x.shape, *rest)
        assert (y * g).sum() == (x * back).sum()
    back = reference.max_pool2d_backward(fractions(largest.shape, 9), indices, x.shape)
    assert back.sum() == fractions(largest.shape, 9).sum()


def test_exact_dropout():
    x = fractions((3, 5), 10)
    out = reference.dropout(x, Fraction(1, 4), 5)
    assert all(y in (0, v * Fraction(4, 3)) for y, v in zip(out.flat, x.flat, strict=True))


def test_exact_arithmetic():
    x, y = fractions((3, 5), 11), fractions((5,), 12)
    y[y == 0] = Fraction(1, 3)
    assert (reference.subtract(reference.add(x, y), x) == np.broadcast_to(y, x.shape)).all()
    assert (reference.multiply(reference.divide(x, y), y) == x).all()
    assert reference.where(reference.less(x, y), x, y).tolist() == np.minimum(x, y).tolist()


def test_exact_reductions():
    x = fractions((3, 4, 5), 13)
    assert reference.sum(x).item() == sum(x.flat, Fraction())
    for k in range(4):
        assert reference.mean(x, (0, 2))[k] * 15 == sum(x[:, k].flat, Fraction())


def test_exact_sgd():
    param, grad, velocity = (fractions((2, 3), seed) for seed in (4, 5, 6))
    before = param.copy(), velocity.copy()
    lr, momentum, decay = Fraction(1, 10), Fraction(9, 10), Fraction(1, 100)
    reference.sgd([param], [grad], [velocity], lr, momentum=momentum, weight_decay=decay)
    for i in np.ndindex(2, 3):
        v = momentum * before[1][i] + grad[i] + decay * before[0][i]
        assert velocity[i] == v
        assert param[i] == before[0][i] - lr * v


# -- half precision is stored, not summed in ---------------------------------------------------


@pytest.mark.parametrize("backend", ["fast", "reference"])
def test_half_precision_is_summed_in_single(backend):
    if backend == "fast" and not fast.LEVEL:
        pytest.skip("nothing was compiled in this installation")
    kernels = fast if backend == "fast" else reference
    # 4096 ones: in half precision the sum would stop at 2048.
    ones = np.ones((1, 4096), np.float16)
    assert kernels.matmul(ones, ones.T).item() == 4096
    assert kernels.sum(ones) == kernels.sum(ones.T, 0) == 4096
    assert kernels.mean(np.full((9000, 3), 100, np.float16), 0).tolist() == [100, 100, 100]
    assert kernels.softmax(np.zeros((1, 4096), np.float16))[0, 0] == np.float16(1 / 4096)
    grad = kernels.log_softmax_backward(ones, np.full((1, 4096), np.log(1 / 4096), np.float16))
    assert abs(grad).max() < 0.01


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("backend", ["fast", "reference"])
def test_gradient_of_far_away_scores_keeps_its_digits(backend, dtype):
    if backend == "fast" and not fast.LEVEL:
        pytest.skip("nothing was compiled in this installation")
    kernels = fast if backend == "fast" else reference
    near = np.array([[0.0, 1.0, 2.5], [3.0, 0.5, 0.0]], dtype)
    labels, grad = np.array([0, 2]), np.ones(2, dtype)
    far = near + np.asarray(8192, dtype)  # a number that both dtypes hold with all digits of near
    results = []
    for x in (near, far):
        _, *saved = kernels.softmax_cross_entropy(x, labels)
        results.append(kernels.softmax_cross_entropy_backward(grad, x, labels, *saved))
    assert difference(results[1], results[0]).error <= tolerance(dtype, 3)
