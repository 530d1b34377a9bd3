"""Recurrent layers: LSTM, GRU and the plain one, whole sequences in one direction."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np

import odyssey as od
from benchmarks.case import FORWARD, Case, Goal, Setting
from benchmarks.pair import pair

GOAL = Goal(least=1.0)

# (kind, steps, sequences, width = units)
SHAPES = [
    *[(kind, 64, 32, 256) for kind in ("lstm", "gru", "rnn")],
    *[(kind, 64, 1, 256) for kind in ("lstm", "gru")],
    ("lstm", 512, 8, 128),
    ("gru", 512, 8, 128),
    ("lstm", 16, 32, 1024),
    ("gru", 16, 4, 1024),
]
GATES = {"lstm": 4, "gru": 3, "rnn": 1}


def cases(setting: Setting) -> Iterator[Case]:
    """Yield a case for each layer, shape and direction."""
    for shape in setting.some(SHAPES, [(kind, 3, 2, 5) for kind in GATES]):
        yield from layer(setting, *shape)


def layer(setting: Setting, kind: str, T: int, N: int, H: int) -> Iterator[Case]:
    """Yield one layer: two products forward, four backward; forward alone keeps nothing."""
    gates, operation = GATES[kind], getattr(od.core, kind)
    states = 2 if kind == "lstm" else 1
    theirs = getattr(setting.torch, {"rnn": "rnn_tanh"}.get(kind, kind))
    scale = setting.dtype.type(H**-0.5)
    arrays = [
        setting.normal(T, N, H),
        *(setting.normal(N, H) for _ in range(states)),
        *(setting.normal(gates * H, H) * scale for _ in range(2)),
        *(setting.normal(gates * H) * scale for _ in range(2)),
    ]

    def forward(*arrays: np.ndarray) -> tuple[Any, ...]:
        outputs, saved = operation.with_saved(*arrays)
        return (*outputs, saved)

    def backward(grad: np.ndarray, result: tuple[Any, ...], *arrays: np.ndarray) -> Any:
        *outputs, saved = result
        nothing = [None] * states
        kept = {} if saved is None else vars(saved)
        return getattr(od.core, f"{kind}_backward")(
            (grad, *nothing), *arrays[: states + 3], out=tuple(outputs), **kept
        )

    def without_tape() -> Any:
        with od.no_grad():
            return operation(*arrays)[0]

    def pytorch(x: Any, *rest: Any) -> Any:
        first = tuple(state[None] for state in rest[:states])
        first = first if states > 1 else first[0]
        return theirs(x, first, list(rest[states:]), True, 1, 0.0, True, False, False)[0]

    product = 2.0 * T * N * gates * H * H
    for case in pair(
        setting,
        f"{kind} ({T},{N},{H})",
        arrays,
        forward,
        backward,
        pytorch,
        flops=2 * product,
        flops_backward=4 * product,
    ):
        alone = case.direction == FORWARD
        yield dataclasses.replace(case, odyssey=without_tape) if alone else case
