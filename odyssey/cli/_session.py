"""One training of the command line: the epochs, and what is told and saved on the way."""

from __future__ import annotations

import math
import signal
import sys
import time
from collections.abc import Iterator
from typing import Any

from odyssey import fast, nn, threads
from odyssey.backend import get_backend
from odyssey.cli.evaluate import TEST_BATCH
from odyssey.data import DataLoader
from odyssey.data.datasets import ImageDataset
from odyssey.training.checkpoint import ModelRecord, save_checkpoint
from odyssey.training.interrupt import StopOnSignal
from odyssey.training.loops import evaluate, train_one_epoch
from odyssey.training.optimizers import Optimizer
from odyssey.training.run import RunFolder
from odyssey.training.schedulers import CosineAnnealingLR
from odyssey.utils.progress import ProgressBar, progress

__all__ = ["Session"]

_SAVE_EVERY = 10.0  # seconds: what a crash may cost, against what saving costs


class Session:
    """Train a model and keep its run folder.

    Parameters
    ----------
    model, record, optimizer
        What is trained, what it is, and how.
    training, test : ImageDataset
        What it learns from and is measured on.
    folder : RunFolder
        Where everything goes.
    settings : dict
        Of the command: ``epochs``, ``batch_size``, ``seed``.

    Attributes
    ----------
    schedule : CosineAnnealingLR or None
        Moves on after every step.
    step, total_steps : int
        How many steps there were, and how many there shall be.
    """

    def __init__(
        self,
        model: nn.Module,
        record: ModelRecord,
        optimizer: Optimizer,
        training: ImageDataset,
        test: ImageDataset,
        folder: RunFolder,
        settings: dict[str, Any],
    ) -> None:
        self.model, self.record, self.optimizer = model, record, optimizer
        self.training, self.test = training, test
        self.folder, self.settings = folder, settings
        self.loader = DataLoader(
            training, settings["batch_size"], shuffle=True, seed=settings["seed"]
        )
        self.epochs = int(settings["epochs"])
        self.total_steps = self.epochs * len(self.loader)
        self.schedule: CosineAnnealingLR | None = None
        self.step = 0
        self.seconds = 0.0

    def run(self) -> signal.Signals | None:
        """Train, and save whatever happens; return the signal that ended it early."""
        start = saved = time.monotonic()
        with StopOnSignal() as stop, _Reporter(self.total_steps) as reporter:
            for epoch in range(1, self.epochs + 1):
                self._epoch(epoch, stop, reporter)
                self.seconds = time.monotonic() - start
                if stop.signum is not None:
                    break
                reporter.epoch(self.folder.epochs[-1], self.epochs)
                if time.monotonic() - saved > _SAVE_EVERY and epoch < self.epochs:
                    self.save()
                    saved = time.monotonic()
            # Inside: a signal that comes while the last files are written waits for them.
            self.save()
            self.folder.save_curves()
        return stop.signum

    def _epoch(self, epoch: int, stop: StopOnSignal, reporter: _Reporter) -> None:
        """Train for an epoch and measure; add a row of figures, which a signal leaves shorter."""
        start = time.monotonic()

        def on_step(loss: float) -> None:
            self.step += 1
            self.folder.losses.append(loss)
            if self.schedule is not None:
                self.schedule.step()
            reporter.step(epoch, loss)

        figures = train_one_epoch(
            self.model, stop.until(self.loader), self.optimizer, on_step=on_step
        )
        row: dict[str, float] = {"epoch": epoch, "step": self.step}
        row |= {f"train_{name}": value for name, value in figures.items()}
        if stop.signum is None:
            loader = DataLoader(self.test, TEST_BATCH)
            figures = evaluate(self.model, stop.until(loader))
        # Asked again: a signal may have come meanwhile, and then not all was measured.
        if stop.signum is None:
            row |= {f"test_{name}": value for name, value in figures.items()}
        row["seconds"] = time.monotonic() - start
        if not math.isnan(row["train_loss"]) or stop.signum is None:
            self.folder.epochs.append(row)

    def save(self) -> None:
        """Write the figures and the checkpoint."""
        last = self.folder.epochs[-1] if self.folder.epochs else {}
        state: dict[str, Any] = {
            "model": self.record.name,
            "data": self.record.dataset,
            "epoch": self.step // len(self.loader),
            "step": self.step,
            "total_steps": self.total_steps,
            "seed": self.settings["seed"],
            "test_accuracy": last.get("test_accuracy"),
            "test_loss": last.get("test_loss"),
        }
        if self.schedule is not None:
            state["schedule"] = {
                "name": type(self.schedule).__name__,
                **self.schedule.state_dict(),
            }
        try:
            self.folder.save_figures()
            save_checkpoint(self.folder.path, self.model, self.record, self.optimizer, state)
        except OSError as error:
            # A full disk is told without a name; which disk it was is what one wants to know.
            error.filename = error.filename or str(self.folder.path)
            raise

    def summary(self) -> dict[str, object]:
        """Return the facts to print at the end."""
        parameters = sum(parameter.size for parameter in self.model.parameters())
        kernels = get_backend()
        if kernels == "fast" and fast.LEVEL:
            kernels += f" ({fast.LEVEL}, {_plural(threads.get_num_threads(), 'thread')})"
        elif kernels == "fast":
            kernels = "reference (none are compiled)"
        measured = [row for row in self.folder.epochs if "test_accuracy" in row]
        final = "not measured"
        if measured:
            best = max(measured, key=lambda row: row["test_accuracy"])
            final = f"{measured[-1]['test_accuracy']:.2%}"
            if measured[-1] is not self.folder.epochs[-1]:
                final += f" after epoch {measured[-1]['epoch']}"
            final += f" (best: {best['test_accuracy']:.2%} after epoch {best['epoch']})"
        done = self.step / len(self.loader)
        return {
            "model": f"{self.record.name}, {parameters:,} parameters",
            "data": f"{self.record.dataset}: {len(self.training):,} images to train on, "
            f"{len(self.test):,} to test with",
            "kernels": kernels,
            "epochs": f"{done:.4g} ({_plural(self.step, 'step')})",
            "test accuracy": final,
            "time": f"{self.seconds:.1f} s",
            "run folder": self.folder.path,
        }


class _Reporter:
    """A bar for those who watch, a line an epoch for a log."""

    def __init__(self, total: int) -> None:
        self.watched = sys.stderr.isatty()
        self.bar: ProgressBar[int] = progress(range(total), description="train")
        self.ticks: Iterator[int] = iter(self.bar)
        self.figures: dict[str, str] = {}

    def __enter__(self) -> _Reporter:
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.close()

    def step(self, epoch: int, loss: float) -> None:
        next(self.ticks, None)
        if self.watched:
            # Only noted: the bar shows it when it moves next, a few times a second.
            self.figures |= {"epoch": str(epoch), "loss": f"{loss:.3f}"}
            self.bar.set_postfix(**self.figures, refresh=False)

    def epoch(self, row: dict[str, float], epochs: int) -> None:
        self.figures["test"] = f"{row['test_accuracy']:.2%}"
        if not self.watched:
            print(
                f"epoch {row['epoch']:>{len(str(epochs))}}/{epochs}  "
                f"train loss {row['train_loss']:.4f}  accuracy {row['train_accuracy']:.2%}  "
                f"test loss {row['test_loss']:.4f}  accuracy {row['test_accuracy']:.2%}  "
                f"{row['seconds']:.1f} s",
                file=sys.stderr,
                flush=True,
            )


def _plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
