"""LAMB: Adam's direction, with steps in proportion to the weights."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np

from odyssey.training.optimizers.elementwise import Elementwise, blend, blend_square, length
from odyssey.training.optimizers.optimizer import POSITIVE, SHARE

__all__ = ["LAMB"]


class LAMB(Elementwise):
    r"""LAMB: each layer moves by the same share of its length, for very large batches.

    With the gradient g at step t, for each parameter as a whole:

    .. math::

        m &\leftarrow \beta_1 m + (1 - \beta_1)\, g, \qquad
        v \leftarrow \beta_2 v + (1 - \beta_2)\, g^2 \\
        r &= \frac{m / (1 - \beta_1^t)}{\sqrt{v / (1 - \beta_2^t)} + \epsilon} + \lambda\, w \\
        w &\leftarrow w - \eta\, \frac{\lVert w \rVert}{\lVert r \rVert}\, r

    The ratio is 1 where either length is 0. The paper's :math:`\phi` is the identity.

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
    .. [1] Y. You et al., "Large batch optimization for deep learning: training BERT in 76
       minutes", ICLR 2020, algorithm 2. https://arxiv.org/abs/1904.00962

    Examples
    --------
    >>> import odyssey as od
    >>> w = od.Parameter(od.tensor([1.0]))
    >>> optimizer = od.training.optimizers.LAMB([w], lr=0.1)
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
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-6,
        weight_decay: float = 0.01,
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
        return {"exp_avg": 0.0, "exp_avg_sq": 0.0}

    def update(
        self, param: np.ndarray, grad: np.ndarray, state: dict[str, Any], group: dict[str, Any]
    ) -> None:
        (beta1, beta2), step = group["betas"], state["step"]
        blend(state["exp_avg"], grad, 1 - beta1)
        blend_square(state["exp_avg_sq"], grad, 1 - beta2)
        change = np.sqrt(state["exp_avg_sq"])
        change /= (1 - beta2**step) ** 0.5
        change += group["eps"]
        np.divide(state["exp_avg"], change, out=change)
        change /= 1 - beta1**step
        if group["weight_decay"]:
            change += group["weight_decay"] * param
        lengths = length(param), length(change)
        trust = lengths[0] / lengths[1] if all(lengths) else 1.0
        change *= group["lr"] * trust
        param -= change
