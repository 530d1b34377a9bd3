"""Tensor: operators, dtypes, indexing, memory, repr, creation."""

import operator

import numpy as np
import pytest

import odyssey as od
from odyssey.errors import DTypeError, GradientError, OdysseyError, ShapeError

a = np.array([[1.0, -2.0], [3.0, 0.5]], np.float32)
b = np.array([[2.0, 4.0], [-1.0, 2.0]], np.float32)

BINARY = [
    operator.add,
    operator.sub,
    operator.mul,
    operator.truediv,
    operator.floordiv,
    operator.mod,
    operator.matmul,
    operator.eq,
    operator.ne,
    operator.lt,
    operator.le,
    operator.gt,
    operator.ge,
]
each_binary = pytest.mark.parametrize("op", BINARY, ids=lambda op: op.__name__)


# -- operators ---------------------------------------------------------------------------------


@each_binary
@pytest.mark.parametrize("left", ["tensor", "array"])
@pytest.mark.parametrize("right", ["tensor", "array"])
def test_operators_with_tensors_and_arrays_on_either_side(op, left, right):
    if left == right == "array":
        return
    x = od.tensor(a) if left == "tensor" else a
    y = od.tensor(b) if right == "tensor" else b
    out = op(x, y)
    assert isinstance(out, od.Tensor)
    assert np.allclose(out.numpy(), op(a, b)) and out.dtype == op(a, b).dtype


@each_binary
@pytest.mark.parametrize("number", [2, 0.5, np.float32(1.5), True])
def test_operators_with_numbers_on_either_side(op, number):
    if op is operator.matmul:
        return
    for out, expected in [
        (op(od.tensor(a), number), op(a, number)),
        (op(number, od.tensor(b)), op(number, b)),
    ]:
        assert isinstance(out, od.Tensor)
        assert np.allclose(out.numpy(), expected) and out.dtype == expected.dtype


def test_power_on_either_side():
    x = od.tensor([1.0, 2.0, 3.0])
    assert (x**2).tolist() == [1, 4, 9] and (2**x).tolist() == [2, 4, 8]
    assert (x ** od.tensor([2.0, 1.0, 0.0])).tolist() == [1, 2, 1]
    assert (np.array([2.0, 3.0, 1.0], np.float32) ** x).tolist() == [2, 9, 1]


def test_unary_operators():
    x = od.tensor([1.0, -2.0])
    assert (-x).tolist() == [-1, 2] and abs(x).tolist() == [1, 2]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_python_numbers_never_upcast(dtype):
    x = od.ones(3, dtype=dtype, requires_grad=True)
    for y in (x + 1, 1.5 - x, x * True, 2 / x, x**2, 2.0**x, x % 2.5, x // 2, -x, abs(x)):
        assert y.dtype == dtype
    y = ((2 * x + 1) ** 2 / 3).mean()
    y.backward()
    assert y.dtype == dtype and x.grad.dtype == dtype


def test_reflected_operators_have_gradients():
    x = od.tensor([2.0], requires_grad=True)
    (10 - x + 6 / x + np.array([3.0], np.float32) * x + 2**x).backward()
    assert x.grad.item() == pytest.approx(-1 - 6 / 4 + 3 + 4 * np.log(2))


def test_truth_and_numbers():
    assert od.tensor(2.0) and not od.tensor([0])
    assert int(od.tensor(2.7)) == 2 and float(od.tensor([2.5])) == 2.5
    assert [10, 20, 30][od.tensor(1)] == 20
    assert od.tensor([[1.5]]).item() == 1.5 and type(od.tensor(1.5).item()) is float
    with pytest.raises(ValueError, match="truth value"):
        bool(od.tensor([1, 2]))
    with pytest.raises(ValueError, match="size 1"):
        od.tensor([1, 2]).item()
    with pytest.raises(TypeError):
        [10][od.tensor(0.0)]


def test_length_and_iteration():
    x = od.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    assert len(x) == 2
    first, second = x
    (first * 10 + second).sum().backward()
    assert x.grad.tolist() == [[10, 10], [1, 1]]
    with pytest.raises(TypeError, match="cannot be iterated"):
        iter(od.tensor(1.0))


def test_hash_goes_by_identity():
    x, y = od.ones(2), od.ones(2)
    assert len({x, y}) == 2 and {x: 1}[x] == 1


def test_conversion_to_numpy():
    x = od.tensor([1.0, 2.0])
    assert x.numpy() is x.data
    assert np.asarray(x) is x.data
    assert np.array(x) is not x.data
    assert np.asarray(x, np.float64).dtype == np.float64
    assert np.exp(x.numpy()).shape == (2,)


def test_methods_are_the_operations():
    x = od.tensor([[1.0, 4.0], [9.0, 16.0]])
    assert x.sqrt().tolist() == [[1, 2], [3, 4]] and x.T.tolist() == [[1, 9], [4, 16]]
    assert x.sum(0).tolist() == [10, 20] and x.mean(axis=1, keepdims=True).shape == (2, 1)
    assert x.max().item() == 16 and x.argmax(axis=0).tolist() == [1, 1]
    assert x.reshape(4).shape == x.reshape((4,)).shape == x.reshape(-1).shape == (4,)
    assert x.reshape(1, 4).shape == x.reshape((1, -1)).shape == (1, 4)
    assert x.transpose().tolist() == x.transpose(1, 0).tolist() == x.transpose((1, 0)).tolist()
    assert x.transpose(None).tolist() == x.swapaxes(0, 1).tolist() == x.T.tolist()
    assert x.flatten().shape == (2, 2) and x.flatten(0).shape == (4,)
    assert x.reshape(1, 2, 2).squeeze(0).shape == (2, 2)
    assert x.exp().log().numpy() == pytest.approx(x.numpy())
    assert x.astype("float16").dtype == np.float16
    assert x.relu().tolist() == x.abs().tolist() == x.tolist()
    assert x.softmax().numpy() == pytest.approx(x.log_softmax().exp().numpy())


# -- repr --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: od.tensor([1.0, 2.0]), "tensor([1., 2.])"),
        (lambda: od.tensor([1, 2]), "tensor([1, 2])"),
        (lambda: od.tensor([True]), "tensor([ True])"),
        (lambda: od.tensor(1.5), "tensor(1.5)"),
        (lambda: od.tensor([1.0], dtype="float64"), "tensor([1.], dtype=float64)"),
        (lambda: od.ones(1, requires_grad=True), "tensor([1.], requires_grad=True)"),
        (lambda: od.ones(1, requires_grad=True) * 2, "tensor([2.], made by multiply)"),
        (lambda: od.zeros((2, 1)), "tensor([[0.],\n        [0.]])"),
        (lambda: od.Parameter(od.ones(1)), "Parameter(tensor([1.], requires_grad=True))"),
        (lambda: od.zeros((0, 3)), "tensor([])"),
    ],
)
def test_repr(make, text):
    assert repr(make()) == text


# -- requires_grad -----------------------------------------------------------------------------


def test_only_floating_tensors_have_gradients():
    for make in (
        lambda: od.tensor([1, 2], requires_grad=True),
        lambda: od.tensor([True]).requires_grad_(),
        lambda: od.Parameter(np.array([1, 2])),
    ):
        with pytest.raises(DTypeError, match="only a floating-point tensor has a gradient, not"):
            make()


def test_a_result_cannot_forget_its_history():
    y = od.ones(2, requires_grad=True) * 2
    assert not y.is_leaf
    with pytest.raises(GradientError, match=r"cannot forget it; use .detach\(\)"):
        y.requires_grad = False
    x = od.ones(2).requires_grad_()
    assert x.requires_grad and x.is_leaf and not x.requires_grad_(False).requires_grad


def test_parameter():
    p = od.Parameter(np.asfortranarray(np.ones((2, 3), np.float32)))
    assert p.requires_grad and p.data.flags.c_contiguous and isinstance(p, od.Tensor)
    assert not od.Parameter(od.ones(2), requires_grad=False).requires_grad
    assert type(p * 2) is od.Tensor


# -- creation ----------------------------------------------------------------------------------


def test_tensor_copies_and_from_numpy_shares():
    array = np.zeros(2)
    copied, shared = od.tensor(array), od.from_numpy(array)
    array[0] = 1
    assert copied.tolist() == [0, 0] and shared.tolist() == [1, 0]
    with pytest.raises(DTypeError, match="from_numpy: expected an ndarray, got list"):
        od.from_numpy([1.0])


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        (1.5, "float32"),
        ([1.0, 2], "float32"),
        ([[1, 2.5]], "float32"),
        ([], "float32"),
        ([[], []], "float32"),
        (3, "int64"),
        ([1, 2], "int64"),
        (True, "bool"),
        ([True, False], "bool"),
        (np.float64(1.5), "float64"),
        (np.ones(2, np.float16), "float16"),
        (np.ones(2, np.uint8), "uint8"),
        ([np.float64(1.0), np.float64(2.0)], "float64"),
    ],
)
def test_dtype_of_data(data, dtype):
    assert od.tensor(data).dtype == dtype
    assert od.tensor(od.tensor(data)).dtype == dtype
    assert od.tensor(data, dtype="float16").dtype == np.float16


def test_default_dtype():
    assert od.get_default_dtype() == np.float32
    od.set_default_dtype("float64")
    try:
        made = [od.tensor(1.0), od.zeros(2), od.ones(2), od.full(2, 1.5), od.randn(2), od.rand(2)]
        made += [od.linspace(0, 1, 3), od.eye(2), od.empty(2), od.nn.Linear(2, 2).weight]
        assert {x.dtype for x in made} == {np.dtype(np.float64)}
        assert od.tensor([1]).dtype == np.int64
    finally:
        od.set_default_dtype("float32")
    with pytest.raises(OdysseyError):
        od.set_default_dtype("int32")


def test_creation_functions():
    assert od.zeros((2, 3)).tolist() == [[0, 0, 0], [0, 0, 0]] and od.ones(2).tolist() == [1, 1]
    assert od.full((2,), 7).dtype == np.int64 and od.full((2,), 7.0).dtype == np.float32
    assert od.arange(3).tolist() == [0, 1, 2] and od.arange(1, 2, 0.5).tolist() == [1, 1.5]
    assert od.arange(1, 2, 0.5).dtype == np.float32
    assert od.linspace(0, 1, 3).tolist() == [0, 0.5, 1]
    assert od.eye(2, 3, 1).tolist() == [[0, 1, 0], [0, 0, 1]]
    assert od.empty((4, 5)).shape == (4, 5)
    x = od.ones((2, 1), dtype="float16", requires_grad=True)
    for like in (od.zeros_like(x), od.ones_like(x), od.full_like(x, 3)):
        assert like.shape == (2, 1) and like.dtype == np.float16 and not like.requires_grad
    assert od.zeros(2, requires_grad=True).requires_grad


def test_random_creation_follows_the_seed():
    od.manual_seed(3)
    first = od.randn(2, 3), od.rand((4,))
    od.manual_seed(3)
    again = od.randn((2, 3)), od.rand(4)
    for x, y in zip(first, again, strict=True):
        assert np.array_equal(x.numpy(), y.numpy()) and x.dtype == np.float32
    half = od.rand(10_000, dtype="float16").numpy()
    assert half.min() >= 0 and half.max() < 1
    rng = np.random.default_rng(0)
    assert not np.array_equal(od.randn(3, rng=rng).numpy(), od.randn(3, rng=rng).numpy())


def test_tensor_of_text_is_refused():
    with pytest.raises(DTypeError, match="tensor: data must hold numbers"):
        od.tensor(["a"])
    with pytest.raises((ShapeError, ValueError)):
        od.tensor([[1.0], [1.0, 2.0]])


def test_a_parameter_keeps_its_shape_and_is_contiguous():
    for shape in ((), (0, 3), (2, 3)):
        x = np.ones(shape).T
        parameter = od.Parameter(x)
        assert parameter.shape == x.shape and parameter.numpy().flags.c_contiguous
