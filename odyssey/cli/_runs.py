"""Open a run folder again."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from odyssey import models, nn, threads
from odyssey.backend import BACKENDS, get_backend, use_backend
from odyssey.errors import FormatError, OdysseyError
from odyssey.training.checkpoint import ModelRecord, load_checkpoint, read_model
from odyssey.utils.choices import pick
from odyssey.utils.config import load_config

__all__ = ["configured_folder", "machine", "open_run"]


def open_run(run: str | os.PathLike[str]) -> tuple[nn.Module, ModelRecord]:
    """Build the model of a run folder, with its trained weights.

    Raises
    ------
    FormatError
        If there is none, or the weights are of another model.
    """
    record, _ = read_model(run)
    try:
        model = models.build(record.name, **record.arguments)
    except (OdysseyError, TypeError) as error:
        raise FormatError(f"checkpoint: {run} is of no model that can be built: {error}") from error
    load_checkpoint(run, model)
    return model.eval(), record


def configured_folder(run: str | os.PathLike[str]) -> str | None:
    """Return the folder of the data that a run was trained on, as its config.yaml says."""
    path = Path(run, "config.yaml")
    folder = load_config(path).get("data_dir") if path.is_file() else None
    return None if folder is None else str(folder)


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
