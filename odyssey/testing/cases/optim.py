"""Cases of the optimizer steps, which update their arguments in place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from odyssey.testing.cases import Case, generator

SHAPES = {
    "one element": (1,),
    "scalar": (),
    "bias": (37,),
    "weight": (13, 29),
    "window": (3, 2, 5, 3),
    "longer than a chunk": (5003,),
    "nothing": (0, 3),
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
        rng = generator(len(shape_name))
        shape = SHAPES[shape_name]
        param, grad = rng.standard_normal(shape), rng.standard_normal(shape)
        average = rng.standard_normal(shape)
        name = f"{shape_name}, {setting}"
        # State and gradient may cancel: errors are as large as what was added.
        scale = max(float(np.abs(a).max(initial=0)) for a in (param, grad, average))
        if kernel == "sgd":
            state = average if SGD[setting].get("momentum") else None
            args: tuple[Any, ...] = (param, grad, state)
            yield Case("sgd", name, args, SGD[setting], 3, scale, wide=(2,), writes=(0, 2))
        else:
            # The averages of one sequence of gradients obey mean(g)**2 <= mean(g**2).
            args = (param, grad, average, average**2 + rng.random(shape))
            yield Case("adam", name, args, ADAM[setting], 4, scale, wide=(2, 3), writes=(0, 2, 3))
    zero = np.zeros((4, 3))
    args = (np.ones((4, 3)), zero, zero, zero)
    settings = {"step": 1, "lr": 0.1}
    yield Case("adam", "no gradient yet", args, settings, terms=4, wide=(2, 3), writes=(0, 2, 3))
