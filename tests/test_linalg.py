"""Linear algebra and reductions: what a table of samples cannot say."""

import numpy as np
import pytest

import odyssey as od
from odyssey import core
from odyssey.errors import GradientError, OdysseyError
from odyssey.testing import gradcheck, gradgradcheck, tolerance

rng = np.random.default_rng(6)
DTYPES = ("float16", "float32", "float64")


def near(found, expected, terms=100):
    bound = tolerance(found.dtype, terms) * max(np.abs(expected).max(initial=0), 1)
    assert np.abs(np.asarray(found, np.float64) - expected).max(initial=0) <= bound


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(3, 3), (2, 5, 5), (0, 2, 2)])
def test_eigenvectors_make_the_matrix_again(shape, dtype):
    x = rng.standard_normal(shape)
    x = ((x + x.swapaxes(-1, -2)) / 2).astype(dtype)
    values, vectors = core.eigh(x)
    assert values.dtype == vectors.dtype == dtype
    v, wide = vectors.astype(np.float64), values.astype(np.float64)
    near((v.swapaxes(-1, -2) @ v).astype(dtype), np.broadcast_to(np.eye(shape[-1]), shape), 400)
    product = (v * wide[..., None, :]) @ v.swapaxes(-1, -2)
    near(product.astype(dtype), x.astype(np.float64), 400)
    near(core.eigvalsh(x), values.astype(np.float64))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("shape", [(3, 3), (2, 5, 3), (2, 3, 5), (0, 2, 2)])
def test_singular_vectors_make_the_matrix_again(shape, full, dtype):
    x = rng.standard_normal(shape).astype(dtype)
    u, s, vh = (a.astype(np.float64) for a in core.svd(x, full_matrices=full))
    k = min(shape[-2:])
    product = ((u[..., :k] * s[..., None, :]) @ vh[..., :k, :]).astype(dtype)
    near(product, x.astype(np.float64), 400)
    for square in (u.swapaxes(-1, -2) @ u, vh @ vh.swapaxes(-1, -2)):
        near(square.astype(dtype), np.broadcast_to(np.eye(square.shape[-1]), square.shape), 400)


def functions_without_signs(svd, eigh, x, weight):
    """Return functions of the decompositions that do not see the signs of the vectors."""
    M, N = x.shape[-2:]
    u, s, vh = svd(x)
    yield ((u * s[..., None, :] ** 2) @ vh * weight[:M, :N]).sum()
    tall = x if M <= N else x.swapaxes(-1, -2)  # else the product has equal eigenvalues, 0
    product = tall @ tall.swapaxes(-1, -2)
    values, v = eigh((product + product.swapaxes(-1, -2)) / 2)
    k = min(M, N)
    yield ((v / (values[..., None, :] + 1)) @ v.swapaxes(-1, -2) * weight[:k, :k]).sum()


@pytest.mark.parametrize("shape", [(3, 3), (2, 4, 2), (2, 2, 4)])
def test_gradients_of_vectors_are_those_of_torch(shape):
    torch = pytest.importorskip("torch")
    x = rng.standard_normal(shape)
    for i in range(min(shape[-2:])):
        x[..., i, i] += 2 * i + 2
    weight = rng.standard_normal((4, 4))
    mine, theirs = od.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    ours = functions_without_signs(lambda x: core.svd(x, False), core.eigh, mine, weight)
    others = functions_without_signs(
        lambda x: torch.linalg.svd(x, full_matrices=False),
        torch.linalg.eigh,
        theirs,
        torch.tensor(weight),
    )
    for y, expected in zip(ours, others, strict=True):
        mine.grad = theirs.grad = None
        y.backward()
        expected.backward()
        assert np.allclose(y.item(), expected.item(), rtol=1e-9)
        assert np.allclose(mine.grad.data, theirs.grad.numpy(), rtol=1e-9, atol=1e-9)


def test_results_have_names():
    x = od.tensor(np.diag([2.0, 1.0]))
    assert core.svd(x).S.tolist() == [2, 1]
    assert core.eigh(x).eigenvalues.tolist() == [1, 2]
    assert core.qr(x).R.shape == (2, 2)
    assert core.slogdet(x).sign.item() == 1


def test_completed_columns_have_no_gradient():
    x = od.tensor(rng.standard_normal((4, 2)), requires_grad=True)
    for out in (core.svd(x).U, core.qr(x, mode="complete").Q):
        with pytest.raises(GradientError, match="are not unique and have no gradient; use"):
            out.backward(rng.standard_normal((4, 4)))
    core.svd(x).S.backward(np.ones(2))
    expected = core.svdvals_backward(np.ones(2), x.data)
    assert np.allclose(x.grad.data, expected, atol=1e-14)


def test_a_singular_matrix_has_a_gradient_of_its_determinant():
    x = np.array([[1.0, 2.0], [2.0, 4.0]])
    assert np.allclose(core.det_backward(np.ones(()), x, core.det(x)), [[4, -2], [-2, 1]])
    nothing = np.zeros((3, 3))
    assert not core.det_backward(np.ones(()), nothing, core.det(nothing)).any()
    with pytest.raises(OdysseyError, match="inv: Singular matrix"):
        core.slogdet_backward((None, np.ones(())), nothing)


@pytest.mark.parametrize("norm", [core.norm, core.vector_norm, core.matrix_norm, core.std])
def test_a_norm_or_deviation_of_zero_has_gradient_zero(norm):
    x = od.zeros((2, 2), requires_grad=True)
    norm(x).backward()
    assert not x.grad.data.any()


def test_logsumexp_of_nothing_and_of_impossible_scores():
    x = od.tensor([[-np.inf, -np.inf], [0.0, -np.inf]], requires_grad=True)
    y = core.logsumexp(x, axis=1)
    assert y.tolist() == [-np.inf, 0]
    y.backward(np.ones(2))
    assert x.grad.tolist() == [[0, 0], [1, 0]]
    assert core.logsumexp(np.empty(0)) == -np.inf


@pytest.mark.parametrize("zeros", [0, 1, 2, 3])
def test_gradients_of_products_hold_at_zeros(zeros):
    x = rng.standard_normal(5)
    x[[1, 3, 4][:zeros]] = 0
    for product in (core.prod, core.cumulative_prod):
        gradcheck(product, [x], elementwise=True)
        gradgradcheck(product, [x])


def test_a_sum_in_another_dtype():
    x = od.tensor(np.full(3000, 1, np.float16), requires_grad=True)
    y = core.sum(x, dtype="float32")
    assert y.dtype == np.float32 and y.item() == 3000
    y.backward()
    assert x.grad.dtype == np.float16
    assert core.sum(np.ones(300, np.int8), dtype=np.int8).dtype == np.int8
    assert core.prod(np.full(3, 100, np.int8)) == 10**6
    assert core.cumulative_sum(np.full(2, 100, np.int8), dtype=np.float32).dtype == np.float32
    assert core.trace(np.eye(2, dtype=np.int8)).dtype == np.int64


def test_einsum_takes_operands_one_by_one():
    a, b = od.tensor(rng.standard_normal((2, 3)), requires_grad=True), rng.standard_normal((3, 4))
    y = core.einsum("ij,jk->ik", a, b)
    assert np.allclose(y.data, a.data @ b)
    y.backward(np.ones((2, 4)))
    assert np.allclose(a.grad.data, np.ones((2, 4)) @ b.T)
    assert np.array_equal(core.einsum("ii->i", b[:, :3]), np.diagonal(b))


def test_quantiles_of_nan_and_infinity():
    assert np.isnan(core.median(np.array([1.0, np.nan, 2.0])))
    assert core.quantile(np.array([1.0, 2.0, np.inf]), 0.5) == 2
    assert core.quantile(np.array([1.0, 2.0, np.inf]), [1.0, 0.75]).tolist() == [np.inf, np.inf]


@pytest.mark.parametrize("decomposition", [core.eigh, core.svd])
def test_equal_values_have_gradients_but_their_vectors_have_not(decomposition):
    x = od.tensor(np.diag([1.0, 1.0, 2.0]), requires_grad=True)
    values, vectors = sorted(decomposition(x)[:2], key=lambda out: out.ndim)
    values.sum().backward(retain_graph=True)
    assert np.allclose(x.grad.data, np.eye(3), atol=1e-14)
    x.grad = None
    vectors.backward(rng.standard_normal((3, 3)))
    assert not np.isfinite(x.grad.data).all()


@pytest.mark.parametrize("product", [core.prod, core.cumulative_prod])
def test_a_product_may_overflow(product):
    x = od.tensor(np.full(3, 1e300), requires_grad=True)
    y = product(x)
    y.backward(np.ones(y.shape))
    assert np.isposinf(x.grad.data[1:]).all()
