"""Figures for TensorBoard."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from odyssey.errors import OdysseyError
from odyssey.training.callbacks.callback import Callback

if TYPE_CHECKING:
    from odyssey.training.trainer import Trainer

__all__ = ["TensorBoardLogger"]


class TensorBoardLogger(Callback):
    """Write event files, which TensorBoard shows as curves.

    A figure of an epoch such as ``val_loss`` is the curve ``loss/val``, so that training and
    validation share a chart; other figures keep their names. Steps are ``step/loss`` and
    ``step/NAME`` for what other callbacks tell of the step. All curves are over the number
    of steps.

    Parameters
    ----------
    folder : path-like
        Where the files go; made when the training begins.
    every_steps : int, optional
        Write the figures of every so many steps; by default of epochs only.

    Raises
    ------
    OdysseyError
        If tensorboardX is not installed, or `every_steps` is not positive.

    Notes
    -----
    A resumed training tells TensorBoard to forget what came after its checkpoint.
    """

    def __init__(self, folder: str | os.PathLike[str], every_steps: int | None = None) -> None:
        try:
            from tensorboardX import SummaryWriter  # type: ignore[import-untyped, import-not-found, unused-ignore]
        except ImportError as error:
            raise OdysseyError(
                "TensorBoardLogger: writing event files needs tensorboardX; install it with: "
                "pip install 'odyssey[tensorboard]'"
            ) from error
        if every_steps is not None and not every_steps > 0:
            raise OdysseyError(
                f"TensorBoardLogger: every_steps must be positive, got {every_steps!r}"
            )
        self.folder, self.every_steps = Path(folder), every_steps
        self._open = SummaryWriter
        self._writer: Any = None

    def on_fit_begin(self, trainer: Trainer) -> None:
        purge = trainer.step + 1 if trainer.step else None
        # Files are named by the second, and a second one in it would take the place of the first.
        suffix = f".{time.time_ns()}"
        self._writer = self._open(str(self.folder), purge_step=purge, filename_suffix=suffix)

    def on_step_end(self, trainer: Trainer, loss: float) -> None:
        if self.every_steps is not None and trainer.step % self.every_steps == 0:
            for name, value in {"loss": loss, **trainer.figures}.items():
                self._writer.add_scalar(f"step/{name}", value, trainer.step)

    def on_epoch_end(self, trainer: Trainer, row: dict[str, float]) -> None:
        for name, value in row.items():
            prefix, _, measure = name.partition("_")
            tag = f"{measure}/{prefix}" if f"{prefix}_loss" in row else name
            if name not in ("epoch", "step") and np.ndim(value) == 0:
                self._writer.add_scalar(tag, value, trainer.step)
        self._writer.flush()

    def on_fit_end(self, trainer: Trainer) -> None:
        self._close()

    def on_error(self, trainer: Trainer, error: BaseException) -> None:
        self._close()

    def _close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None
