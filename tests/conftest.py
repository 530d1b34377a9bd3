"""What all tests share."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import settings

import odyssey

PACKAGE = Path(odyssey.__file__).parent

# The same examples in every run, and no deadline: tests assert nothing about time.
settings.register_profile("odyssey", derandomize=True, deadline=None)
settings.load_profile("odyssey")


@pytest.fixture(autouse=True, scope="session")
def _reason_given():
    """Without compiled kernels "fast" means the reference; one test asks for its warning."""
    if not odyssey.fast.LEVEL:
        odyssey.backend._WarnOnce.warned = True


@pytest.fixture
def run_python(tmp_path):
    """Return a function that runs a program in a fresh interpreter and gives its result.

    Its keyword arguments are environment variables; ``odyssey`` is imported from
    the folder that ``package`` names, by default the one under test.
    """

    def run(program, package=PACKAGE.parent, timeout=120, **environment):
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("ODYSSEY_", "PYTEST_"))}
        return subprocess.run(
            [sys.executable, "-c", program],
            env={**kept, "PYTHONPATH": str(package), **environment},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    return run


@pytest.fixture
def uncompiled(tmp_path):
    """Return a folder with a copy of the package without anything that a build made."""
    built = ("*.so", "*.pyd", "*.c", "__pycache__", "_build_info.py")
    shutil.copytree(PACKAGE, tmp_path / "copy" / "odyssey", ignore=shutil.ignore_patterns(*built))
    return tmp_path / "copy"


@pytest.fixture
def pure(uncompiled):
    """Return a folder with a package as ODYSSEY_NO_EXT=1 installs it."""
    info = 'LEVELS = ()\nOPENMP = False\nCOMPILER = ""\n'
    (uncompiled / "odyssey" / "_ext" / "_build_info.py").write_text(info)
    return uncompiled


# A shell that starts the tests in the background has them ignore Ctrl-C, and what they start as
# well; the tests of interruptions need it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
