"""The learning rate along half a cosine wave."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from odyssey.errors import FormatError, OdysseyError
from odyssey.training.optimizers import Optimizer

__all__ = ["CosineAnnealingLR"]


class CosineAnnealingLR:
    r"""Let the learning rate fall along half a cosine wave.

    After t of T steps, from the optimizer's own rate :math:`\eta_0` down to
    :math:`\eta_T`, where it then stays:

    .. math:: \eta_t = \eta_T + \tfrac12 (\eta_0 - \eta_T)(1 + \cos(\pi t / T))

    Parameters
    ----------
    optimizer : Optimizer
        Every parameter group starts from its own rate.
    steps : int
        T, at least 1.
    min_lr : float
        :math:`\eta_T`

    Attributes
    ----------
    count : int
        t, the steps taken.

    Raises
    ------
    OdysseyError
        If `steps` is not a positive integer.

    References
    ----------
    .. [1] I. Loshchilov, F. Hutter, "SGDR: stochastic gradient descent with
       warm restarts", ICLR 2017, equation 5. https://arxiv.org/abs/1608.03983

    Examples
    --------
    >>> import odyssey as od
    >>> optimizer = od.training.optimizers.SGD([od.Parameter(od.ones(1))], lr=0.1)
    >>> schedule = CosineAnnealingLR(optimizer, steps=4)
    >>> for _ in range(4):
    ...     schedule.step()
    ...     print(round(optimizer.groups[0]["lr"], 4))
    0.0854
    0.05
    0.0146
    0.0
    """

    def __init__(self, optimizer: Optimizer, steps: int, min_lr: float = 0.0) -> None:
        if isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
            raise OdysseyError(
                f"CosineAnnealingLR: steps must be a positive integer, got {steps!r}"
            )
        self.optimizer = optimizer
        self.steps = steps
        self.min_lr = min_lr
        self.start = [float(group["lr"]) for group in optimizer.groups]
        self.count = 0

    def step(self) -> None:
        """Move on by one step, after the optimizer's."""
        self.count += 1
        share = (1 + math.cos(math.pi * min(self.count, self.steps) / self.steps)) / 2
        for group, start in zip(self.optimizer.groups, self.start, strict=True):
            group["lr"] = self.min_lr + (start - self.min_lr) * share

    def state_dict(self) -> dict[str, Any]:
        """Return what continues the schedule, in JSON's types."""
        return {
            "steps": self.steps,
            "min_lr": self.min_lr,
            "start": list(self.start),
            "count": self.count,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over a state that :meth:`state_dict` gave.

        Raises
        ------
        FormatError
            If it is of another kind of schedule, or of other parameter groups.
        """
        try:
            steps, count = int(state["steps"]), int(state["count"])
            min_lr, start = float(state["min_lr"]), [float(lr) for lr in state["start"]]
        except (KeyError, TypeError, ValueError) as error:
            raise FormatError(
                f"CosineAnnealingLR: the state {dict(state)} is of another schedule"
            ) from error
        if len(start) != len(self.optimizer.groups):
            raise FormatError(
                f"CosineAnnealingLR: the state has {len(start)} parameter groups, "
                f"the optimizer {len(self.optimizer.groups)}"
            )
        self.steps, self.count, self.min_lr, self.start = steps, count, min_lr, start
