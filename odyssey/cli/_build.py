"""From the complete settings of a run to everything that trains."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

from odyssey import models, nn
from odyssey.cli._data import load_data
from odyssey.cli._registry import CONSTANT, REGISTRIES
from odyssey.cli._settings import BY_THE_RUN, FILLED_IN, SECTIONS
from odyssey.cli._signature import SettingError, parameters
from odyssey.data import DataLoader
from odyssey.data.datasets import ImageDataset
from odyssey.training import Trainer, callbacks, metrics
from odyssey.training.callbacks import Callback, ModelCheckpoint
from odyssey.training.optimizers import Optimizer
from odyssey.training.precision import GradScaler
from odyssey.training.run import RunFolder
from odyssey.utils.random import generator, manual_seed

__all__ = ["Plan", "plan"]


@dataclass(frozen=True)
class Plan:
    """What a run is made of, before it has a folder.

    Attributes
    ----------
    settings : dict
        As `resolved` gives them.
    model, optimizer, schedule, loader, test
        Made of them.
    about : dict
        What checkpoints tell of the model.
    """

    settings: dict[str, Any]
    model: nn.Module
    optimizer: Optimizer
    schedule: Any
    loader: DataLoader
    test: ImageDataset
    about: dict[str, Any]

    def trainer(self, folder: RunFolder) -> Trainer:
        """Return the trainer of the run, which keeps its figures and checkpoints in a folder."""
        settings = self.settings
        watchers: list[Callback] = [
            function(**settings[name])
            for name, (function, _) in SECTIONS.items()
            if name != "checkpoint" and settings[name] is not None
        ]
        # After those whose state is part of it; the report tells what all of them have found.
        watchers.append(ModelCheckpoint(folder.checkpoints, **settings["checkpoint"]))
        watchers.append(callbacks.HTMLReport(folder.path, classes=self.about["classes"]))
        own = {name: settings[name] for name in parameters(Trainer, BY_THE_RUN)}
        if own.get("autocast") is not None:  # else small gradients would be 0 in half precision
            own["scaler"] = GradScaler()
        trainer = Trainer(
            self.model,
            self.optimizer,
            metrics={"accuracy": metrics.Accuracy()},
            schedule=self.schedule,
            callbacks=[folder, *watchers],
            validation_name="test",
            **own,
        )
        trainer.about = self.about
        return trainer


def plan(settings: dict[str, Any]) -> Plan:
    """Load the data and make the model and what trains it; all that can be wrong is told here.

    Raises
    ------
    OdysseyError
        If a setting does not fit.
    """
    seed, (name, own) = settings["seed"], _named(settings["model"])
    manual_seed(seed)
    size = models.IMAGE_SIZES.get(name)
    images, test = (load_data(settings["data"], part, size) for part in ("train", "test"))
    transforms = [_made("transform", one) for one in settings["data"]["augment"]]
    if transforms:
        images.transform = lambda image: reduce(lambda x, f: f(x), transforms, image)
    shape = images[0][0].shape
    if shape != test.images.shape[1:]:
        raise SettingError(
            "data.augment",
            f"it makes images of shape {shape}, but those of the test are {test.images.shape[1:]}",
        )
    arguments = {"input_shape": shape, "classes": len(images.classes), **own}
    model = models.build(name, **arguments, rng=generator(seed))
    optimizer = _made("optimizer", settings["optimizer"], model.parameters())
    loader = DataLoader(images, settings["batch_size"], shuffle=True, seed=seed)
    steps = settings["epochs"]
    if settings["schedule_every"] == "step":
        steps *= -(-len(loader) // max(settings["accumulate"], 1))
    about = {
        "model": name,
        "arguments": arguments,
        "data": settings["data"]["name"],
        "classes": list(images.classes),
        "seed": seed,
    }
    schedule = _schedule(settings["schedule"], optimizer, steps)
    made = Plan(settings, model, optimizer, schedule, loader, test, about)
    made.trainer(RunFolder("."))  # raises if it cannot be made; nothing is written by that
    return made


def _named(chosen: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Split a name from its settings."""
    return chosen["name"], {key: value for key, value in chosen.items() if key != "name"}


def _made(kind: str, chosen: Mapping[str, Any], *given: Any) -> Any:
    name, own = _named(chosen)
    return REGISTRIES[kind][name](*given, **own)


def _schedule(chosen: Mapping[str, Any], optimizer: Optimizer, steps: int) -> Any:
    """Make a schedule of so many steps, and those that it is made of."""
    name, own = _named(chosen)
    if name == CONSTANT:
        return None
    function = REGISTRIES["schedule"][name]
    known = parameters(function)
    own = {key: steps for key in FILLED_IN if key in known} | own
    if isinstance(own.get("after"), Mapping):
        left = max(steps - own.get("warmup_steps", 0), 1)
        own["after"] = _schedule(own["after"], optimizer, left)
    if isinstance(own.get("schedulers"), list):
        parts = own["schedulers"]
        ends = [*own.get("milestones", [])][: len(parts) - 1]
        ends += [steps] * (len(parts) - len(ends))
        begins = [0, *ends[:-1]] if own.get("milestones") else [0] * len(parts)
        own["schedulers"] = [
            _schedule(part, optimizer, max(end - begin, 1))
            for part, begin, end in zip(parts, begins, ends, strict=True)
        ]
    return function(optimizer, **own)
