"""Adafactor: second moments from the means of rows and columns."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import numpy as np

from odyssey.tensor import Parameter
from odyssey.training.optimizers.optimizer import POSITIVE, Optimizer, check_setting

__all__ = ["Adafactor"]


class Adafactor(Optimizer):
    r"""Adam without a momentum, whose mean squares take the memory of a row and a column.

    A parameter of two axes and more keeps, over its last two, the mean squares R of its
    rows and C of its columns, from which V is made; others keep V. With the gradient g at
    step t, :math:`\operatorname{rms}(x) = \lVert x \rVert / \sqrt{\text{size of } x}` and
    :math:`\beta_t = 1 - t^\gamma`:

    .. math::

        \alpha &= \max(\epsilon_2, \operatorname{rms}(w)) \cdot \min(\eta, 1 / \sqrt t) \\
        w &\leftarrow (1 - \eta\, \lambda)\, w \\
        R_i &\leftarrow \beta_t R_i + (1 - \beta_t) \operatorname{mean}_j g_{ij}^2, \qquad
        C_j \leftarrow \beta_t C_j + (1 - \beta_t) \operatorname{mean}_i g_{ij}^2 \\
        V_{ij} &= \frac{R_i\, C_j}{\max(\operatorname{mean}_k R_k, \epsilon_1)}
        \qquad\text{or}\qquad V \leftarrow \beta_t V + (1 - \beta_t)\, g^2 \\
        U &= g / \sqrt{\max(V, \epsilon_1^2)} \\
        w &\leftarrow w - \alpha\, U / \max(1, \operatorname{rms}(U) / d)

    Parameters
    ----------
    params : iterable of Parameter, or of dict
    lr : float
        :math:`\eta`, the largest relative step.
    beta2_decay : float
        :math:`\gamma`, not above 0.
    eps : pair of float
        :math:`\epsilon_1`, None for the precision of the dtype, and :math:`\epsilon_2`.
    d : float
        Steps are cut to this root mean square; at least 1.
    weight_decay : float
        :math:`\lambda`
    maximize : bool
        Climb instead: with -g in place of g.

    Raises
    ------
    OdysseyError
        If a setting is out of range.

    References
    ----------
    .. [1] N. Shazeer, M. Stern, "Adafactor: adaptive learning rates with sublinear memory
       cost", ICML 2018, algorithms 4 and 5. https://arxiv.org/abs/1804.04235

    Examples
    --------
    >>> import odyssey as od
    >>> w = od.Parameter(od.ones((300, 200)))
    >>> optimizer = od.training.optimizers.Adafactor([w])
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> {key: value.shape for key, value in optimizer.state[0].items() if key != "step"}
    {'row_var': (300, 1), 'col_var': (1, 200)}
    """

    limits: ClassVar = {
        "lr": POSITIVE,
        "beta2_decay": (-math.inf, math.nextafter(0, 1)),
        "d": (1, math.inf),
        "weight_decay": POSITIVE,
    }

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 0.01,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        maximize: bool = False,
    ) -> None:
        settings = {
            "lr": lr,
            "beta2_decay": beta2_decay,
            "eps": eps,
            "d": d,
            "weight_decay": weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, settings)

    def check(self, settings: Mapping[str, Any]) -> None:
        super().check(settings)
        for i, eps in enumerate(settings["eps"]):
            if i == 1 or eps is not None:
                check_setting("Adafactor", f"eps[{i}]", eps, 0, math.inf)

    def state_shape(self, key: str, parameter: Parameter) -> tuple[int, ...]:
        *others, rows, columns = (1, 1, *parameter.shape)[-max(parameter.ndim, 2) :]
        shapes = {"row_var": (*others, rows, 1), "col_var": (*others, 1, columns)}
        return shapes.get(key, parameter.shape)

    def update(
        self, param: np.ndarray, grad: np.ndarray, state: dict[str, Any], group: dict[str, Any]
    ) -> None:
        state["step"] = step = state.get("step", 0) + 1
        if param.size == 0:
            return
        lr, (eps1, eps2) = group["lr"], group["eps"]
        eps1 = float(np.finfo(param.dtype).eps) if eps1 is None else eps1
        new = float(step) ** group["beta2_decay"]
        rate = max(eps2, rms(param)) * min(lr, step**-0.5)
        param *= 1 - lr * group["weight_decay"]
        square = np.square(grad)
        if param.ndim > 1:
            rows = average(state, "row_var", square.mean(axis=-1, keepdims=True), new)
            columns = average(state, "col_var", square.mean(axis=-2, keepdims=True), new)
            rows = rows / np.maximum(rows.mean(axis=-2, keepdims=True), eps1)
            variance = np.multiply(rows, columns, out=square)
        else:
            variance = average(state, "variance", square, new)
        change = np.asarray(np.maximum(variance, eps1 * eps1))
        np.sqrt(change, out=change)
        np.divide(grad, change, out=change)
        change *= rate / max(1.0, rms(change) / group["d"])
        param -= change


def average(state: dict[str, Any], key: str, value: np.ndarray, new: float) -> np.ndarray:
    """Let a share of a new value into a mean of the state, which is 0 at first; return it."""
    if key not in state:
        state[key] = np.zeros_like(value)
    state[key] += new * (value - state[key])
    mean: np.ndarray = state[key]
    return mean


def rms(x: np.ndarray) -> float:
    """Return the root mean square of an array that is not empty."""
    return float(np.linalg.norm(x)) / math.sqrt(x.size)
