"""Schedules made of schedules: one after the other, all at once, or after a warm-up."""

from __future__ import annotations

import bisect
from collections.abc import Sequence

from odyssey.errors import OdysseyError
from odyssey.training.optimizers import Optimizer
from odyssey.training.schedulers.scheduler import Scheduler, check_count, check_range

__all__ = ["ChainedScheduler", "SequentialLR", "WarmupLR"]


def _check_parts(name: str, optimizer: Optimizer, parts: Sequence[Scheduler]) -> list[Scheduler]:
    parts = list(parts)
    if not parts:
        raise OdysseyError(f"{name}: there are no schedules to combine")
    for part in parts:
        if not isinstance(part, Scheduler):
            raise OdysseyError(
                f"{name}: expected schedules that are functions of the step, "
                f"got {type(part).__name__}"
            )
        if part.optimizer is not optimizer or part.setting != parts[0].setting:
            raise OdysseyError(f"{name}: all schedules must be of one optimizer and setting")
    return parts


class SequentialLR(Scheduler):
    r"""One schedule after the other, each from its own beginning.

    .. math:: \eta_t = \eta^{(i)}_{t - m_i} \text{ for } m_i \le t < m_{i+1}, \quad m_0 = 0

    Parameters
    ----------
    optimizer : Optimizer
    schedulers : sequence of Scheduler
        Of this optimizer.
    milestones : sequence of int
        When the second, third, ... begins; rising.

    Raises
    ------
    OdysseyError
        If there is not one milestone less than schedules, or they do not rise.

    Examples
    --------
    >>> import odyssey as od
    >>> from odyssey.training.schedulers import ExponentialLR, LinearLR
    >>> optimizer = od.training.optimizers.SGD([od.Parameter(od.ones(1))], lr=0.8)
    >>> parts = [LinearLR(optimizer, 0.25, total_iters=3), ExponentialLR(optimizer, 0.5)]
    >>> SequentialLR(optimizer, parts, milestones=[3]).curve(6).round(3).tolist()
    [0.2, 0.4, 0.6, 0.8, 0.4, 0.2]
    """

    def __init__(
        self, optimizer: Optimizer, schedulers: Sequence[Scheduler], milestones: Sequence[int]
    ) -> None:
        self.schedulers = _check_parts("SequentialLR", optimizer, schedulers)
        self.milestones = list(milestones)
        if len(self.milestones) != len(self.schedulers) - 1:
            raise OdysseyError(
                f"SequentialLR: expected {len(self.schedulers) - 1} milestones for "
                f"{len(self.schedulers)} schedules, got {len(self.milestones)}"
            )
        if self.milestones != sorted(set(self.milestones)):
            raise OdysseyError(f"SequentialLR: milestones must rise, got {self.milestones}")
        super().__init__(optimizer, self.schedulers[0].setting)

    def rates(self, count: int) -> list[float]:
        place = bisect.bisect_right(self.milestones, count)
        return self.schedulers[place].rates(count - [0, *self.milestones][place])


class ChainedScheduler(Scheduler):
    r"""Several schedules at once: their shares of the first rate are multiplied.

    .. math:: \eta_t = \eta_0 \prod_i \eta^{(i)}_t / \eta_0

    Parameters
    ----------
    optimizer : Optimizer
    schedulers : sequence of Scheduler
        Of this optimizer.

    Raises
    ------
    OdysseyError
        If there is none.

    Examples
    --------
    >>> import odyssey as od
    >>> from odyssey.training.schedulers import ConstantLR, ExponentialLR
    >>> optimizer = od.training.optimizers.SGD([od.Parameter(od.ones(1))], lr=0.8)
    >>> parts = [ConstantLR(optimizer, 0.5, total_iters=2), ExponentialLR(optimizer, 0.5)]
    >>> ChainedScheduler(optimizer, parts).curve(4).round(3).tolist()
    [0.4, 0.2, 0.2, 0.1]
    """

    def __init__(self, optimizer: Optimizer, schedulers: Sequence[Scheduler]) -> None:
        self.schedulers = _check_parts("ChainedScheduler", optimizer, schedulers)
        super().__init__(optimizer, self.schedulers[0].setting)

    def rates(self, count: int) -> list[float]:
        rates = list(self.start)
        for part in self.schedulers:
            shares = zip(rates, part.rates(count), self.start, strict=True)
            rates = [rate * own / start if start else 0.0 for rate, own, start in shares]
        return rates


class WarmupLR(Scheduler):
    r"""Rise linearly to where another schedule begins, then follow it.

    With w steps of warm-up and the first share a:

    .. math:: \eta_t = \eta^{(s)}_0 \left(a + (1 - a)\, t / w\right) \text{ for } t < w,
       \text{ then } \eta^{(s)}_{t - w}

    Parameters
    ----------
    optimizer : Optimizer
    warmup_steps : int
        w
    after : Scheduler, optional
        What follows; without it the rate stays.
    start_factor : float
        a

    Raises
    ------
    OdysseyError
        If a setting is out of range.

    References
    ----------
    .. [1] P. Goyal et al., "Accurate, large minibatch SGD: training ImageNet in 1 hour",
       2017, section 2.2. https://arxiv.org/abs/1706.02677

    Examples
    --------
    >>> import odyssey as od
    >>> from odyssey.training.schedulers import ExponentialLR
    >>> optimizer = od.training.optimizers.SGD([od.Parameter(od.ones(1))], lr=0.8)
    >>> WarmupLR(optimizer, 2, ExponentialLR(optimizer, 0.5)).curve(5).round(3).tolist()
    [0.0, 0.4, 0.8, 0.4, 0.2]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        warmup_steps: int,
        after: Scheduler | None = None,
        start_factor: float = 0.0,
    ) -> None:
        check_count("WarmupLR", warmup_steps=warmup_steps)
        check_range("WarmupLR", 0, 1, start_factor=start_factor)
        self.after = None if after is None else _check_parts("WarmupLR", optimizer, [after])[0]
        self.warmup_steps, self.start_factor = warmup_steps, start_factor
        super().__init__(optimizer, "lr" if self.after is None else self.after.setting)

    def rates(self, count: int) -> list[float]:
        top = self.start if self.after is None else self.after.rates(0)
        if count >= self.warmup_steps:
            return top if self.after is None else self.after.rates(count - self.warmup_steps)
        share = self.start_factor + (1 - self.start_factor) * count / self.warmup_steps
        return [rate * share for rate in top]
