"""Rates that rise and fall, and the momentum against them."""

from __future__ import annotations

import math
from typing import Any

from odyssey.errors import OdysseyError
from odyssey.training.optimizers import Optimizer
from odyssey.training.schedulers.scheduler import Scheduler, check_count, check_range
from odyssey.utils.choices import pick

__all__ = ["CyclicLR", "OneCycleLR"]


class _WithMomentum(Scheduler):
    """A schedule that moves the momentum, too: down while the rate goes up."""

    def __init__(self, optimizer: Optimizer, cycle_momentum: bool) -> None:
        self.cycle_momentum = cycle_momentum
        first = optimizer.groups[0]
        if cycle_momentum and not ("betas" in first or "momentum" in first):
            raise OdysseyError(
                f"{type(self).__name__}: the optimizer has no momentum to cycle; "
                "pass cycle_momentum=False"
            )
        super().__init__(optimizer)

    def momentum(self, count: int) -> float:
        """Return the momentum after ``count`` steps."""
        raise NotImplementedError

    def apply(self) -> None:
        super().apply()
        if self.cycle_momentum:
            momentum = self.momentum(self.count)
            for group in self.optimizer.groups:
                if "betas" in group:
                    group["betas"] = (momentum, *group["betas"][1:])
                else:
                    group["momentum"] = momentum


class OneCycleLR(_WithMomentum):
    r"""Rise to a high rate and fall to a very small one: a whole training in one cycle.

    In the first phase, a share p of the T steps, the rate goes from
    :math:`\eta_{max} / d` to :math:`\eta_{max}`, in the second one down to
    :math:`\eta_{max} / (d f)`; with three phases it comes back to where it began in
    between. From a to b, with s the share of a phase that is done:

    .. math:: \text{"cos": } b + \tfrac12 (a - b)(1 + \cos \pi s), \qquad
       \text{"linear": } a + (b - a)\, s

    The momentum goes the other way.

    Parameters
    ----------
    optimizer : Optimizer
    max_lr : float
        :math:`\eta_{max}`
    total_steps : int
        T; a step more is an error.
    pct_start : float
        p
    anneal_strategy : {"cos", "linear"}
    cycle_momentum : bool
    base_momentum, max_momentum : float
        The least and the largest momentum (first beta).
    div_factor, final_div_factor : float
        d and f.
    three_phase : bool

    Raises
    ------
    OdysseyError
        If a setting is out of range, the optimizer has no momentum, or a step beyond
        the last is taken.

    References
    ----------
    .. [1] L. Smith, N. Topin, "Super-convergence: very fast training of neural networks
       using large learning rates", 2018, section 3. https://arxiv.org/abs/1708.07120

    Examples
    --------
    >>> import odyssey as od
    >>> optimizer = od.training.optimizers.Adam([od.Parameter(od.ones(1))])
    >>> schedule = OneCycleLR(optimizer, max_lr=1.0, total_steps=11, pct_start=0.4)
    >>> schedule.curve(11).round(2).tolist()
    [0.04, 0.23, 0.65, 0.97, 0.98, 0.86, 0.66, 0.43, 0.21, 0.06, 0.0]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float,
        total_steps: int,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float = 0.85,
        max_momentum: float = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
    ) -> None:
        check_count("OneCycleLR", total_steps=total_steps)
        check_range("OneCycleLR", 0, 1, pct_start=pct_start)
        check_range("OneCycleLR", 0, 1, base_momentum=base_momentum, max_momentum=max_momentum)
        check_range("OneCycleLR", 0, math.inf, max_lr=max_lr)
        check_range(
            "OneCycleLR", 1e-12, math.inf, div_factor=div_factor, final_div_factor=final_div_factor
        )
        self.anneal_strategy = pick(
            "OneCycleLR: anneal_strategy", anneal_strategy, ("cos", "linear")
        )
        self.max_lr, self.total_steps = max_lr, total_steps
        low, high = base_momentum, max_momentum
        first = max_lr / div_factor
        last = first / final_div_factor
        turn, end = pct_start * total_steps - 1, total_steps - 1
        # The end of each phase, the rates at its ends, and the momenta.
        self.phases: list[tuple[float, float, float, float, float]] = [
            (turn, first, max_lr, high, low)
        ]
        if three_phase:
            self.phases += [(2 * turn, max_lr, first, low, high), (end, first, last, high, high)]
        else:
            self.phases += [(end, max_lr, last, low, high)]
        super().__init__(optimizer, cycle_momentum)

    def step(self) -> None:
        if self.count + 1 >= self.total_steps + 1:
            raise OdysseyError(
                f"OneCycleLR: step {self.count + 1} was asked for, but there are "
                f"total_steps={self.total_steps}"
            )
        super().step()

    def _at(self, count: int) -> tuple[float, float]:
        begin = 0.0
        for end, lr_a, lr_b, m_a, m_b in self.phases:
            if count <= end or end == self.phases[-1][0]:
                share = (count - begin) / (end - begin) if end > begin else 1.0
                return self._between(lr_a, lr_b, share), self._between(m_a, m_b, share)
            begin = end
        raise AssertionError("the last phase has no end")

    def _between(self, a: float, b: float, share: float) -> float:
        if self.anneal_strategy == "linear":
            return a + (b - a) * share
        return b + (a - b) / 2 * (1 + math.cos(math.pi * share))

    def rate(self, count: int, start: float) -> float:
        return self._at(count)[0]

    def momentum(self, count: int) -> float:
        return self._at(count)[1]


class CyclicLR(_WithMomentum):
    r"""Let the rate rise and fall between two bounds, again and again.

    With u steps up and d down, cycle :math:`c = \lfloor t / (u + d) \rfloor` and the share h
    of the way from the lower bound to the upper one:

    .. math:: \eta_t = \eta_{low} + (\eta_{high} - \eta_{low})\, h\, w

    where w is 1 (``"triangular"``), :math:`2^{-c}` (``"triangular2"``) or
    :math:`\gamma^t` (``"exp_range"``). The momentum goes the other way.

    Parameters
    ----------
    optimizer : Optimizer
    base_lr, max_lr : float
        The bounds.
    step_size_up : int
        u
    step_size_down : int, optional
        d, by default u.
    mode : {"triangular", "triangular2", "exp_range"}
    gamma : float
        :math:`\gamma`
    cycle_momentum : bool
    base_momentum, max_momentum : float
        The bounds of the momentum (first beta).

    Raises
    ------
    OdysseyError
        If a setting is out of range, or the optimizer has no momentum.

    References
    ----------
    .. [1] L. Smith, "Cyclical learning rates for training neural networks", WACV 2017,
       section 3. https://arxiv.org/abs/1506.01186

    Examples
    --------
    >>> import odyssey as od
    >>> optimizer = od.training.optimizers.Adam([od.Parameter(od.ones(1))])
    >>> schedule = CyclicLR(optimizer, 0.0, 1.0, step_size_up=2, mode="triangular2")
    >>> schedule.curve(8).round(3).tolist()
    [0.0, 0.5, 1.0, 0.5, 0.0, 0.25, 0.5, 0.25]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: float,
        max_lr: float,
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        cycle_momentum: bool = True,
        base_momentum: float = 0.8,
        max_momentum: float = 0.9,
    ) -> None:
        down = step_size_up if step_size_down is None else step_size_down
        check_count("CyclicLR", step_size_up=step_size_up, step_size_down=down)
        check_range("CyclicLR", 0, math.inf, base_lr=base_lr, max_lr=max_lr, gamma=gamma)
        check_range("CyclicLR", 0, 1, base_momentum=base_momentum, max_momentum=max_momentum)
        self.mode = pick("CyclicLR: mode", mode, ("triangular", "triangular2", "exp_range"))
        self.base_lr, self.max_lr, self.gamma = base_lr, max_lr, gamma
        self.up, self.down = step_size_up, down
        self.base_momentum, self.max_momentum = base_momentum, max_momentum
        super().__init__(optimizer, cycle_momentum)

    def _height(self, count: int) -> float:
        cycle, since = divmod(count, self.up + self.down)
        share = since / self.up if since <= self.up else 1 - (since - self.up) / self.down
        scale: dict[str, Any] = {
            "triangular": 1.0,
            "triangular2": 0.5**cycle,
            "exp_range": self.gamma**count,
        }
        return share * float(scale[self.mode])

    def rate(self, count: int, start: float) -> float:
        return self.base_lr + (self.max_lr - self.base_lr) * self._height(count)

    def momentum(self, count: int) -> float:
        return self.max_momentum - (self.max_momentum - self.base_momentum) * self._height(count)
