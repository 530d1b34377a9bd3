"""check_kernel and its kin are checked: wrong kernels must fail, each with a telling message."""

import numpy as np
import pytest

import odyssey as od
from odyssey import fast, reference
from odyssey.errors import OdysseyError
from odyssey.testing import (
    LAYOUTS,
    Case,
    all_cases,
    check_kernel,
    compare_backends,
    compare_kernel,
    difference,
    tolerance,
)
from odyssey.testing.cases import arrays_in
from odyssey.testing.layouts import MIXED, arrange


def right(x):
    return np.where(x <= 0, x.dtype.type(0), x)


def one_off(x):
    out = right(x)
    if out.size > 3:
        out.flat[3] += 0.25
    return out


def writes(x):
    if x.flags.writeable:
        x *= 2
    return right(x)


def widens(x):
    return right(x).astype(np.float64)


def flattens(x):
    return right(x).reshape(-1)


def gives_back_its_input(x):
    np.maximum(x, 0, out=x, where=~np.isnan(x)) if x.flags.writeable else None
    return x


def reads_memory_in_order(x):
    return right(x.ravel(order="K")).reshape(x.shape)


def depends_on_threads(x):
    return right(x) * (1 + np.finfo(x.dtype).eps * (od.get_num_threads() > 1))


def drops_nan(x):
    return np.nan_to_num(right(x), nan=0.0, posinf=np.inf)


def drops_infinity(x):
    return np.minimum(right(x), np.finfo(x.dtype).max)


def refuses_read_only(x):
    if not x.flags.writeable:
        raise ValueError("buffer source array is read-only")
    return right(x)


WRONG = {
    one_off: "relu, case .*: the result is .* at .* where the reference's is .* ulp",
    writes: "argument 0 was written to",
    widens: "the result has dtype float64, the reference's float16",
    flattens: "the result has shape",
    gives_back_its_input: "was written to|shares memory with argument 0",
    reads_memory_in_order: "layout (Fortran|transposed|negative|gaps)",
    depends_on_threads: "not, bit for bit",
    drops_nan: "NaN and infinity",
    drops_infinity: "NaN and infinity",
}


@pytest.mark.parametrize("kernel", WRONG, ids=lambda kernel: kernel.__name__)
def test_wrong_kernel_fails(kernel):
    if kernel is depends_on_threads and not fast.OPENMP:
        pytest.skip("without threads nothing can depend on them")
    with pytest.raises(AssertionError, match=WRONG[kernel]):
        check_kernel("relu", kernel)


def test_read_only_inputs_are_tried():
    with pytest.raises(ValueError, match="read-only"):
        check_kernel("relu", refuses_read_only)


def test_right_kernel_passes_and_says_how_much_was_checked():
    settings = len(all_cases()["relu"]) * 3 * (len(LAYOUTS) + 1) * 2
    assert check_kernel("relu", right) == settings


def test_thread_count_is_restored():
    before = od.get_num_threads()
    check_kernel("relu", right, dtypes=["float32"], layouts=["C"], thread_counts=(1, 2, 3))
    assert od.get_num_threads() == before


def test_in_place_kernel_must_update_all_its_state():
    def forgets_the_second_moment(params, grads, exp_avgs, exp_avg_sqs, *args, **kwargs):
        copies = [one.copy() for one in exp_avg_sqs]
        reference.adam(params, grads, exp_avgs, copies, *args, **kwargs)

    with pytest.raises(AssertionError, match=r"adam, case .* result 2"):
        check_kernel("adam", forgets_the_second_moment, thread_counts=(1,))


def test_in_place_kernel_must_not_write_to_the_gradient():
    def clears(params, grads, velocities, *args, **kwargs):
        reference.sgd(params, grads, velocities, *args, **kwargs)
        if grads and grads[-1].flags.writeable:
            grads[-1][...] = 0

    with pytest.raises(AssertionError, match=r"sgd, case .* argument 1 was written to"):
        check_kernel("sgd", clears, thread_counts=(1,))


def test_in_place_kernel_must_update_the_last_of_a_list():
    def forgets_the_last(params, grads, velocities, *args, **kwargs):
        few = velocities[:-1] if velocities else velocities
        reference.sgd(params[:-1], grads[:-1], few, *args, **kwargs)

    layer = [case for case in all_cases()["sgd"] if case.name.startswith("layer")]
    assert len(layer[0].args[0]) == 4
    with pytest.raises(AssertionError, match=r"sgd, case 'layer, all', .* result 3 is"):
        check_kernel("sgd", forgets_the_last, cases=layer, thread_counts=(1,))


def test_unknown_kernel_gets_a_hint():
    with pytest.raises(OdysseyError, match="no cases for a kernel named 'softmx'; did you mean"):
        check_kernel("softmx", right)


def test_unknown_backend():
    with pytest.raises(OdysseyError, match="backend must be fast or reference, got 'slow'"):
        check_kernel("relu", backend="slow")


# -- cases -------------------------------------------------------------------------------------


def test_factor_needs_a_reason():
    with pytest.raises(ValueError, match="needs a reason"):
        Case("relu", "harder", (), factor=10)
    assert Case("relu", "harder", (), factor=10, reason="cancels").factor == 10


def test_cases_are_the_same_in_every_run():
    once = {str(c): c.args for cases in all_cases().values() for c in cases}
    all_cases.cache_clear()
    for cases in all_cases().values():
        for case in cases:
            for mine, before in zip(case.args, once[str(case)], strict=True):
                for one, other in zip(arrays_in(mine), arrays_in(before), strict=True):
                    assert one.tobytes() == other.tobytes()


def test_case_names_are_unique():
    names = [str(case) for cases in all_cases().values() for case in cases]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", sorted(all_cases()))
def test_every_kernel_is_tried_on_nothing_and_on_one_element(name):
    args = [arg for case in all_cases()[name] for arg in case.args]
    sizes = {array.size for arg in args for array in arrays_in(arg)}
    assert {0, 1} <= sizes and max(sizes) > 300


# -- layouts -----------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(), (1,), (5,), (2, 3), (2, 3, 4), (0, 3)])
@pytest.mark.parametrize("layout", [name for name in LAYOUTS if name != "broadcast"])
def test_layout_keeps_values(layout, shape):
    a = np.arange(np.prod(shape, dtype=int), dtype=np.float32).reshape(shape)
    out = LAYOUTS[layout](a)
    assert np.array_equal(out, a) and out.dtype == a.dtype
    assert not np.may_share_memory(out, a) or not a.size


def test_layouts_are_what_they_say():
    a = np.arange(24.0).reshape(2, 3, 4)
    strides = {name: layout(a).strides for name, layout in LAYOUTS.items()}
    assert strides["C"] == (96, 32, 8)
    assert strides["Fortran"] == (8, 16, 48)
    assert strides["transposed"] == (96, 8, 24)
    assert all(s > 0 and s % 16 == 0 for s in strides["gaps"])
    assert all(s < 0 for s in strides["negative"])
    assert strides["broadcast"][0] == 0
    assert not LAYOUTS["read-only"](a).flags.writeable
    assert not LAYOUTS["unaligned"](a).flags.aligned


def test_mixed_layout_gives_each_argument_another():
    a = np.arange(6.0).reshape(2, 3)
    first, second, number = arrange((a, a, 3), MIXED)
    assert first.strides != second.strides or first.flags.aligned != second.flags.aligned
    assert number == 3


@pytest.mark.parametrize("layout", [*LAYOUTS, MIXED])
def test_arguments_to_write_stay_writable(layout):
    a = np.arange(6.0).reshape(2, 3)
    assert all(b.flags.writeable for b in arrange((a, a), layout, writes=(0, 1)))


# -- tolerance ---------------------------------------------------------------------------------


def test_tolerance_grows_with_the_root_of_the_terms():
    assert tolerance("float64", 400) == pytest.approx(20 * tolerance("float64", 1))
    assert tolerance("float32", 4, factor=3) == pytest.approx(6 * tolerance("float32", 1))


def test_half_precision_is_rounded_once():
    assert tolerance("float16", 10_000) < 2 * tolerance("float16", 1)


def test_difference_does_not_overlook_nan_and_infinity():
    nan, inf = np.nan, np.inf
    assert difference(np.array([nan, inf, -inf, 1.0]), np.array([nan, inf, -inf, 1.0])).error == 0
    for found, expected in [(nan, 1.0), (1.0, nan), (inf, 1.0), (inf, -inf), (nan, inf)]:
        off = difference(np.array([1.0, found]), np.array([1.0, expected]))
        assert off.error == np.inf and off.at == (1,)


def test_difference_is_relative_to_the_largest():
    off = difference(np.array([1e-3, 101.0]), np.array([0.0, 100.0]))
    assert off.at == (1,) and off.error == pytest.approx(0.01)
    assert off.ulp == pytest.approx(1 / np.spacing(100.0))
    assert difference(np.array([1.0]), np.array([1.1]), scale=10).error == pytest.approx(0.01)


# -- comparisons -------------------------------------------------------------------------------


@pytest.mark.skipif(not fast.LEVEL, reason="nothing was compiled in this installation")
def test_compare_kernel():
    rows = compare_kernel("sgd", dtypes=["float16", "float64"], layouts=["C", "gaps"], repeat=1)
    assert len(rows) == len(all_cases()["sgd"]) * 4
    assert {row.dtype for row in rows} == {"float16", "float64"}
    assert {row.layout for row in rows} == {"C", "gaps"}
    for row in rows:
        assert row.agrees and 0 <= row.error <= row.tolerance
        assert row.ratio == row.seconds_reference / row.seconds_fast


def test_comparison_that_disagrees_says_so(monkeypatch):
    def wrong(x):
        return right(x) * x.dtype.type(1.5)

    monkeypatch.setattr(fast, "relu", wrong, raising=False)
    monkeypatch.setattr(fast, "__all__", [*fast.__all__, "relu"])
    rows = compare_kernel("relu", dtypes=["float32"], layouts=["C"], repeat=1)
    assert not all(row.agrees for row in rows)


def test_compare_unknown_kernel():
    with pytest.raises(OdysseyError, match="no kernel 'matmull'"):
        compare_kernel("matmull")


@pytest.mark.skipif(not fast.LEVEL, reason="nothing was compiled in this installation")
def test_compare_backends():
    x = od.tensor([[1.0, -2.0, 3.0]], requires_grad=True)
    labels = np.array([2])
    errors = compare_backends(lambda x, y: od.core.cross_entropy(x, y), x, labels)
    assert errors.keys() == {"result 0", "gradient of argument 0"}
    assert x.grad is None


@pytest.mark.skipif(not fast.LEVEL, reason="nothing was compiled in this installation")
def test_compare_backends_fails():
    def differs(x):
        return x * (2 if od.get_backend() == "fast" else 3)

    with pytest.raises(
        AssertionError, match=r"result 0 is 2.0 at \(0,\) on fast, 3.0 on reference"
    ):
        compare_backends(differs, od.ones(1))


def test_compare_backends_needs_a_result():
    with pytest.raises(OdysseyError, match="must return Tensors or arrays"):
        compare_backends(lambda: "nothing")
