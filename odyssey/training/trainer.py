"""Trainer: the loop over epochs and steps, with everything around it that a real run needs."""

from __future__ import annotations

import copy
import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from odyssey.casting import autocast as autocast_block
from odyssey.core import clip_grad_norm_, cross_entropy
from odyssey.errors import FormatError, OdysseyError
from odyssey.nn import Module
from odyssey.tensor import Tensor
from odyssey.training.callbacks import Callback, ModelCheckpoint
from odyssey.training.checkpoint import Checkpoint, load_checkpoint
from odyssey.training.interrupt import StopOnSignal
from odyssey.training.loops import LossFn, evaluate, predict
from odyssey.training.metrics import Mean, Metric
from odyssey.training.optimizers import Optimizer
from odyssey.training.precision import GradScaler
from odyssey.utils import random

__all__ = ["Trainer"]

Row = dict[str, float]


class Trainer:
    """Train a model, step by step, so that it can be watched, stopped and resumed.

    Parameters
    ----------
    model : Module
    optimizer : Optimizer
        Of the model's parameters.
    loss_fn : callable
        ``loss_fn(model(*inputs), target)`` is the mean loss of a batch.
    metrics : mapping of str to Metric, optional
        Figures beside the loss, by the names that they get in the history.
    schedule : scheduler, optional
        Of the learning rate.
    schedule_every : {"step", "epoch"}
        When the schedule moves on.
    callbacks : sequence of Callback
        In the order in which they are called.
    accumulate : int
        How many batches make one step. Their losses are weighted by their sizes, so
        that the gradient is that of one batch of all their examples.
    clip_norm : float, optional
        The largest norm of all gradients together; larger ones are scaled down.
    clip : callable, optional
        Another way to bound them: ``clip(parameters)`` is called before each step, such as
        ``partial(clip_adaptive_, factor=0.01)``; see :mod:`odyssey.training.clipping`.
    max_seconds : float, optional
        Stop after the step in which so much time has passed.
    validation_name : str
        The prefix of what is measured after an epoch.
    autocast : {"float16"}, optional
        Compute the model and the loss, also when they are measured, under
        :class:`odyssey.autocast` of this dtype. Predictions come in float32.
    scaler : GradScaler, optional
        What scales the loss for backward. A step whose gradients are infinite or NaN
        is skipped: it counts in `step`, but the schedule stays where it is.

    Attributes
    ----------
    epoch, step : int
        Epochs completed, and steps taken.
    history : list of dict
        A row of figures for each epoch: ``epoch``, ``step``, ``train_loss`` and the
        metrics with their prefix, ``val_loss`` ..., ``lr``, ``seconds``.
    figures : dict of str to float
        Of the present step, beside its loss: what callbacks tell those after them.
    stop_reason : str or None
        Why the training was stopped early: ``"SIGINT"``, ``"SIGTERM"``, ``"max_seconds"``,
        or what a callback said.
    resuming : bool
        Whether `fit` was asked to go on from a checkpoint.
    waited : float
        Seconds that the present epoch has waited for batches.
    about : dict
        Told in checkpoints, beside the state; for whoever builds the model again.

    Raises
    ------
    OdysseyError
        If a setting is out of range.

    Examples
    --------
    >>> import odyssey as od
    >>> from odyssey.data import DataLoader, datasets
    >>> from odyssey.training import Trainer, metrics, optimizers
    >>> od.manual_seed(0)
    >>> model = od.models.mlp((1, 8, 8), 10)
    >>> trainer = Trainer(
    ...     model,
    ...     optimizers.Adam(model.parameters()),
    ...     metrics={"accuracy": metrics.Accuracy()},
    ... )
    >>> history = trainer.fit(
    ...     DataLoader(datasets.Digits("train"), shuffle=True),
    ...     DataLoader(datasets.Digits("test"), 256),
    ...     epochs=2,
    ... )
    >>> len(history), history[-1]["val_accuracy"] > 0.8
    (2, True)
    """

    def __init__(
        self,
        model: Module,
        optimizer: Optimizer,
        loss_fn: LossFn = cross_entropy,
        metrics: Mapping[str, Metric] | None = None,
        schedule: Any = None,
        schedule_every: str = "step",
        callbacks: Sequence[Callback] = (),
        accumulate: int = 1,
        clip_norm: float | None = None,
        clip: Callable[[Iterable[Tensor]], Any] | None = None,
        max_seconds: float | None = None,
        validation_name: str = "val",
        autocast: str | None = None,
        scaler: GradScaler | None = None,
    ) -> None:
        if schedule_every not in ("step", "epoch"):
            raise OdysseyError(
                f"Trainer: schedule_every must be 'step' or 'epoch', got {schedule_every!r}"
            )
        if not isinstance(accumulate, int) or accumulate < 1:
            raise OdysseyError(
                f"Trainer: accumulate must be a positive integer, got {accumulate!r}"
            )
        for name, value in (("clip_norm", clip_norm), ("max_seconds", max_seconds)):
            if value is not None and not value > 0:
                raise OdysseyError(f"Trainer: {name} must be positive, got {value!r}")
        if clip is not None and not callable(clip):
            raise OdysseyError(
                f"Trainer: clip must be a function of the parameters, got {clip!r}; "
                "clip_norm takes a number"
            )
        self.model, self.optimizer, self.loss_fn = model, optimizer, loss_fn
        self.metrics = dict(metrics or {})
        self.schedule, self.schedule_every = schedule, schedule_every
        self.callbacks = list(callbacks)
        self.accumulate, self.max_seconds = accumulate, max_seconds
        self.clip_norm, self.clip = clip_norm, clip
        self.validation_name = validation_name
        self.autocast: AbstractContextManager[None] = (
            nullcontext() if autocast is None else autocast_block(autocast)
        )
        self.scaler = scaler
        self.epochs = 0
        self.epoch = self.step = 0
        self.history: list[Row] = []
        self.figures: Row = {}
        self.stop_reason: str | None = None
        self.resuming = False
        self.waited = 0.0
        self.about: dict[str, Any] = {}
        self.loader: Any = ()
        self.validation: Iterable[Any] | None = None
        self._mean = Mean()
        self._tallies = copy.deepcopy(self.metrics)
        self._in_epoch = False
        self._seconds = 0.0  # of the present epoch, before a resume

    # -- the loop -------------------------------------------------------------------------

    def fit(
        self,
        loader: Iterable[Any],
        validation: Iterable[Any] | None = None,
        epochs: int = 1,
        resume: Any = None,
    ) -> list[Row]:
        """Train until so many epochs are done, counted from the very beginning.

        Parameters
        ----------
        loader : iterable of (inputs ..., target)
            Once through it is an epoch. Its order in an epoch is that of the epoch's number,
            if it has ``set_epoch``.
        validation : iterable, optional
            What the model is measured on after each epoch.
        epochs : int
            How many there shall be in all: a second call with the same number does nothing.
        resume : str, path-like or Checkpoint, optional
            Go on from there: ``"last"`` or ``"best"`` of the `ModelCheckpoint` among the
            callbacks (from the beginning if there is none yet), or the path of one.

        Returns
        -------
        history : list of dict
            The attribute. Ctrl-C, SIGTERM or a limit end the training after the present
            step; `stop_reason` says which.
        """
        self.loader, self.validation, self.epochs = loader, validation, epochs
        self.stop_reason, self.resuming = None, resume is not None
        if resume is not None:
            self._resume(resume)
        elif self._in_epoch and hasattr(loader, "load_state_dict"):
            stopped: Any = loader  # on in its epoch
            stopped.load_state_dict(stopped.state_dict())
        start = time.monotonic()
        try:
            with StopOnSignal() as signals:
                self._call("on_fit_begin")
                while self.epoch < epochs and self.stop_reason is None:
                    self._epoch(signals, start)
                self._call("on_fit_end")
        except BaseException as error:
            self._call("on_error", error)
            raise
        return self.history

    def _epoch(self, signals: StopOnSignal, start: float) -> None:
        """Train for one epoch, or for what is left of it, and measure."""
        began = time.monotonic()
        self.model.train()
        if not self._in_epoch:
            self._in_epoch = True
            self._seconds = self.waited = 0.0
            if hasattr(self.loader, "set_epoch"):
                self.loader.set_epoch(self.epoch)
            self._mean.reset()
            for metric in self._tallies.values():
                metric.reset()
            self._call("on_epoch_begin")
        groups = _grouped(self.loader, self.accumulate)
        while True:
            asked = time.perf_counter()
            batches = next(groups, None)
            self.waited += time.perf_counter() - asked
            if batches is None:
                break
            loss = self._step(batches)
            self.step += 1
            if signals.signum is not None:
                self.stop(signals.signum.name)
            elif self.max_seconds is not None and time.monotonic() - start >= self.max_seconds:
                self.stop("max_seconds")
            for callback in self.callbacks:
                callback.on_step_end(self, loss)
            if self.stop_reason is not None:
                self._seconds += time.monotonic() - began
                return
        self._in_epoch = False
        self.epoch += 1
        row: Row = {"epoch": self.epoch, "step": self.step, **self._figures("train")}
        if self.validation is not None:
            self._call("on_validation_begin")
            found = self.evaluate(self.validation)
            self._call("on_validation_end")
            row |= {f"{self.validation_name}_{name}": value for name, value in found.items()}
        row["lr"] = float(self.optimizer.groups[0]["lr"])
        if self.schedule is not None and self.schedule_every == "epoch":
            self.schedule.step(row) if _wants_figures(self.schedule) else self.schedule.step()
        row["seconds"] = self._seconds + time.monotonic() - began
        self.history.append(row)
        self._call("on_epoch_end", row)

    def _step(self, batches: list[Any]) -> float:
        """Take one step of the optimizer; return the mean loss of its examples."""
        self.figures.clear()
        for callback in self.callbacks:
            callback.on_step_begin(self, batches)
        self.optimizer.zero_grad()
        sizes = [len(batch[-1]) for batch in batches]
        total, mean = sum(sizes), 0.0
        for batch, size in zip(batches, sizes, strict=True):
            loss, scores = self.compute(batch)
            value = float(loss.item())
            share = size / total if len(batches) > 1 else 1.0
            self.backward(loss if share == 1.0 else loss * share)
            mean += value * share
            self._mean.add(value, size)
            for metric in self._tallies.values():
                metric.update(scores.data, batch[-1].data)
        if self.scaler is not None:
            self.scaler.unscale_(self.optimizer)
        for callback in self.callbacks:
            callback.on_gradients(self, mean)
        skipped = self.update() is False
        if self.schedule is not None and self.schedule_every == "step" and not skipped:
            self.schedule.step()
        return mean

    # -- what a subclass may do differently -----------------------------------------------

    def compute(self, batch: Any) -> tuple[Tensor, Tensor]:
        """Return the loss of a batch and the scores that the metrics are given."""
        *inputs, target = batch
        with self.autocast:
            scores = self.model(*inputs)
            return self.loss_fn(scores, target), scores

    def backward(self, loss: Tensor) -> None:
        """Add the gradients of a loss to the parameters', scaled if there is a scaler."""
        (loss if self.scaler is None else self.scaler.scale(loss)).backward()

    def update(self) -> bool:
        """Clip, and let the optimizer take its step; return whether it did.

        All gradients are there, not scaled any more.
        """
        if self.clip_norm is not None:
            skip = self.scaler is not None and self.scaler.enabled  # the scaler skips the step then
            clip_grad_norm_(self.model.parameters(), self.clip_norm, skip_nonfinite=skip)
        if self.clip is not None:
            self.clip(self.model.parameters())
        if self.scaler is None:
            self.optimizer.step()
            return True
        stepped = self.scaler.step(self.optimizer)
        self.scaler.update()
        return stepped

    def stop(self, reason: str) -> None:
        """End the training after the present step; the first reason stays."""
        self.stop_reason = self.stop_reason or reason

    # -- measuring ------------------------------------------------------------------------

    def evaluate(self, loader: Iterable[Any]) -> dict[str, float]:
        """Measure the model on data, and leave it as it was; see :func:`evaluate`."""
        with self.autocast:
            return evaluate(self.model, loader, self.loss_fn, self.metrics)

    def predict(self, loader: Iterable[Any]) -> np.ndarray:
        """Return what the model gives for each example of a loader; see :func:`predict`."""
        return predict(self.model, loader)

    def so_far(self) -> Row:
        """Return the row of the epoch that is under way, as far as it has come."""
        row: Row = {"epoch": self.epoch + 1, "step": self.step, **self._figures("train")}
        return row | {"lr": float(self.optimizer.groups[0]["lr"]), "seconds": self._seconds}

    def _figures(self, prefix: str) -> Row:
        figures = {"loss": self._mean.compute()}
        figures |= {name: metric.compute() for name, metric in self._tallies.items()}
        return {f"{prefix}_{name}": value for name, value in figures.items()}

    # -- state ----------------------------------------------------------------------------

    @property
    def at_epoch_end(self) -> bool:
        """Whether no epoch is under way."""
        return not self._in_epoch

    def state_dict(self) -> dict[str, Any]:
        """Return everything from which the training goes on bit by bit, in named parts."""
        parts: dict[str, Any] = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "random": random.default_generator().bit_generator.state,
            "trainer": {
                "epoch": self.epoch,
                "step": self.step,
                "in_epoch": self._in_epoch,
                "seconds": self._seconds,
                "waited": self.waited,
                "mean": self._mean.state_dict(),
                "metrics": {name: one.state_dict() for name, one in self._tallies.items()},
                "history": [dict(row) for row in self.history],
            },
            "callbacks": {name: one.state_dict() for name, one in self._named_callbacks()},
        }
        if hasattr(self.loader, "state_dict"):
            parts["loader"] = self.loader.state_dict()
        if self.schedule is not None:
            parts["schedule"] = self.schedule.state_dict()
        if self.scaler is not None:
            parts["scaler"] = self.scaler.state_dict()
        return parts

    def load_state_dict(self, parts: Mapping[str, Any]) -> None:
        """Take over a state that :meth:`state_dict` gave, of a trainer made alike.

        Raises
        ------
        FormatError
            If a part is missing, or does not fit. The model comes first: if it does not
            fit, nothing has changed.
        """
        wanted = ["model", "optimizer", "random", "trainer", "callbacks"]
        wanted += ["schedule"] * (self.schedule is not None)
        wanted += ["scaler"] * (self.scaler is not None)
        wanted += ["loader"] * hasattr(self.loader, "load_state_dict")
        missing = [name for name in wanted if name not in parts]
        if missing:
            raise FormatError(f"Trainer: the state has no part {missing[0]!r}")
        self.model.load_state_dict(parts["model"])
        self.optimizer.load_state_dict(parts["optimizer"])
        if self.schedule is not None:
            self.schedule.load_state_dict(parts["schedule"])
        if self.scaler is not None:
            self.scaler.load_state_dict(parts["scaler"])
        if hasattr(self.loader, "load_state_dict"):
            self.loader.load_state_dict(parts["loader"])
        own = parts["trainer"]
        self.epoch, self.step, self._in_epoch = own["epoch"], own["step"], own["in_epoch"]
        self._seconds, self.waited = own["seconds"], own["waited"]
        self._mean.load_state_dict(own["mean"])
        for name, metric in self._tallies.items():
            metric.load_state_dict(own["metrics"][name])
        self.history[:] = [dict(row) for row in own["history"]]
        for name, callback in self._named_callbacks():
            callback.load_state_dict(parts["callbacks"].get(name, {}))
        random.default_generator().bit_generator.state = parts["random"]

    def _resume(self, resume: Any) -> None:
        if resume in ("last", "best"):
            savers = [one for one in self.callbacks if isinstance(one, ModelCheckpoint)]
            if not savers:
                raise OdysseyError(
                    f"fit: resume={resume!r} needs a ModelCheckpoint among the callbacks"
                )
            if not savers[0].manager.paths():
                return
            checkpoint = savers[0].manager.load(resume)
        else:
            checkpoint = resume if isinstance(resume, Checkpoint) else load_checkpoint(resume)
        try:
            self.load_state_dict(checkpoint.parts)
        except FormatError as error:
            raise FormatError(f"checkpoint: {checkpoint.path} does not fit: {error}") from error

    def _named_callbacks(self) -> Iterator[tuple[str, Callback]]:
        counts: dict[str, int] = {}
        for callback in self.callbacks:
            name = type(callback).__name__
            counts[name] = counts.get(name, 0) + 1
            yield (name if counts[name] == 1 else f"{name}-{counts[name]}"), callback

    def _call(self, moment: str, *arguments: Any) -> None:
        for callback in self.callbacks:
            getattr(callback, moment)(self, *arguments)


def _grouped(loader: Iterable[Any], count: int) -> Iterator[list[Any]]:
    """Yield the batches of a loader, so many at a time."""
    batches = iter(loader)
    while group := list(itertools.islice(batches, count)):
        yield group


def _wants_figures(schedule: Any) -> bool:
    """Whether a schedule is told how the epoch went, as one that waits for a plateau is."""
    return bool(getattr(schedule, "wants_figures", False))
