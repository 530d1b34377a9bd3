"""Adam, and AdamW, which decays weights apart from the gradient."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from odyssey.backend import kernel
from odyssey.training.optimizers.optimizer import Optimizer, check_setting, split, state_dtype

__all__ = ["Adam", "AdamW"]


class Adam(Optimizer):
    r"""Adam: steps of the size of the learning rate, whatever the gradient's scale.

    With the gradient g (weight decay :math:`\lambda` added) at step t:

    .. math::

        g &\leftarrow g + \lambda\, w \\
        m &\leftarrow \beta_1 m + (1 - \beta_1)\, g \\
        v &\leftarrow \beta_2 v + (1 - \beta_2)\, g^2 \\
        w &\leftarrow w - \eta\,
            \frac{m / (1 - \beta_1^t)}{\sqrt{v / (1 - \beta_2^t)} + \epsilon}

    Parameters
    ----------
    params : iterable of Parameter, or of dict
    lr : float
        :math:`\eta`
    betas : pair of float
        :math:`\beta_1, \beta_2`, in [0, 1).
    eps : float
        :math:`\epsilon`
    weight_decay : float
        :math:`\lambda`

    Raises
    ------
    OdysseyError
        If a setting is out of range.

    References
    ----------
    .. [1] D. Kingma, J. Ba, "Adam: a method for stochastic optimization", ICLR
       2015, algorithm 1. https://arxiv.org/abs/1412.6980

    Examples
    --------
    >>> import odyssey as od
    >>> w = od.Parameter(od.tensor([1.0]))
    >>> optimizer = od.training.optimizers.Adam([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.numpy().round(4)
    array([0.9], dtype=float32)
    """

    decoupled = False

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        name = type(self).__name__
        check_setting(name, "lr", lr, 0, math.inf)
        check_setting(name, "betas[0]", betas[0], 0, 1)
        check_setting(name, "betas[1]", betas[1], 0, 1)
        check_setting(name, "eps", eps, 0, math.inf)
        check_setting(name, "weight_decay", weight_decay, 0, math.inf)
        settings = {"lr": lr, "betas": tuple(betas), "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, settings)

    def update_group(
        self,
        params: list[np.ndarray],
        grads: list[np.ndarray],
        states: list[dict[str, Any]],
        group: dict[str, Any],
    ) -> None:
        for param, state in zip(params, states, strict=True):
            if not state:
                state["step"] = 0
                state["exp_avg"] = np.zeros(param.shape, state_dtype(param))
                state["exp_avg_sq"] = np.zeros(param.shape, state_dtype(param))
            state["step"] = int(state["step"]) + 1
        # Parameters without a gradient rest, so that some may be behind others.
        steps = [state["step"] for state in states]
        for step, some_params, some_grads, some_states in split(steps, params, grads, states):
            kernel("adam")(
                some_params,
                some_grads,
                [state["exp_avg"] for state in some_states],
                [state["exp_avg_sq"] for state in some_states],
                step,
                group["lr"],
                *group["betas"],
                group["eps"],
                group["weight_decay"],
                self.decoupled,
            )


class AdamW(Adam):
    r"""Adam with decoupled weight decay: :math:`w \leftarrow (1 - \eta\lambda)\, w` first.

    The decay then does not pass through the moments, so it acts on all weights
    alike. Parameters are those of :class:`Adam`.

    References
    ----------
    .. [1] I. Loshchilov, F. Hutter, "Decoupled weight decay regularization",
       ICLR 2019, algorithm 2. https://arxiv.org/abs/1711.05101
    """

    decoupled = True

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay)
