"""The top level as an array API namespace: names, dtypes, inspection, DLPack.

The standard's own suite asks for far more (``docs/guide/array_api.rst``).
"""

import inspect

import numpy as np
import pytest

import odyssey as od
from odyssey import _namespace, core
from odyssey.errors import DTypeError, GradientError, OdysseyError, ShapeError

CREATION = """arange asarray empty empty_like eye from_dlpack full full_like linspace meshgrid
ones ones_like zeros zeros_like"""
DTYPE_FUNCTIONS = "can_cast finfo iinfo isdtype result_type astype"
CONSTANTS = "e inf nan newaxis pi"
METHODS = """T dtype device mT ndim shape size to_device __array_namespace__ __dlpack__
__dlpack_device__ __setitem__ __getitem__ __complex__ __index__ __ifloordiv__ __imod__ __ipow__"""

ALL_DTYPES = [f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)]
ALL_DTYPES += ["bool", "float16", "float32", "float64"]


# -- names -------------------------------------------------------------------------------------


def test_the_standards_names_are_there():
    for name in f"{CREATION} {DTYPE_FUNCTIONS} {CONSTANTS}".split():
        assert hasattr(od, name), name
        assert name in od.__all__
    for name in METHODS.split():
        assert hasattr(od.Tensor, name), name
    assert od.__array_api_version__ == "2024.12"


def test_the_top_level_has_every_operation_and_no_derivative():
    public = {n for n, f in vars(core).items() if hasattr(f, "operation")}
    assert {n for n in public if not n.startswith("_")} <= set(od.__all__)
    assert od.softmax is core.softmax and od.uniform is core.uniform
    assert not [n for n in od.__all__ if n.endswith("_backward")]
    assert len(od.__all__) == len(set(od.__all__))


def test_aliases_are_second_names_that_core_has_not():
    for alias, name in _namespace.ALIASES.items():
        assert not hasattr(core, alias), f"{alias} is an operation of its own"
        if hasattr(core, name):
            assert getattr(od, alias) is getattr(core, name)
    assert od.pow is core.power and od.concat is core.concatenate


def test_no_name_hides_a_module_that_is_public():
    for name in ("autograd", "core", "data", "linalg", "nn", "utils"):
        assert inspect.ismodule(getattr(od, name)), name


def test_linalg_is_a_view_on_core():
    assert od.linalg.matmul is od.matmul
    for name in od.linalg.__all__:
        assert getattr(od.linalg, name) is getattr(core, name)
        assert not name.endswith("_backward")


def test_importing_draws_in_no_random_numbers(run_python):
    program = "import sys, odyssey; print('numpy.random' in sys.modules, odyssey.Generator)"
    assert run_python(program).stdout.startswith("False <class")


# -- dtypes ------------------------------------------------------------------------------------


def test_dtypes():
    for name in [
        "bool",
        "int8",
        "int16",
        "int32",
        "int64",
        "uint8",
        "uint16",
        "uint32",
        "uint64",
        "float16",
        "float32",
    ]:
        dtype = getattr(od, name)
        assert isinstance(dtype, np.dtype) and dtype == name and od.zeros(2, dtype).dtype is dtype


def test_limits():
    info = od.finfo(od.ones(2))
    assert (info.bits, info.dtype) == (32, od.float32) and info.max == -info.min > 3e38
    assert info.eps == 2.0**-23 and info.smallest_normal == 2.0**-126
    assert {type(getattr(info, n)) for n in ("eps", "max", "min", "smallest_normal")} == {float}
    assert (od.iinfo("uint8").max, od.iinfo(np.ones(2, int)).bits) == (255, 64)
    assert type(od.iinfo(np.int16).min) is int
    for function, wrong in ((od.finfo, od.int8), (od.iinfo, od.float32), (od.iinfo, od.bool)):
        with pytest.raises(DTypeError, match=r"info: expected an? \w+ dtype"):
            function(wrong)
    for wrong in ("nonsense", None, 3):
        with pytest.raises(DTypeError, match="finfo: expected a dtype or an array"):
            od.finfo(wrong)


def test_kinds():
    signed, unsigned, floats = ALL_DTYPES[:4], ALL_DTYPES[4:8], ALL_DTYPES[9:]
    kinds = {
        "bool": ["bool"],
        "signed integer": signed,
        "unsigned integer": unsigned,
        "integral": signed + unsigned,
        "real floating": floats,
        "numeric": signed + unsigned + floats,
        "complex floating": [],
    }
    for kind, members in kinds.items():
        for name in ALL_DTYPES:
            assert od.isdtype(getattr(od, name), kind) is (name in members), (name, kind)
    assert od.isdtype(od.bool, ("integral", od.bool))
    assert od.is_floating_dtype(np.float16) and not od.is_floating_dtype(od.ones(1, dtype=int))
    with pytest.raises(DTypeError, match="isdtype: "):
        od.isdtype(od.int8, "whole")


def test_promotion():
    i8, u8, f16, f32 = od.int8, od.uint8, od.float16, od.float32
    assert od.result_type(i8, u8) == od.int16 and od.result_type(od.int64, f32) == od.float64
    assert od.result_type(f16, od.ones(2), 3) == od.float32
    assert od.result_type(f16, 2.5) == f16 and od.result_type(u8, True) == u8
    assert od.result_type(i8, 2.5) == od.float64
    with pytest.raises(DTypeError, match="result_type: needs an array or a dtype"):
        od.result_type(1, 2.0)
    assert od.can_cast(i8, f32) and not od.can_cast(od.ones(1), f16)
    for x, y in ((i8, u8), (f16, f32), (od.int32, f16)):
        assert (od.ones(2, x) + od.ones(2, y)).dtype == od.result_type(x, y)


# -- inspection --------------------------------------------------------------------------------


def test_the_namespace_of_a_tensor():
    x = od.ones(2)
    assert x.__array_namespace__() is od and x.__array_namespace__(api_version="2023.12") is od
    with pytest.raises(OdysseyError, match="__array_namespace__: api_version must be at most"):
        x.__array_namespace__(api_version="2030.12")


def test_what_the_namespace_says_of_itself():
    info = od.__array_namespace_info__()
    assert info.devices() == ["cpu"] and info.default_device() == "cpu" == od.ones(1).device
    assert info.default_dtypes()["real floating"] == od.tensor(1.0).dtype
    assert info.dtypes(kind="unsigned integer").keys() == {"uint8", "uint16", "uint32", "uint64"}
    assert info.dtypes(kind=("bool", "complex floating")) == {"bool": od.bool}
    assert len(info.dtypes()) == 11
    assert all(info.capabilities().values())
    with pytest.raises(OdysseyError, match="device must be 'cpu', got 'cuda'"):
        info.dtypes(device="cuda")


def test_there_is_one_device():
    x = od.ones(2)
    assert x.to_device("cpu") is x
    for call in (
        lambda: x.to_device("cuda"),
        lambda: od.zeros(2, device="gpu"),
        lambda: od.asarray(x, device="tpu"),
        lambda: od.from_dlpack(np.ones(2), device="cuda"),
    ):
        with pytest.raises(OdysseyError, match="device must be 'cpu'"):
            call()
    made = [od.tensor(1.0, device="cpu"), od.empty_like(x, device="cpu"), od.eye(2, device="cpu")]
    assert {t.device for t in made} == {"cpu"}


# -- creation ----------------------------------------------------------------------------------


def test_asarray_shares_where_it_can():
    a = np.zeros(3)
    t = od.asarray(a)
    a[0] = 1
    assert t.tolist() == [1, 0, 0] and od.asarray(t) is t
    assert od.asarray(t, copy=False, dtype="float64") is t
    for copied in (od.asarray(a, copy=True), od.asarray(t, copy=True), od.asarray(a, "float32")):
        a[1] = a[1] + 1
        assert copied.tolist()[0] == 1 and copied.tolist()[1] != a[1]
    assert od.asarray([1, 2.5]).dtype == np.float32 and od.asarray(True).dtype == bool
    assert od.asarray(np.float64(2)).dtype == np.float64
    x = od.ones(2, requires_grad=True)
    od.asarray(x, dtype="float64").sum().backward()
    assert x.grad.tolist() == [1, 1]
    assert od.asarray(a, requires_grad=True).requires_grad
    for refused in (a, t):
        with pytest.raises(DTypeError, match="asarray: float64 to float32 needs a copy"):
            od.asarray(refused, dtype="float32", copy=False)
    with pytest.raises(DTypeError, match="asarray: list must be copied"):
        od.asarray([1.0], copy=False)


@pytest.mark.parametrize("function", [od.tensor, od.asarray])
def test_data_that_is_none(function):
    with pytest.raises(ShapeError, match="inhomogeneous"):
        function([[1.0], [1.0, 2.0]])
    for data in (2**70, [1, 2**64], "a", [1j]):
        with pytest.raises(DTypeError, match=r"(tensor|asarray): "):
            function(data)
    with pytest.raises(DTypeError):
        function(300, dtype="uint8")
    assert function(2**63).dtype == np.uint64


def test_creation_refuses_in_its_own_words():
    for call, error in (
        (lambda: od.zeros((2, -1)), ShapeError),
        (lambda: od.ones("a"), DTypeError),
        (lambda: od.empty(2, dtype="nonsense"), DTypeError),
        (lambda: od.arange(0, 3, 0), ShapeError),
        (lambda: od.linspace(0, 1, -1), ShapeError),
        (lambda: od.eye(-2), ShapeError),
        (lambda: od.meshgrid(np.ones((2, 2))), ShapeError),
        (lambda: od.meshgrid(np.ones(2), indexing="yx"), OdysseyError),
    ):
        with pytest.raises(error, match=r"^\w+: ") as caught:
            call()
        assert isinstance(caught.value, OdysseyError)


def test_linspace_without_its_end():
    assert (
        od.linspace(0, 1, 5, endpoint=False).tolist()
        == np.linspace(0, 1, 5, endpoint=False, dtype=np.float32).tolist()
    )


@pytest.mark.parametrize("indexing", ["xy", "ij"])
@pytest.mark.parametrize("lengths", [(), (3,), (3, 2), (3, 2, 4), (2, 0)])
def test_meshgrid(indexing, lengths):
    arrays = [np.arange(float(n)) for n in lengths]
    found = od.meshgrid(*arrays, indexing=indexing)
    expected = np.meshgrid(*arrays, indexing=indexing)
    assert isinstance(found, list)
    for mine, theirs in zip(found, expected, strict=True):
        assert np.array_equal(mine, theirs) and mine.shape == theirs.shape


def test_gradients_flow_through_meshgrid():
    x, y = od.tensor([1.0, 2.0, 3.0], requires_grad=True), od.tensor([4.0, 5.0])
    a, b = od.meshgrid(x, y)
    (a * b).sum().backward()
    assert x.grad.tolist() == [9, 9, 9]


# -- DLPack ------------------------------------------------------------------------------------


def test_dlpack_both_ways():
    a = np.arange(6.0).reshape(2, 3)
    t = od.from_dlpack(a)
    assert np.shares_memory(t.numpy(), a)
    assert np.shares_memory(np.from_dlpack(t), a) and od.from_dlpack(t).tolist() == a.tolist()
    assert not np.shares_memory(od.from_dlpack(a, copy=True).numpy(), a)
    assert t.__dlpack_device__() == (1, 0)
    assert not np.shares_memory(np.from_dlpack(od.from_numpy(a.T)), a)  # in C order, so a copy
    t.__dlpack__(stream=None, max_version=None, dl_device=None, copy=True)


def test_dlpack_does_not_lose_a_gradient():
    x = od.ones(2, requires_grad=True)
    with pytest.raises(GradientError, match=r"__dlpack__: .* use \.detach\(\)"):
        x.__dlpack__()
    assert np.from_dlpack(x.detach()).tolist() == [1, 1]


# -- Tensor ------------------------------------------------------------------------------------


def test_what_a_tensor_says_of_its_memory():
    x = od.zeros((2, 3), dtype="float64")
    assert (x.itemsize, x.nbytes, x.strides, x.numel(), x.dim()) == (8, 48, (24, 8), 6, 2)
    assert x.data_ptr() == x.numpy().__array_interface__["data"][0]
    assert x.is_contiguous() and not x.T.is_contiguous() and x.contiguous() is x
    y = od.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    flat = y.T.contiguous()
    assert flat.is_contiguous() and flat.tolist() == [[1, 3], [2, 4]]
    (flat * np.array([[1, 2], [3, 4]])).sum().backward()
    assert y.grad.tolist() == [[1, 3], [2, 4]]
    assert y.clone().requires_grad and not np.shares_memory(y.clone().numpy(), y.numpy())


def test_transposed_matrices():
    x = od.tensor(np.arange(24.0).reshape(2, 3, 4))
    assert np.array_equal(x.mT, x.data.swapaxes(1, 2))
    with pytest.raises(ShapeError, match="mT: a matrix has at least 2 axes"):
        _ = od.ones(3).mT


def test_a_number_in_text():
    assert f"{od.tensor(1.23456):.2f}" == "1.23" and f"{od.tensor([1.0])}" == "tensor([1.])"
    assert f"{od.tensor(1.5)}" == "tensor(1.5)" and complex(od.tensor(2.0)) == 2
    with pytest.raises(ValueError, match="format"):
        f"{od.ones(2):.2f}"


@pytest.mark.parametrize("name", ["__ifloordiv__", "__imod__", "__ipow__", "__itruediv__"])
def test_in_place_operators_write(name):
    x = od.tensor([7.0, -3.0, 0.0])
    expected = getattr(x.data.copy(), name)(2)
    window, memory = x[:2], x.numpy()
    same = getattr(x, name)(2)
    assert same is x and x.numpy() is memory
    assert np.array_equal(x, expected) and np.array_equal(window, expected[:2])


def test_in_place_operators_refuse():
    whole = od.tensor([1, 2])
    with pytest.raises(DTypeError, match="divide: in place, of dtype int64"):
        whole /= 2
    row = od.ones(2)
    with pytest.raises(ShapeError, match=r"add: .*broadcast|add: in place"):
        row += od.ones((3, 2))
    with pytest.raises(ShapeError, match="multiply: the operands do not broadcast"):
        row *= od.ones(3)
    row //= 0  # as quiet as `row // 0`
    assert np.isinf(row.data).all()
    w = od.ones(2, requires_grad=True)
    with pytest.raises(GradientError, match="floor_divide: cannot write in place to a leaf"):
        w //= 2


@pytest.mark.parametrize("name", ["and", "or", "xor", "lshift", "rshift"])
def test_bitwise_operators(name):
    a, b = np.array([12, 5, 7]), np.array([1, 2, 3])
    expected = getattr(a, f"__{name}__")(b)
    x, y = od.tensor(a), od.tensor(b)
    assert getattr(x, f"__{name}__")(y).tolist() == expected.tolist()
    assert getattr(y, f"__r{name}__")(a).tolist() == expected.tolist()
    memory = x.numpy()
    assert getattr(x, f"__i{name}__")(y) is x and x.numpy() is memory
    assert x.tolist() == expected.tolist()
    with pytest.raises(DTypeError):
        getattr(od.ones(3), f"__i{name}__")(1)


def test_inverting():
    assert (~od.tensor([0, 5])).tolist() == [-1, -6]
    assert (~(od.tensor([1.0, 2.0]) > 1)).tolist() == [True, False]


def test_methods_are_operations():
    x = od.tensor([[3.0, 1.0], [2.0, 4.0]], requires_grad=True)
    x.cumulative_sum(axis=1).sum().backward()
    assert x.grad.tolist() == [[2, 1], [2, 1]]
    assert x.argsort(axis=0).tolist() == [[1, 0], [0, 1]] and x.std(axis=0).shape == (2,)
    assert od.Tensor.sort is core.sort and od.Tensor.clip is core.clip


def test_divmod():
    quotient, rest = divmod(od.tensor([7.0, -7.0]), 2)
    assert (quotient.tolist(), rest.tolist()) == ([3, -4], [1, 1])
    assert [t.item() for t in divmod(7, od.tensor(2))] == [3, 1]
