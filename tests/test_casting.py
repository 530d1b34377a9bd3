"""Autocast: which operation computes in what, and that values and gradients stay near float32's."""

import asyncio
import threading

import numpy as np
import pytest
import samples
from samples import by_name

import odyssey as od
from odyssey import core, nn
from odyssey.casting import LOWER, UPPER, autocast
from odyssey.engine import gradients
from odyssey.errors import DTypeError
from odyssey.observe import observe, switch
from odyssey.tape import rewriting
from odyssey.testing import operations

SAMPLES = by_name("SAMPLES")
HALF, SINGLE, DOUBLE = np.dtype("float16"), np.dtype("float32"), np.dtype("float64")
EPS = 2.0**-11  # of float16: half the distance of 1 and the next number


def flat(result):
    return list(samples.flat(result if isinstance(result, (list, tuple)) else [result]))


def drawn(*shape, seed=0, dtype=np.float32, **options):
    values = np.random.default_rng(seed).normal(size=shape).astype(dtype)
    return od.Tensor(values, **options)


def outputs(sample, inputs):
    """Return what an operation gives for Tensors over these inputs."""
    od.manual_seed(1)
    with np.errstate(all="ignore"):
        return [np.asarray(one) for one in flat(sample.call(*map(od.Tensor, inputs)))]


# -- the table ---------------------------------------------------------------------------------


def test_every_name_is_an_operation_and_on_one_list():
    assert not LOWER & UPPER
    assert sorted((LOWER | UPPER) - set(operations())) == []
    for name, function in operations().items():
        assert function.operation.name == name  # by which autocast finds it


def expected(name, dtypes):
    widest = max(dtypes)
    if name in LOWER and widest == SINGLE:
        return HALF
    return SINGLE if name in UPPER and widest == HALF else widest


MIXTURES = [(HALF,), (SINGLE,), (HALF, SINGLE), (SINGLE, HALF), (HALF, DOUBLE)]


@pytest.mark.parametrize("name", operations())
def test_every_operation_computes_in_its_dtype(name):
    """To the last bit: as if each input had been converted by hand."""
    for sample in SAMPLES[name]:
        for given in MIXTURES:
            inputs = [x.astype(given[i % len(given)]) for i, x in enumerate(sample.inputs())]
            if len(inputs) < len(given) or not {d.name for d in given} <= set(sample.dtypes):
                continue
            dtype = expected(name, given)
            with autocast():
                found = outputs(sample, inputs)
            wanted = outputs(sample, [x.astype(dtype) for x in inputs])
            for one, other in zip(found, wanted, strict=True):
                assert one.dtype == other.dtype, (str(sample), given)
                assert np.array_equal(one, other, equal_nan=one.dtype.kind == "f"), str(sample)


def test_the_dtypes_of_a_network():
    x, w = drawn(4, 3), drawn(3, 5, requires_grad=True)
    with autocast():
        y = x @ w
        assert y.dtype == HALF and core.relu(y).dtype == HALF
        assert core.softmax(y).dtype == y.sum().dtype == core.exp(y).dtype == SINGLE
        assert (y + 1.5).dtype == HALF and (y + drawn(4, 5)).dtype == SINGLE
        assert core.concatenate([y, drawn(4, 5)]).dtype == SINGLE
        assert (y @ drawn(5, 2, dtype=DOUBLE)).dtype == DOUBLE
        assert core.astype(y, "float32").dtype == SINGLE
    assert (x @ w).dtype == SINGLE


def test_arrays_alone_stay_and_go_along_beside_tensors():
    x, w = drawn(4, 3).data, drawn(3, 5).data
    with autocast():
        assert core.matmul(x, w).dtype == SINGLE
        assert core.linear(od.Tensor(x), w.T).dtype == HALF
        assert core.linear(od.Tensor(x.astype(HALF)), w.T).dtype == HALF
        halves = od.Tensor(x.astype(HALF))
        assert core.layer_norm(halves, (3,), np.ones(3, HALF)).dtype == SINGLE
        q = np.array([0.5])  # a constant of NumPy's dtype
        assert core.quantile(halves, q).dtype == core.quantile(halves.detach(), q).dtype


@pytest.mark.parametrize("dtype", ["float32", "float64", "int8", "bfloat16", None, "?!"])
def test_other_dtypes_are_refused(dtype):
    with pytest.raises(DTypeError, match="autocast: dtype must be 'float16', got "):
        autocast(dtype)


# -- blocks ------------------------------------------------------------------------------------


def product():
    return (drawn(2, 3) @ drawn(3, 2)).dtype


def test_blocks_nest_and_end_with_an_error():
    with autocast():
        with autocast(enabled=False):
            assert product() == SINGLE
            with autocast():
                assert product() == HALF
            assert product() == SINGLE
        assert product() == HALF
        with pytest.raises(ZeroDivisionError), autocast(enabled=False):
            raise ZeroDivisionError
        assert product() == HALF
    assert product() == SINGLE and switch.blocks == 0 and rewriting.get() is None


def test_one_block_can_be_entered_twice():
    block = autocast()
    with block, block:
        assert product() == HALF
    with block:
        assert product() == HALF
    assert product() == SINGLE and switch.blocks == 0


def test_a_decorated_function_and_its_name():
    @autocast()
    def recursive(depth):
        """Doc."""
        return product() if depth == 0 else recursive(depth - 1)

    assert recursive(3) == HALF and product() == SINGLE
    assert (recursive.__name__, recursive.__doc__) == ("recursive", "Doc.")
    assert autocast(enabled=False)(product)() == SINGLE


def test_other_threads_and_tasks_have_their_own():
    found = []
    with autocast():
        thread = threading.Thread(target=lambda: found.append(product()))
        thread.start()
        thread.join()
    assert found == [SINGLE]

    async def inside(begun, other_begun):
        with autocast():
            begun.set()
            await other_begun.wait()
            return product()

    async def outside(begun, other_begun):
        await other_begun.wait()
        begun.set()
        return product()

    async def both():
        a, b = asyncio.Event(), asyncio.Event()
        return await asyncio.gather(inside(a, b), outside(b, a))

    assert asyncio.run(both()) == [HALF, SINGLE]


# -- weights are converted once ----------------------------------------------------------------


def casts(function):
    """Return how often float32 was really converted, by the memory that came out."""
    found = []

    def note(event):
        if event.name == "cast":
            found.append(event.result)

    with observe(note):
        function()
    return len({id(one.data) for one in found}), len(found)


def test_a_weight_is_converted_once_in_a_block():
    x, w = drawn(4, 3, dtype=HALF), drawn(3, 3, requires_grad=True)

    def twice():
        with autocast():
            x @ w @ w
            with autocast():
                x @ w
            with od.no_grad():
                x @ w

    assert casts(twice) == (1, 4)
    assert casts(lambda: (twice(), twice())) == (2, 8)


@pytest.mark.parametrize("write", ["optimizer", "index", "data", "load"])
def test_a_weight_is_converted_again_after_a_write(write):
    layer = nn.Linear(3, 3, bias=False)
    w, x = layer.weight, drawn(2, 3)
    with autocast():
        before = layer(x)
        if write == "optimizer":
            w.grad = od.ones((3, 3))
            od.training.optimizers.SGD([w], lr=1.0).step()
        elif write == "index":
            with od.no_grad():
                w[0] = 5.0
        elif write == "data":
            w.data = w.data + 1
        else:
            layer.load_state_dict({"weight": np.ones((3, 3), SINGLE)})
        after = layer(x)
    assert not np.array_equal(before.data, after.data)
    with autocast():
        assert np.array_equal(layer(x).data, after.data)


def test_uses_of_a_weight_walk_back_one_by_one_and_meet_in_float32():
    x, w = drawn(4, 3), drawn(3, 3, requires_grad=True)
    with autocast():
        with od.no_grad():
            x @ w  # what is kept of it must not forget the gradient
        first, second = (x @ w).sum(), (x @ (w * 1)).sum()
        third = (x @ w).sum() * 1e-4
        first.backward()  # frees its graph
        alone = w.grad.data.copy()
        third.backward()
        second.backward()
    assert w.grad.dtype == SINGLE
    # In float16 the sum would be rounded, here by up to 2 ** -11 of it.
    assert np.allclose(w.grad.data, alone * 2.0001, rtol=1e-6, atol=1e-4)


# -- gradients ---------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["fast", "reference"])
@pytest.mark.parametrize("inside", [False, True])
def test_backward_computes_as_forward_did_inside_a_block_or_not(backend, inside):
    def loss(x, w):
        with autocast():
            hidden = core.tanh(x @ w)
        return core.cross_entropy(hidden * 2.0, od.tensor([0, 1, 2, 0]))

    def run(inside, create_graph):
        x, w = drawn(4, 3), drawn(3, 3, seed=1, requires_grad=True)
        out = loss(x, w)
        with autocast(enabled=inside):
            (g,) = gradients([out], [w], create_graph=create_graph)
        return g

    with od.use_backend(backend):
        plain = run(False, False)
        found = run(inside, True)
        assert plain.dtype == found.dtype == SINGLE
        assert np.allclose(found.data, plain.data, atol=4 * EPS)
        assert np.array_equal(run(inside, False).data, plain.data)
        (second,) = gradients([(found * found).sum()], [found])
        assert second.dtype == SINGLE


def test_second_derivatives():
    def curvature(block):
        x, w = drawn(8, 4), drawn(4, 3, seed=1, requires_grad=True)
        with block:
            out = core.cross_entropy(core.tanh(x @ w), od.tensor([0, 1, 2, 0] * 2))
            (g,) = gradients([out], [w], create_graph=True)
            penalty = (g * g).sum()
        penalty.backward()
        return w.grad

    low, full = curvature(autocast()), curvature(od.enable_grad())
    assert low.dtype == SINGLE and not np.array_equal(low.data, full.data)
    assert np.abs(low.data - full.data).max() <= 16 * EPS * np.abs(full.data).max()


def test_nothing_is_recorded_under_no_grad():
    w = drawn(3, 3, requires_grad=True)
    with autocast(), od.no_grad():
        y = drawn(2, 3) @ w
    assert y.dtype == HALF and not y.requires_grad


def test_beyond_the_range_is_infinite_and_silent():
    x = od.tensor([[1e6]], requires_grad=True)
    with autocast():
        y = x @ od.tensor([[1.0]])
    assert np.isinf(y.item())


def test_a_loss_over_many_is_summed_in_float32():
    ones = od.Tensor(np.ones(100_000, HALF))
    with autocast():
        assert ones.sum().item() == 100_000  # float16 ends at 65504


# -- networks ----------------------------------------------------------------------------------


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv, self.out, self.norm = nn.Linear(16, 48), nn.Linear(16, 4), nn.LayerNorm(16)

    def forward(self, x):
        q, k, v = core.split(self.qkv(self.norm(x)), 3, axis=-1)
        return self.out(core.mean(core.scaled_dot_product_attention(q, k, v, causal=True), axis=1))


class LSTM(nn.Module):
    """A long short-term memory in operators."""

    def __init__(self):
        super().__init__()
        self.gates, self.out = nn.Linear(16 + 8, 4 * 8), nn.Linear(8, 4)

    def forward(self, x):
        h = c = od.zeros((x.shape[0], 8))
        for t in range(x.shape[1]):
            i, f, g, o = core.split(self.gates(core.concatenate([x[:, t], h], axis=1)), 4, axis=1)
            c = core.sigmoid(f) * c + core.sigmoid(i) * core.tanh(g)
            h = core.sigmoid(o) * core.tanh(c)
        return self.out(h)


NETWORKS = {
    "mlp": (lambda: od.models.mlp((1, 4, 4), 4), (6, 1, 4, 4)),
    "lenet5": (lambda: od.models.lenet5((1, 28, 28), 4), (6, 1, 28, 28)),
    "attention": (Attention, (6, 5, 16)),
    "lstm": (LSTM, (6, 5, 16)),
}


@pytest.mark.parametrize("backend", ["fast", "reference"])
@pytest.mark.parametrize("name", NETWORKS)
def test_networks_in_float16_are_near_float32(name, backend):
    """Within a few roundings of float16, as a whole."""
    build, shape = NETWORKS[name]
    if (name, backend) == ("lenet5", "reference"):
        shape = (1, 1, 28, 28)
    target = od.Tensor(np.arange(shape[0]) % 4)

    def run(enabled):
        od.manual_seed(3)
        model, x = build(), drawn(*shape, seed=3, requires_grad=True)
        with autocast(enabled=enabled):
            scores = model(x)
            loss = core.cross_entropy(scores, target)
        (loss * 1024.0).backward()
        return scores, loss, [x.grad, *(p.grad for p in model.parameters())]

    with od.use_backend(backend):
        scores, loss, grads = run(True)
        full_scores, full_loss, full_grads = run(False)
    assert scores.dtype == HALF and loss.dtype == SINGLE
    assert not np.array_equal(scores.data, full_scores.data)
    assert all(one.dtype == SINGLE for one in grads)
    # A maximum of two numbers that round to one may send its gradient to the other: what
    # lies before LeNet's pools (the images, C1, C3) differs by more than roundings. Of the
    # kinks of the MLP none lies so near with these numbers.
    pooled = 7 if name == "lenet5" else 0
    full = [full_scores, full_loss, *full_grads]
    for place, (one, other) in enumerate(zip([scores, loss, *grads], full, strict=True)):
        bound = 256 if 2 <= place < pooled else 8
        assert distance(one.data, other.data) <= bound * EPS, place


def distance(x, y):
    """Return how far x is from y, in parts of y."""
    return np.linalg.norm((x - y).ravel()) / np.linalg.norm(y.ravel())


def test_an_observer_sees_the_conversions_and_what_the_operation_got():
    events = []
    x, w = drawn(4, 3), drawn(3, 2, requires_grad=True)
    with observe(events.append), autocast():
        loss = (x @ w).sum()
        loss.backward()
    seen = [(event.phase, event.name) for event in events]
    forward = ["cast", "cast", "matmul", "cast", "sum"]
    assert seen[:5] == [("forward", name) for name in forward]
    assert [a.dtype for a in events[2].inputs] == [HALF, HALF]
    assert [name for _, name in seen[5:]] == ["sum", "cast", "matmul", "cast"]
