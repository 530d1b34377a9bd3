"""Copies from one memory layout to another: transposition, channels first and last."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.case import FORWARD, Case, Goal, Setting
from odyssey import fast

GOAL = Goal(least=1.0, means={FORWARD: 1.3})

# A shape, and the order in which its axes shall lie in memory.
COPIES: list[tuple[str, tuple[int, ...], tuple[int, ...]]] = [
    ("transpose", (100, 100), (1, 0)),
    ("transpose", (1000, 1000), (1, 0)),
    ("transpose", (4000, 2500), (1, 0)),
    ("swap last axes", (64, 128, 96), (0, 2, 1)),
    ("swap heads", (8, 256, 12, 64), (0, 2, 1, 3)),
    ("NCHW to NHWC", (32, 64, 32, 32), (0, 2, 3, 1)),
    ("NHWC to NCHW", (32, 32, 32, 64), (0, 3, 1, 2)),
    ("NCHW to NHWC", (32, 3, 224, 224), (0, 2, 3, 1)),
    ("NHWC to NCHW", (32, 224, 224, 3), (0, 3, 1, 2)),
    ("every second", (2000, 1000), (0, 1)),
]


def cases(setting: Setting) -> Iterator[Case]:
    """Yield a case for each copy."""
    for name, shape, order in setting.some(COPIES, [("transpose", (4, 5), (1, 0))]):
        yield copy(setting, name, shape, order)


def copy(setting: Setting, name: str, shape: tuple[int, ...], order: tuple[int, ...]) -> Case:
    """Return the case of one copy to C order."""
    x = setting.normal(*shape)
    t = setting.tensor(x)
    if name == "every second":
        x, t = x[:, ::2], t[:, ::2]
    view, their_view = x.transpose(order), t.permute(order)
    mine: Any = fast.KERNELS.get("copy", np.ascontiguousarray)
    return Case(
        f"{name} {'x'.join(map(str, shape))}",
        lambda: mine(view),
        {"": lambda: their_view.contiguous()},
        FORWARD,
        lambda: view.astype(np.float64),
        reads=float(x.nbytes),
        writes=float(x.nbytes),
    )
