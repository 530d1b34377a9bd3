"""Softmax and its logarithm along the last axis."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.case import Case, Goal, Setting, kernel
from benchmarks.pair import pair

GOAL = Goal(least=1.0)

SHAPES = [(64, 10), (128, 1000), (2048, 1000), (49152, 128)]


def cases(setting: Setting) -> Iterator[Case]:
    """Yield a case for each function, shape and direction."""
    for name in ("softmax", "log_softmax"):
        for rows, columns in setting.some(SHAPES, [(3, 5)]):
            yield from rows_of(setting, name, rows, columns)


def rows_of(setting: Setting, name: str, rows: int, columns: int) -> Iterator[Case]:
    """Yield one of the two functions."""
    backward = kernel(f"{name}_backward")
    theirs = getattr(setting.torch, name)
    yield from pair(
        setting,
        f"{name} ({rows},{columns})",
        [setting.normal(rows, columns)],
        kernel(name),
        lambda grad, out, x: backward(grad, out),
        lambda x: theirs(x, -1),
    )
