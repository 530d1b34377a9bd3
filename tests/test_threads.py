"""Threads: the number is checked, changes no bit of any result, and survives a fork."""

import multiprocessing
import os

import numpy as np
import pytest

import odyssey as od
from odyssey import fast, reference
from odyssey.errors import OdysseyError

F = np.float32
rng = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _restored():
    before = od.get_num_threads()
    yield
    od.set_num_threads(before)


def test_set_and_get():
    for n in (1, 2, 3):
        od.set_num_threads(n)
        assert od.get_num_threads() == (n if fast.OPENMP else 1)


@pytest.mark.parametrize("n", [0, -1, 1.5, "2", None, True])
def test_bad_number(n):
    with pytest.raises(OdysseyError, match="set_num_threads: n must be a positive integer, got"):
        od.set_num_threads(n)


PROGRAM = "import odyssey as od; print(od.get_num_threads())"


@pytest.mark.skipif(not fast.OPENMP, reason="this installation has no threads")
@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"ODYSSEY_NUM_THREADS": "3"}, "3"),
        ({"OMP_NUM_THREADS": "2"}, "2"),
        ({"ODYSSEY_NUM_THREADS": "3", "OMP_NUM_THREADS": "2"}, "3"),
        ({"PYTEST_XDIST_WORKER": "gw0"}, "1"),
        ({"PYTEST_XDIST_WORKER": "gw0", "ODYSSEY_NUM_THREADS": "2"}, "2"),
    ],
)
def test_environment(run_python, environment, expected):
    cleared = {"OMP_NUM_THREADS": "", **environment}
    assert run_python(PROGRAM, **cleared).stdout.strip() == expected


@pytest.mark.skipif(not fast.OPENMP, reason="this installation has no threads")
@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="no affinity on this system")
def test_default_is_the_number_of_usable_cpus(run_python):
    assert run_python(PROGRAM, OMP_NUM_THREADS="").stdout.strip() == str(
        len(os.sched_getaffinity(0))
    )


# -- bit for bit -------------------------------------------------------------------------------


def normal(*shape, dtype=F):
    return rng.standard_normal(shape).astype(dtype)


scores, classes = normal(3001, 157), rng.integers(0, 157, 3001)


def stepped(kernel, *arrays, **settings):
    """Return parameters and state after a step of three parameters, one of which is small."""
    own = [[a.copy(), a[:77].copy(), a[:5000].copy()] for a in arrays]
    kernel(*own, **settings)
    return [array for group in own for array in group]


def normalisations(rows, images):
    """Return calls of the norms of rows and of channels."""
    gain, shift = rows[0], rows[1]
    scale, offset = images[0, :, 0, 0], images[0, :, 1, 0]
    _, *of_layer = fast.layer_norm(rows, gain, shift)
    _, root = fast.rms_norm(rows, gain)
    _, *of_batch = fast.batch_norm(images, scale, offset)
    _, *of_groups = fast.group_norm(images, 7, scale, offset)
    return {
        "layer_norm": lambda: fast.layer_norm(rows, gain, shift),
        "layer_norm_backward": lambda: fast.layer_norm_backward(rows, rows, gain, *of_layer),
        "rms_norm": lambda: fast.rms_norm(rows, gain),
        "rms_norm_backward": lambda: fast.rms_norm_backward(rows, rows, gain, root),
        "batch_norm": lambda: fast.batch_norm(images, scale, offset),
        "batch_norm_backward": lambda: fast.batch_norm_backward(images, images, scale, *of_batch),
        "batch_norm_inference": (
            lambda: fast.batch_norm_inference(images, *of_batch, scale, offset)
        ),
        "batch_norm_inference_backward": (
            lambda: fast.batch_norm_inference_backward(images, images, *of_batch, scale)
        ),
        "group_norm": lambda: fast.group_norm(images, 7, scale, offset),
        "group_norm_backward": (
            lambda: fast.group_norm_backward(images, images, 7, scale, *of_groups)
        ),
    }


def smooth(flat):
    """Return calls of the transcendental activations and their gradients."""
    table = {}
    for name in ("erf", "gelu", "swish", "softplus", "mish", "elu"):
        forward, backward = getattr(fast, name), getattr(fast, f"{name}_backward")
        table[name] = lambda forward=forward: forward(flat)
        table[f"{name}_backward"] = lambda backward=backward: backward(flat, flat)
    return table


def recurrent(dtype):
    """Return calls of the recurrent kernels: many rows, and few."""
    table = {}
    for few, N in (("", 37), (" of few rows", 3)):
        gates, weight = normal(3, N, 4 * 140, dtype=dtype), normal(4 * 140, 140, dtype=dtype)
        h, c = normal(2, N, 140, dtype=dtype)
        three, one = (gates[..., : k * 140] for k in (3, 1))
        for name, forward, backward in (
            (
                "lstm",
                lambda g=gates, w=weight, h=h, c=c: fast.lstm(g, w, h, c),
                lambda g=gates, w=weight, h=h, c=c, one=one: fast.lstm_backward(
                    one, h, c, w, c, g, one
                ),
            ),
            (
                "gru",
                lambda g=three, w=weight[:420], h=h: fast.gru(g, w, None, h),
                lambda g=gates, w=weight[:420], h=h, one=one: fast.gru_backward(
                    one, h, w, h, one, g
                ),
            ),
            (
                "rnn",
                lambda g=one, w=weight[:140], h=h: fast.rnn(g, w, h),
                lambda g=one, w=weight[:140], h=h: fast.rnn_backward(g, h, w, g),
            ),
        ):
            table[name + few], table[f"{name}_backward{few}"] = forward, backward
    return table


def calls(dtype):
    """Return kernel calls large enough to be worth several threads."""
    a, b = normal(333, 417, dtype=dtype), normal(417, 391, dtype=dtype)
    batch = normal(37, 33, 41, dtype=dtype)
    rows, flat = scores.astype(dtype), normal(200_003, dtype=dtype)
    wide = np.result_type(dtype, F)
    state = np.abs(flat).astype(wide)
    losses, *saved = fast.softmax_cross_entropy(rows, classes)
    heads = [normal(3, n, 19, dtype=dtype) for n in (301, 270, 270)]
    attended = fast.scaled_dot_product_attention(*heads)
    images = normal(3, 70, 17, 19, dtype=dtype)
    pooled, places = fast.max_pool2d(images, 3, 2, 1)
    parts = fast.adaptive_avg_pool2d(images, (5, 4))
    pictures, filters = normal(5, 20, 19, 17, dtype=dtype), normal(70, 20, 3, 3, dtype=dtype)
    gray, first = normal(40, 1, 24, 23, dtype=dtype), normal(9, 1, 5, 5, dtype=dtype)
    depth, mix = normal(40, 1, 3, 3, dtype=dtype), normal(30, 40, 1, 1, dtype=dtype)
    out, gray_out = fast.conv2d(pictures, filters), fast.conv2d(gray, first, padding=2)
    deep, mixed = (fast.depthwise_conv2d(pictures, depth),
                   fast.depthwise_separable_conv2d(pictures, depth, mix))  # fmt: skip
    return {
        **normalisations(rows, images),
        **smooth(flat),
        **recurrent(dtype),
        **{
            name: lambda kernel=kernel: kernel(flat, flat[::-1])
            for name, kernel in fast.KERNELS.items()
            if name in reference.elementwise.__all__ and name != "where"
        },
        "add of a row": lambda: fast.add(rows, rows[7]),
        "where": lambda: fast.where(flat > 0, flat, flat[::-1]),
        "sum": lambda: fast.sum(flat),
        "sum of columns": lambda: fast.sum(rows, 0),
        "sum of short columns": lambda: fast.sum(flat[2:].reshape(-1, 3), 0),
        "sum of short rows": lambda: fast.sum(flat[2:].reshape(-1, 3), 1),
        "mean": lambda: fast.mean(rows, 1),
        "mean of transposed images": lambda: fast.mean(images.transpose(2, 0, 3, 1), (0, 2)),
        "max_pool2d": lambda: fast.max_pool2d(images, 3, 2, 1),
        "max_pool2d_backward": lambda: fast.max_pool2d_backward(pooled, places, images.shape),
        "avg_pool2d": lambda: fast.avg_pool2d(images, 3, 2, 1),
        "avg_pool2d_backward": lambda: fast.avg_pool2d_backward(pooled, images.shape, 3, 2, 1),
        "global_avg_pool2d": lambda: fast.global_avg_pool2d(images),
        "global_avg_pool2d_backward": lambda: fast.global_avg_pool2d_backward(
            pooled[..., :1, :1], images.shape
        ),
        "adaptive_avg_pool2d": lambda: fast.adaptive_avg_pool2d(images, (5, 4)),
        "adaptive_avg_pool2d_backward": lambda: fast.adaptive_avg_pool2d_backward(
            parts, images.shape
        ),
        "dropout": lambda: fast.dropout(flat, 0.5, 3),
        "dropout_backward": lambda: fast.dropout_backward(flat, 0.5, 3),
        "sigmoid": lambda: fast.sigmoid(flat),
        "sigmoid_backward": lambda: fast.sigmoid_backward(flat, flat),
        "tanh": lambda: fast.tanh(flat),
        "tanh_backward": lambda: fast.tanh_backward(flat, flat),
        "copy": lambda: fast.copy(flat),
        "copy of a transposed matrix": lambda: fast.copy(rows.T),
        "copy of images to channels-last": lambda: fast.copy(np.tile(images, 5), "channels_last"),
        "copy of every second": lambda: fast.copy(rows[::2, ::-2]),
        "copy of every second, transposed": lambda: fast.copy(rows[::2, ::2].T),
        "conv2d": lambda: fast.conv2d(pictures, filters, filters[:, 0, 0, 0]),
        "conv2d of gray images": lambda: fast.conv2d(gray, first, padding=2),
        "conv2d_backward": lambda: fast.conv2d_backward(out, pictures, filters),
        "conv2d_backward of gray images": (
            lambda: fast.conv2d_backward(gray_out, gray, first, padding=2)
        ),
        "depthwise_conv2d": lambda: fast.depthwise_conv2d(pictures, depth),
        "depthwise_conv2d_backward": lambda: fast.depthwise_conv2d_backward(deep, pictures, depth),
        "depthwise_separable_conv2d": (
            lambda: fast.depthwise_separable_conv2d(pictures, depth, mix)
        ),
        "depthwise_separable_conv2d_backward": (
            lambda: fast.depthwise_separable_conv2d_backward(mixed, pictures, depth, mix)
        ),
        "toom_conv2d": lambda: fast.toom_conv2d(pictures, filters, filters[:, 0, 0, 0]),
        "toom_conv2d_weight_gradient": (
            lambda: fast.toom_conv2d_weight_gradient(out, pictures, filters)
        ),
        "winograd_conv2d": lambda: fast.winograd_conv2d(pictures, filters, filters[:, 0, 0, 0]),
        "winograd_conv2d of 2x2": lambda: fast.winograd_conv2d(pictures, filters, tile=2),
        "winograd_conv2d_backward": lambda: fast.winograd_conv2d_backward(out, pictures, filters),
        "winograd_conv2d_backward of 2x2": (
            lambda: fast.winograd_conv2d_backward(out, pictures, filters, tile=2)
        ),
        "convert": lambda: fast.convert(flat, "float32" if dtype == "float16" else "float16"),
        "embedding": lambda: fast.embedding(classes, rows[:157]),
        "embedding_backward": lambda: fast.embedding_backward(rows, classes, (157, 157)),
        "linear": lambda: fast.linear(a, b.T, b[0]),
        "linear of few rows": lambda: fast.linear(a[:5], np.ascontiguousarray(b.T)),
        "linear_backward": lambda: fast.linear_backward(fast.matmul(a, b), a, b.T),
        "matmul": lambda: fast.matmul(a, b),
        "matmul of transposed operands": lambda: fast.matmul(b.T, a.T),
        "matmul of a thin matrix": lambda: fast.matmul(a[:3], b),
        "matmul of one column": lambda: fast.matmul(a, b[:, :1]),
        "matmul over a long sum": lambda: fast.matmul(flat[None, :60_000], flat[:60_000, None]),
        "batched matmul": lambda: fast.matmul(batch, batch.swapaxes(1, 2)),
        "relu": lambda: fast.relu(flat),
        "relu_backward": lambda: fast.relu_backward(flat, np.maximum(flat, 0)),
        "scaled_dot_product_attention": lambda: fast.scaled_dot_product_attention(*heads),
        "scaled_dot_product_attention_backward": (
            lambda: fast.scaled_dot_product_attention_backward(attended[0], *heads, *attended)[
                :3
            ]  # a mask's gradient is None
        ),
        "softmax": lambda: fast.softmax(rows),
        "softmax along columns": lambda: fast.softmax(rows, 0),
        "softmax of one row": lambda: fast.softmax(flat),
        "softmax_backward": lambda: fast.softmax_backward(rows, rows),
        "log_softmax": lambda: fast.log_softmax(rows, 0),
        "log_softmax_backward": lambda: fast.log_softmax_backward(rows, rows),
        "softmax_cross_entropy": lambda: fast.softmax_cross_entropy(rows, classes),
        "softmax_cross_entropy_backward": lambda: fast.softmax_cross_entropy_backward(
            losses, rows, classes, *saved
        ),
        "sgd": lambda: stepped(fast.sgd, flat, flat, state, lr=0.1, momentum=0.9),
        "adam": lambda: stepped(fast.adam, flat, flat, state, state, step=2, lr=0.1),
    }


@pytest.mark.skipif(not fast.OPENMP, reason="this installation has no threads")
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_results_do_not_depend_on_the_number_of_threads(dtype):
    table = calls(dtype)
    assert {name.split(" ")[0] for name in table} - {"batched"} == set(fast.KERNELS)
    results = []
    for n in (1, 2, 4):
        od.set_num_threads(n)
        results.append({name: call() for name, call in table.items()})
    for name, alone in results[0].items():
        for several in results[1:]:
            for one, other in zip(as_list(alone), as_list(several[name]), strict=True):
                assert one.tobytes() == other.tobytes(), f"{name} in {dtype}"


def as_list(result):
    return list(result) if isinstance(result, (list, tuple)) else [result]


# -- forks -------------------------------------------------------------------------------------

FORK = """
import os, sys, numpy as np, odyssey as od
od.set_num_threads(2)
a = np.ones((400, 400), np.float32)
before = od.fast.matmul(a, a)          # the runtime's threads exist now
child = os.fork()
if child == 0:
    ok = od.get_num_threads() == 1 and (od.fast.matmul(a, a) == before).all()
    od.set_num_threads(1)
    try:
        od.set_num_threads(2)
    except od.errors.OdysseyError as error:
        ok = ok and "a forked process has one kernel thread, got n=2" in str(error)
    else:
        ok = False
    os._exit(0 if ok else 1)
_, status = os.waitpid(child, 0)
assert od.get_num_threads() == 2 and (od.fast.matmul(a, a) == before).all()
print("child", os.waitstatus_to_exitcode(status))
"""


@pytest.mark.skipif(not fast.OPENMP, reason="this installation has no threads")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_forked_child_runs_on_one_thread_and_does_not_hang(run_python):
    result = run_python(FORK, timeout=60)
    assert result.stdout == "child 0\n", result.stderr


def kernels_in_a_pool(n):
    x = np.full((200, 200), n, F)
    return float(od.core.matmul(x, x)[0, 0]), od.get_num_threads()


@pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="no fork on this system"
)
def test_forked_pool():
    od.core.matmul(np.ones((300, 300), F), np.ones((300, 300), F))
    with multiprocessing.get_context("fork").Pool(2) as pool:
        results = pool.map_async(kernels_in_a_pool, [1, 2, 3]).get(timeout=60)
    assert results == [(200.0, 1), (800.0, 1), (1800.0, 1)]
