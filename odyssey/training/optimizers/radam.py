"""RAdam: Adam without a warm-up."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np

from odyssey.training.optimizers.elementwise import Elementwise, blend, blend_square, with_decay
from odyssey.training.optimizers.optimizer import POSITIVE, SHARE

__all__ = ["RAdam"]


class RAdam(Elementwise):
    r"""RAdam: Adam that adapts only as far as it knows the size of the gradients.

    In the first steps v is the mean of few squares, and dividing by its root makes
    steps that are far too large. With the gradient g (weight decay :math:`\lambda` added,
    or applied to w as in :class:`AdamW`) at step t:

    .. math::

        m &\leftarrow \beta_1 m + (1 - \beta_1)\, g, \qquad \hat m = m / (1 - \beta_1^t) \\
        v &\leftarrow \beta_2 v + (1 - \beta_2)\, g^2 \\
        \rho_\infty &= \frac{2}{1 - \beta_2} - 1, \qquad
        \rho_t = \rho_\infty - \frac{2 t \beta_2^t}{1 - \beta_2^t} \\
        w &\leftarrow w - \eta\, \hat m \sqrt{
            \frac{(\rho_t - 4)(\rho_t - 2)\, \rho_\infty}
            {(\rho_\infty - 4)(\rho_\infty - 2)\, \rho_t}}\;
            \frac{\sqrt{1 - \beta_2^t}}{\sqrt{v} + \epsilon}
            \quad \text{if } \rho_t > 5, \text{ else } w - \eta\, \hat m

    Parameters
    ----------
    params : iterable of Parameter, or of dict
    lr : float
        :math:`\eta`
    betas : pair of float
        :math:`\beta_1, \beta_2`, in [0, 1).
    eps, weight_decay : float
        :math:`\epsilon, \lambda`
    decoupled_weight_decay : bool
    maximize : bool
        Climb instead: with -g in place of g.

    Raises
    ------
    OdysseyError
        If a setting is out of range.

    References
    ----------
    .. [1] L. Liu et al., "On the variance of the adaptive learning rate and beyond", ICLR
       2020, algorithm 2. https://arxiv.org/abs/1908.03265

    Examples
    --------
    >>> import odyssey as od
    >>> w = od.Parameter(od.tensor([1.0]))
    >>> optimizer = od.training.optimizers.RAdam([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.numpy().round(4)
    array([0.8], dtype=float32)
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
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        decoupled_weight_decay: bool = False,
        maximize: bool = False,
    ) -> None:
        settings = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, settings)

    def initial(self, group: dict[str, Any]) -> dict[str, float]:
        return {"exp_avg": 0.0, "exp_avg_sq": 0.0}

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
        correction = 1 - beta2**step
        longest = 2 / (1 - beta2) - 1
        length = longest - 2 * step * beta2**step / correction  # of the average behind v
        change = state["exp_avg"] * (lr / (1 - beta1**step))
        if length > 5:
            share = (length - 4) * (length - 2) / length
            share *= longest / ((longest - 4) * (longest - 2))
            size = np.sqrt(state["exp_avg_sq"])
            size += group["eps"]
            change /= size
            change *= (share * correction) ** 0.5
        param -= change
