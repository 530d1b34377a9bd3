"""The modules that are compiled are Python: uncompiled they pass the same tests."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from odyssey._ext import _build_info

TESTS = Path(__file__).parent
FILES = ("tape", "backward", "autograd", "tensor", "tensor_memory", "backend", "optimizers", "nn")
FILES += ("every_op", "ops_errors", "observe")


@pytest.mark.skipif(not _build_info.MODULES, reason="nothing was compiled in this installation")
def test_the_tests_of_the_tape_pass_without_compiled_modules(pure, run_python):
    where = run_python("import odyssey.tape; print(odyssey.tape.__file__)", package=pure)
    assert where.stdout == f"{pure / 'odyssey' / 'tape.py'}\n"
    settings = ["-c", str(TESTS.parent / "pyproject.toml"), "-n", "0", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *settings, *(str(TESTS / f"test_{n}.py") for n in FILES)],
        env={**os.environ, "PYTHONPATH": str(pure), "ODYSSEY_REQUIRE_EXT": "0"},
        cwd=pure,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout
