"""The fast kernels: the best instruction-set level that this CPU runs, as one module.

The hot kernels are compiled once per level (``baseline``, ``v3`` = AVX2 + FMA,
``v4`` = AVX-512) from one source. Importing this module picks the best level
that was built and that the CPU has; ``ODYSSEY_CPU=baseline|v3|v4`` forces one.

>>> from odyssey import fast, reference
>>> import numpy as np
>>> a = np.arange(6, dtype=np.float32).reshape(2, 3)
>>> bool(np.allclose(fast.matmul(a, a.T), reference.matmul(a, a.T)))
True
"""

from __future__ import annotations

import contextlib
import importlib
import os
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from odyssey.utils.stale import warn_of_stale_modules

__all__ = ["AVAILABLE_LEVELS", "BUILT_LEVELS", "COMPILER", "LEVEL", "OPENMP"]

try:
    from odyssey._ext import _build_info
except ImportError:
    raise ImportError(
        "odyssey: this checkout has not been built, so it has no kernels to run. Install it with "
        "'pip install .' (or 'pip install -e .' to work on it) and, if you meant an installed "
        "odyssey, start Python from another folder. Without a C compiler: "
        "'ODYSSEY_NO_EXT=1 pip install .' installs the readable reference kernels alone."
    ) from None

warn_of_stale_modules(Path(__file__).parent, getattr(_build_info, "MODULES", {}))

BUILT_LEVELS: tuple[str, ...] = tuple(_build_info.LEVELS)
"""The levels that the build made, lowest first; empty for a pure-Python installation."""

OPENMP: bool = _build_info.OPENMP
"""Whether the kernels were built with threads."""

COMPILER: str = _build_info.COMPILER
"""The compiler that built the kernels; empty for a pure-Python installation."""


def _pick_level() -> tuple[tuple[str, ...], str | None]:
    """Return the levels that this CPU can run, and the one to use."""
    if not BUILT_LEVELS:
        if os.environ.get("ODYSSEY_REQUIRE_EXT", "0") not in ("", "0"):
            raise ImportError(
                "odyssey: ODYSSEY_REQUIRE_EXT is set, but this installation has no compiled "
                "kernels (it was built with ODYSSEY_NO_EXT=1)"
            )
        return (), None
    from odyssey._ext import _cpu

    available = tuple(level for level in BUILT_LEVELS if _cpu.supports(level))
    forced = os.environ.get("ODYSSEY_CPU")
    if not forced:
        return available, available[-1]
    if forced not in available:
        raise ImportError(
            f"odyssey: ODYSSEY_CPU={forced!r} asks for a level that cannot run here; "
            f"built: {', '.join(BUILT_LEVELS)}; this CPU runs: {', '.join(available)}"
        )
    return available, forced


AVAILABLE_LEVELS, LEVEL = _pick_level()
"""The levels that were built and that this CPU runs, lowest first; and the one that is used.

Without compiled kernels an empty tuple and None.
"""


def _load_kernels(level: str) -> dict[str, Any]:
    """Return every public function of every kernel module of ``level``."""
    package = importlib.import_module(f"odyssey._ext.{level}")
    kernels: dict[str, Any] = {}
    for info in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{info.name}")
        source = f"odyssey._ext.{info.name}"  # what its functions are named after, at every level
        kernels |= {
            name: value
            for name, value in vars(module).items()
            if not name.startswith("_") and getattr(value, "__module__", None) == source
        }
    return kernels


@contextlib.contextmanager
def _patient_threads() -> Iterator[None]:
    """Let OpenMP's threads sleep after a while of waiting, if it starts in this block.

    GCC's runtime reads its settings when it is loaded. By default a thread that
    waits spins for milliseconds. Beside one other busy process that makes
    training ten times slower, because a thread that spins keeps the one that it
    waits for from running. But to wake one that sleeps costs as much as a small
    layer: it should spin through the Python between two kernels.
    """
    if {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"} & os.environ.keys():
        yield
        return
    os.environ["GOMP_SPINCOUNT"] = "3000"  # some tens of microseconds
    try:
        yield
    finally:
        del os.environ["GOMP_SPINCOUNT"]  # other libraries bring a runtime of their own


with _patient_threads():
    _loaded = _load_kernels(LEVEL) if LEVEL else {}

KERNELS: dict[str, Any] = _loaded
"""Name to function; empty for a pure-Python installation."""

globals().update(KERNELS)
__all__ += sorted(KERNELS)


def __getattr__(name: str) -> Any:
    from odyssey import reference

    if not LEVEL and name in reference.__all__:
        raise AttributeError(
            f"odyssey.fast.{name}: this installation has no compiled kernels (it was built with "
            f"ODYSSEY_NO_EXT=1); odyssey.reference.{name} is the same function in Python"
        )
    raise AttributeError(f"module 'odyssey.fast' has no attribute {name!r}")
