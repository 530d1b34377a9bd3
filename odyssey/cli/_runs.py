"""Open a run folder again."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from odyssey import models, nn, threads
from odyssey.backend import BACKENDS, get_backend, use_backend
from odyssey.errors import FormatError, OdysseyError
from odyssey.training.checkpoint import CheckpointManager
from odyssey.utils.choices import pick
from odyssey.utils.config import load_config

__all__ = ["WHICH", "machine", "open_run", "run_config", "run_folder"]

WHICH = ("last", "best")
"""The checkpoints of a run that can be asked for."""


def open_run(
    run: str | os.PathLike[str], which: str = "last"
) -> tuple[nn.Module, dict[str, Any], dict[str, Any]]:
    """Build the model of a run folder, with its trained weights.

    Returns
    -------
    model : Module
        In evaluation mode.
    about : dict
        What the checkpoint tells: ``"model"``, ``"arguments"``, ``"data"``, ``"classes"``,
        ``"seed"``, ``"epoch"``, ``"step"``.
    config : dict
        Of the run; empty if it has lost its config.yaml.

    Raises
    ------
    FormatError
        If there is none, or the weights are of another model.
    """
    pick("which", which, WHICH)
    folder = run_folder(run)
    config = run_config(folder)
    section = config.get("checkpoint")
    mode = section.get("mode", "min") if isinstance(section, dict) else "max"
    checkpoint = CheckpointManager(folder / "checkpoints", mode=mode).load(which)
    about = checkpoint.about
    lacking = {"model", "arguments", "data", "classes"} - about.keys()
    if lacking or "model" not in checkpoint.parts:
        raise FormatError(f"checkpoint: {checkpoint.path} was not saved by odyssey train")
    try:
        model = models.build(about["model"], **about["arguments"])
    except (OdysseyError, TypeError) as error:
        raise FormatError(
            f"checkpoint: {checkpoint.path} is of no model that can be built: {error}"
        ) from error
    try:
        model.load_state_dict(checkpoint.parts["model"])
    except OdysseyError as error:
        raise FormatError(f"checkpoint: {checkpoint.path} is of another model: {error}") from error
    return model.eval(), about, config


def run_folder(run: str | os.PathLike[str]) -> Path:
    """Return the path of a run folder, if it is one."""
    folder = Path(run)
    if folder.is_file():
        raise FormatError(f"{folder} is a file, expected the folder of a run")
    if not folder.is_dir():
        raise FormatError(f"there is no folder {folder}")
    if not any((folder / name).exists() for name in ("config.yaml", "checkpoints")):
        raise FormatError(
            f"{folder} is not the folder of a run: it has no config.yaml and no checkpoints"
        )
    return folder


def run_config(folder: Path) -> dict[str, Any]:
    """Return the configuration of a run, empty if it has lost it."""
    path = folder / "config.yaml"
    return load_config(path) if path.is_file() else {}


@contextlib.contextmanager
def machine(backend: str | None, count: int | None) -> Iterator[None]:
    """Compute on a backend and with a number of threads, in this block."""
    backend = pick("backend", get_backend() if backend is None else backend, BACKENDS)
    before = threads.get_num_threads()
    if count is not None:
        threads.set_num_threads(count)
    try:
        with use_backend(backend):
            yield
    finally:
        if count is not None:
            threads.set_num_threads(before)
