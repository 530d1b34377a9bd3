"""What `Trainer` costs: a step of it beside the same step written out.

The model is LeNet-5 on one batch of 32 that is always the same, so that nothing but the loop
differs. A contestant's call is one epoch of several steps, of a training that has gone on before;
figures are for one step, a share of what an epoch takes besides (its bar, its row) included. A
trainer whose steps compute nothing tells what its own work takes, with warm caches.
"""

from __future__ import annotations

import argparse
import contextlib
import io
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import odyssey as od
from benchmarks.machine import usable_cpus
from benchmarks.timing import QUICK, Budget, interleave
from odyssey.training import Trainer
from odyssey.training.callbacks import (
    Callback,
    GradientMonitor,
    LRMonitor,
    ProgressBar,
    TerminateOnNaN,
    Timer,
)
from odyssey.training.metrics import Accuracy

__all__ = ["GOAL_MICROSECONDS", "GOAL_SHARE", "Terminal", "contestants", "run"]

GOAL_SHARE, GOAL_MICROSECONDS = 0.05, 50.0
"""What Trainer, Accuracy and the bar may cost over the bare loop: whichever is more."""

STEPS = 64
"""Of an epoch."""

IDLE, IDLE_EPOCH = "Accuracy, ProgressBar, idle steps", 16
"""Its epoch has so many times the steps, lest the beginning of one is all that is seen."""


class Terminal(io.StringIO):
    """A terminal that forgets what is written to it."""

    def isatty(self) -> bool:
        """Say that somebody watches."""
        return True

    def write(self, text: str) -> int:
        """Forget the text."""
        return len(text)


def made() -> tuple[od.nn.Module, Any]:
    """Return the model and its optimizer, the same each time."""
    od.manual_seed(0)
    model = od.models.lenet5()
    return model, od.training.optimizers.SGD(model.parameters(), lr=1e-3, momentum=0.9)


def bare(batches: Sequence[Any]) -> Callable[[], Any]:
    """Return the loop as one writes it by hand, with the mean loss that one wants to see."""
    model, optimizer = made()

    def epoch() -> float:
        total = 0.0
        for images, target in batches:
            optimizer.zero_grad()
            loss = od.core.cross_entropy(model(images), target)
            loss.backward()
            optimizer.step()
            total += loss.item()
        return total / len(batches)

    return epoch


class Idle(Trainer):
    """A trainer whose steps compute nothing."""

    scores = od.from_numpy(np.zeros((32, 10), np.float32))
    loss = od.tensor(1.0)

    def compute(self, batch: Any) -> tuple[od.Tensor, od.Tensor]:
        """Return what was computed before."""
        return self.loss, self.scores[: len(batch[-1])]

    def backward(self, loss: od.Tensor) -> None:
        """Do nothing."""

    def update(self) -> bool:
        """Do nothing."""
        return True


def trained(
    batches: Sequence[Any], metrics: bool, *callbacks: Callback, kind: type[Trainer] = Trainer
) -> Callable[[], Any]:
    """Return the same by a Trainer."""
    model, optimizer = made()
    trainer = kind(
        model,
        optimizer,
        metrics={"accuracy": Accuracy()} if metrics else {},
        callbacks=callbacks,
    )

    def epoch() -> list[dict[str, float]]:
        trainer.history.clear()
        with contextlib.redirect_stderr(Terminal()):
            return trainer.fit(batches, epochs=trainer.epoch + 1)

    return epoch


def contestants(quick: bool = False, seed: int = 0) -> dict[str, Callable[[], Any]]:
    """Return an epoch of each way to train."""
    rng = np.random.default_rng(seed)
    size, steps = (2, 4) if quick else (32, STEPS)
    images = od.from_numpy(rng.normal(size=(size, 1, 28, 28)).astype(np.float32))
    batches = [(images, od.from_numpy(rng.integers(0, 10, size)))] * steps
    return {
        "bare loop": bare(batches),
        "Trainer": trained(batches, False),
        "Trainer, Accuracy, ProgressBar": trained(batches, True, ProgressBar()),
        "the same, TerminateOnNaN": trained(batches, True, ProgressBar(), TerminateOnNaN()),
        "the same, all that watch": trained(
            batches, True, ProgressBar(), TerminateOnNaN(), GradientMonitor(), LRMonitor(), Timer()
        ),
        IDLE: trained(batches * IDLE_EPOCH, True, ProgressBar(), kind=Idle),
    }


def run(options: argparse.Namespace) -> int:
    """Measure all ways in turn, and print what each costs beyond the bare loop."""
    budget = QUICK if options.quick else Budget(seconds=options.seconds or 8.0, most=200)
    steps = 4 if options.quick else STEPS
    for threads in options.threads or sorted({1, usable_cpus()}):
        od.set_num_threads(threads)
        ways = contestants(options.quick)
        times = interleave(ways, budget)
        base = times["bare loop"].minimum / steps
        print(f"LeNet-5, batch 32, {threads} thread(s); microseconds a step, minima of epochs")
        idle = times.pop(IDLE).minimum / (steps * IDLE_EPOCH)
        for name, each in times.items():
            step = each.minimum / steps
            print(
                f"  {name:<32} {1e6 * step:8.1f}  {1e6 * (step - base):+7.1f}  "
                f"{step / base - 1:+7.1%}  median {1e6 * each.median / steps:8.1f}"
            )
        print(f"  {IDLE:<32} {1e6 * idle:8.1f}")
        whole = times["Trainer, Accuracy, ProgressBar"].minimum / steps
        least = max(GOAL_SHARE * base, 1e-6 * GOAL_MICROSECONDS)
        verdict = "kept" if whole - base <= least else "missed"
        print(f"  goal: at most {1e6 * least:.1f} microseconds more with metric and bar: {verdict}")
    return 0
