"""Rates that go from one value to another and stay there."""

from __future__ import annotations

import math

from odyssey.training.optimizers import Optimizer
from odyssey.training.schedulers.scheduler import Scheduler, check_count, check_range

__all__ = ["ConstantLR", "LinearLR", "PolynomialLR"]


class ConstantLR(Scheduler):
    r"""Take a share of the rate at first, then all of it.

    .. math:: \eta_t = \eta_0 f \text{ for } t < T, \text{ then } \eta_0

    Parameters
    ----------
    optimizer : Optimizer
    factor : float
        f, in [0, 1].
    total_iters : int
        T
    setting : str
        What is scheduled, by default the learning rate.

    Raises
    ------
    OdysseyError
        If a setting is out of range.

    Examples
    --------
    >>> import odyssey as od
    >>> optimizer = od.training.optimizers.SGD([od.Parameter(od.ones(1))], lr=0.8)
    >>> ConstantLR(optimizer, factor=0.5, total_iters=2).curve(4).tolist()
    [0.4, 0.4, 0.8, 0.8]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        factor: float = 1 / 3,
        total_iters: int = 5,
        setting: str = "lr",
    ) -> None:
        check_range("ConstantLR", 0, 1, factor=factor)
        check_count("ConstantLR", total_iters=total_iters)
        self.factor, self.total_iters = factor, total_iters
        super().__init__(optimizer, setting)

    def rate(self, count: int, start: float) -> float:
        return start * self.factor if count < self.total_iters else start


class LinearLR(Scheduler):
    r"""Go from one share of the rate to another along a line: the usual warm-up.

    .. math:: \eta_t = \eta_0 \left(a + (b - a) \min(t, T) / T\right)

    Parameters
    ----------
    optimizer : Optimizer
    start_factor, end_factor : float
        a and b, in [0, 1].
    total_iters : int
        T
    setting : str
        What is scheduled, by default the learning rate.

    Raises
    ------
    OdysseyError
        If a setting is out of range.

    Examples
    --------
    >>> import odyssey as od
    >>> optimizer = od.training.optimizers.SGD([od.Parameter(od.ones(1))], lr=0.8)
    >>> LinearLR(optimizer, 0.25, 1.0, total_iters=3).curve(5).round(3).tolist()
    [0.2, 0.4, 0.6, 0.8, 0.8]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        setting: str = "lr",
    ) -> None:
        check_range("LinearLR", 0, 1, start_factor=start_factor, end_factor=end_factor)
        check_count("LinearLR", total_iters=total_iters)
        self.start_factor, self.end_factor = start_factor, end_factor
        self.total_iters = total_iters
        super().__init__(optimizer, setting)

    def rate(self, count: int, start: float) -> float:
        share = min(count, self.total_iters) / self.total_iters
        return start * (self.start_factor + (self.end_factor - self.start_factor) * share)


class PolynomialLR(Scheduler):
    r"""Fall to zero along a power of what is left.

    .. math:: \eta_t = \eta_0 \left(1 - \min(t, T) / T\right)^p

    Parameters
    ----------
    optimizer : Optimizer
    total_iters : int
        T
    power : float
        p
    setting : str
        What is scheduled, by default the learning rate.

    Raises
    ------
    OdysseyError
        If a setting is out of range.

    Examples
    --------
    >>> import odyssey as od
    >>> optimizer = od.training.optimizers.SGD([od.Parameter(od.ones(1))], lr=0.8)
    >>> PolynomialLR(optimizer, total_iters=2, power=2).curve(4).tolist()
    [0.8, 0.2, 0.0, 0.0]
    """

    def __init__(
        self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0, setting: str = "lr"
    ) -> None:
        check_count("PolynomialLR", total_iters=total_iters)
        check_range("PolynomialLR", 0, math.inf, power=power)
        self.total_iters, self.power = total_iters, power
        super().__init__(optimizer, setting)

    def rate(self, count: int, start: float) -> float:
        left = 1 - min(count, self.total_iters) / self.total_iters
        return float(start * left**self.power)
