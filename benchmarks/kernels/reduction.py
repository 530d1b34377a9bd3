"""Sums and means: of everything, and along the first, the last and the middle axis."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

import odyssey as od
from benchmarks.case import FORWARD, Case, Goal, Setting

GOAL = Goal(least=1.0, means={FORWARD: 1.3})

# Shapes of 1e4 to 1e7 numbers, and the axis.
SHAPES: list[tuple[tuple[int, ...], int | None]] = [
    ((10**4,), None),
    ((10**5,), None),
    ((10**6,), None),
    ((10**7,), None),
    *(
        (shape, axis)
        for shape in ((100, 100), (250, 400), (1000, 1000), (2500, 4000))
        for axis in (0, 1)
    ),
    ((100000, 10), 0),
    ((100000, 10), 1),
    *((shape, 1) for shape in ((20, 25, 20), (40, 50, 50), (100, 100, 100), (200, 250, 200))),
]


def cases(setting: Setting) -> Iterator[Case]:
    """Yield a case for each shape and axis."""
    for name in ("sum", "mean"):
        for shape, axis in setting.some(SHAPES, [((4, 5), None), ((4, 5, 3), 1)]):
            yield reduction(setting, name, shape, axis)


def reduction(setting: Setting, name: str, shape: tuple[int, ...], axis: int | None) -> Case:
    """Return the case of one reduction."""
    x = setting.normal(*shape)
    t = setting.tensor(x)
    core, theirs = getattr(od.core, name), getattr(setting.torch, name)
    out = np.sum(x, axis)
    # Truth needs more digits than what is measured; long double has them on most machines.
    truth = getattr(np, name)
    return Case(
        f"{name} {'x'.join(map(str, shape))}, {'all' if axis is None else f'axis {axis}'}",
        lambda: core(x, axis),
        {"": (lambda: theirs(t)) if axis is None else (lambda: theirs(t, axis))},
        FORWARD,
        lambda: truth(x, axis, dtype=np.longdouble).astype(np.float64),
        flops=float(x.size),
        reads=float(x.nbytes),
        writes=float(out.nbytes),
    )
