"""Lion: the sign of a momentum."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np

from odyssey.training.optimizers.elementwise import Elementwise, blend, signs
from odyssey.training.optimizers.optimizer import POSITIVE, SHARE

__all__ = ["Lion"]


class Lion(Elementwise):
    r"""Lion: every number moves by the learning rate, up or down, as the momentum says.

    Needs half of Adam's memory, a learning rate 3 to 10 times smaller than AdamW's, and a
    weight decay as many times larger. With the gradient g:

    .. math::

        c &\leftarrow \beta_1 m + (1 - \beta_1)\, g \\
        w &\leftarrow w - \eta\, (\operatorname{sign}(c) + \lambda\, w) \\
        m &\leftarrow \beta_2 m + (1 - \beta_2)\, g

    Parameters
    ----------
    params : iterable of Parameter, or of dict
    lr : float
        :math:`\eta`
    betas : pair of float
        :math:`\beta_1, \beta_2`, in [0, 1).
    weight_decay : float
        :math:`\lambda`
    maximize : bool
        Climb instead: with -g in place of g.

    Raises
    ------
    OdysseyError
        If a setting is out of range.

    References
    ----------
    .. [1] X. Chen et al., "Symbolic discovery of optimization algorithms", NeurIPS 2023,
       algorithm 2. https://arxiv.org/abs/2302.06675

    Examples
    --------
    >>> import odyssey as od
    >>> w = od.Parameter(od.tensor([1.0]))
    >>> optimizer = od.training.optimizers.Lion([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.numpy().round(4)
    array([0.9], dtype=float32)
    """

    limits: ClassVar = {
        "lr": POSITIVE,
        "betas": [SHARE, SHARE],
        "weight_decay": POSITIVE,
    }

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
        maximize: bool = False,
    ) -> None:
        settings = {
            "lr": lr,
            "betas": betas,
            "weight_decay": weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, settings)

    def initial(self, group: dict[str, Any]) -> dict[str, float]:
        return {"exp_avg": 0.0}

    def update(
        self, param: np.ndarray, grad: np.ndarray, state: dict[str, Any], group: dict[str, Any]
    ) -> None:
        lr, (beta1, beta2) = group["lr"], group["betas"]
        direction = grad - state["exp_avg"]
        direction *= 1 - beta1
        direction += state["exp_avg"]
        change = signs(direction)
        change *= lr
        if group["weight_decay"]:
            param *= 1 - lr * group["weight_decay"]
        param -= change
        blend(state["exp_avg"], grad, 1 - beta2)
