"""The samples of every operation: a file for each family, found by reflection.

A file of this folder may define

- ``SAMPLES``, a list of :class:`Sample`: inputs and the value they must give;
- ``BAD``, a list of :class:`Bad`: what the operation refuses, and in which words;
- ``NEVER_REFUSE``, a set of names: operations that take whatever NumPy takes;
- ``NO_EMPTY``, a dict of name to reason: operations without a meaning for size 0;
- ``NO_SINGLE``, a dict of name to reason: operations that no single number can be given;
- ``SHARED``, a list of :class:`Shared`: the same operation in PyTorch;
- ``NOT_SHARED``, a dict of name to reason: those whose namesake there does another thing.

``tests/test_every_op.py`` and ``tests/test_torch_shared.py`` say what must be there.
"""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from odyssey import core

FLOATS = ("float16", "float32", "float64")


@dataclass
class Sample:
    """An operation on some inputs; ``args`` may hold constants, marked by what they are.

    ``expected`` is the same in NumPy, for float64; ``terms`` is the length of the
    longest sum. With ``second=False`` this sample has no second derivative to check,
    ``dtypes`` are those whose value is checked.
    """

    name: str
    args: tuple[Any, ...]
    expected: Callable[..., Any]
    kwargs: dict[str, Any] = field(default_factory=dict)
    terms: int = 1
    second: bool = True
    dtypes: tuple[str, ...] = FLOATS

    def __str__(self):
        shapes = [str(np.shape(a)) if isinstance(a, np.ndarray) else type(a).__name__
                  for a in self.args]  # fmt: skip
        return f"{self.name}({', '.join([*shapes, *(f'{k}={v}' for k, v in self.kwargs.items())])})"

    def inputs(self):
        """Return the floating arrays among the arguments, those in lists included."""
        return [a for a in flat(self.args) if is_input(a)]

    def with_inputs(self, inputs):
        """Return the arguments with other values in the place of the inputs."""
        left = iter(inputs)

        def fill(value):
            if isinstance(value, list) and any(map(is_input, value)):
                return [fill(v) for v in value]
            return next(left) if is_input(value) else value

        return tuple(fill(a) for a in self.args)

    def call(self, *inputs):
        return getattr(core, self.name)(*self.with_inputs(inputs), **self.kwargs)

    def numpy(self, *inputs):
        return self.expected(*self.with_inputs(inputs), **self.kwargs)


@dataclass
class Bad:
    """A call that must be refused: the error, and what its message must match."""

    name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    error: type[Exception]
    message: str


@dataclass
class Shared:
    """An operation that PyTorch has, too, and how to draw arguments for both.

    ``draw(rng)`` returns ``(args, kwargs)``: float64 arrays (rounded to the dtype that
    is tried), other constants, lists of them. ``theirs`` is a path below ``torch``, or a
    function of torch, the arguments and the keywords; ``names`` are our keywords to
    theirs. ``terms`` is the longest sum of ours or theirs; ``dtypes`` those that both have.
    """

    name: str
    theirs: str | Callable[..., Any]
    draw: Callable[[np.random.Generator], tuple[tuple[Any, ...], dict[str, Any]]]
    names: dict[str, str] = field(default_factory=dict)
    terms: int = 100
    dtypes: tuple[str, ...] = ("float64", "float32", "float16")


def is_input(value):
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"


def flat(values):
    for value in values:
        yield from value if isinstance(value, list) else [value]


def families():
    """Return the modules of this folder."""
    names = sorted(info.name for info in pkgutil.iter_modules(__path__))
    return [importlib.import_module(f"samples.{n}") for n in names if not n.startswith("_")]


def gathered(table):
    """Return the entries of a table of all families as one list, or dict."""
    parts = [getattr(family, table) for family in families() if hasattr(family, table)]
    if table in ("NO_EMPTY", "NO_SINGLE", "NOT_SHARED"):
        return {name: reason for part in parts for name, reason in part.items()}
    return [entry for part in parts for entry in part]


def by_name(table):
    """Return the entries of a table as lists by the name of the operation."""
    found = {}
    for entry in gathered(table):
        found.setdefault(entry.name, []).append(entry)
    return found
