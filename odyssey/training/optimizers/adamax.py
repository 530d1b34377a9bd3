"""Adamax: Adam with the largest gradient in place of the mean square."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np

from odyssey.training.optimizers.elementwise import Elementwise, blend, with_decay
from odyssey.training.optimizers.optimizer import POSITIVE, SHARE

__all__ = ["Adamax"]


class Adamax(Elementwise):
    r"""Adamax: Adam that divides by the largest of the recent gradients.

    With the gradient g (weight decay :math:`\lambda` added) at step t:

    .. math::

        g &\leftarrow g + \lambda\, w \\
        m &\leftarrow \beta_1 m + (1 - \beta_1)\, g \\
        u &\leftarrow \max(\beta_2 u,\ |g| + \epsilon) \\
        w &\leftarrow w - \frac{\eta}{1 - \beta_1^t} \cdot \frac{m}{u}

    Parameters
    ----------
    params : iterable of Parameter, or of dict
    lr : float
        :math:`\eta`
    betas : pair of float
        :math:`\beta_1, \beta_2`, in [0, 1).
    eps, weight_decay : float
        :math:`\epsilon, \lambda`
    maximize : bool
        Climb instead: with -g in place of g.

    Raises
    ------
    OdysseyError
        If a setting is out of range.

    References
    ----------
    .. [1] D. Kingma, J. Ba, "Adam: a method for stochastic optimization", ICLR 2015,
       algorithm 2. https://arxiv.org/abs/1412.6980

    Examples
    --------
    >>> import odyssey as od
    >>> w = od.Parameter(od.tensor([1.0]))
    >>> optimizer = od.training.optimizers.Adamax([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.numpy().round(4)
    array([0.9], dtype=float32)
    """

    limits: ClassVar = {
        "lr": POSITIVE,
        "betas": [SHARE, SHARE],
        "eps": POSITIVE,
        "weight_decay": POSITIVE,
    }

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        maximize: bool = False,
    ) -> None:
        settings = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, settings)

    def initial(self, group: dict[str, Any]) -> dict[str, float]:
        return {"exp_avg": 0.0, "exp_inf": 0.0}

    def update(
        self, param: np.ndarray, grad: np.ndarray, state: dict[str, Any], group: dict[str, Any]
    ) -> None:
        beta1, beta2 = group["betas"]
        grad = with_decay(grad, param, group)
        blend(state["exp_avg"], grad, 1 - beta1)
        size = np.abs(grad)
        size += group["eps"]
        state["exp_inf"] *= beta2
        np.maximum(state["exp_inf"], size, out=state["exp_inf"])
        change = np.divide(state["exp_avg"], state["exp_inf"], out=size)
        change *= group["lr"] / (1 - beta1 ** state["step"])
        param -= change
