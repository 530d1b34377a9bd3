"""Save checkpoints on the way."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from odyssey.errors import OdysseyError
from odyssey.training.callbacks.callback import Callback
from odyssey.training.checkpoint import CheckpointManager

if TYPE_CHECKING:
    from odyssey.training.trainer import Trainer

__all__ = ["ModelCheckpoint"]


class ModelCheckpoint(Callback):
    """Save the whole training: at ends of epochs, every so many steps or seconds, and at the end.

    What is saved is what :meth:`Trainer.fit` resumes from, bit by bit.

    Parameters
    ----------
    folder : path-like
        Where the checkpoints are; made when it is needed.
    monitor : str, optional
        The figure of an epoch that the best one is chosen by, such as ``"val_loss"``.
    mode : {"min", "max"}
        Whether a smaller or a larger one is better.
    max_to_keep : int
        How many of the newest are kept, beside the best.
    every_epochs : int, optional
        Save after every so many epochs; None for not at ends of epochs.
    every_steps : int, optional
        Save after every so many steps of the optimizer.
    every_seconds : float, optional
        Save at the end of a step, too, if the last save is so long ago.

    Attributes
    ----------
    manager : CheckpointManager

    Raises
    ------
    OdysseyError
        If a setting is out of range.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        monitor: str | None = None,
        mode: str = "min",
        max_to_keep: int = 3,
        every_epochs: int | None = 1,
        every_steps: int | None = None,
        every_seconds: float | None = None,
    ) -> None:
        self.manager = CheckpointManager(folder, max_to_keep, mode)
        for name, value in (
            ("every_epochs", every_epochs),
            ("every_steps", every_steps),
            ("every_seconds", every_seconds),
        ):
            if value is not None and not value > 0:
                raise OdysseyError(f"ModelCheckpoint: {name} must be positive, got {value!r}")
        self.monitor = monitor
        self.every_epochs, self.every_steps = every_epochs, every_steps
        self.every_seconds = every_seconds
        self._step = -1  # at the last save
        self._time = time.monotonic()

    def on_fit_begin(self, trainer: Trainer) -> None:
        self._step, self._time = trainer.step, time.monotonic()

    def on_step_end(self, trainer: Trainer, loss: float) -> None:
        by_count = self.every_steps is not None and trainer.step % self.every_steps == 0
        if by_count or self._is_due():
            self.save(trainer)

    def on_epoch_end(self, trainer: Trainer, row: dict[str, float]) -> None:
        if self.monitor is not None and self.monitor not in row:
            raise OdysseyError(
                f"ModelCheckpoint: there is no figure {self.monitor!r} to monitor; "
                f"an epoch gives {', '.join(row)}"
            )
        if self.every_epochs is not None and trainer.epoch % self.every_epochs == 0:
            self._step = -1  # the epoch's figures are news, though its last step may be saved
            self.save(trainer)

    def on_fit_end(self, trainer: Trainer) -> None:
        self.save(trainer)

    def save(self, trainer: Trainer) -> None:
        """Save the training as it is, unless that has been done after this step."""
        if trainer.step == self._step:
            return
        score = None
        if self.monitor is not None and trainer.history and trainer.at_epoch_end:
            score = trainer.history[-1].get(self.monitor)
        about = {"step": trainer.step, "epoch": trainer.epoch, **trainer.about}
        self.manager.save(trainer.state_dict(), about, score)
        self._step, self._time = trainer.step, time.monotonic()

    def _is_due(self) -> bool:
        return self.every_seconds is not None and (
            time.monotonic() - self._time >= self.every_seconds
        )
