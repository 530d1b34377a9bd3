"""SGD whose steps shrink, and the mean of the parameters on the way."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np

from odyssey.training.optimizers.elementwise import Elementwise, blend, with_decay
from odyssey.training.optimizers.optimizer import POSITIVE

__all__ = ["ASGD"]


class ASGD(Elementwise):
    r"""Averaged SGD: the mean of where it has been is closer to the goal than where it is.

    The mean a stands in the state, as ``"ax"``. With the gradient g (weight decay added) at
    step t, :math:`\eta_1 = \eta` and :math:`\mu_1 = 1`:

    .. math::

        w &\leftarrow (1 - \lambda\, \eta_t)\, w - \eta_t\, g \\
        a &\leftarrow a + \mu_t\, (w - a) \\
        \eta_{t+1} &= \frac{\eta}{(1 + \lambda\, \eta\, t)^\alpha}, \qquad
        \mu_{t+1} = \frac{1}{\max(1,\ t - t_0)}

    Parameters
    ----------
    params : iterable of Parameter, or of dict
    lr : float
        :math:`\eta`
    lambd, alpha : float
        :math:`\lambda, \alpha`
    t0 : float
        The step from which on the mean is taken; until then a is w.
    weight_decay : float
    maximize : bool
        Climb instead: with -g in place of g.

    Raises
    ------
    OdysseyError
        If a setting is out of range.

    References
    ----------
    .. [1] B. Polyak, A. Juditsky, "Acceleration of stochastic approximation by averaging",
       SIAM J. Control Optim. 30, 1992. https://doi.org/10.1137/0330046
    .. [2] L. Bottou, "Large-scale machine learning with stochastic gradient descent",
       COMPSTAT 2010, section 5.

    Examples
    --------
    >>> import odyssey as od
    >>> w = od.Parameter(od.tensor([1.0]))
    >>> optimizer = od.training.optimizers.ASGD([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.numpy().round(4)
    array([0.8], dtype=float32)
    """

    limits: ClassVar = {
        "lr": POSITIVE,
        "lambd": POSITIVE,
        "alpha": POSITIVE,
        "t0": POSITIVE,
        "weight_decay": POSITIVE,
    }

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 0.01,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0.0,
        maximize: bool = False,
    ) -> None:
        settings = {
            "lr": lr,
            "lambd": lambd,
            "alpha": alpha,
            "t0": t0,
            "weight_decay": weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, settings)

    def initial(self, group: dict[str, Any]) -> dict[str, float]:
        return {"ax": 0.0}

    def advance(self, state: dict[str, Any], group: dict[str, Any]) -> None:
        done, lr = state.get("step", 0), group["lr"]
        state["eta"] = lr / (1 + group["lambd"] * lr * done) ** group["alpha"]
        state["mu"] = 1 / max(1, done - group["t0"])
        super().advance(state, group)

    def update(
        self, param: np.ndarray, grad: np.ndarray, state: dict[str, Any], group: dict[str, Any]
    ) -> None:
        grad = with_decay(grad, param, group)
        param *= 1 - group["lambd"] * state["eta"]
        param -= state["eta"] * grad
        if state["mu"] == 1:
            state["ax"][...] = param
        else:
            blend(state["ax"], param, state["mu"])
