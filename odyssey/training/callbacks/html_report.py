"""A report of a run as a page."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from odyssey.errors import OdysseyError
from odyssey.training.callbacks.callback import Callback

if TYPE_CHECKING:
    from odyssey.training.trainer import Trainer

__all__ = ["HTMLReport"]


class HTMLReport(Callback):
    """Write ``report.html`` when the training is over; see `odyssey.training.write_report`.

    Let it stand last among the callbacks, so that it has what the others tell.

    Parameters
    ----------
    folder : path-like
        Where it goes, the folder of the run.
    every_epochs : int, optional
        Write it after every so many epochs, too.
    validation, classes
        As those of `write_report`.

    Raises
    ------
    OdysseyError
        If `every_epochs` is not positive.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        every_epochs: int | None = None,
        validation: Iterable[Any] | None = None,
        classes: Sequence[str] | None = None,
    ) -> None:
        if every_epochs is not None and not every_epochs > 0:
            raise OdysseyError(f"HTMLReport: every_epochs must be positive, got {every_epochs!r}")
        self.folder, self.every_epochs = folder, every_epochs
        self.validation, self.classes = validation, classes

    def on_epoch_end(self, trainer: Trainer, row: dict[str, float]) -> None:
        if self.every_epochs is not None and trainer.epoch % self.every_epochs == 0:
            self._write(trainer)

    def on_fit_end(self, trainer: Trainer) -> None:
        self._write(trainer)

    def _write(self, trainer: Trainer) -> None:
        from odyssey.training.report import write_report  # it reads the callbacks

        write_report(self.folder, trainer, self.validation, self.classes)
