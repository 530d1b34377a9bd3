"""LARS: SGD with steps in proportion to the weights."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np

from odyssey.training.optimizers.elementwise import Elementwise, length, with_decay
from odyssey.training.optimizers.optimizer import POSITIVE

__all__ = ["LARS"]


class LARS(Elementwise):
    r"""LARS: SGD in which each layer has a rate of its own, for very large batches.

    With the gradient g and momentum :math:`\mu`, for each parameter as a whole:

    .. math::

        \eta_w &= \eta\, \frac{\tau\, \lVert w \rVert}
            {\lVert g \rVert + \lambda\, \lVert w \rVert + \epsilon} \\
        u &\leftarrow \mu\, u + \eta_w\, (g + \lambda\, w) \\
        w &\leftarrow w - u

    Where w or g is 0, and so has no length to be compared, :math:`\eta_w = \eta`.

    Parameters
    ----------
    params : iterable of Parameter, or of dict
    lr : float
        :math:`\eta`, large beside SGD's: it is multiplied by the trust.
    momentum, weight_decay : float
        :math:`\mu, \lambda`
    trust : float
        :math:`\tau`
    eps : float
        :math:`\epsilon`
    maximize : bool
        Climb instead: with -g in place of g.

    Raises
    ------
    OdysseyError
        If a setting is out of range.

    References
    ----------
    .. [1] Y. You, I. Gitman, B. Ginsburg, "Large batch training of convolutional networks",
       2017, algorithm 1. https://arxiv.org/abs/1708.03888

    Examples
    --------
    >>> import odyssey as od
    >>> w = od.Parameter(od.tensor([1.0]))
    >>> optimizer = od.training.optimizers.LARS([w], lr=100.0)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.numpy().round(4)
    array([0.9], dtype=float32)
    """

    limits: ClassVar = {
        "lr": POSITIVE,
        "momentum": POSITIVE,
        "weight_decay": POSITIVE,
        "trust": POSITIVE,
        "eps": POSITIVE,
    }

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1.0,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        trust: float = 0.001,
        eps: float = 1e-8,
        maximize: bool = False,
    ) -> None:
        settings = {
            "lr": lr,
            "momentum": momentum,
            "weight_decay": weight_decay,
            "trust": trust,
            "eps": eps,
            "maximize": maximize,
        }
        super().__init__(params, settings)

    def initial(self, group: dict[str, Any]) -> dict[str, float]:
        return {"momentum_buffer": 0.0}

    def update(
        self, param: np.ndarray, grad: np.ndarray, state: dict[str, Any], group: dict[str, Any]
    ) -> None:
        lengths = length(param), length(grad)
        rate = group["lr"]
        if all(lengths):
            decayed = lengths[1] + group["weight_decay"] * lengths[0] + group["eps"]
            rate *= group["trust"] * lengths[0] / decayed
        state["momentum_buffer"] *= group["momentum"]
        state["momentum_buffer"] += rate * with_decay(grad, param, group)
        param -= state["momentum_buffer"]
