"""Muon: a momentum whose directions all become equally long."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import numpy as np

from odyssey.errors import OdysseyError, ShapeError
from odyssey.training.optimizers.optimizer import POSITIVE, Optimizer
from odyssey.utils.choices import pick

__all__ = ["Muon", "orthogonalize"]

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of the polynomial that pulls singular values towards 1: steep at 0, where most begin."""


class Muon(Optimizer):
    r"""Momentum, made orthogonal: for the matrices between a network's layers.

    The momentum of a matrix has few large singular values. Muon sets all to about 1, so that
    the rare directions are learnt, too. With the gradient g of a matrix of A rows and B
    columns:

    .. math::

        u &\leftarrow \mu\, u + (1 - \mu)\, g \\
        O &= \operatorname{orthogonalize}(u), \qquad\text{or, Nesterov's way, of }
            \mu\, u + (1 - \mu)\, g \\
        w &\leftarrow (1 - \eta\, \lambda)\, w - \eta\, c\, O, \qquad
        c = \begin{cases}
            \sqrt{\max(1, A / B)} & \text{"original"} \\
            0.2 \sqrt{\max(A, B)} & \text{"match\_rms\_adamw"}
        \end{cases}

    Biases, norms and embeddings go to :class:`AdamW`; a convolution's weight, too.

    Parameters
    ----------
    params : iterable of Parameter, or of dict
        Matrices.
    lr, weight_decay, momentum : float
        :math:`\eta, \lambda, \mu`
    nesterov : bool
    ns_coefficients : three float
    eps : float
    ns_steps : int
        See :func:`orthogonalize`; below 100.
    adjust_lr_fn : {None, "original", "match_rms_adamw"}
        c; the second takes the rates that suit :class:`AdamW`. None is the first.

    Raises
    ------
    ShapeError
        If a parameter does not have two axes.
    OdysseyError
        If a setting is out of range.

    Notes
    -----
    Computes in the dtype of the state. PyTorch rounds O to bfloat16.

    References
    ----------
    .. [1] K. Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024.
       https://kellerjordan.github.io/posts/muon/
    .. [2] J. Liu et al., "Muon is scalable for LLM training", 2025, section 2.2.
       https://arxiv.org/abs/2502.16982

    Examples
    --------
    >>> import odyssey as od
    >>> model = od.nn.Linear(3, 2)
    >>> optimizer = od.training.optimizers.Muon([model.weight], lr=0.02)
    >>> rest = od.training.optimizers.AdamW([model.bias])
    """

    limits: ClassVar = {
        "lr": POSITIVE,
        "weight_decay": POSITIVE,
        "momentum": POSITIVE,
        "ns_coefficients": [(-math.inf, math.inf)] * 3,
        "eps": POSITIVE,
        "ns_steps": (0, 100),
    }

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = COEFFICIENTS,
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:
        settings = {
            "lr": lr,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "nesterov": nesterov,
            "ns_coefficients": ns_coefficients,
            "eps": eps,
            "ns_steps": ns_steps,
            "adjust_lr_fn": adjust_lr_fn,
        }
        super().__init__(params, settings)

    def check(self, settings: Mapping[str, Any]) -> None:
        super().check(settings)
        if not isinstance(settings["ns_steps"], int):
            raise OdysseyError(f"Muon: ns_steps must be an integer, got {settings['ns_steps']!r}")
        if settings["adjust_lr_fn"] is not None:
            known = ("original", "match_rms_adamw")
            pick("Muon: adjust_lr_fn", settings["adjust_lr_fn"], known)
        for parameter in settings.get("params", ()):
            if parameter.ndim != 2:
                raise ShapeError(
                    f"Muon: params must be matrices, with 2 axes, got one of shape "
                    f"{parameter.shape}; give biases, norms and all others to AdamW"
                )

    def update(
        self, param: np.ndarray, grad: np.ndarray, state: dict[str, Any], group: dict[str, Any]
    ) -> None:
        momentum = group["momentum"]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = np.zeros_like(param)
        buffer = state["momentum_buffer"]
        buffer += (1 - momentum) * (grad - buffer)
        if param.size == 0:
            return
        direction = grad + momentum * (buffer - grad) if group["nesterov"] else buffer
        rows, columns = param.shape
        if group["adjust_lr_fn"] == "match_rms_adamw":
            factor = 0.2 * math.sqrt(max(rows, columns))
        else:
            factor = math.sqrt(max(1, rows / columns))
        change = orthogonalize(direction, group["ns_steps"], group["ns_coefficients"], group["eps"])
        change *= group["lr"] * factor
        param *= 1 - group["lr"] * group["weight_decay"]
        param -= change


def orthogonalize(
    x: np.ndarray,
    steps: int = 5,
    coefficients: tuple[float, float, float] = COEFFICIENTS,
    eps: float = 1e-7,
) -> np.ndarray:
    r"""Return a matrix with the singular vectors of another, and singular values of about 1.

    Newton and Schulz's iteration, from :math:`X / \max(\lVert X \rVert, \epsilon)`. With the
    coefficients a, b and c, as often as there are steps:

    .. math:: X \leftarrow a X + (b\, X X^T + c\, (X X^T)^2)\, X

    Each step takes every singular value s to :math:`a s + b s^3 + c s^5`. With the default
    coefficients they end between 0.7 and 1.2, unless they were very small.

    Parameters
    ----------
    x : ndarray, shape (A, B)
    steps : int
    coefficients : three float
    eps : float

    Returns
    -------
    ndarray, shape (A, B)

    References
    ----------
    .. [1] K. Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024.
       https://kellerjordan.github.io/posts/muon/

    Examples
    --------
    >>> import numpy as np
    >>> x = orthogonalize(np.diag([3.0, 1.0, -2.0]))
    >>> bool(np.all(np.abs(np.abs(np.diag(x)) - 1) < 0.35))
    True
    """
    a, b, c = coefficients
    y = x.T if len(x) > x.shape[1] else x  # the smaller of the two products
    y = y / max(float(np.linalg.norm(y)), eps)
    for _ in range(steps):
        gram = y @ y.T
        y = a * y + (b * gram + c * (gram @ gram)) @ y
    return y.T if len(x) > x.shape[1] else y
