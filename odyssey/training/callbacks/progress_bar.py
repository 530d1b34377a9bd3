"""What one sees of a training in a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Sized
from typing import TYPE_CHECKING, Any

import numpy as np

from odyssey.training.callbacks.callback import Callback
from odyssey.utils.progress import progress

if TYPE_CHECKING:
    from odyssey.training.trainer import Trainer
    from odyssey.utils.progress import ProgressBar as Bar

__all__ = ["ProgressBar"]

PAUSE = 0.1
"""Seconds between two looks of the bar: drawing it takes as long as a small step."""


class ProgressBar(Callback):
    """Show a bar for those who watch, and a line for each epoch that is done.

    The loss beside the bar is the mean since it was drawn last, that of the line is the
    epoch's. All of it goes to stderr. Where that is no terminal (a log, a notebook) there are the
    lines alone, and ``NO_COLOR`` in the environment keeps the bar in one colour.

    Parameters
    ----------
    quiet : bool
        Show nothing at all.

    Examples
    --------
    >>> bar = ProgressBar()
    >>> row = {"epoch": 3, "train_loss": 0.25, "val_loss": 0.5, "val_accuracy": 0.875}
    >>> print(bar.line({**row, "lr": 0.001, "seconds": 4.2}, epochs=10))
    epoch  3/10  train loss 0.2500  val loss 0.5000  accuracy 87.50%  4.2 s
    """

    def __init__(self, quiet: bool = False) -> None:
        self.quiet = quiet
        self._bar: Bar[Any] | None = None
        self._steps = 0  # that the bar does not show yet
        self._loss = 0.0  # the sum over them
        self._shown = 0.0  # when the bar was drawn last

    @staticmethod
    def line(row: dict[str, float], epochs: int) -> str:
        """Return the line of an epoch: what was measured, and how long it took."""
        parts = [f"epoch {row['epoch']:>{len(str(epochs))}}/{epochs}"]
        before = ""
        for name, value in row.items():
            prefix, _, measure = name.partition("_")
            if f"{prefix}_loss" in row and np.ndim(value) == 0:  # no matrix of confusions
                said = measure if prefix == before else f"{prefix} {measure}"
                share = measure.endswith("accuracy")
                parts.append(f"{said} {f'{value:.2%}' if share else f'{value:.4f}'}")
                before = prefix
        seconds = row["seconds"]
        parts.append(f"{seconds:.1f} s" if seconds >= 1 else f"{1000 * seconds:.0f} ms")
        return "  ".join(parts)

    def on_epoch_begin(self, trainer: Trainer) -> None:
        self._open(trainer)

    def on_step_begin(self, trainer: Trainer, batches: list[Any]) -> None:
        if self._bar is None and not self.quiet:  # in the middle of an epoch, after a resume
            self._open(trainer)

    def on_step_end(self, trainer: Trainer, loss: float) -> None:
        self._steps += 1
        self._loss += loss
        now = time.monotonic()
        if now - self._shown >= PAUSE and self._bar is not None and not self._bar.disable:
            self._bar.set_postfix(loss=f"{self._loss / self._steps:.4f}", refresh=False)
            self._bar.update(self._steps)
            self._steps, self._loss, self._shown = 0, 0.0, now

    def on_validation_begin(self, trainer: Trainer) -> None:
        if self._bar is not None and not self._bar.disable:
            self._bar.update(self._steps)
            self._steps, self._loss = 0, 0.0
            self._bar.set_postfix_str("measuring")

    def on_epoch_end(self, trainer: Trainer, row: dict[str, float]) -> None:
        self._close()
        self._say(self.line(row, trainer.epochs))

    def on_fit_end(self, trainer: Trainer) -> None:
        self._close()
        if trainer.stop_reason is not None:
            self._say(f"stopped after step {trainer.step:,}: {trainer.stop_reason}")

    def on_error(self, trainer: Trainer, error: BaseException) -> None:
        self._close()

    def _open(self, trainer: Trainer) -> None:
        if self.quiet:
            return
        batches = len(trainer.loader) if isinstance(trainer.loader, Sized) else None
        total = None if batches is None else -(-batches // trainer.accumulate)
        done = trainer.step - int(trainer.history[-1]["step"] if trainer.history else 0)
        name = f"epoch {trainer.epoch + 1:>{len(str(trainer.epochs))}}/{trainer.epochs}"
        self._bar = progress(total=total, description=name, start=done, unit=" steps")
        self._steps, self._loss, self._shown = 0, 0.0, time.monotonic()

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _say(self, text: str) -> None:
        if not self.quiet:
            print(text, file=sys.stderr, flush=True)
