"""One training of the command line: what is told on the way, and how it ends."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from odyssey import fast, threads
from odyssey.backend import get_backend
from odyssey.cli._output import facts
from odyssey.data import DataLoader
from odyssey.data.datasets import ImageDataset
from odyssey.training.callbacks import Callback
from odyssey.training.run import RunFolder
from odyssey.utils.progress import ProgressBar, progress

if TYPE_CHECKING:
    from odyssey.training import Trainer

__all__ = ["CODES", "TEST_BATCH", "run"]

TEST_BATCH = 256  # the same here and in `evaluate`, so that both round alike

CODES = {"SIGINT": 130, "SIGTERM": 143, "max_seconds": 124}
"""What the command's exit code is, by the reason for which a training was stopped."""


def run(
    command: str,
    trainer: Trainer,
    loader: DataLoader,
    test: ImageDataset,
    folder: RunFolder,
    epochs: int,
) -> int:
    """Train to the end, from the last checkpoint if there is one; return the exit code.

    Parameters
    ----------
    command : str
        Opens the messages.
    trainer : Trainer
        Has the folder and a `ModelCheckpoint` among its callbacks.
    loader : DataLoader
        What it learns from.
    test : ImageDataset
        What it is measured on.
    folder : RunFolder
    epochs : int
        How many in all.
    """
    steps = _steps(trainer, loader)
    trainer.callbacks.insert(0, _Reporter(steps * epochs))  # tells of an epoch before it is saved
    start = time.monotonic()
    try:
        trainer.fit(loader, DataLoader(test, TEST_BATCH), epochs, resume="last")
    except OSError as error:
        # A full disk is told without a name; which disk it was is what one wants to know.
        error.filename = error.filename or str(folder.path)
        raise
    reason = trainer.stop_reason
    code = 0 if reason is None else CODES.get(reason, 0)
    folder.save_summary(
        {
            "finished": code == 0,
            "stop_reason": reason,
            "epoch": trainer.epoch,
            "step": trainer.step,
            "figures": trainer.history[-1] if trainer.history else {},
        }
    )
    if code:
        print(
            f"{command}: stopped by {reason} after step {trainer.step:,} of {steps * epochs:,}; "
            f"what there is is saved in {folder.path}",
            file=sys.stderr,
        )
    rows = _summary(trainer, loader, test, steps)
    rows |= {"time": f"{time.monotonic() - start:.1f} s", "run folder": folder.path}
    print(facts(rows))
    return code


def _steps(trainer: Trainer, loader: DataLoader) -> int:
    """Count the steps of an epoch."""
    return -(-len(loader) // trainer.accumulate)


def _summary(
    trainer: Trainer, loader: DataLoader, test: ImageDataset, steps: int
) -> dict[str, Any]:
    """Return the facts to print at the end."""
    about = trainer.about
    parameters = sum(parameter.size for parameter in trainer.model.parameters())
    kernels = get_backend()
    if kernels == "fast" and fast.LEVEL:
        kernels += f" ({fast.LEVEL}, {_plural(threads.get_num_threads(), 'thread')})"
    elif kernels == "fast":
        kernels = "reference (none are compiled)"
    final = "not measured"
    if trainer.history:
        best = max(trainer.history, key=lambda row: row["test_accuracy"])
        final = f"{trainer.history[-1]['test_accuracy']:.2%}"
        if not trainer.at_epoch_end:
            final += f" after epoch {trainer.epoch}"
        final += f" (best: {best['test_accuracy']:.2%} after epoch {best['epoch']})"
    return {
        "model": f"{about['model']}, {parameters:,} parameters",
        "data": f"{about['data']}: {len(loader.dataset):,} images to train on, "
        f"{len(test):,} to test with",
        "kernels": kernels,
        "epochs": f"{trainer.step / steps:.4g} ({_plural(trainer.step, 'step')})",
        "test accuracy": final,
    }


class _Reporter(Callback):
    """A bar for those who watch, a line an epoch for a log."""

    def __init__(self, total: int) -> None:
        self.watched = sys.stderr.isatty()
        self.total = total
        self.bar: ProgressBar[int] | None = None
        self.ticks: Iterator[int] = iter(())
        self.figures: dict[str, str] = {}

    def on_fit_begin(self, trainer: Trainer) -> None:
        self.bar = progress(range(trainer.step, self.total), description="train")
        self.ticks = iter(self.bar)

    def on_step_end(self, trainer: Trainer, loss: float) -> None:
        next(self.ticks, None)
        if self.watched and self.bar is not None:
            # Only noted: the bar shows it when it moves next, a few times a second.
            self.figures |= {"epoch": str(trainer.epoch + 1), "loss": f"{loss:.3f}"}
            self.bar.set_postfix(**self.figures, refresh=False)

    def on_epoch_end(self, trainer: Trainer, row: dict[str, float]) -> None:
        self.figures["test"] = f"{row['test_accuracy']:.2%}"
        if not self.watched:
            print(
                f"epoch {row['epoch']:>{len(str(trainer.epochs))}}/{trainer.epochs}  "
                f"train loss {row['train_loss']:.4f}  accuracy {row['train_accuracy']:.2%}  "
                f"test loss {row['test_loss']:.4f}  accuracy {row['test_accuracy']:.2%}  "
                f"{row['seconds']:.1f} s",
                file=sys.stderr,
                flush=True,
            )

    def on_fit_end(self, trainer: Trainer) -> None:
        self._close()

    def on_error(self, trainer: Trainer, error: BaseException) -> None:
        self._close()

    def _close(self) -> None:
        if self.bar is not None:
            self.bar.close()


def _plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
