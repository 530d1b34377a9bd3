"""What a configuration can name: found where it is defined, so that nothing need be listed."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from odyssey import models
from odyssey.cli._signature import SettingError
from odyssey.data import datasets, transforms
from odyssey.training import optimizers, schedulers
from odyssey.utils.choices import did_you_mean

__all__ = ["CONSTANT", "REGISTRIES", "choose", "snake"]

CONSTANT = "constant"
"""The schedule of those who want none."""


def snake(name: str) -> str:
    """Return the name of a class as configurations write it.

    Examples
    --------
    >>> [snake(name) for name in ("SGD", "AdamW", "RMSprop", "RandomCrop", "FashionMNIST")]
    ['sgd', 'adamw', 'rmsprop', 'random_crop', 'fashion_mnist']
    >>> [snake(name) for name in ("OneCycleLR", "ReduceLROnPlateau")]
    ['one_cycle_lr', 'reduce_lr_on_plateau']
    """
    # LR is a word; a single capital at the end, as in AdamW, is none.
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z][A-Za-z])", "_", name.replace("LR", "Lr")).lower()


def _classes(module: ModuleType, fits: Callable[[type, list[inspect.Parameter]], bool]) -> Any:
    found = {}
    for name in module.__all__:
        value = getattr(module, name)
        if inspect.isclass(value):
            parameters = list(inspect.signature(value).parameters.values())
            if fits(value, parameters):
                found[snake(name)] = value
    return dict(sorted(found.items()))


def _is_schedule(kind: type, parameters: list[inspect.Parameter]) -> bool:
    """Whether a class is a schedule that text can describe: a function is not to be had."""
    functions = [p for p in parameters if p.default is p.empty and "Callable" in str(p.annotation)]
    of_optimizer = bool(parameters) and parameters[0].name == "optimizer"
    return kind is not schedulers.Scheduler and of_optimizer and not functions


def _schedules() -> dict[str, Any]:
    """Name the schedules without their LR, unless that would be the name of a constant rate."""
    found = {}
    for name, value in _classes(schedulers, _is_schedule).items():
        short = name.removesuffix("_lr").removesuffix("_scheduler")
        found[name if short == CONSTANT else short] = value
    return dict(sorted(found.items()))


REGISTRIES: dict[str, Mapping[str, Callable[..., Any]]] = {
    "model": models.MODELS,
    "data": _classes(
        datasets,
        lambda kind, parameters: (
            issubclass(kind, datasets.ImageDataset) and kind is not datasets.ImageDataset
        ),
    ),
    "optimizer": _classes(
        optimizers, lambda kind, parameters: bool(parameters) and parameters[0].name == "params"
    ),
    "schedule": _schedules(),
    "transform": _classes(transforms, lambda kind, parameters: callable(kind)),
}
"""Of each kind the names, and the classes or functions that they stand for."""

# Base classes, one that wants a closure at each step, and one that takes matrices only.
REGISTRIES["optimizer"] = {
    name: value
    for name, value in REGISTRIES["optimizer"].items()
    if name not in ("optimizer", "elementwise", "lbfgs", "muon")
}

_ALIASES = {"schedule": {"cosine": "cosine_annealing", "none": CONSTANT}}


def choose(kind: str, name: Any, place: str) -> str:
    """Return the name under which something of a kind is registered.

    Hyphens and underscores make no difference, and a schedule may have its ``_lr``.

    Raises
    ------
    SettingError
        If there is no such thing.
    """
    known = list(REGISTRIES[kind]) + [CONSTANT] * (kind == "schedule")
    if isinstance(name, str):
        wanted = _squashed(_ALIASES.get(kind, {}).get(name, name))
        for one in known:
            if wanted in (_squashed(one), _squashed(one) + "lr" * (kind == "schedule")):
                return one
    hint = did_you_mean(str(name).lower(), [*known, *_ALIASES.get(kind, ())])
    raise SettingError(place, f"expected one of {', '.join(known)}, got {name!r}{hint}")


def _squashed(name: str) -> str:
    return re.sub(r"[-_]", "", name)
