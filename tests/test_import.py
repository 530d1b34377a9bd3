"""Importing odyssey brings in nothing heavy."""

import pytest

HEAVY = [
    "PIL",
    "hypothesis",
    "jsonargparse",
    "matplotlib",
    "multiprocessing",
    "onnx",
    "pytest",
    "safetensors",
    "scipy",
    "tensorboardX",
    "threadpoolctl",
    "torch",
    "tqdm",
    "yaml",
]

PROGRAM = f"""
import sys, numpy
before = set(sys.modules)
import odyssey
loaded = {{name.partition(".")[0] for name in set(sys.modules) - before}}
print(sorted(loaded & set({HEAVY!r})))
"""


def test_import_is_light(run_python):
    result = run_python(PROGRAM)
    assert result.stdout == "[]\n", result.stderr


def test_import_prints_and_warns_nothing(run_python):
    result = run_python("import odyssey", PYTHONWARNINGS="error")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_testing_needs_no_test_tools(run_python):
    program = PROGRAM.replace("import odyssey\n", "import odyssey; odyssey.testing.all_cases()\n")
    assert "odyssey.testing" in program
    result = run_python(program)
    assert result.stdout == "[]\n", result.stderr


@pytest.mark.parametrize("name", ["autograd", "data", "models", "testing", "training", "utils"])
def test_rooms_are_imported_when_they_are_used(run_python, name):
    program = f"import sys, odyssey as od; od.{name}; print('odyssey.{name}' in sys.modules)"
    assert run_python(program).stdout == "True\n"


def test_public_names_exist():
    import odyssey

    assert [name for name in odyssey.__all__ if not hasattr(odyssey, name)] == []
    assert set(dir(odyssey)) == set(odyssey.__all__)
    with pytest.raises(AttributeError, match="no attribute 'tensr'"):
        odyssey.tensr  # noqa: B018
