"""The step of an optimizer over the parameters of a model, gradients given.

PyTorch has three implementations of each: a loop over parameters, one call for
each operation on all of them (``foreach``), one for everything (``fused``).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

import odyssey as od
from benchmarks.case import FORWARD, Case, Goal, Setting

GOAL = Goal(least=1.0)

Shapes = list[tuple[int, ...]]

MODELS: dict[str, Shapes] = {
    "mlp": [(256, 784), (256,), (256, 256), (256,), (10, 256), (10,)],
    "1e6": [(1000, 1000)],
    "1e7": [(2500, 4000)],
}

WAYS: dict[str, dict[str, Any]] = {
    "default": {},
    "loop": {"foreach": False},
    "foreach": {"foreach": True},
    "fused": {"fused": True},
}


def cases(setting: Setting) -> Iterator[Case]:
    """Yield each optimizer over each model."""
    models = {"tiny": [(3, 4), (3,)]} if setting.quick else MODELS
    for model, shapes in models.items():
        yield step(setting, "SGD", model, shapes, 1, {"lr": 1e-3, "momentum": 0.9})
        yield step(setting, "AdamW", model, shapes, 2, {"lr": 1e-3})


def step(
    setting: Setting,
    name: str,
    model: str,
    shapes: Shapes,
    moments: int,
    settings: dict[str, Any],
) -> Case:
    """Return the case of one step; `moments` arrays of state go with each parameter."""
    values = [setting.normal(*shape) for shape in shapes]
    grads = [setting.normal(*shape) for shape in shapes]

    def theirs(way: dict[str, Any]) -> Any:
        parameters = [setting.torch.nn.Parameter(setting.torch.tensor(x)) for x in values]
        for parameter, grad in zip(parameters, grads, strict=True):
            parameter.grad = setting.tensor(grad)
        return getattr(setting.torch.optim, name)(parameters, **settings, **way).step

    parameters = [od.Parameter(x.copy()) for x in values]
    for parameter, grad in zip(parameters, grads, strict=True):
        parameter.grad = od.from_numpy(grad)
    size = float(np.sum([x.nbytes for x in values]))
    return Case(
        f"{name} {model}",
        getattr(od.training.optimizers, name)(parameters, **settings).step,
        {way: theirs(options) for way, options in WAYS.items()},
        FORWARD,
        reads=(2 + moments) * size,
        writes=(1 + moments) * size,
        in_place=True,
        recorded=True,  # the step is in place, and not allowed in inference mode
    )
