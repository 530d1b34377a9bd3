"""Properties that hold for any shape: adjoints, broadcasting, kernels on odd sizes."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import basic_indices, mutually_broadcastable_shapes

import odyssey as od
from odyssey import core
from odyssey.core._broadcast import unbroadcast
from odyssey.testing import Case, check_kernel

sizes = st.integers(0, 9)
seeds = st.integers(0, 1000)


def whole(seed, shape):
    """Return whole numbers, whose sums are exact in any order."""
    return np.random.default_rng(seed).integers(-5, 6, shape).astype(np.float64)


@given(mutually_broadcastable_shapes(num_shapes=2, max_dims=4, max_side=4, min_side=0), seeds)
def test_unbroadcast_is_the_adjoint_of_broadcasting(shapes, seed):
    shape, result = shapes.input_shapes[0], shapes.result_shape
    x, g = whole(seed, shape), whole(seed + 1, result)
    back = unbroadcast(g, shape)
    assert back.shape == shape
    assert (np.broadcast_to(x, result) * g).sum() == (x * back).sum()


@given(mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=3, min_side=0), seeds)
def test_gradients_of_a_product_of_any_shapes(shapes, seed):
    x, y = (od.tensor(whole(seed, s), requires_grad=True) for s in shapes.input_shapes)
    g = whole(seed + 1, shapes.result_shape)
    (x * y).backward(g)
    assert x.grad.shape == x.shape and y.grad.shape == y.shape
    # The product is linear in each: <g, x y> is what each gradient makes of its own argument.
    total = (g * x.numpy() * y.numpy()).sum()
    assert (x.grad.numpy() * x.numpy()).sum() == total == (y.grad.numpy() * y.numpy()).sum()


@given(st.data(), seeds)
def test_put_is_the_adjoint_of_indexing(data, seed):
    shape = tuple(data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=3)))
    index = data.draw(basic_indices(shape, allow_newaxis=True, allow_ellipsis=True))
    x = whole(seed, shape)
    part = core.getitem(x, index)
    g = whole(seed + 1, part.shape)
    assert (part * g).sum() == (x * core.put(g, index, shape)).sum()


@given(sizes, sizes, sizes, seeds)
def test_matmul_on_any_sizes(m, k, n, seed):
    a, b = whole(seed, (m, k)), whole(seed + 1, (k, n))
    backend = od.get_backend() if od.fast.LEVEL else "reference"
    case = Case("matmul", f"{m}, {k}, {n}", (a, b), terms=max(k, 1))
    check_kernel("matmul", backend=backend, cases=[case], thread_counts=(od.get_num_threads(),))
    assert np.array_equal(core.matmul(a, b), a @ b)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=4), st.data(), seeds)
def test_rows_of_softmax_add_up_to_one(shape, data, seed):
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    x = np.random.default_rng(seed).uniform(-50, 50, shape)
    y = core.softmax(x, axis)
    assert y.shape == x.shape and (y >= 0).all()
    if shape[axis]:
        assert np.allclose(y.sum(axis), 1, rtol=0, atol=1e-14)
    assert np.allclose(np.log(y), core.log_softmax(x, axis), rtol=0, atol=1e-12)
