"""Lower the rate when nothing gets better any more."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from odyssey.errors import FormatError, OdysseyError
from odyssey.training.optimizers import Optimizer
from odyssey.training.schedulers.scheduler import check_count, check_range
from odyssey.utils.choices import pick

__all__ = ["ReduceLROnPlateau"]


class ReduceLROnPlateau:
    r"""Multiply the rate by a factor when a figure has not improved for some time.

    A figure m is better than the best b so far if :math:`m < b\,(1 - \theta)` (mode
    "min", relative), :math:`m > b\,(1 + \theta)` ("max"), or by more than
    :math:`\theta` (absolute). After more than ``patience`` steps without a better one

    .. math:: \eta \leftarrow \max(\eta\, f, \eta_{min})

    and for ``cooldown`` steps nothing is counted.

    Parameters
    ----------
    optimizer : Optimizer
    mode : {"min", "max"}
    factor : float
        f, in [0, 1).
    patience : int
        Steps without improvement that are borne.
    threshold : float
        :math:`\theta`
    threshold_mode : {"rel", "abs"}
    cooldown : int
    min_lr : float
        :math:`\eta_{min}`
    eps : float
        Smaller changes of the rate are not made.
    monitor : str
        Which figure of an epoch counts, where :meth:`step` is given all of them.

    Raises
    ------
    OdysseyError
        If a setting is out of range.

    Examples
    --------
    >>> import odyssey as od
    >>> optimizer = od.training.optimizers.SGD([od.Parameter(od.ones(1))], lr=0.8)
    >>> schedule = ReduceLROnPlateau(optimizer, factor=0.5, patience=1)
    >>> for loss in (1.0, 0.9, 0.9, 0.9, 0.9, 0.9):
    ...     schedule.step(loss)
    >>> optimizer.groups[0]["lr"]
    0.2
    """

    wants_figures = True

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float = 0.0,
        eps: float = 1e-8,
        monitor: str = "val_loss",
    ) -> None:
        name = "ReduceLROnPlateau"
        self.mode = pick(f"{name}: mode", mode, ("min", "max"))
        self.threshold_mode = pick(f"{name}: threshold_mode", threshold_mode, ("rel", "abs"))
        check_range(name, 0, math.nextafter(1, 0), factor=factor)
        check_range(name, 0, math.inf, threshold=threshold, min_lr=min_lr, eps=eps)
        check_count(name, patience=patience + 1, cooldown=cooldown + 1)
        self.optimizer, self.factor, self.patience = optimizer, factor, patience
        self.threshold, self.cooldown, self.min_lr, self.eps = threshold, cooldown, min_lr, eps
        self.monitor = monitor
        self.best = math.inf if mode == "min" else -math.inf
        self.bad = self.cooling = self.count = 0

    def step(self, figures: float | Mapping[str, float]) -> None:
        """Look at the figure of an epoch (or at ``monitor`` among several), and act.

        Raises
        ------
        OdysseyError
            If ``monitor`` is not among the figures.
        """
        if isinstance(figures, Mapping):
            if self.monitor not in figures:
                raise OdysseyError(
                    f"ReduceLROnPlateau: there is no figure {self.monitor!r} to monitor; "
                    f"an epoch gives {', '.join(figures)}"
                )
            figures = figures[self.monitor]
        figure = float(figures)
        self.count += 1
        if self._is_better(figure):
            self.best, self.bad = figure, 0
        else:
            self.bad += 1
        if self.cooling > 0:
            self.cooling -= 1
            self.bad = 0
        if self.bad > self.patience:
            for group in self.optimizer.groups:
                lower = max(group["lr"] * self.factor, self.min_lr)
                if group["lr"] - lower > self.eps:
                    group["lr"] = lower
            self.cooling, self.bad = self.cooldown, 0

    def _is_better(self, figure: float) -> bool:
        sign = 1 if self.mode == "min" else -1
        if self.threshold_mode == "abs":
            return sign * figure < sign * self.best - self.threshold
        return sign * figure < sign * self.best * (1 - sign * self.threshold)

    def state_dict(self) -> dict[str, Any]:
        """Return what continues the schedule, in JSON's types."""
        best = self.best if math.isfinite(self.best) else None
        return {"best": best, "bad": self.bad, "cooling": self.cooling, "count": self.count}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over a state that :meth:`state_dict` gave.

        The rates themselves are part of the optimizer's state.

        Raises
        ------
        FormatError
            If it is none.
        """
        if state.keys() != self.state_dict().keys():
            raise FormatError(f"ReduceLROnPlateau: the state {dict(state)} is of another schedule")
        worst = math.inf if self.mode == "min" else -math.inf
        self.best = worst if state["best"] is None else float(state["best"])
        self.bad, self.cooling = int(state["bad"]), int(state["cooling"])
        self.count = int(state["count"])
