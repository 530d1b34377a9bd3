"""Adam, and AdamW, which decays weights apart from the gradient."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np

from odyssey.backend import kernel
from odyssey.training.optimizers.elementwise import Elementwise, blend, blend_square, with_decay
from odyssey.training.optimizers.optimizer import POSITIVE, SHARE, split

__all__ = ["Adam", "AdamW"]


class Adam(Elementwise):
    r"""Adam: steps of the size of the learning rate, whatever the gradient's scale.

    With the gradient g (weight decay :math:`\lambda` added) at step t:

    .. math::

        g &\leftarrow g + \lambda\, w \\
        m &\leftarrow \beta_1 m + (1 - \beta_1)\, g \\
        v &\leftarrow \beta_2 v + (1 - \beta_2)\, g^2 \\
        w &\leftarrow w - \eta\,
            \frac{m / (1 - \beta_1^t)}{\sqrt{v / (1 - \beta_2^t)} + \epsilon}

    With ``amsgrad`` the largest v so far is divided by, so that no step grows because a
    large gradient has been forgotten [2]_.

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
    amsgrad : bool
    maximize : bool
        Climb instead: with -g in place of g.

    Raises
    ------
    OdysseyError
        If a setting is out of range.

    References
    ----------
    .. [1] D. Kingma, J. Ba, "Adam: a method for stochastic optimization", ICLR
       2015, algorithm 1. https://arxiv.org/abs/1412.6980
    .. [2] S. Reddi, S. Kale, S. Kumar, "On the convergence of Adam and beyond", ICLR
       2018, algorithm 2. https://arxiv.org/abs/1904.09237

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

    limits: ClassVar = {
        "lr": POSITIVE,
        "betas": [SHARE, SHARE],
        "eps": POSITIVE,
        "weight_decay": POSITIVE,
    }
    decoupled: ClassVar = False

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        maximize: bool = False,
    ) -> None:
        settings = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
        }
        super().__init__(params, settings)

    def initial(self, group: dict[str, Any]) -> dict[str, float]:
        names = ["exp_avg", "exp_avg_sq"] + ["max_exp_avg_sq"] * group["amsgrad"]
        return dict.fromkeys(names, 0.0)

    def update_group(
        self,
        params: list[np.ndarray],
        grads: list[np.ndarray],
        states: list[dict[str, Any]],
        group: dict[str, Any],
    ) -> None:
        if group["amsgrad"]:
            super().update_group(params, grads, states, group)
            return
        for param, state in zip(params, states, strict=True):
            self.begin(param, state, group)
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

    def update(
        self, param: np.ndarray, grad: np.ndarray, state: dict[str, Any], group: dict[str, Any]
    ) -> None:
        lr, (beta1, beta2), step = group["lr"], group["betas"], state["step"]
        if self.decoupled:
            param *= 1 - lr * group["weight_decay"]
        else:
            grad = with_decay(grad, param, group)
        blend(state["exp_avg"], grad, 1 - beta1)
        blend_square(state["exp_avg_sq"], grad, 1 - beta2)
        np.maximum(state["max_exp_avg_sq"], state["exp_avg_sq"], out=state["max_exp_avg_sq"])
        size = np.sqrt(state["max_exp_avg_sq"])
        size /= (1 - beta2**step) ** 0.5
        size += group["eps"]
        change = np.divide(state["exp_avg"], size, out=size)
        change *= lr / (1 - beta1**step)
        param -= change


class AdamW(Adam):
    r"""Adam with decoupled weight decay: :math:`w \leftarrow (1 - \eta\lambda)\, w` first.

    The decay then does not pass through the moments, so it acts on all weights
    alike. Parameters are those of :class:`Adam`.

    References
    ----------
    .. [1] I. Loshchilov, F. Hutter, "Decoupled weight decay regularization",
       ICLR 2019, algorithm 2. https://arxiv.org/abs/1711.05101
    """

    decoupled: ClassVar = True

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
        amsgrad: bool = False,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize)
