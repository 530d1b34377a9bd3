"""Rprop: steps that grow while the gradient keeps its sign."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import numpy as np

from odyssey.errors import OdysseyError
from odyssey.training.optimizers.elementwise import Elementwise, signs
from odyssey.training.optimizers.optimizer import POSITIVE, SHARE

__all__ = ["Rprop"]


class Rprop(Elementwise):
    r"""Rprop: every number has a step of its own, and only the sign of its gradient counts.

    For gradients of the whole data, which batches do not give. With the gradient g, the
    one before, :math:`g'`, zero at first, and :math:`s = \eta` at first, number by number:

    .. math::

        s &\leftarrow \begin{cases}
            \min(\eta^+ s,\ s_{max}) & g\, g' > 0 \\
            \max(\eta^- s,\ s_{min}), \quad g \leftarrow 0 & g\, g' < 0 \\
            s & \text{else}
        \end{cases} \\
        w &\leftarrow w - s \operatorname{sign}(g), \qquad g' \leftarrow g

    Parameters
    ----------
    params : iterable of Parameter, or of dict
    lr : float
        The first s.
    etas : pair of float
        :math:`\eta^-` in [0, 1) and :math:`\eta^+`, at least 1.
    step_sizes : pair of float
        :math:`s_{min}, s_{max}`
    maximize : bool
        Climb instead: with -g in place of g.

    Raises
    ------
    OdysseyError
        If a setting is out of range.

    References
    ----------
    .. [1] M. Riedmiller, H. Braun, "A direct adaptive method for faster backpropagation
       learning: the RPROP algorithm", ICNN 1993. https://doi.org/10.1109/ICNN.1993.298623
    .. [2] C. Igel, M. Hüsken, "Improving the Rprop learning algorithm", NC 2000, the
       variant iRprop-: a step that overshot is not taken back, but the next one waits.

    Examples
    --------
    >>> import odyssey as od
    >>> w = od.Parameter(od.tensor([1.0]))
    >>> optimizer = od.training.optimizers.Rprop([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.numpy().round(4)
    array([0.9], dtype=float32)
    """

    limits: ClassVar = {
        "lr": POSITIVE,
        "etas": [SHARE, (1, math.inf)],
        "step_sizes": [POSITIVE, POSITIVE],
    }

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 0.01,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50.0),
        maximize: bool = False,
    ) -> None:
        settings = {
            "lr": lr,
            "etas": etas,
            "step_sizes": step_sizes,
            "maximize": maximize,
        }
        super().__init__(params, settings)

    def check(self, settings: Mapping[str, Any]) -> None:
        super().check(settings)
        least, most = settings["step_sizes"]
        if least > most:
            raise OdysseyError(f"Rprop: step_sizes must be in order, got {(least, most)}")

    def initial(self, group: dict[str, Any]) -> dict[str, float]:
        return {"prev": 0.0, "step_size": group["lr"]}

    def update(
        self, param: np.ndarray, grad: np.ndarray, state: dict[str, Any], group: dict[str, Any]
    ) -> None:
        shrink, grow = group["etas"]
        same = state["prev"] * grad
        step_size = state["step_size"]
        step_size[same > 0] *= grow
        step_size[same < 0] *= shrink
        np.clip(step_size, *group["step_sizes"], out=step_size)
        state["prev"][...] = np.where(same < 0, 0, grad)
        param -= step_size * signs(state["prev"])
