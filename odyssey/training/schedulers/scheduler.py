"""What all schedules share: a count of steps, the rates that they start from, and a curve."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from odyssey.errors import FormatError, OdysseyError
from odyssey.training.optimizers import Optimizer

__all__ = ["Scheduler"]

INITIAL = "initial_"


class Scheduler:
    """Base class: a subclass says what the rate is after so many steps.

    A schedule is a function of the count of steps and of the rate that a parameter
    group began with, and of nothing else: that is what :meth:`rate` computes. So it can
    be drawn without being run, and goes on from its count alone.

    Making it sets the optimizer's rates to those of step 0. All schedules of one
    optimizer start from the rates that it had before the first of them was made.

    Parameters
    ----------
    optimizer : Optimizer
    setting : str
        What is scheduled: any setting of the optimizer's groups that is a number.

    Attributes
    ----------
    count : int
        The steps taken.
    start : list of float
        What the setting was in each group at the beginning.

    Raises
    ------
    OdysseyError
        If the optimizer has no such setting.

    Examples
    --------
    >>> import odyssey as od
    >>> class Halving(Scheduler):
    ...     '''Half the rate at every step.'''
    ...     def rate(self, count, start):
    ...         return start * 0.5**count
    >>> optimizer = od.training.optimizers.SGD([od.Parameter(od.ones(1))], lr=0.8)
    >>> Halving(optimizer).curve(4).tolist()
    [0.8, 0.4, 0.2, 0.1]
    """

    wants_figures = False
    """Whether :meth:`step` is given the figures of an epoch."""

    def __init__(self, optimizer: Optimizer, setting: str = "lr") -> None:
        self.optimizer, self.setting = optimizer, setting
        for group in optimizer.groups:
            value = group.get(setting)
            if isinstance(value, bool) or not isinstance(value, (int, float, np.floating)):
                raise OdysseyError(
                    f"{type(self).__name__}: setting must name a number among the optimizer's "
                    f"settings, got {setting!r} ({value!r})"
                )
            group.setdefault(INITIAL + setting, float(value))
        self.start = [float(group[INITIAL + setting]) for group in optimizer.groups]
        self.count = 0
        self.apply()

    def rate(self, count: int, start: float) -> float:
        """Return the rate after ``count`` steps of a group that began with ``start``."""
        raise OdysseyError(f"{type(self).__name__}: a schedule must define rate")

    def rates(self, count: int) -> list[float]:
        """Return the rate of every group after ``count`` steps."""
        return [self.rate(count, start) for start in self.start]

    def apply(self) -> None:
        """Set the optimizer's rates to those of the present count."""
        for group, rate in zip(self.optimizer.groups, self.rates(self.count), strict=True):
            group[self.setting] = rate

    def step(self) -> None:
        """Move on by one, after the optimizer's step (or after an epoch)."""
        self.count += 1
        self.apply()

    def curve(self, steps: int) -> np.ndarray:
        """Return the rates of the first group before each of so many steps, shape (steps,)."""
        return np.array([self.rates(count)[0] for count in range(steps)])

    def plot(self, steps: int, path: Any = None) -> Any:
        """Draw the curve against the steps; return Matplotlib's figure, or write it to a path."""
        from odyssey.utils.visualization import plot_curves

        return plot_curves({type(self).__name__: self.curve(steps)}, "step", self.setting, path)

    def state_dict(self) -> dict[str, Any]:
        """Return what continues the schedule, in JSON's types; its settings are not in it."""
        return {"count": self.count, "start": list(self.start)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over a state that :meth:`state_dict` gave, of a schedule with the same settings.

        Raises
        ------
        FormatError
            If it is none, or of other parameter groups.
        """
        name = type(self).__name__
        if state.keys() != self.state_dict().keys():
            raise FormatError(f"{name}: the state {dict(state)} is of another schedule")
        start = [float(value) for value in state["start"]]
        if len(start) != len(self.optimizer.groups):
            raise FormatError(
                f"{name}: the state has {len(start)} parameter groups, "
                f"the optimizer {len(self.optimizer.groups)}"
            )
        self.count, self.start = int(state["count"]), start
        for group, value in zip(self.optimizer.groups, start, strict=True):
            group[INITIAL + self.setting] = value
        self.apply()


def check_count(schedule: str, **counts: Any) -> None:
    """Raise unless each of the counts is an integer of at least 1."""
    for name, value in counts.items():
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
            raise OdysseyError(f"{schedule}: {name} must be a positive integer, got {value!r}")


def check_range(schedule: str, low: float, high: float, **values: Any) -> None:
    """Raise unless each of the values is a number from ``low`` to ``high``."""
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, (int, float, np.floating)):
            raise OdysseyError(f"{schedule}: {name} must be a number, got {value!r}")
        if not low <= value <= high:
            raise OdysseyError(f"{schedule}: {name} must lie in [{low}, {high}], got {value!r}")
