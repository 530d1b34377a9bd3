"""Parity by reflection: both backends and the case tables name the same kernels.

No list is kept by hand, so nothing can be forgotten in it.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from odyssey import fast, reference

__all__ = ["fast_kernels", "parity_problems", "reference_kernels"]

Kernels = Mapping[str, Callable[..., Any]]


def reference_kernels() -> dict[str, Callable[..., Any]]:
    """Return the public functions defined in the modules of ``odyssey.reference``."""
    return _defined_in(reference.__name__, reference.__name__)


def fast_kernels(level: str) -> dict[str, Callable[..., Any]]:
    """Return the public functions defined in the modules of one instruction-set level."""
    if level not in fast.AVAILABLE_LEVELS:
        raise ValueError(f"{level!r} is not one of {fast.AVAILABLE_LEVELS}")
    return _defined_in(f"odyssey._ext.{level}", "odyssey._ext")  # the levels share their names


def _defined_in(package: str, home: str) -> dict[str, Callable[..., Any]]:
    kernels: dict[str, Callable[..., Any]] = {}
    for info in pkgutil.iter_modules(importlib.import_module(package).__path__):
        module = importlib.import_module(f"{package}.{info.name}")
        for name, value in vars(module).items():
            own = getattr(value, "__module__", None) == f"{home}.{info.name}"
            if own and callable(value) and not name.startswith("_"):
                kernels[name] = value
    return kernels


def parity_problems(kernels: Kernels, twins: Kernels, cased: Iterable[str]) -> list[str]:
    """Return what is missing or different, a sentence each; an empty list if all is well.

    Parameters
    ----------
    kernels : dict of str to callable
        The compiled kernels.
    twins : dict of str to callable
        The reference kernels.
    cased : iterable of str
        The names that have cases.

    Examples
    --------
    >>> parity_problems({"cube": lambda x: x**3}, {"cube": lambda x: x * x * x}, [])
    ['cube has no cases']
    """
    cased = set(cased)
    names = sorted({*kernels, *twins, *cased})
    problems = [f"{name} has no compiled kernel" for name in names if name not in kernels]
    problems += [f"{name} has no reference" for name in names if name not in twins]
    problems += [f"{name} has no cases" for name in names if name not in cased]
    for name in names:
        if name.endswith("_backward") and name.removesuffix("_backward") not in names:
            problems.append(f"{name} has no forward kernel")
        if name in kernels and name in twins:
            mine, theirs = signature_of(kernels[name]), signature_of(twins[name])
            if mine != theirs:
                problems.append(f"{name}{mine} has another signature than its reference {theirs}")
    return problems


def signature_of(function: Callable[..., Any]) -> inspect.Signature:
    """Return names, kinds and defaults of the parameters; annotations belong to the stubs."""
    signature = inspect.signature(function)
    bare = [p.replace(annotation=p.empty) for p in signature.parameters.values()]
    return signature.replace(parameters=bare, return_annotation=inspect.Signature.empty)
