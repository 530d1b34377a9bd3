"""Checkpoints: a model, its optimizer and where the training stood, as files without code.

::

    model.safetensors       the weights; the header says which model they are of
    optimizer.safetensors   the optimizer's arrays
    state.json              epoch, step, settings: small, and made to be read

Each is replaced atomically. A run that is killed between two of them leaves
files of two moments; they carry the step they were saved at, so that loading
tells instead of mixing them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy.typing as npt

from odyssey.errors import FormatError
from odyssey.nn import Module
from odyssey.training.optimizers import Optimizer
from odyssey.utils.config import resolve
from odyssey.utils.io import atomic_write, read_bytes
from odyssey.utils.serialization import load_arrays, save_arrays
from odyssey.version import __version__

__all__ = ["FORMAT", "ModelRecord", "load_checkpoint", "read_model", "save_checkpoint"]

FORMAT = 1
"""The version of the layout of these files; raised when older readers would go wrong."""

MODEL, OPTIMIZER, STATE = "model.safetensors", "optimizer.safetensors", "state.json"


@dataclass(frozen=True)
class ModelRecord:
    """What is needed to build a model again.

    Attributes
    ----------
    name : str
        Its name in the registry of models.
    arguments : dict
        The arguments that it was built with, in JSON's types.
    dataset : str
        The name of the data that it was trained on, "" if there is none.
    classes : tuple of str
        The names of its classes.
    """

    name: str
    arguments: dict[str, Any] = field(default_factory=dict)
    dataset: str = ""
    classes: tuple[str, ...] = ()


def save_checkpoint(
    folder: str | os.PathLike[str],
    model: Module,
    record: ModelRecord,
    optimizer: Optimizer | None = None,
    state: Mapping[str, Any] | None = None,
) -> None:
    """Write a model, and what continues its training, to a folder that exists.

    Parameters
    ----------
    folder : path-like
        Files of an earlier checkpoint in it are replaced.
    model : Module
    record : ModelRecord
        What the model is.
    optimizer : Optimizer, optional
        Its arrays and its settings are saved.
    state : mapping, optional
        Anything of JSON's types; ``"step"`` says which step it is.

    Raises
    ------
    OSError
        If a file cannot be written; the one that stood there is untouched.
    DTypeError
        If `state` has no form in JSON.
    """
    folder = Path(folder)
    content = {"format": FORMAT, "odyssey": __version__, **resolve(state or {})}
    step = content.setdefault("step", 0)
    header = {"format": str(FORMAT), "odyssey": __version__, "step": str(step)}
    about = {
        "model": record.name,
        "arguments": json.dumps(resolve(record.arguments)),
        "dataset": record.dataset,
        "classes": json.dumps(list(record.classes)),
    }
    save_arrays(model.state_dict(), folder / MODEL, header | about)
    if optimizer is not None:
        save_arrays(optimizer.state_dict(), folder / OPTIMIZER, header)
        content["optimizer"] = {
            "name": type(optimizer).__name__,
            "groups": [resolve(_settings(group)) for group in optimizer.groups],
        }
    atomic_write(folder / STATE, (json.dumps(content, indent=2) + "\n").encode())


def read_model(
    folder: str | os.PathLike[str],
) -> tuple[ModelRecord, dict[str, npt.NDArray[Any]]]:
    """Return what a checkpoint's model is, and its weights.

    Raises
    ------
    FormatError
        If there is no checkpoint, or it is damaged, or of a newer odyssey.
    """
    path = _find(folder, MODEL)
    weights, header = load_arrays(path)
    _check_header(header, path)
    try:
        record = ModelRecord(
            header["model"],
            dict(json.loads(header["arguments"])),
            header["dataset"],
            tuple(json.loads(header["classes"])),
        )
    except (KeyError, ValueError, TypeError) as error:
        raise FormatError(f"checkpoint: {path} does not say which model it is of") from error
    return record, weights


def load_checkpoint(
    folder: str | os.PathLike[str], model: Module, optimizer: Optimizer | None = None
) -> dict[str, Any]:
    """Put the values of a checkpoint into a model and, if given, an optimizer.

    Parameters
    ----------
    folder : path-like
        Where `save_checkpoint` wrote to.
    model : Module
        Of the same structure as the one that was saved.
    optimizer : Optimizer, optional
        Of the same kind as the one that was saved.

    Returns
    -------
    state : dict
        The content of ``state.json``.

    Raises
    ------
    FormatError
        If a file is missing, damaged or of a newer odyssey, if the files are
        of different steps, or if they do not fit the model or the optimizer:
        the message lists every mismatch, and nothing was loaded.
    """
    path = _find(folder, MODEL)
    weights, header = load_arrays(path)
    _check_header(header, path)
    state = _read_state(folder)
    steps = {MODEL: header.get("step"), STATE: str(state.get("step"))}
    arrays: dict[str, npt.NDArray[Any]] = {}
    if optimizer is not None:
        kind, saved = type(optimizer).__name__, state.get("optimizer") or {}
        if saved.get("name") != kind:
            raise FormatError(
                f"checkpoint: {folder} is of the optimizer {saved.get('name')}, not of {kind}"
            )
        arrays, header = load_arrays(_find(folder, OPTIMIZER))
        steps[OPTIMIZER] = header.get("step")
    if len(set(steps.values())) > 1:
        found = ", ".join(f"{name}: step {step}" for name, step in steps.items())
        raise FormatError(f"checkpoint: {folder} holds files of different moments ({found})")
    _load_weights(model, weights, path)
    if optimizer is not None:
        _load_optimizer(optimizer, arrays, state["optimizer"].get("groups"), folder)
    return state


def _load_weights(model: Module, weights: Mapping[str, npt.NDArray[Any]], path: Path) -> None:
    try:
        model.load_state_dict(weights)
    except FormatError as error:
        reason = str(error).removeprefix("load_state_dict: ")
        raise FormatError(f"checkpoint: {path} is of another model: {reason}") from error


def _load_optimizer(
    optimizer: Optimizer,
    arrays: dict[str, npt.NDArray[Any]],
    groups: Any,
    folder: str | os.PathLike[str],
) -> None:
    if not isinstance(groups, list) or len(groups) != len(optimizer.groups):
        raise FormatError(
            f"checkpoint: {folder} has other parameter groups than the optimizer's "
            f"{len(optimizer.groups)}"
        )
    optimizer.load_state_dict(arrays)
    for own, saved in zip(optimizer.groups, groups, strict=True):
        own.update({k: tuple(v) if isinstance(v, list) else v for k, v in saved.items()})


def _settings(group: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in group.items() if name != "params"}


def _read_state(folder: str | os.PathLike[str]) -> dict[str, Any]:
    path = _find(folder, STATE)
    try:
        state = json.loads(read_bytes(path, "checkpoint"))
    except ValueError as error:
        raise FormatError(f"checkpoint: {path} is not valid JSON: {error}") from error
    if not isinstance(state, dict):
        raise FormatError(f"checkpoint: {path}: expected an object, got {type(state).__name__}")
    _check_header(state, path)
    return state


def _find(folder: str | os.PathLike[str], name: str) -> Path:
    """Return the path of one of a checkpoint's files, which has to be there."""
    path = Path(folder, name)
    if path.is_file():
        return path
    where = os.fspath(folder)
    if not os.path.exists(where):
        raise FormatError(f"checkpoint: there is no folder {where}")
    if not os.path.isdir(where):
        raise FormatError(f"checkpoint: {where} is a file, expected the folder of a run")
    raise FormatError(f"checkpoint: {where} is not the folder of a run: it has no {name}")


def _check_header(header: Mapping[str, Any], path: Path) -> None:
    try:
        version = int(header["format"])
    except (KeyError, ValueError, TypeError) as error:
        raise FormatError(f"checkpoint: {path} was not written by odyssey's training") from error
    if version > FORMAT:
        raise FormatError(
            f"checkpoint: {path} is in format {version}, written by odyssey "
            f"{header.get('odyssey', 'unknown')}; this is odyssey {__version__}, which reads "
            f"formats up to {FORMAT}: upgrade it"
        )
