"""Figures in files, as tables that other programs read."""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from odyssey.errors import OdysseyError
from odyssey.training.callbacks.callback import Callback
from odyssey.utils.io import atomic_write

if TYPE_CHECKING:
    from odyssey.training.trainer import Trainer

__all__ = ["CSVLogger", "JSONLLogger"]


class CSVLogger(Callback):
    """Write a row for each epoch to a CSV file.

    The file is the trainer's history, replaced atomically after each epoch: whatever a
    checkpoint brings back is in it, and nothing of what came after the checkpoint.

    Parameters
    ----------
    path : path-like
        The file; its folder is made.

    Raises
    ------
    OdysseyError
        If a training begins, neither resumed nor continued, and the file is there already.

    Notes
    -----
    A column is added when an epoch has a new figure; rows without it are empty there.
    Numbers are written such that they are read back exactly.

    Examples
    --------
    >>> logger = CSVLogger("runs/mine/metrics.csv")
    >>> print(logger.table([{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.25, "lr": 0.1}]))
    epoch,loss,lr
    1,0.5,
    2,0.25,0.1
    <BLANKLINE>
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    def on_fit_begin(self, trainer: Trainer) -> None:
        _check_new(self, self.path, trainer)
        self._write(trainer)

    def on_epoch_end(self, trainer: Trainer, row: dict[str, float]) -> None:
        self._write(trainer)

    def on_fit_end(self, trainer: Trainer) -> None:
        self._write(trainer)  # with what callbacks after this one have added to the last row

    def _write(self, trainer: Trainer) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(self.path, self.table(trainer.history).encode())

    @staticmethod
    def table(rows: list[dict[str, float]]) -> str:
        """Return rows as the text of a CSV file, with the names of columns first."""
        columns = list(dict.fromkeys(name for row in rows for name in row))
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
        if columns:
            writer.writeheader()
        writer.writerows({name: _plain(value) for name, value in row.items()} for row in rows)
        return text.getvalue()


class JSONLLogger(Callback):
    r"""Write a JSON object for each epoch, and if wanted for steps, each on a line of its own.

    An epoch's line is ``{"kind": "epoch", ...}`` with the row of the history. A step's line
    is ``{"kind": "step", "step": 7, "epoch": 1, "loss": 0.5}``, with the epoch that it is in,
    and what other callbacks tell of the step (`Trainer.figures`). JSON has no NaN and no
    infinity: they are ``null``.

    Parameters
    ----------
    path : path-like
        The file; its folder is made.
    every_steps : int, optional
        Write a line after every so many steps; by default for epochs only.

    Raises
    ------
    OdysseyError
        If `every_steps` is not positive, or a training begins, neither resumed nor
        continued, and the file is there already.

    Notes
    -----
    A resumed training cuts off the lines that were written after its checkpoint. Whenever
    a checkpoint is saved, all lines so far go to the file first: let this callback stand
    before `ModelCheckpoint`, and not a line is lost by a crash.

    Examples
    --------
    >>> logger = JSONLLogger("runs/mine/metrics.jsonl", every_steps=10)
    >>> logger.line("step", {"step": 10, "loss": float("nan")})
    '{"kind": "step", "step": 10, "loss": null}\n'
    """

    def __init__(self, path: str | os.PathLike[str], every_steps: int | None = None) -> None:
        if every_steps is not None and not every_steps > 0:
            raise OdysseyError(f"JSONLLogger: every_steps must be positive, got {every_steps!r}")
        self.path, self.every_steps = Path(path), every_steps
        self._file: IO[str] | None = None

    @staticmethod
    def line(kind: str, figures: Mapping[str, Any]) -> str:
        """Return the line of an epoch or step."""
        finite = {
            name: None if isinstance(value, float) and not math.isfinite(value) else _plain(value)
            for name, value in figures.items()
        }
        return json.dumps({"kind": kind, **finite}) + "\n"

    def on_fit_begin(self, trainer: Trainer) -> None:
        _check_new(self, self.path, trainer)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(self.path, "".join(self._kept(trainer)).encode())
        self._file = self.path.open("a", encoding="utf-8")

    def on_step_end(self, trainer: Trainer, loss: float) -> None:
        if self.every_steps is not None and trainer.step % self.every_steps == 0:
            place = {"step": trainer.step, "epoch": trainer.epoch + 1}
            self._add("step", {**place, "loss": loss, **trainer.figures})

    def on_epoch_end(self, trainer: Trainer, row: dict[str, float]) -> None:
        self._add("epoch", row)
        self._flush()

    def on_fit_end(self, trainer: Trainer) -> None:
        self._close()

    def on_error(self, trainer: Trainer, error: BaseException) -> None:
        self._close()

    def state_dict(self) -> dict[str, Any]:
        self._flush()
        return {}

    def _kept(self, trainer: Trainer) -> Iterator[str]:
        """Yield the lines of the file up to the trainer's step."""
        if not self.path.exists():
            return
        for line in self.path.read_text(encoding="utf-8").splitlines(keepends=True):
            try:
                found = json.loads(line)
                step, epoch, is_epoch = found["step"], found["epoch"], found["kind"] == "epoch"
            except (ValueError, KeyError, TypeError):
                continue  # half a line, of a process that was killed
            if step <= trainer.step and not (is_epoch and epoch > trainer.epoch):
                yield line if line.endswith("\n") else line + "\n"

    def _add(self, kind: str, figures: Mapping[str, Any]) -> None:
        if self._file is not None:
            self._file.write(self.line(kind, figures))

    def _flush(self) -> None:
        if self._file is not None:
            self._file.flush()

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def _plain(value: Any) -> Any:
    """Return a number of NumPy's as Python's, a matrix of confusions as lists."""
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value


def _check_new(callback: Callback, path: Path, trainer: Trainer) -> None:
    """Raise if a training that begins would write over the file of another one."""
    if trainer.step == 0 and not trainer.resuming and path.exists() and path.stat().st_size:
        raise OdysseyError(
            f"{type(callback).__name__}: {path} is there already, and would be lost; "
            "resume its training, or choose another path"
        )
