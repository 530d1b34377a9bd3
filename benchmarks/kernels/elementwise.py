"""Arithmetic, comparison and choice, element by element, and with a row or a number broadcast."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

import odyssey as od
from benchmarks.case import FORWARD, Case, Goal, Setting

GOAL = Goal(least=1.0, means={FORWARD: 1.3})

OPERATIONS = ("add", "subtract", "multiply", "divide", "less", "where")
SIZES = (10**4, 10**5, 10**6, 10**7)


def cases(setting: Setting) -> Iterator[Case]:
    """Yield each operation on two arrays, on a matrix and a row, on an array and a number."""
    side = setting.some([1000], [5])[0]
    for name in OPERATIONS:
        for size in setting.some(list(SIZES), [20]):
            yield operation(setting, name, f"{size:.0e}".replace("e+0", "e"), (size,), (size,))
    for name in ("add", "multiply"):
        matrix = (side, side)
        yield operation(setting, name, f"{side}x{side}, row", matrix, (side,))
        yield operation(setting, name, f"{side}x{side}, column", matrix, (side, 1))
        yield operation(setting, name, f"{side}x{side}, number", matrix, None)


def operation(setting: Setting, name: str, what: str, shape: Any, other: Any) -> Case:
    """Return the case of an operation on arrays of two shapes; None for a Python number."""
    x = setting.normal(*shape)
    y: Any = 2.5 if other is None else setting.normal(*other)
    mine: tuple[Any, ...] = (x, y)
    if name == "where":
        mine = (setting.rng.random(shape) < 0.5, x, y)
    theirs = [setting.tensor(a) if isinstance(a, np.ndarray) else a for a in mine]
    # Whoever trains calls the operation of core, which chooses between NumPy and a kernel.
    core: Callable[..., Any] = getattr(od.core, name)
    truth: Callable[..., Any] = getattr(np, name)
    return Case(
        f"{name} {what}",
        partial(core, *mine),
        {"": partial(getattr(setting.torch, name), *theirs)},
        FORWARD,
        lambda: truth(*(a.astype(np.float64) if _is_float(a) else a for a in mine)),
        flops=float(x.size),
        reads=float(sum(a.nbytes for a in mine if isinstance(a, np.ndarray))),
        writes=float(x.size if name == "less" else x.nbytes),
    )


def _is_float(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"
