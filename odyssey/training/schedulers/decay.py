"""Rates that fall step by step: in stairs, exponentially, with the root, or as a function says."""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable, Sequence
from typing import Any

from odyssey.errors import OdysseyError
from odyssey.training.optimizers import Optimizer
from odyssey.training.schedulers.scheduler import Scheduler, check_count, check_range

__all__ = ["ExponentialLR", "InverseSqrtLR", "LambdaLR", "MultiStepLR", "StepLR"]


class StepLR(Scheduler):
    r"""Multiply the rate every so many steps: a stair.

    .. math:: \eta_t = \eta_0\, \gamma^{\lfloor t / s \rfloor}

    Parameters
    ----------
    optimizer : Optimizer
    step_size : int
        s, at least 1.
    gamma : float
        :math:`\gamma`
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
    >>> StepLR(optimizer, step_size=2, gamma=0.5).curve(5).tolist()
    [0.8, 0.8, 0.4, 0.4, 0.2]
    """

    def __init__(
        self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, setting: str = "lr"
    ) -> None:
        check_count("StepLR", step_size=step_size)
        check_range("StepLR", 0, math.inf, gamma=gamma)
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer, setting)

    def rate(self, count: int, start: float) -> float:
        return start * self.gamma ** (count // self.step_size)


class MultiStepLR(Scheduler):
    r"""Multiply the rate at each milestone.

    .. math:: \eta_t = \eta_0\, \gamma^{|\{m \in M : m \le t\}|}

    Parameters
    ----------
    optimizer : Optimizer
    milestones : sequence of int
        M, in any order; one that stands twice counts twice.
    gamma : float
        :math:`\gamma`
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
    >>> MultiStepLR(optimizer, [1, 4], gamma=0.5).curve(5).tolist()
    [0.8, 0.4, 0.4, 0.4, 0.2]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        milestones: Sequence[int],
        gamma: float = 0.1,
        setting: str = "lr",
    ) -> None:
        self.milestones = sorted(milestones)
        for milestone in self.milestones:
            check_range("MultiStepLR", 0, math.inf, milestones=milestone)
        check_range("MultiStepLR", 0, math.inf, gamma=gamma)
        self.gamma = gamma
        super().__init__(optimizer, setting)

    def rate(self, count: int, start: float) -> float:
        return start * self.gamma ** bisect.bisect_right(self.milestones, count)


class ExponentialLR(Scheduler):
    r"""Multiply the rate at every step.

    .. math:: \eta_t = \eta_0\, \gamma^t

    Parameters
    ----------
    optimizer : Optimizer
    gamma : float
        :math:`\gamma`
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
    >>> ExponentialLR(optimizer, gamma=0.5).curve(3).tolist()
    [0.8, 0.4, 0.2]
    """

    def __init__(self, optimizer: Optimizer, gamma: float, setting: str = "lr") -> None:
        check_range("ExponentialLR", 0, math.inf, gamma=gamma)
        self.gamma = gamma
        super().__init__(optimizer, setting)

    def rate(self, count: int, start: float) -> float:
        return start * self.gamma**count


class InverseSqrtLR(Scheduler):
    r"""Rise linearly for a while, then fall with the root of the steps.

    With w warm-up steps, so that the optimizer's own rate is the highest:

    .. math:: \eta_t = \eta_0 \min\!\left(\frac{t + 1}{w}, \sqrt{\frac{w}{t + 1}}\right)

    Parameters
    ----------
    optimizer : Optimizer
    warmup_steps : int
        w, at least 1.
    setting : str
        What is scheduled, by default the learning rate.

    Raises
    ------
    OdysseyError
        If a setting is out of range.

    References
    ----------
    .. [1] A. Vaswani et al., "Attention is all you need", NeurIPS 2017, section
       5.3, equation 3. https://arxiv.org/abs/1706.03762

    Examples
    --------
    >>> import odyssey as od
    >>> optimizer = od.training.optimizers.SGD([od.Parameter(od.ones(1))], lr=0.8)
    >>> InverseSqrtLR(optimizer, warmup_steps=4).curve(16)[[0, 3, 15]].tolist()
    [0.2, 0.8, 0.4]
    """

    def __init__(self, optimizer: Optimizer, warmup_steps: int, setting: str = "lr") -> None:
        check_count("InverseSqrtLR", warmup_steps=warmup_steps)
        self.warmup_steps = warmup_steps
        super().__init__(optimizer, setting)

    def rate(self, count: int, start: float) -> float:
        share = (count + 1) / self.warmup_steps
        return start * min(share, 1 / math.sqrt(share))


class LambdaLR(Scheduler):
    r"""Multiply the first rate by a function of the steps.

    .. math:: \eta_t = \eta_0\, f(t)

    Parameters
    ----------
    optimizer : Optimizer
    function : callable, or sequence of them
        f, of an int; or one for each parameter group.
    setting : str
        What is scheduled, by default the learning rate.

    Raises
    ------
    OdysseyError
        If there is another number of functions than of groups.

    Examples
    --------
    >>> import odyssey as od
    >>> optimizer = od.training.optimizers.SGD([od.Parameter(od.ones(1))], lr=0.8)
    >>> LambdaLR(optimizer, lambda t: 1 / (1 + t)).curve(4).tolist()
    [0.8, 0.4, 0.26666666666666666, 0.2]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        function: Callable[[int], float] | Sequence[Callable[[int], float]],
        setting: str = "lr",
    ) -> None:
        groups = len(optimizer.groups)
        functions: list[Any] = [function] * groups if callable(function) else list(function)
        if len(functions) != groups:
            raise OdysseyError(
                f"LambdaLR: expected a function, or {groups} of them, one for each parameter "
                f"group, got {len(functions)}"
            )
        self.functions = functions
        super().__init__(optimizer, setting)

    def rates(self, count: int) -> list[float]:
        pairs = zip(self.functions, self.start, strict=True)
        return [start * float(function(count)) for function, start in pairs]
