"""Cases of the optimizer steps, which update their arguments in place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from odyssey.testing.cases import Case, generator

SHAPES: dict[str, list[tuple[int, ...]]] = {
    "one element": [(1,)],
    "scalar": [()],
    "bias": [(37,)],
    "weight": [(13, 29)],
    "window": [(3, 2, 5, 3)],
    "longer than a chunk": [(5003,)],
    "nothing": [(0, 3)],
    "no parameters": [],
    "layer": [(13, 29), (13,), (0, 3), (1,)],
}

SGD: dict[str, dict[str, Any]] = {
    "plain": {"lr": 0.1},
    "weight decay": {"lr": 0.1, "weight_decay": 0.01},
    "momentum": {"lr": 0.1, "momentum": 0.9},
    "dampened": {"lr": 0.1, "momentum": 0.9, "dampening": 0.3},
    "Nesterov": {"lr": 0.1, "momentum": 0.9, "nesterov": True},
    "all": {"lr": 0.1, "momentum": 0.8, "weight_decay": 0.1, "nesterov": True},
}

ADAM: dict[str, dict[str, Any]] = {
    "first step": {"step": 1, "lr": 0.01},
    "second step": {"step": 2, "lr": 0.01},
    "late step": {"step": 5000, "lr": 0.01},
    "other betas": {"step": 3, "lr": 0.01, "beta1": 0.5, "beta2": 0.9, "eps": 1e-4},
    "no first moment": {"step": 3, "lr": 0.01, "beta1": 0.0},
    "weight decay": {"step": 2, "lr": 0.01, "weight_decay": 0.1},
    "decoupled weight decay": {"step": 2, "lr": 0.01, "weight_decay": 0.1, "decoupled": True},
}


def cases() -> Iterator[Case]:
    """Yield the cases of ``sgd`` and ``adam``: each setting on one shape, each shape on one."""
    runs = [("weight", name, "sgd") for name in SGD] + [(name, "all", "sgd") for name in SHAPES]
    runs += [("weight", name, "adam") for name in ADAM]
    runs += [(name, "weight decay", "adam") for name in SHAPES]
    for shape_name, setting, kernel in dict.fromkeys(runs):
        yield one_case(kernel, f"{shape_name}, {setting}", SHAPES[shape_name], setting)
    zero = np.zeros((4, 3))
    args = ([np.ones((4, 3))], [zero], [zero], [zero])
    settings = {"step": 1, "lr": 0.1}
    yield Case("adam", "no gradient yet", args, settings, terms=4, wide=(2, 3), writes=(0, 2, 3))


def one_case(kernel: str, name: str, shapes: list[tuple[int, ...]], setting: str) -> Case:
    """Return the case of a step of parameters of these shapes."""
    rng = generator(len(name))
    params, grads, averages = ([rng.standard_normal(s) for s in shapes] for _ in range(3))
    # State and gradient may cancel: errors are as large as what was added.
    scale = max([float(np.abs(a).max(initial=0)) for a in params + grads + averages], default=0.0)
    if kernel == "sgd":
        velocities = averages if SGD[setting].get("momentum") else None
        args: tuple[Any, ...] = (params, grads, velocities)
        return Case("sgd", name, args, SGD[setting], 3, scale, wide=(2,), writes=(0, 2))
    # The averages of one sequence of gradients obey mean(g)**2 <= mean(g**2).
    squares = [m**2 + rng.random(m.shape) for m in averages]
    args = (params, grads, averages, squares)
    return Case("adam", name, args, ADAM[setting], 4, scale, wide=(2, 3), writes=(0, 2, 3))
