"""Adadelta."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np

from odyssey.training.optimizers.elementwise import Elementwise, blend_square, with_decay
from odyssey.training.optimizers.optimizer import POSITIVE, SHARE

__all__ = ["Adadelta"]


class Adadelta(Elementwise):
    r"""Adadelta: steps as large as the recent steps, so that no learning rate need be chosen.

    With the gradient g (weight decay :math:`\lambda` added):

    .. math::

        g &\leftarrow g + \lambda\, w \\
        v &\leftarrow \rho\, v + (1 - \rho)\, g^2 \\
        \Delta &\leftarrow \frac{\sqrt{u + \epsilon}}{\sqrt{v + \epsilon}}\; g \\
        u &\leftarrow \rho\, u + (1 - \rho)\, \Delta^2 \\
        w &\leftarrow w - \eta\, \Delta

    The units of :math:`\Delta` are those of w, as Newton's step has them.

    Parameters
    ----------
    params : iterable of Parameter, or of dict
    lr : float
        :math:`\eta`
    rho : float
        :math:`\rho`, in [0, 1).
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
    .. [1] M. Zeiler, "ADADELTA: an adaptive learning rate method", 2012, algorithm 1.
       https://arxiv.org/abs/1212.5701

    Examples
    --------
    >>> import odyssey as od
    >>> w = od.Parameter(od.tensor([1.0]))
    >>> optimizer = od.training.optimizers.Adadelta([w], lr=1.0)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.numpy().round(4)
    array([0.9968], dtype=float32)
    """

    limits: ClassVar = {
        "lr": POSITIVE,
        "rho": SHARE,
        "eps": POSITIVE,
        "weight_decay": POSITIVE,
    }

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0.0,
        maximize: bool = False,
    ) -> None:
        settings = {
            "lr": lr,
            "rho": rho,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, settings)

    def initial(self, group: dict[str, Any]) -> dict[str, float]:
        return {"square_avg": 0.0, "acc_delta": 0.0}

    def update(
        self, param: np.ndarray, grad: np.ndarray, state: dict[str, Any], group: dict[str, Any]
    ) -> None:
        grad = with_decay(grad, param, group)
        blend_square(state["square_avg"], grad, 1 - group["rho"])
        change = state["acc_delta"] + group["eps"]
        change /= state["square_avg"] + group["eps"]
        np.sqrt(change, out=change)
        change *= grad
        blend_square(state["acc_delta"], change, 1 - group["rho"])
        change *= group["lr"]
        param -= change
