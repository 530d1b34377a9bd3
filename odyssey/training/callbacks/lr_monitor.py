"""The learning rate on its way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from odyssey.errors import OdysseyError
from odyssey.training.callbacks.callback import Callback

if TYPE_CHECKING:
    from odyssey.training.trainer import Trainer

__all__ = ["LRMonitor"]


class LRMonitor(Callback):
    """Note with which learning rate each step was taken.

    It is among the figures of the step, for loggers: ``lr``, or with several groups of
    parameters ``lr_0``, ``lr_1``, and so on.

    Parameters
    ----------
    every_steps : int
        Note it at every so many steps.

    Attributes
    ----------
    steps : list of int
        The steps, the first of which is 1.
    rates : list of list of float
        The rate of each group at these steps.

    Raises
    ------
    OdysseyError
        If `every_steps` is not positive.

    Examples
    --------
    >>> import odyssey as od
    >>> from odyssey.training import Trainer, optimizers, schedulers
    >>> model = od.nn.Linear(1, 1)
    >>> optimizer = optimizers.SGD(model.parameters(), lr=1.0)
    >>> monitor = LRMonitor()
    >>> trainer = Trainer(
    ...     model,
    ...     optimizer,
    ...     od.core.mean_squared_error,
    ...     schedule=schedulers.StepLR(optimizer, 1, gamma=0.5),
    ...     callbacks=[monitor],
    ... )
    >>> _ = trainer.fit([(od.ones((2, 1)), od.ones((2, 1)))] * 3)
    >>> monitor.steps, monitor.rates
    ([1, 2, 3], [[1.0], [0.5], [0.25]])
    """

    def __init__(self, every_steps: int = 1) -> None:
        if not every_steps > 0:
            raise OdysseyError(f"LRMonitor: every_steps must be positive, got {every_steps!r}")
        self.every_steps = every_steps
        self.steps: list[int] = []
        self.rates: list[list[float]] = []

    def on_gradients(self, trainer: Trainer, loss: float) -> None:
        # Here and not at the end of the step, where the schedule has moved on already.
        rates = [float(group["lr"]) for group in trainer.optimizer.groups]
        names = ["lr"] if len(rates) == 1 else [f"lr_{i}" for i in range(len(rates))]
        trainer.figures.update(zip(names, rates, strict=True))
        if (trainer.step + 1) % self.every_steps == 0:
            self.steps.append(trainer.step + 1)
            self.rates.append(rates)

    def state_dict(self) -> dict[str, Any]:
        # As arrays, which a checkpoint keeps exactly and without a line for each number.
        return {"steps": np.array(self.steps, np.int64), "rates": np.array(self.rates, np.float64)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        if state:
            self.steps, self.rates = state["steps"].tolist(), state["rates"].tolist()
