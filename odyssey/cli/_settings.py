"""From what a user has written to the complete settings of a run."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from odyssey.backend import BACKENDS, get_backend
from odyssey.cli._registry import CONSTANT, REGISTRIES, choose
from odyssey.cli._signature import SettingError, check, parameters, unknown
from odyssey.errors import OdysseyError
from odyssey.threads import get_num_threads
from odyssey.training import Trainer, callbacks
from odyssey.utils.choices import pick
from odyssey.utils.config import merge_configs, parse_value

__all__ = ["BY_THE_RUN", "DEFAULTS", "FILLED_IN", "GIVEN", "SECTIONS", "general", "resolved"]

DEFAULTS: dict[str, Any] = {
    "data": {"name": "digits"},
    "optimizer": {"name": "adam", "lr": 2e-3},
    "schedule": {"name": "cosine_annealing"},
    "checkpoint": {"monitor": "test_accuracy", "mode": "max", "every_seconds": 300.0},
}
"""What differs from the defaults of the classes."""

GIVEN = {
    "model": ("input_shape", "classes", "rng"),
    "data": ("split", "transform"),
    "optimizer": ("params",),
    "schedule": ("optimizer",),
    "transform": (),
}
"""Of each kind the parameters that are no settings: the run has them."""

FILLED_IN = ("T_max", "total_steps", "steps")
"""Settings of schedules that the run knows: how many steps there are."""

SECTIONS: dict[str, tuple[Callable[..., Any], tuple[str, ...]]] = {
    "checkpoint": (callbacks.ModelCheckpoint, ("folder",)),
    "early_stopping": (callbacks.EarlyStopping, ()),
}

FIGURES = ("train_loss", "train_accuracy", "test_loss", "test_accuracy")
"""What is measured in an epoch, and can be monitored."""

BY_THE_RUN = (
    "model",
    "optimizer",
    "loss_fn",
    "metrics",
    "schedule",
    "callbacks",
    "clip",
    "scaler",
    "validation_name",
)
"""Of the trainer's parameters those that are no settings."""


def general(
    epochs: int = 20,
    batch_size: int = 32,
    seed: int = 0,
    backend: str | None = None,
    threads: int | None = None,
) -> None:
    """Hold the settings at the top that are not the trainer's.

    Parameters
    ----------
    epochs : int
        how often to go through the training data
    batch_size : int
        examples in a batch
    seed : int
        of the first weights and the order of the data; the same seed trains the same model
    backend : str, optional
        the kernels, by default what ODYSSEY_BACKEND says, else fast
    threads : int, optional
        threads of the fast kernels; by default all CPUs
    """


_KINDS = ("model", "data", "optimizer", "schedule")


def resolved(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the complete settings of a run.

    Parameters
    ----------
    config : mapping
        What a user has written: only what differs from the defaults.

    Returns
    -------
    settings : dict
        Every setting, in its type; those that the run fills in are absent. Resolved again they
        stay as they are.

    Raises
    ------
    SettingError
        If one is unknown, missing or out of range.
    """
    own, trainer = parameters(general), parameters(Trainer, BY_THE_RUN)
    known = [*_KINDS, *own, *trainer, *SECTIONS]
    for key in config:
        if key not in known:
            raise unknown(str(key), "odyssey train", known)
    named = {kind: _named(kind, config[kind]) for kind in _KINDS if kind in config}
    config = merge_configs(DEFAULTS, {**config, **named})
    if config.get("model") is None:
        raise SettingError("model", f"expected one of {', '.join(REGISTRIES['model'])}")
    settings: dict[str, Any] = {
        "model": _chosen("model", config["model"], "model"),
        "data": _data(config["data"]),
        "optimizer": _chosen("optimizer", config["optimizer"], "optimizer"),
        "schedule": _chosen("schedule", config["schedule"], "schedule"),
    }
    for function, names, skip in ((general, own, ()), (Trainer, trainer, BY_THE_RUN)):
        given = {name: config[name] for name in names if name in config}
        settings |= check("", "odyssey train", function, given, skip)
    for name in SECTIONS:
        settings[name] = _section(name, config.get(name))
    kind = REGISTRIES["schedule"].get(settings["schedule"]["name"])
    if getattr(kind, "wants_figures", False) and "schedule_every" not in config:
        settings["schedule_every"] = "epoch"  # there are no figures before
    settings["backend"] = settings["backend"] or get_backend()
    settings["threads"] = get_num_threads() if settings["threads"] is None else settings["threads"]
    _check_values(settings)
    return settings


def _check_values(settings: Mapping[str, Any]) -> None:
    """Raise unless settings that are of the right type are in their range, too."""
    for name, least in (("epochs", 1), ("batch_size", 1), ("seed", 0), ("threads", 1)):
        if settings[name] < least:
            raise SettingError(name, f"expected at least {least}, got {settings[name]}")
    _pick("backend", settings["backend"], BACKENDS)
    for name in ("schedule", *SECTIONS):
        if (monitor := (settings[name] or {}).get("monitor")) is not None:
            _pick(f"{name}.monitor", monitor, FIGURES)


def _pick(place: str, value: str, known: Iterable[str]) -> None:
    try:
        pick(place, value, known)
    except OdysseyError as error:
        raise SettingError(place, str(error).removeprefix(f"{place}: ")) from error


def _section(name: str, value: Any) -> dict[str, Any] | None:
    """Return the complete settings of a callback, None if it is not wanted."""
    function, skip = SECTIONS[name]
    value = parse_value(value) if isinstance(value, str) else value
    if isinstance(value, Mapping) and "name" in value:  # "none", laid over settings
        value = value["name"]
    if value in (None, False, "none") and name != "checkpoint":
        return None
    settings = _monitored(function, _mapping({} if value is True else value, name))
    return check(name, name, function, settings, skip)


def _mapping(value: Any, place: str) -> Mapping[str, Any]:
    """Return settings that may be written in the flow style, as a command line has to."""
    if isinstance(value, str):
        value = parse_value(value)
    if not isinstance(value, Mapping):
        raise SettingError(place, f"expected settings, got {value!r}")
    return value


def _named(kind: str, value: Any) -> Any:
    """Return what was written for a kind as settings, with the name that is registered."""
    if value is None and kind == "schedule":
        value = CONSTANT
    if isinstance(value, str):
        value = parse_value(value) if value.lstrip().startswith("{") else {"name": value}
    if isinstance(value, Mapping) and "name" in value:
        return {**value, "name": choose(kind, value["name"], kind)}
    return value


def _chosen(kind: str, value: Any, place: str) -> dict[str, Any]:
    """Return the name and the complete settings of something of a kind."""
    if isinstance(value, str):
        value = parse_value(value) if value.lstrip().startswith("{") else {"name": value}
    if not isinstance(value, Mapping):
        raise SettingError(place, f"expected a name, or a name with settings, got {value!r}")
    if "name" not in value:
        raise SettingError(f"{place}.name", f"expected one of {', '.join(REGISTRIES[kind])}")
    name = choose(kind, value["name"], place)
    settings = {key: item for key, item in value.items() if key != "name"}
    if name == CONSTANT and kind == "schedule":
        if settings:
            raise unknown(f"{place}.{min(settings)}", "a constant rate", ())
        return {"name": name}
    function = REGISTRIES[kind][name]
    inner = _schedules_within(function, settings, place) if kind == "schedule" else {}
    for key in settings:  # first: a misspelt name shall not be told as a missing one
        if key not in parameters(function, GIVEN[kind]):
            raise unknown(f"{place}.{key}", name, [*parameters(function, GIVEN[kind])])
    settings = _monitored(function, settings)
    checked = check(
        place,
        name,
        function,
        {key: item for key, item in settings.items() if key not in inner},
        skip=(*GIVEN[kind], *inner),
        optional=FILLED_IN if kind == "schedule" else (),
    )
    order = parameters(function, GIVEN[kind])
    checked |= inner
    return {"name": name} | {key: checked[key] for key in order if key in checked}


def _monitored(function: Callable[..., Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Let what watches a figure of the validation watch that of the test, which there is."""
    one = parameters(function).get("monitor")
    if one is None or "monitor" in settings or not str(one.default).startswith("val_"):
        return dict(settings)
    return {**settings, "monitor": one.default.replace("val_", "test_", 1)}


def _schedules_within(
    function: Callable[..., Any], settings: Mapping[str, Any], place: str
) -> dict[str, Any]:
    """Return those settings of a schedule that are schedules again."""
    found: dict[str, Any] = {}
    for key, one in parameters(function).items():
        text = str(one.annotation)
        if "Scheduler" not in text:
            continue
        value = settings.get(key, None if one.default is inspect.Parameter.empty else one.default)
        if "Sequence" in text:
            value = parse_value(value) if isinstance(value, str) else value
            if not isinstance(value, list) or not value:
                raise SettingError(f"{place}.{key}", f"expected a list of schedules, got {value!r}")
            found[key] = [
                _chosen("schedule", item, f"{place}.{key}[{i}]") for i, item in enumerate(value)
            ]
        else:
            none = value is None
            found[key] = None if none else _chosen("schedule", value, f"{place}.{key}")
    return found


def _data(value: Any) -> dict[str, Any]:
    """Return the complete settings of the data, those of its augmentation among them."""
    settings = dict(_mapping(value, "data"))
    augment = settings.pop("augment", None)
    if isinstance(augment, str):
        augment = parse_value(augment)
    augment = [augment] if isinstance(augment, (str, Mapping)) else augment or []
    if not isinstance(augment, list):
        raise SettingError("data.augment", f"expected a list of transforms, got {augment!r}")
    chosen = _chosen("data", settings, "data")
    if chosen.get("root") is not None:
        chosen["root"] = os.path.abspath(os.path.expanduser(chosen["root"]))
    chosen["augment"] = [
        _chosen("transform", one, f"data.augment[{i}]") for i, one in enumerate(augment)
    ]
    return chosen
