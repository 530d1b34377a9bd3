"""The learning rate along half a cosine wave, once or again and again."""

from __future__ import annotations

import math

from odyssey.training.optimizers import Optimizer
from odyssey.training.schedulers.scheduler import Scheduler, check_count, check_range

__all__ = ["CosineAnnealingLR", "CosineAnnealingWarmRestarts"]


class CosineAnnealingLR(Scheduler):
    r"""Let the learning rate fall along half a cosine wave.

    After t of T steps, from the optimizer's own rate :math:`\eta_0` down to
    :math:`\eta_T`; who goes on beyond T rises with the wave again:

    .. math:: \eta_t = \eta_T + \tfrac12 (\eta_0 - \eta_T)(1 + \cos(\pi t / T))

    Parameters
    ----------
    optimizer : Optimizer
        Every parameter group starts from its own rate.
    T_max : int
        T, at least 1.
    eta_min : float
        :math:`\eta_T`
    setting : str
        What is scheduled, by default the learning rate.

    Raises
    ------
    OdysseyError
        If a setting is out of range.

    References
    ----------
    .. [1] I. Loshchilov, F. Hutter, "SGDR: stochastic gradient descent with
       warm restarts", ICLR 2017, equation 5. https://arxiv.org/abs/1608.03983

    Examples
    --------
    >>> import odyssey as od
    >>> optimizer = od.training.optimizers.SGD([od.Parameter(od.ones(1))], lr=0.1)
    >>> CosineAnnealingLR(optimizer, T_max=4).curve(5).round(4).tolist()
    [0.1, 0.0854, 0.05, 0.0146, 0.0]
    """

    def __init__(
        self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, setting: str = "lr"
    ) -> None:
        check_count("CosineAnnealingLR", T_max=T_max)
        check_range("CosineAnnealingLR", 0, math.inf, eta_min=eta_min)
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer, setting)

    def rate(self, count: int, start: float) -> float:
        share = (1 + math.cos(math.pi * count / self.T_max)) / 2
        return self.eta_min + (start - self.eta_min) * share


class CosineAnnealingWarmRestarts(Scheduler):
    r"""Let the rate fall along half a cosine wave, and begin again when it is down.

    The first fall takes :math:`T_0` steps, each further one :math:`T_\times` times as
    many as the one before. With t the steps since the last restart, T those of this fall:

    .. math:: \eta_t = \eta_T + \tfrac12 (\eta_0 - \eta_T)(1 + \cos(\pi t / T))

    Parameters
    ----------
    optimizer : Optimizer
    T_0 : int
        At least 1.
    T_mult : int
        :math:`T_\times`, at least 1.
    eta_min : float
        :math:`\eta_T`
    setting : str
        What is scheduled, by default the learning rate.

    Raises
    ------
    OdysseyError
        If a setting is out of range.

    References
    ----------
    .. [1] I. Loshchilov, F. Hutter, "SGDR: stochastic gradient descent with
       warm restarts", ICLR 2017, section 3. https://arxiv.org/abs/1608.03983

    Examples
    --------
    >>> import odyssey as od
    >>> optimizer = od.training.optimizers.SGD([od.Parameter(od.ones(1))], lr=0.8)
    >>> CosineAnnealingWarmRestarts(optimizer, T_0=2, T_mult=2).curve(7).round(3).tolist()
    [0.8, 0.4, 0.8, 0.683, 0.4, 0.117, 0.8]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        T_0: int,
        T_mult: int = 1,
        eta_min: float = 0.0,
        setting: str = "lr",
    ) -> None:
        check_count("CosineAnnealingWarmRestarts", T_0=T_0, T_mult=T_mult)
        check_range("CosineAnnealingWarmRestarts", 0, math.inf, eta_min=eta_min)
        self.T_0, self.T_mult, self.eta_min = T_0, T_mult, eta_min
        super().__init__(optimizer, setting)

    def rate(self, count: int, start: float) -> float:
        steps, since = self.T_0, count
        if self.T_mult == 1:
            since = count % steps
        while since >= steps:
            since -= steps
            steps *= self.T_mult
        share = (1 + math.cos(math.pi * since / steps)) / 2
        return self.eta_min + (start - self.eta_min) * share
