"""Adagrad."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np

from odyssey.training.optimizers.elementwise import Elementwise, with_decay
from odyssey.training.optimizers.optimizer import POSITIVE

__all__ = ["Adagrad"]


class Adagrad(Elementwise):
    r"""Adagrad: the gradient over the root of the sum of all its squares so far.

    What is rarely touched moves far when it is. With the gradient g (weight decay
    :math:`\lambda` added) at step t, and G filled with ``initial_accumulator_value``:

    .. math::

        g &\leftarrow g + \lambda\, w \\
        G &\leftarrow G + g^2 \\
        w &\leftarrow w - \frac{\eta}{1 + (t - 1)\, \delta} \cdot \frac{g}{\sqrt{G} + \epsilon}

    Parameters
    ----------
    params : iterable of Parameter, or of dict
    lr : float
        :math:`\eta`
    lr_decay : float
        :math:`\delta`
    weight_decay : float
        :math:`\lambda`
    initial_accumulator_value : float
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
    .. [1] J. Duchi, E. Hazan, Y. Singer, "Adaptive subgradient methods for online learning
       and stochastic optimization", JMLR 12, 2011, section 1.1.
       https://jmlr.org/papers/v12/duchi11a.html

    Examples
    --------
    >>> import odyssey as od
    >>> w = od.Parameter(od.tensor([1.0]))
    >>> optimizer = od.training.optimizers.Adagrad([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.numpy().round(4)
    array([0.9], dtype=float32)
    """

    limits: ClassVar = {
        "lr": POSITIVE,
        "lr_decay": POSITIVE,
        "weight_decay": POSITIVE,
        "initial_accumulator_value": POSITIVE,
        "eps": POSITIVE,
    }

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 0.01,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        maximize: bool = False,
    ) -> None:
        settings = {
            "lr": lr,
            "lr_decay": lr_decay,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "eps": eps,
            "maximize": maximize,
        }
        super().__init__(params, settings)

    def initial(self, group: dict[str, Any]) -> dict[str, float]:
        return {"sum": group["initial_accumulator_value"]}

    def update(
        self, param: np.ndarray, grad: np.ndarray, state: dict[str, Any], group: dict[str, Any]
    ) -> None:
        grad = with_decay(grad, param, group)
        state["sum"] += grad * grad
        size = np.sqrt(state["sum"])
        size += group["eps"]
        change = np.divide(grad, size, out=size)
        change *= group["lr"] / (1 + (state["step"] - 1) * group["lr_decay"])
        param -= change
