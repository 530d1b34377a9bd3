"""The folder that a training leaves behind.

::

    config.yaml             what was run: trains the same again
    metrics.csv             a row an epoch
    losses.csv              a row a step
    training_curves.png     the metrics, drawn
    checkpoints/000001/     see `checkpoint`
    summary.json            how it ended
"""

from __future__ import annotations

import itertools
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from odyssey.errors import FormatError, OdysseyError
from odyssey.training.callbacks import Callback
from odyssey.utils.config import resolve, save_config
from odyssey.utils.io import atomic_write, read_bytes
from odyssey.utils.visualization import plot_training_curves

if TYPE_CHECKING:
    from odyssey.training.trainer import Trainer

__all__ = ["RunFolder", "create_run_folder"]


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


class RunFolder(Callback):
    """Keep the figures of a training in its folder, also over a resume.

    It stands before `ModelCheckpoint` among the callbacks: then the losses of all steps of a
    checkpoint are in the file when it is saved.

    Parameters
    ----------
    path : path-like
        A folder that exists.

    Attributes
    ----------
    path : Path
    checkpoints : Path
        Where the checkpoints are.

    Examples
    --------
    >>> import tempfile
    >>> import odyssey as od
    >>> from odyssey.data import DataLoader, datasets
    >>> from odyssey.training import Trainer, optimizers
    >>> model = od.models.mlp((1, 8, 8), 10)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     trainer = Trainer(
    ...         model, optimizers.Adam(model.parameters()), callbacks=[RunFolder(folder)]
    ...     )
    ...     history = trainer.fit(DataLoader(datasets.Digits("train"), 500))
    ...     print(Path(folder, "metrics.csv").read_text().splitlines()[0])
    ...     sorted(path.name for path in Path(folder).iterdir())
    epoch,step,train_loss,lr,seconds
    ['losses.csv', 'metrics.csv', 'training_curves.png']
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.checkpoints = self.path / "checkpoints"
        self._losses: TextIO | None = None

    def save_config(self, config: Mapping[str, Any]) -> None:
        """Write ``config.yaml``."""
        save_config(config, self.path / "config.yaml")

    def save_summary(self, summary: Mapping[str, Any] | None) -> None:
        """Write ``summary.json``, or take it away: then the run has not ended."""
        path = self.path / "summary.json"
        if summary is None:
            path.unlink(missing_ok=True)
        else:
            atomic_write(path, (json.dumps(resolve(summary), indent=1) + "\n").encode())

    def summary(self) -> dict[str, Any]:
        """Read ``summary.json``; empty if there is none.

        Raises
        ------
        FormatError
            If it is damaged.
        """
        path = self.path / "summary.json"
        if not path.is_file():
            return {}
        try:
            summary = json.loads(read_bytes(path, "run"))
        except ValueError as error:
            raise FormatError(f"run: {path} is not valid JSON: {error}") from error
        return summary if isinstance(summary, dict) else {}

    # -- the moments ----------------------------------------------------------------------

    def on_fit_begin(self, trainer: Trainer) -> None:
        """Open ``losses.csv`` behind the row of the present step; the run has not ended (again)."""
        self.save_summary(None)
        path = self.path / "losses.csv"
        lines = []
        if path.is_file():
            with open(path) as file:  # a run that was killed has come further than its checkpoint
                lines = list(itertools.islice(file, 1, 1 + trainer.step))
        atomic_write(path, "".join(["step,loss\n", *lines]).encode())
        self._losses = open(path, "a", buffering=1)  # noqa: SIM115 # closed when the training ends

    def on_step_end(self, trainer: Trainer, loss: float) -> None:
        """Add a row of ``losses.csv``; nine digits say which float32 it is."""
        if self._losses is not None:
            self._losses.write(f"{trainer.step},{loss:.9g}\n")

    def on_epoch_end(self, trainer: Trainer, row: dict[str, float]) -> None:
        """Write ``metrics.csv``."""
        self._save_metrics(trainer.history)

    def on_fit_end(self, trainer: Trainer) -> None:
        """Write the metrics, also those of an epoch that was stopped, and draw the curves."""
        self._close()
        rows = list(trainer.history)
        if not trainer.at_epoch_end:
            rows.append(trainer.so_far())
        self._save_metrics(rows)
        names = list(dict.fromkeys(name for row in rows for name in row))
        if rows:
            nan = float("nan")
            history = {name: [float(row.get(name, nan)) for row in rows] for name in names}
            plot_training_curves(history, self.path / "training_curves.png")

    def on_error(self, trainer: Trainer, error: BaseException) -> None:
        """Close the file."""
        self._close()

    def _close(self) -> None:
        if self._losses is not None:
            self._losses.close()
            self._losses = None

    def _save_metrics(self, rows: list[dict[str, float]]) -> None:
        names = list(dict.fromkeys(name for row in rows for name in row))
        lines = [",".join(names)]
        lines += [",".join(_text(row.get(name)) for name in names) for row in rows]
        atomic_write(self.path / "metrics.csv", ("\n".join(lines) + "\n").encode())


def _text(value: float | None) -> str:
    return "" if value is None else f"{value:.9g}"
