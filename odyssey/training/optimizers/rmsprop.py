"""RMSprop."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np

from odyssey.training.optimizers.elementwise import Elementwise, blend, blend_square, with_decay
from odyssey.training.optimizers.optimizer import POSITIVE, SHARE

__all__ = ["RMSprop"]


class RMSprop(Elementwise):
    r"""RMSprop: the gradient over the root of the mean of its recent squares.

    With the gradient g (weight decay :math:`\lambda` added) and momentum :math:`\mu`:

    .. math::

        g &\leftarrow g + \lambda\, w \\
        v &\leftarrow \alpha\, v + (1 - \alpha)\, g^2 \\
        u &\leftarrow \mu\, u + \frac{g}{\sqrt{v} + \epsilon} \\
        w &\leftarrow w - \eta\, u

    Centred, it divides by the standard deviation: :math:`v - \bar g^2` stands under the
    root, with :math:`\bar g \leftarrow \alpha\, \bar g + (1 - \alpha)\, g`.

    Parameters
    ----------
    params : iterable of Parameter, or of dict
    lr : float
        :math:`\eta`
    alpha : float
        :math:`\alpha`, in [0, 1).
    eps, weight_decay, momentum : float
        :math:`\epsilon, \lambda, \mu`
    centered : bool
    maximize : bool
        Climb instead: with -g in place of g.

    Raises
    ------
    OdysseyError
        If a setting is out of range.

    References
    ----------
    .. [1] T. Tieleman, G. Hinton, "Lecture 6.5: rmsprop", Neural networks for machine
       learning, 2012.
    .. [2] A. Graves, "Generating sequences with recurrent neural networks", 2013,
       equations 38 to 41 (centred). https://arxiv.org/abs/1308.0850

    Examples
    --------
    >>> import odyssey as od
    >>> w = od.Parameter(od.tensor([1.0]))
    >>> optimizer = od.training.optimizers.RMSprop([w])
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.numpy().round(4)
    array([0.9], dtype=float32)
    """

    limits: ClassVar = {
        "lr": POSITIVE,
        "alpha": SHARE,
        "eps": POSITIVE,
        "weight_decay": POSITIVE,
        "momentum": POSITIVE,
    }

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 0.01,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        maximize: bool = False,
    ) -> None:
        settings = {
            "lr": lr,
            "alpha": alpha,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "centered": centered,
            "maximize": maximize,
        }
        super().__init__(params, settings)

    def initial(self, group: dict[str, Any]) -> dict[str, float]:
        names = ["square_avg"] + ["grad_avg"] * group["centered"]
        return dict.fromkeys(names + ["momentum_buffer"] * bool(group["momentum"]), 0.0)

    def update(
        self, param: np.ndarray, grad: np.ndarray, state: dict[str, Any], group: dict[str, Any]
    ) -> None:
        grad = with_decay(grad, param, group)
        blend_square(state["square_avg"], grad, 1 - group["alpha"])
        if group["centered"]:
            blend(state["grad_avg"], grad, 1 - group["alpha"])
            size = state["grad_avg"] * state["grad_avg"]
            np.subtract(state["square_avg"], size, out=size)
            np.maximum(size, 0, out=size)  # rounding may have gone below
            np.sqrt(size, out=size)
        else:
            size = np.sqrt(state["square_avg"])
        size += group["eps"]
        change = np.divide(grad, size, out=size)
        if group["momentum"]:
            state["momentum_buffer"] *= group["momentum"]
            state["momentum_buffer"] += change
            param -= group["lr"] * state["momentum_buffer"]
        else:
            change *= group["lr"]
            param -= change
