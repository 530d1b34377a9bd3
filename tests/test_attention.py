"""What attention promises beyond its formula: memory, hidden keys, empty rows, threads."""

import numpy as np
import pytest

import odyssey as od
from odyssey import core, fast, reference
from odyssey.testing import gradcheck, gradgradcheck

inf = np.inf
compiled = pytest.mark.skipif(not fast.LEVEL, reason="nothing was compiled in this installation")
each_backend = pytest.mark.parametrize(
    "backend", [pytest.param("fast", marks=compiled), "reference"]
)
attend = core.scaled_dot_product_attention


def inputs(L, S, E=4, V=3, heads=(2,), dtype="float64", seed=0):
    rng = np.random.default_rng(seed)
    return [
        rng.standard_normal((*heads, *shape)).astype(dtype) for shape in ((L, E), (S, E), (S, V))
    ]


def gradients(q, k, v, mask=None, **settings):
    """Return the output and all gradients, under a cotangent of many values."""
    xs = [od.tensor(x, requires_grad=x.dtype.kind == "f") for x in (q, k, v)]
    if mask is not None:
        mask = od.tensor(mask, requires_grad=mask.dtype.kind == "f")
    out = attend(*xs, mask, **settings)
    out.backward(np.cos(np.arange(out.size)).reshape(out.shape).astype(out.dtype))
    wanted = [*xs, mask] if mask is not None and mask.requires_grad else xs
    return [out.numpy(), *(x.grad.numpy() for x in wanted)]


# -- memory ------------------------------------------------------------------------------------

PEAK = """
import resource
import numpy as np
import odyssey as od
L = {L}
x = np.random.default_rng(0).standard_normal((3, L, 16)).astype(np.float32)
q, k, v = x
mask = np.ones((1, L), np.float32) if {masked} else None
def run(q, k, v, mask):
    out, logsumexp = od.fast.scaled_dot_product_attention(q, k, v, mask)
    od.fast.scaled_dot_product_attention_backward(out, q, k, v, out, logsumexp, mask)
run(q[:200], k[:200], v[:200], None if mask is None else mask[:, :200])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
run(q, k, v, mask)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@compiled
@pytest.mark.parametrize("masked", [False, True])
def test_memory_grows_with_the_queries_only(run_python, masked):
    result = run_python(PEAK.format(L=8192, masked=masked))
    assert result.returncode == 0, result.stderr
    # One number for each pair would be 256 MB; five results of 8192 x 16 are 2.5 MB.
    assert int(result.stdout) < 8 * 1024, f"{result.stdout.strip()} KiB"


# -- hidden keys -------------------------------------------------------------------------------


@each_backend
@pytest.mark.parametrize("sizes", [(6, 6), (5, 9), (9, 5), (140, 200)], ids=str)
def test_the_future_never_changes_the_past(backend, sizes):
    L, S = sizes
    q, k, v = inputs(L, S)
    rng = np.random.default_rng(1)
    with od.use_backend(backend):
        before = attend(q, k, v, causal=True)
        for j in {1, S // 2, S - 1}:
            other_k, other_v = k.copy(), v.copy()
            other_k[:, j:] = rng.standard_normal(k[:, j:].shape) * 1e3
            other_v[:, j:] = rng.choice([1e300, np.nan, inf, -inf], v[:, j:].shape)
            after = attend(q, other_k, other_v, causal=True)
            assert after[:, :j].tobytes() == before[:, :j].tobytes()


@each_backend
@pytest.mark.parametrize("kind", ["boolean", "additive"])
def test_a_hidden_key_is_as_good_as_absent(backend, kind):
    q, k, v = inputs(40, 50)
    hidden = np.zeros(50, bool)
    hidden[[0, 7, 31, 32, 49]] = True
    mask = ~hidden if kind == "boolean" else np.where(hidden, -inf, 0.0)
    k[:, hidden], v[:, hidden] = np.nan, inf
    with od.use_backend(backend):
        out, grad_q, grad_k, grad_v, *_ = gradients(q, k, v, mask)
        alone = gradients(q, k[:, ~hidden], v[:, ~hidden])
    assert np.allclose(out, alone[0], atol=1e-14)
    assert np.allclose(grad_q, alone[1], atol=1e-14)
    for mine, its in ((grad_k, alone[2]), (grad_v, alone[3])):
        assert not mine[:, hidden].any() and np.allclose(mine[:, ~hidden], its, atol=1e-13)


@each_backend
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("kind", ["boolean", "additive"])
def test_a_query_without_a_key_gives_zeros(backend, kind, dtype):
    q, k, v = inputs(9, 40, dtype=dtype)
    seen = np.random.default_rng(2).random((9, 40)) < 0.5
    seen[[0, 4]] = False
    mask = seen if kind == "boolean" else np.where(seen, 0.5, -inf).astype(dtype)
    with od.use_backend(backend):
        out, grad_q, grad_k, grad_v, *grad_mask = gradients(q, k, v, mask)
        assert not out[:, [0, 4]].any() and not grad_q[:, [0, 4]].any()
        # The other rows do not notice.
        rest = np.setdiff1d(np.arange(9), [0, 4])
        assert np.array_equal(out[:, rest], attend(q[:, rest], k, v, mask[rest]))
        assert all(np.isfinite(g).all() for g in (out, grad_q, grad_k, grad_v, *grad_mask))
        for g in grad_mask:
            assert not g[~seen].any() and g[seen].all()
        nothing = gradients(q, k, v, np.zeros_like(seen) if kind == "boolean" else mask - inf)
    for g in nothing:
        assert not g.any() and not np.isnan(g).any()


@each_backend
def test_no_keys_and_no_queries(backend):
    with od.use_backend(backend):
        for g in gradients(*inputs(3, 0)):
            assert not g.any()
        out, grad_q, grad_k, grad_v = gradients(*inputs(0, 3))
        assert out.shape == (2, 0, 3) and grad_q.shape == (2, 0, 4)
        assert not grad_k.any() and not grad_v.any()
        assert attend(*inputs(3, 2, heads=(0,))).shape == (0, 3, 3)
        assert attend(*inputs(3, 2, V=0)).shape == (2, 3, 0)


@each_backend
@pytest.mark.parametrize("causal", [False, True])
def test_derivatives_where_keys_are_hidden(backend, causal):
    q, k, v = inputs(5, 6)
    seen = np.random.default_rng(3).random((2, 5, 6)) < 0.6
    seen[0, 2] = False
    for mask in (seen, np.where(seen, 0.3, -inf)):

        def call(q, k, v, mask=mask):
            return attend(q, k, v, mask, causal=causal)

        with od.use_backend(backend):
            gradcheck(call, [q, k, v], elementwise=True)
            gradgradcheck(call, [q, k, v])


@each_backend
def test_derivatives_of_an_additive_mask_that_hides(backend):
    q, k, v = inputs(3, 4)
    mask = np.array([[0.1, -inf, 0.2, 0.0], [-inf] * 4, [0.0, 1.0, -inf, -inf]])
    with od.use_backend(backend):
        gradcheck(attend, [q, k, v, mask])
        gradgradcheck(attend, [q, k, v, mask])


# -- large scores, large inputs ----------------------------------------------------------------


@each_backend
def test_scores_of_1e4_do_not_overflow(backend):
    q = np.array([[100.0], [-100.0]], np.float32)
    k = np.array([[100.0], [-100.0], [98.0]], np.float32)
    v = np.eye(3, dtype=np.float32)
    with od.use_backend(backend):
        out, *grads = gradients(q, k, v, scale=1.0)
    assert out.tolist() == [[1, 0, 0], [0, 1, 0]]
    assert all(np.isfinite(g).all() for g in grads)


@each_backend
def test_half_precision_is_computed_in_single(backend):
    kernels = fast if backend == "fast" else reference
    # 4096 equal weights: in half precision their sum would stop at 2048.
    q, k, v = np.zeros((1, 2), "f2"), np.zeros((4096, 2), "f2"), np.ones((4096, 1), "f2")
    out, logsumexp = kernels.scaled_dot_product_attention(q, k, v)
    assert out.item() == 1 and logsumexp.dtype == np.float32
    assert logsumexp.item() == pytest.approx(np.log(4096))
    # Scores beyond 65504, the largest half.
    q, k = np.full((1, 4), 200, "f2"), np.array([[200] * 4, [199] * 4], "f2")
    out, _ = kernels.scaled_dot_product_attention(q, k, np.eye(2, dtype="f2"), scale=1.0)
    assert out.tolist() == [[1, 0]]


# -- threads -----------------------------------------------------------------------------------


@compiled
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("heads", [(), (3,), (2, 4)], ids=str)
def test_results_do_not_depend_on_the_number_of_threads(heads, dtype):
    q, k, v = inputs(300, 270, 16, 24, heads, dtype)
    mask = np.random.default_rng(4).standard_normal((300, 270)).astype(dtype)
    before, results = od.get_num_threads(), []
    try:
        for threads in (1, 2, 4):
            od.set_num_threads(threads)
            results.append([x.tobytes() for x in gradients(q, k, v, mask, causal=True)])
    finally:
        od.set_num_threads(before)
    assert results[0] == results[1] == results[2]


# -- what is computed and kept -----------------------------------------------------------------


@compiled
def test_only_wanted_gradients_are_computed():
    q, k, v = inputs(5, 6)
    mask = np.zeros((5, 6))
    forward = fast.scaled_dot_product_attention(q, k, v, mask)
    settings = (mask, False, None)
    for kernels in (fast, reference):
        backward = kernels.scaled_dot_product_attention_backward
        everything = backward(forward[0], q, k, v, *forward, *settings, (True,) * 4)
        for number in range(4):
            needs = tuple(i == number for i in range(4))
            grads = backward(forward[0], q, k, v, *forward, *settings, needs)
            assert [g is not None for g in grads] == list(needs)
            assert np.array_equal(grads[number], everything[number])


@each_backend
def test_a_boolean_tensor_masks(backend):
    q, k, v = inputs(4, 5)
    mask = np.random.default_rng(5).random((4, 5)) < 0.5
    with od.use_backend(backend):
        assert np.array_equal(attend(q, k, v, od.tensor(mask)).numpy(), attend(q, k, v, mask))


def test_functional_has_it():
    assert od.nn.functional.scaled_dot_product_attention is attend
