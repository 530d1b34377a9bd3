"""The folder that a training leaves behind.

::

    config.yaml             what was run: trains the same again
    metrics.csv             a row an epoch
    losses.csv              a row a step
    training_curves.png     the metrics, drawn
    model.safetensors, optimizer.safetensors, state.json     see `checkpoint`
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from odyssey.errors import OdysseyError
from odyssey.utils.config import save_config
from odyssey.utils.io import atomic_write
from odyssey.utils.visualization import plot_training_curves

__all__ = ["COLUMNS", "RunFolder", "create_run_folder"]

COLUMNS = (
    "epoch",
    "step",
    "train_loss",
    "train_accuracy",
    "test_loss",
    "test_accuracy",
    "seconds",
)
"""The columns of ``metrics.csv``."""


def create_run_folder(path: str | os.PathLike[str] | None, name: str) -> Path:
    """Make the folder of a new run.

    Parameters
    ----------
    path : path-like, optional
        Where. It may be there already, but empty: a run never replaces another.
    name : str
        Without a path it is ``runs/NAME-DATE-TIME``, with a number if needed.

    Raises
    ------
    OdysseyError
        If the folder has something in it.
    OSError
        If it cannot be made.
    """
    if path is not None:
        folder = Path(path)
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise OdysseyError(
                f"run_dir: {folder} is not empty; choose a new folder, so that no run is lost"
            )
        return folder
    stem = f"{name}-{time.strftime('%Y%m%d-%H%M%S')}"
    number = 1
    while True:
        folder = Path("runs", stem if number == 1 else f"{stem}-{number}")
        try:
            folder.mkdir(parents=True)
            return folder
        except FileExistsError:
            if not folder.is_dir() or not folder.parent.is_dir():
                raise  # `runs` is a file: no number helps
            number += 1


class RunFolder:
    """Keep the figures of a run, and write them when told to.

    Parameters
    ----------
    path : path-like
        A folder that exists.

    Attributes
    ----------
    path : Path
    epochs : list of dict
        The rows of ``metrics.csv``; an absent figure is left empty there.
    losses : list of float
        The loss of every step.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     run = RunFolder(folder)
    ...     run.losses += [2.5, 2.25]
    ...     run.epochs.append({"epoch": 1, "step": 2, "train_loss": 2.375, "seconds": 0.5})
    ...     run.save_figures()
    ...     print(Path(folder, "metrics.csv").read_text(), end="")
    epoch,step,train_loss,train_accuracy,test_loss,test_accuracy,seconds
    1,2,2.375,,,,0.5
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.epochs: list[dict[str, float]] = []
        self.losses: list[float] = []

    def save_config(self, config: Mapping[str, Any]) -> None:
        """Write ``config.yaml``."""
        save_config(config, self.path / "config.yaml")

    def save_figures(self) -> None:
        """Write ``metrics.csv`` and ``losses.csv``, each replaced atomically."""
        rows = [",".join(COLUMNS)]
        rows += [",".join(_text(row.get(name)) for name in COLUMNS) for row in self.epochs]
        atomic_write(self.path / "metrics.csv", ("\n".join(rows) + "\n").encode())
        rows = ["step,loss"]
        # Nine digits say which float32 it is.
        rows += [f"{step},{loss:.9g}" for step, loss in enumerate(self.losses, 1)]
        atomic_write(self.path / "losses.csv", ("\n".join(rows) + "\n").encode())

    def save_curves(self) -> None:
        """Draw ``training_curves.png``, if there is an epoch to draw."""
        if not self.epochs:
            return
        names = [name for name in COLUMNS if name not in ("step", "seconds")]
        history = {
            name: [float(row.get(name, float("nan"))) for row in self.epochs] for name in names
        }
        plot_training_curves(history, self.path / "training_curves.png")


def _text(value: float | None) -> str:
    return "" if value is None else f"{value:.9g}"
