"""Both backends, the case tables and core name the same kernels, found by reflection."""

import inspect

import numpy as np
import pytest

from odyssey import core, fast, reference
from odyssey.testing import all_cases, parity_problems
from odyssey.testing.parity import fast_kernels, reference_kernels


@pytest.mark.parametrize("level", fast.AVAILABLE_LEVELS)
def test_every_built_level_has_the_reference_kernels(level):
    assert parity_problems(fast_kernels(level), reference_kernels(), all_cases()) == []


def test_every_reference_kernel_has_cases():
    kernels = reference_kernels()
    assert parity_problems(kernels, kernels, all_cases()) == []


def test_public_names_are_the_kernels():
    assert sorted(reference.__all__) == sorted(reference_kernels())
    constants = {"AVAILABLE_LEVELS", "BUILT_LEVELS", "COMPILER", "LEVEL", "OPENMP"}
    expected = fast_kernels(fast.LEVEL) if fast.LEVEL else {}
    assert set(fast.__all__) - constants == set(expected) == set(fast.KERNELS)


def cube(x, scale=1.0):
    return scale * x**3


def cube_backward(grad, x, scale=1.0):
    return 3 * scale * grad * x**2


WELL = {"cube": cube, "cube_backward": cube_backward}


def other_default(x, scale=2.0):
    return scale * x**3


def other_name(x, factor=1.0):
    return factor * x**3


def keyword_only(x, *, scale=1.0):
    return scale * x**3


def test_parity_finds_nothing_where_all_is_well():
    assert parity_problems(WELL, WELL, WELL) == []


@pytest.mark.parametrize(
    ("kernels", "twins", "cased", "expected"),
    [
        (WELL, {}, WELL, "cube has no reference"),
        ({}, WELL, WELL, "cube has no compiled kernel"),
        (WELL, WELL, ["cube"], "cube_backward has no cases"),
        (WELL, WELL, [*WELL, "square"], "square has no reference"),
        ({"cube_backward": cube_backward},) * 2 + (["cube_backward"], "has no forward kernel"),
        ({**WELL, "cube": other_default}, WELL, WELL, "another signature"),
        ({**WELL, "cube": other_name}, WELL, WELL, "another signature"),
        ({**WELL, "cube": keyword_only}, WELL, WELL, "another signature"),
    ],
)
def test_parity_finds_what_is_missing_or_different(kernels, twins, cased, expected):
    problems = parity_problems(kernels, twins, cased)
    assert any(expected in problem for problem in problems), problems


def test_parity_ignores_annotations():
    def annotated(x: np.ndarray, scale: float = 1.0) -> np.ndarray:
        return scale * x**3

    assert parity_problems({**WELL, "cube": annotated}, WELL, WELL) == []


def core_operations():
    """Return the public operations of core by name."""
    return {name: value for name, value in vars(core).items() if hasattr(value, "operation")}


def test_core_has_operations():
    assert {"matmul", "relu", "cross_entropy", "equal"} <= core_operations().keys()


@pytest.mark.parametrize("name", sorted(core_operations()))
def test_every_differentiable_operation_publishes_its_backward(name):
    operation = core_operations()[name]
    if not hasattr(operation, "backward_rule"):
        assert not hasattr(core, f"{name}_backward")
        return
    rule = operation.operation.rule
    assert rule is not None, f"{name} is differentiable but has no backward rule"
    assert rule is getattr(core, f"{name}_backward")
    assert next(iter(inspect.signature(rule).parameters)) == "grad"


@pytest.mark.parametrize("name", sorted(core_operations()))
def test_every_operation_is_documented(name):
    text = inspect.getdoc(core_operations()[name])
    assert text and ">>>" in text
