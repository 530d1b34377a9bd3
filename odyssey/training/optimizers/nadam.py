"""NAdam: Adam with Nesterov's momentum."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np

from odyssey.training.optimizers.elementwise import Elementwise, blend, blend_square, with_decay
from odyssey.training.optimizers.optimizer import POSITIVE, SHARE

__all__ = ["NAdam"]


class NAdam(Elementwise):
    r"""NAdam: Adam that looks ahead, with a momentum that warms up.

    With the gradient g (weight decay :math:`\lambda` added, or applied to w as in
    :class:`AdamW`) at step t:

    .. math::

        \mu_t &= \beta_1 \left(1 - \tfrac12\, 0.96^{\,t \psi}\right) \\
        m &\leftarrow \beta_1 m + (1 - \beta_1)\, g \\
        v &\leftarrow \beta_2 v + (1 - \beta_2)\, g^2 \\
        \hat m &= \frac{\mu_{t+1}\, m}{1 - \prod_{i=1}^{t+1} \mu_i}
            + \frac{(1 - \mu_t)\, g}{1 - \prod_{i=1}^{t} \mu_i} \\
        w &\leftarrow w - \eta\, \frac{\hat m}{\sqrt{v / (1 - \beta_2^t)} + \epsilon}

    Parameters
    ----------
    params : iterable of Parameter, or of dict
    lr : float
        :math:`\eta`
    betas : pair of float
        :math:`\beta_1, \beta_2`, in [0, 1).
    eps, weight_decay : float
        :math:`\epsilon, \lambda`
    momentum_decay : float
        :math:`\psi`
    decoupled_weight_decay : bool
    maximize : bool
        Climb instead: with -g in place of g.

    Raises
    ------
    OdysseyError
        If a setting is out of range.

    References
    ----------
    .. [1] T. Dozat, "Incorporating Nesterov momentum into Adam", ICLR workshop 2016,
       algorithm 2. https://openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ

    Examples
    --------
    >>> import odyssey as od
    >>> w = od.Parameter(od.tensor([1.0]))
    >>> optimizer = od.training.optimizers.NAdam([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.numpy().round(4)
    array([0.8944], dtype=float32)
    """

    limits: ClassVar = {
        "lr": POSITIVE,
        "betas": [SHARE, SHARE],
        "eps": POSITIVE,
        "weight_decay": POSITIVE,
        "momentum_decay": POSITIVE,
    }

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        maximize: bool = False,
    ) -> None:
        settings = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, settings)

    def initial(self, group: dict[str, Any]) -> dict[str, float]:
        return {"exp_avg": 0.0, "exp_avg_sq": 0.0}

    def advance(self, state: dict[str, Any], group: dict[str, Any]) -> None:
        super().advance(state, group)
        momentum = self.momentum(state["step"], group)
        state["mu_product"] = state.get("mu_product", 1.0) * momentum

    def momentum(self, step: int, group: dict[str, Any]) -> float:
        """Return the momentum of a step."""
        return float(group["betas"][0] * (1 - 0.5 * 0.96 ** (step * group["momentum_decay"])))

    def update(
        self, param: np.ndarray, grad: np.ndarray, state: dict[str, Any], group: dict[str, Any]
    ) -> None:
        lr, (beta1, beta2), step = group["lr"], group["betas"], state["step"]
        if group["decoupled_weight_decay"]:
            param *= 1 - lr * group["weight_decay"]
        else:
            grad = with_decay(grad, param, group)
        blend(state["exp_avg"], grad, 1 - beta1)
        blend_square(state["exp_avg_sq"], grad, 1 - beta2)
        now, ahead = self.momentum(step, group), self.momentum(step + 1, group)
        change = state["exp_avg"] * (lr * ahead / (1 - state["mu_product"] * ahead))
        change += grad * (lr * (1 - now) / (1 - state["mu_product"]))
        size = np.sqrt(state["exp_avg_sq"])
        size /= (1 - beta2**step) ** 0.5
        size += group["eps"]
        change /= size
        param -= change
