"""The kernels, by family. A family is a module here, found by its name.

It has a generator ``cases(setting)``, which yields a :class:`benchmarks.case.Case`
at a time, so that no more than one case's arrays are in memory, and ``GOAL``,
the ratios that it shall reach.
"""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

__all__ = ["families"]


def families() -> dict[str, ModuleType]:
    """Return the modules of this package by name."""
    names = sorted(info.name for info in pkgutil.iter_modules(__path__) if info.name[0] != "_")
    return {name: importlib.import_module(f"{__name__}.{name}") for name in names}
