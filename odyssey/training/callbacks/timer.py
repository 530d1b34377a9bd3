"""Where the time of a training goes."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from odyssey.training.callbacks.callback import Callback

if TYPE_CHECKING:
    from odyssey.training.trainer import Trainer

__all__ = ["Timer"]


class Timer(Callback):
    """Tell how long a step takes, and what share of an epoch data and validation take.

    Adds to the row of each epoch:

    ``step_seconds``
        The mean time of a step, from having its batches to the end of it.
    ``data_share``
        The share of the epoch in which the training waited for batches.
    ``validation_share``
        The share of the epoch that measuring took.

    What is left is that of callbacks. An epoch that was stopped and resumed counts
    without the time between.

    Examples
    --------
    >>> import odyssey as od
    >>> from odyssey.training import Trainer, optimizers
    >>> model = od.nn.Linear(1, 1)
    >>> sgd = optimizers.SGD(model.parameters())
    >>> trainer = Trainer(model, sgd, od.core.mean_squared_error, callbacks=[Timer()])
    >>> history = trainer.fit([(od.ones((2, 1)), od.ones((2, 1)))] * 3)
    >>> history[0]["step_seconds"] > 0, 0 <= history[0]["data_share"] < 1
    (True, True)
    """

    def __init__(self) -> None:
        self._steps, self._in_steps, self._validating = 0, 0.0, 0.0
        self._began = 0.0

    def on_epoch_begin(self, trainer: Trainer) -> None:
        self._steps, self._in_steps, self._validating = 0, 0.0, 0.0

    def on_step_begin(self, trainer: Trainer, batches: list[Any]) -> None:
        self._began = time.perf_counter()

    def on_step_end(self, trainer: Trainer, loss: float) -> None:
        self._steps += 1
        self._in_steps += time.perf_counter() - self._began

    def on_validation_begin(self, trainer: Trainer) -> None:
        self._began = time.perf_counter()

    def on_validation_end(self, trainer: Trainer) -> None:
        self._validating += time.perf_counter() - self._began

    def on_epoch_end(self, trainer: Trainer, row: dict[str, float]) -> None:
        whole = row["seconds"]
        row["step_seconds"] = self._in_steps / max(self._steps, 1)
        row["data_share"] = trainer.waited / whole
        row["validation_share"] = self._validating / whole

    def state_dict(self) -> dict[str, Any]:
        return {"steps": self._steps, "in_steps": self._in_steps}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        if state:
            self._steps, self._in_steps = state["steps"], state["in_steps"]
