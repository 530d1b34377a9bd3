"""What every operation of core owes, asked of each by reflection: nobody can forget one.

The inputs come from ``tests/samples``. A requirement is a function of an operation's
name; :func:`test_requirement` asks each of each, and the last tests ask them of
operations that break them.
"""

import contextlib
import inspect
import re
from itertools import cycle

import numpy as np
import pytest
import samples
from samples import Bad, Sample, by_name, gathered

import odyssey as od
from odyssey import core
from odyssey.engine import gradients
from odyssey.errors import GradientError, OdysseyError, RangeError, ShapeError
from odyssey.tape import differentiable
from odyssey.testing import (
    LAYOUTS,
    check_backward,
    compare_backends,
    difference,
    gradcheck,
    gradgradcheck,
    once_differentiable,
    operations,
    tolerance,
)
from odyssey.testing.cases import each_array

SAMPLES, BAD = by_name("SAMPLES"), by_name("BAD")
NO_EMPTY, NEVER_REFUSE = gathered("NO_EMPTY"), set(gathered("NEVER_REFUSE"))
NO_SINGLE = gathered("NO_SINGLE")
VIEWS = [name for name in LAYOUTS if name != "broadcast"]  # that one changes the values
BACKENDS = ("fast", "reference")


def operation(name):
    return getattr(core, name).operation


@contextlib.contextmanager
def about(sample):
    """Let an error inside say which sample it is about."""
    try:
        yield
    except Exception as error:
        error.add_note(f"sample: {sample}")
        raise


def differentiable_samples(name):
    """Yield the samples whose inputs have a gradient, each inside :func:`about`."""
    for sample in SAMPLES[name] if operation(name).wrt else []:
        with about(sample):
            yield sample


def outputs(result):
    return list(result) if isinstance(result, (list, tuple)) else [result]


# -- the requirements --------------------------------------------------------------------------


def documented(name):
    """Ask for a docstring with formula, arguments, shapes, derivative and example."""
    text = inspect.getdoc(getattr(core, name)) or ""
    wanted = {
        "an example": ">>>",
        "its parameters": r"Parameters\n---|Parameters(,| and| are) ",
        "a formula": r":math:|\.\. math::|Return ``\w+\[",
        "shapes": r"(?i)shape|axis|axes|:func:`",
    }
    if operation(name).wrt:
        wanted["its derivative"] = r"Backward"
    for what, pattern in wanted.items():
        assert re.search(pattern, text), f"{name}: the docstring lacks {what}"


def sampled(name):
    """Ask for samples: one of size 0, one with a single number."""
    assert SAMPLES.get(name), f"{name}: tests/samples has no sample of it"
    sizes = [a.size for sample in SAMPLES[name] for a in samples.flat(sample.args)
             if isinstance(a, np.ndarray)]  # fmt: skip
    if name not in NO_EMPTY:
        assert 0 in sizes, f"{name}: no sample of size 0 (or a reason in NO_EMPTY)"
    if name not in NO_SINGLE:
        assert 1 in sizes, f"{name}: no sample with one number (or a reason in NO_SINGLE)"


def valued(name):
    """Compare with NumPy in float64: dtypes, layouts, arrays and Tensors, inputs left alone."""
    layouts = cycle(VIEWS)
    for sample in SAMPLES[name]:
        for dtype in sample.dtypes:
            with about(f"{sample} in {dtype}"):
                check_value(sample, dtype, next(layouts))


def check_value(sample, dtype, layout):
    arrays = [LAYOUTS[layout](a.astype(dtype)) for a in sample.inputs()]
    wide = [a.astype(np.float64) for a in arrays]
    with np.errstate(all="ignore"):
        expected = sample.numpy(*wide)
    found, on_tensors = sample.call(*arrays), sample.call(*map(od.from_numpy, arrays))
    scale = max([float(np.abs(a).max(initial=0)) for a in wide], default=0.0)
    for mine, tensor, exact in zip(
        outputs(found), outputs(on_tensors), map(np.asarray, outputs(expected)), strict=True
    ):
        if arrays:
            assert isinstance(tensor, od.Tensor) and not tensor.requires_grad
        assert np.array_equal(np.asarray(tensor), mine, equal_nan=mine.dtype.kind == "f")
        assert mine.shape == exact.shape
        if exact.dtype.kind != "f":
            assert mine.dtype == exact.dtype and np.array_equal(mine, exact)
            continue
        if sample.name != "astype":
            assert mine.dtype == dtype
        off = difference(mine, exact, scale=scale)
        assert off.error <= tolerance(dtype, sample.terms), off
    for array, before in zip(arrays, wide, strict=True):
        assert np.array_equal(array, before, equal_nan=True), "an input was written to"


def special(name):
    """Ask for NumPy's NaN and inf where NumPy's own function is what is expected."""
    numbers = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -2.0])
    grids = np.meshgrid(numbers, numbers)
    for expected in {s.expected for s in SAMPLES[name] if isinstance(s.expected, np.ufunc)}:
        arrays = [numbers] if expected.nin == 1 else [g.ravel() for g in grids[: expected.nin]]
        for backend in BACKENDS:
            with np.errstate(all="ignore"), od.use_backend(backend):
                exact = expected(*arrays)
                found = getattr(core, name)(*arrays)
                assert np.allclose(found, exact, rtol=1e-14, atol=0, equal_nan=True), backend


def on_both_backends(name):
    """Compare the backends in float32."""
    for sample in SAMPLES[name]:
        with about(sample):
            inputs = [od.tensor(a, dtype=np.float32) for a in sample.inputs()]
            for x in inputs:
                x.requires_grad = bool(operation(name).wrt)
            compare_backends(sample.call, *inputs, terms=sample.terms)


def differentiated(name):
    """Check gradients: against differences on both backends, by hand, their dtype."""
    if not operation(name).wrt:
        for sample in SAMPLES[name]:
            outs = outputs(sample.call(*[od.tensor(a, requires_grad=True)
                                         for a in sample.inputs()]))  # fmt: skip
            assert not any(isinstance(y, od.Tensor) and y.requires_grad for y in outs)
    for sample in differentiable_samples(name):
        for backend in BACKENDS:
            with od.use_backend(backend):
                gradcheck(sample.call, sample.inputs(), elementwise=True)
        check_backward(getattr(core, name), *sample.args, **sample.kwargs)
        for dtype in ("float16", "float32"):
            inputs = [od.tensor(a, dtype=dtype, requires_grad=True) for a in sample.inputs()]
            outs = [y for y in outputs(sample.call(*inputs)) if y.requires_grad]
            for y in outs:
                y.backward(np.ones(y.shape), retain_graph=True)
            for x in inputs:
                assert x.grad.dtype == dtype and x.grad.shape == x.shape
                assert x.grad.data.flags.c_contiguous


def differentiated_twice(name):
    """Check second derivatives, or that the operation says why it has none."""
    once = operation(name).once
    for sample in differentiable_samples(name):
        if once is None:
            for backend in BACKENDS if sample.second else []:
                with od.use_backend(backend):
                    gradgradcheck(sample.call, sample.inputs())
            continue
        xs = [od.tensor(a, requires_grad=True) for a in sample.inputs()]
        outs = [y for y in outputs(sample.call(*xs)) if y.requires_grad]
        with pytest.raises(GradientError, match=re.escape(once)):
            gradients(outs, xs, [np.ones(y.shape) for y in outs], create_graph=True)


def refuses(name):
    """Ask for bad input and its message, of arrays and of Tensors; and for bad axes."""
    assert name in BAD or name in NEVER_REFUSE, f"{name}: tests/samples has no bad input of it"
    for bad in BAD.get(name, []):
        for convert in (lambda value: value, lambda value: each_array(od.from_numpy, value)):
            with about(bad), pytest.raises(bad.error, match=bad.message):
                getattr(core, name)(*map(convert, bad.args), **bad.kwargs)


def refuses_bad_axes(name):
    """Ask of every parameter ``axis`` that it refuses what is no axis."""
    if "axis" not in operation(name).names or name not in SAMPLES:
        return
    sample = max(SAMPLES[name], key=lambda s: sum(a.ndim for a in s.inputs()))
    bound = operation(name).signature.bind(*sample.args, **sample.kwargs)
    several = isinstance(bound.arguments.get("axis"), tuple) or any(
        isinstance(s.kwargs.get("axis"), tuple) for s in SAMPLES[name]
    )
    wrong = [(99, RangeError), (-99, RangeError), (1.5, ShapeError), ("a", ShapeError)]
    wrong += [((0, 0), ShapeError)] if several else []
    for axis, error in wrong:
        bound.arguments["axis"] = axis
        with pytest.raises(error, match=rf"{name}: .*axis") as caught:
            getattr(core, name)(*bound.args, **bound.kwargs)
        assert isinstance(caught.value, OdysseyError)


REQUIREMENTS = [
    documented,
    sampled,
    valued,
    special,
    on_both_backends,
    differentiated,
    differentiated_twice,
    refuses,
    refuses_bad_axes,
]


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=lambda r: r.__name__)
@pytest.mark.parametrize("name", operations())
def test_requirement(name, requirement):
    requirement(name)


def test_the_tables_name_operations():
    named = {*SAMPLES, *BAD, *NO_EMPTY, *NO_SINGLE, *NEVER_REFUSE}
    assert named <= operations().keys()
    assert not NEVER_REFUSE & BAD.keys()
    assert all(NO_EMPTY.values()) and all(NO_SINGLE.values())


def test_the_published_list_is_what_has_no_second_derivative():
    assert once_differentiable() == {
        name: operation(name).once for name in operations() if operation(name).once
    }


# -- the requirements are tried on operations that break them ----------------------------------


def halve(x, axis=-1):
    """Half, :math:`x / 2`.

    Parameters
    ----------
    x : ndarray, of any shape

    Notes
    -----
    Backward: half.

    >>> halve(2.0)
    1.0
    """
    if not -x.ndim <= axis < x.ndim:
        raise RangeError(f"halve: axis {axis} is out of range")
    return x / 2


def halve_backward(grad):
    return grad / 2


GOOD = [
    Sample("halve", (np.ones(n),), lambda x: x / 2, second=second)
    for n, second in ((0, True), (1, True), (3, True))
]


def well(x, axis=-1):
    if isinstance(axis, (str, float)):
        raise ShapeError(f"halve: axis must be an integer, got {axis!r}")
    return halve(x, axis)


def declared(forward, rule, monkeypatch, given=GOOD, once=None):
    """Put an operation ``halve`` into core and the tables for the time of a test."""
    forward.__name__, forward.__doc__ = "halve", forward.__doc__ or halve.__doc__
    op = differentiable(forward)
    op.backward_rule(wrt=("x",), once=once)(rule)
    monkeypatch.setattr(core, "halve", op, raising=False)
    monkeypatch.setitem(SAMPLES, "halve", list(given))
    monkeypatch.setitem(BAD, "halve", [Bad("halve", (np.ones(1), 5), {}, RangeError, "axis 5")])


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=lambda r: r.__name__)
def test_a_good_operation_meets_the_requirement(requirement, monkeypatch):
    declared(well, halve_backward, monkeypatch)
    requirement("halve")


def undocumented(x, axis=-1):
    """Halve."""
    return x / 2


def tripled(x, axis=-1):
    return x / 3


def writing(x, axis=-1):
    x[...] = x / 2
    return x


def nonsense_at_infinity(x, axis=-1):
    return np.minimum(x, 1e30) / 2


def careless(x, axis=-1):
    return x / 2


def otherwise_on_the_reference(x, axis=-1):
    return x / 2 if od.get_backend() == "fast" else x / 2.1


UFUNC = [Sample("halve", (np.ones(3), 2.0), np.divide)]


@pytest.mark.parametrize(
    ("requirement", "forward", "rule", "given"),
    [
        (documented, undocumented, halve_backward, GOOD),
        (sampled, well, halve_backward, []),
        (sampled, well, halve_backward, GOOD[1:]),
        (sampled, well, halve_backward, GOOD[:1] + GOOD[2:]),
        (valued, tripled, halve_backward, GOOD),
        (valued, writing, halve_backward, GOOD),
        (special, lambda x, y: np.minimum(x, 1e30) / y, halve_backward, UFUNC),
        (on_both_backends, otherwise_on_the_reference, halve_backward, GOOD),
        (differentiated, well, lambda grad: grad / 3, GOOD),
        (differentiated, tripled, halve_backward, GOOD),
        (refuses, careless, halve_backward, GOOD),
        (refuses_bad_axes, careless, halve_backward, GOOD),
        (refuses_bad_axes, halve, halve_backward, GOOD),
    ],
)
def test_a_bad_operation_breaks_the_requirement(requirement, forward, rule, given, monkeypatch):
    declared(forward, rule, monkeypatch, given)
    with pytest.raises((AssertionError, pytest.fail.Exception, TypeError, RangeError)):
        requirement("halve")


def test_a_wrong_formula_breaks_the_second_derivative(monkeypatch):
    declared(lambda x: x * x, lambda grad, x: 2 * grad * x, monkeypatch)
    differentiated_twice("halve")
    core.halve.backward_formula(lambda grad, x: 2 * grad * np.asarray(x))  # forgets x
    with pytest.raises(AssertionError):
        differentiated_twice("halve")


def test_an_operation_that_has_one_derivative_must_say_so(monkeypatch):
    declared(well, halve_backward, monkeypatch, once="its rule is a library's")
    differentiated_twice("halve")
    assert once_differentiable()["halve"] == "its rule is a library's"
    monkeypatch.setattr(core.halve.operation, "once", None)
    differentiated_twice("halve")


def test_no_table_entry_at_all_is_noticed(monkeypatch):
    declared(well, halve_backward, monkeypatch)
    monkeypatch.delitem(BAD, "halve")
    with pytest.raises(AssertionError, match="no bad input"):
        refuses("halve")
