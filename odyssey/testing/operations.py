"""The operations of ``odyssey.core``, found by reflection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from odyssey import core

__all__ = ["once_differentiable", "operations"]


def operations() -> dict[str, Callable[..., Any]]:
    """Return the operations of ``odyssey.core`` by name.

    Examples
    --------
    >>> operations()["relu"].__name__
    'relu'
    """
    return {name: f for name, f in sorted(vars(core).items()) if hasattr(f, "operation")}


def once_differentiable() -> dict[str, str]:
    """Return the operations whose gradient has no gradient, and the reason of each.

    Under ``create_graph`` they raise a GradientError that says it.

    Examples
    --------
    >>> "multiply" in once_differentiable()
    False
    """
    reasons = {name: f.operation.once for name, f in operations().items()}  # type: ignore[attr-defined]
    return {name: reason for name, reason in reasons.items() if reason is not None}
