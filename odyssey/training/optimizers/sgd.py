"""Stochastic gradient descent."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import numpy as np

from odyssey.backend import kernel
from odyssey.errors import OdysseyError
from odyssey.training.optimizers.optimizer import POSITIVE, Optimizer, split, state_dtype

__all__ = ["SGD"]


class SGD(Optimizer):
    r"""Stochastic gradient descent, with momentum.

    With the gradient g (weight decay :math:`\lambda` added), learning rate
    :math:`\eta`, momentum :math:`\mu` and dampening :math:`\tau`:

    .. math::

        g &\leftarrow g + \lambda\, w \\
        v &\leftarrow \mu\, v + (1 - \tau)\, g \qquad (v = g \text{ at first}) \\
        w &\leftarrow w - \eta\, v
        \qquad\text{or, Nesterov's way,}\qquad
        w \leftarrow w - \eta\, (g + \mu\, v)

    Parameters
    ----------
    params : iterable of Parameter, or of dict
    lr : float
    momentum, dampening, weight_decay : float
    nesterov : bool
        Look ahead; needs a momentum, and no dampening.
    maximize : bool
        Climb instead: with -g in place of g.

    Raises
    ------
    OdysseyError
        If a setting is out of range.

    References
    ----------
    .. [1] I. Sutskever, J. Martens, G. Dahl, G. Hinton, "On the importance of
       initialization and momentum in deep learning", ICML 2013, section 2.

    Examples
    --------
    >>> import odyssey as od
    >>> w = od.Parameter(od.tensor([1.0]))
    >>> optimizer = od.training.optimizers.SGD([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.numpy()
    array([0.8], dtype=float32)
    """

    limits: ClassVar = {
        "lr": POSITIVE,
        "momentum": POSITIVE,
        "dampening": (-math.inf, math.inf),
        "weight_decay": POSITIVE,
    }

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 0.01,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        maximize: bool = False,
    ) -> None:
        settings = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
        }
        super().__init__(params, settings)

    def check(self, settings: Mapping[str, Any]) -> None:
        super().check(settings)
        if settings["nesterov"] and (settings["momentum"] == 0 or settings["dampening"] != 0):
            raise OdysseyError("SGD: nesterov needs a momentum above 0 and no dampening")

    def update_group(
        self,
        params: list[np.ndarray],
        grads: list[np.ndarray],
        states: list[dict[str, Any]],
        group: dict[str, Any],
    ) -> None:
        momentum, dampenings = group["momentum"], [group["dampening"]] * len(params)
        if momentum:
            for i, state in enumerate(states):
                if "velocity" not in state:
                    state["velocity"] = np.zeros(params[i].shape, state_dtype(params[i]))
                    dampenings[i] = 0.0  # the first velocity is the gradient itself
        for dampening, some_params, some_grads, some_states in split(
            dampenings, params, grads, states
        ):
            kernel("sgd")(
                some_params,
                some_grads,
                [state["velocity"] for state in some_states] if momentum else None,
                group["lr"],
                momentum,
                dampening,
                group["weight_decay"],
                group["nesterov"],
            )
