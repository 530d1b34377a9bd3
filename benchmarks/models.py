"""Whole training steps: forward, loss, backward, optimizer.

Both sides start from the same weights; the error is that of the first loss.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

import odyssey as od
from benchmarks.case import BOTH, Case, Goal, Setting

__all__ = ["GOAL", "Training", "cases", "my_step", "their_step", "trainings"]

GOAL = Goal()

OPTIMIZERS: dict[str, dict[str, Any]] = {
    "default": {},
    "foreach": {"foreach": True},
    "fused": {"fused": True},
}


@dataclass(frozen=True)
class Training:
    """What is trained, and how."""

    name: str
    model: Callable[[], od.nn.Module]
    their_model: Callable[[Any], Any]
    """Takes PyTorch, returns its model, layer by layer the same."""
    shape: tuple[int, ...]
    optimizer: str
    settings: dict[str, Any]
    least: float
    """The ratio that is wanted."""


def trainings(quick: bool = False) -> list[Training]:
    """Return the training steps that the project wants to be fast."""
    hidden = (8, 8) if quick else (256, 256)
    batch = 4 if quick else 64
    mlp = Training(
        f"MLP 784-{hidden[0]}-{hidden[1]}-10, batch {batch}, AdamW",
        lambda: od.models.mlp((784,), 10, hidden),
        lambda torch: their_mlp(torch, hidden),
        (batch, 784),
        "AdamW",
        {"lr": 1e-3},
        least=1 / 0.6,
    )
    batch = 2 if quick else 32
    lenet5 = Training(
        f"LeNet-5, batch {batch}, SGD with momentum",
        od.models.lenet5,
        their_lenet5,
        (batch, 1, 28, 28),
        "SGD",
        {"lr": 1e-2, "momentum": 0.9},
        least=1 / 0.4,
    )
    return [mlp, lenet5]


def their_mlp(torch: Any, hidden: tuple[int, int]) -> Any:
    """Return PyTorch's multi-layer perceptron."""
    nn = torch.nn
    return nn.Sequential(
        nn.Linear(784, hidden[0]),
        nn.ReLU(),
        nn.Linear(hidden[0], hidden[1]),
        nn.ReLU(),
        nn.Linear(hidden[1], 10),
    )


def their_lenet5(torch: Any) -> Any:
    """Return PyTorch's LeNet-5, layer by layer that of :func:`odyssey.models.lenet5`."""
    nn = torch.nn
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2),
        nn.Tanh(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.Tanh(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(400, 120),
        nn.Tanh(),
        nn.Linear(120, 84),
        nn.Tanh(),
        nn.Linear(84, 10),
    )


def my_model(training: Training, dtype: np.dtype) -> od.nn.Module:
    """Return odyssey's model in a dtype."""
    model = training.model()
    for parameter in model.parameters():
        parameter.data = parameter.numpy().astype(dtype)
    return model


def my_step(
    training: Training, model: od.nn.Module, x: np.ndarray, labels: np.ndarray
) -> Callable[[], Any]:
    """Return a function that takes one step and returns the loss."""
    optimizer = getattr(od.training.optimizers, training.optimizer)(
        model.parameters(), **training.settings
    )
    images, target = od.from_numpy(x), od.from_numpy(labels)

    def step() -> Any:
        optimizer.zero_grad()
        loss = od.core.cross_entropy(model(images), target)
        loss.backward()
        optimizer.step()
        return loss

    return step


def same_weights(training: Training, model: od.nn.Module, setting: Setting) -> Any:
    """Return PyTorch's model with the weights of odyssey's."""
    torch = setting.torch
    theirs = training.their_model(torch).to(getattr(torch, setting.dtype.name))
    with torch.no_grad():
        for parameter, mine in zip(theirs.parameters(), model.parameters(), strict=True):
            parameter.copy_(torch.from_numpy(mine.numpy()))
    return theirs


def their_step(
    training: Training,
    torch: Any,
    model: Any,
    x: np.ndarray,
    labels: np.ndarray,
    way: dict[str, Any],
    layout: str = "contiguous_format",
) -> Callable[[], Any]:
    """Return a function that takes one step with PyTorch, on a copy of the model."""
    memory_format = getattr(torch, layout)
    own = copy.deepcopy(model).to(memory_format=memory_format)
    images, target = torch.from_numpy(x), torch.from_numpy(labels)
    if images.ndim == 4:
        images = images.to(memory_format=memory_format)
    optimizer = getattr(torch.optim, training.optimizer)(
        own.parameters(), **training.settings, **way
    )

    def step() -> Any:
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(own(images), target)
        loss.backward()
        optimizer.step()
        return loss

    return step


def cases(setting: Setting) -> Iterator[Case]:
    """Yield a case for each training."""
    for training in trainings(setting.quick):
        yield training_case(setting, training)


def training_case(setting: Setting, training: Training) -> Case:
    """Return the case of one step on one batch, in every way that PyTorch has for it."""
    torch = setting.torch
    x = setting.normal(*training.shape)
    labels = setting.rng.integers(0, 10, len(x))
    model = my_model(training, setting.dtype)
    theirs = same_weights(training, model, setting)
    double = copy.deepcopy(theirs).double()

    def truth() -> Any:
        scores = double(torch.from_numpy(x.astype(np.float64)))
        return torch.nn.functional.cross_entropy(scores, torch.from_numpy(labels))

    layouts = {"": "contiguous_format"}
    if x.ndim == 4:
        layouts[" channels_last"] = "channels_last"
    return Case(
        training.name,
        my_step(training, model, x, labels),
        {
            name + word: their_step(training, torch, theirs, x, labels, way, layout)
            for word, layout in layouts.items()
            for name, way in OPTIMIZERS.items()
        },
        BOTH,
        truth,
        independent=False,
        least=training.least,
    )
