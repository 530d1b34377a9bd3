"""Groups of parameters that an optimizer treats differently."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from odyssey.nn.module import Module
from odyssey.tensor import Parameter
from odyssey.training.optimizers.optimizer import POSITIVE, check_setting

__all__ = ["decay_groups"]


def decay_groups(
    model: Module,
    weight_decay: float,
    skip: Callable[[str, Parameter], bool] | None = None,
) -> list[dict[str, Any]]:
    """Return two groups: weights, which decay, and biases and the like, which do not.

    Weight decay keeps the product of a weight and its input small. A bias has no such
    product, and the scale of a norm would be pulled from 1 to 0.

    Parameters
    ----------
    model : Module
    weight_decay : float
        Of the first group; the second has 0.
    skip : callable, optional
        Given the name and the parameter, whether it belongs to the second group. By default
        every parameter with fewer than two axes does: biases, and all of a norm.

    Returns
    -------
    groups : list of dict
        What any optimizer takes in place of parameters; either may have no members.

    Raises
    ------
    OdysseyError
        If the weight decay is out of range.

    Examples
    --------
    >>> import odyssey as od
    >>> model = od.nn.Sequential(od.nn.Linear(3, 4), od.nn.Linear(4, 2))
    >>> groups = decay_groups(model, 0.01)
    >>> [[p.shape for p in group["params"]] for group in groups]
    [[(4, 3), (2, 4)], [(4,), (2,)]]
    >>> optimizer = od.training.optimizers.AdamW(groups, lr=1e-3)
    """
    check_setting("decay_groups", "weight_decay", weight_decay, *POSITIVE)
    without = skip or (lambda name, parameter: parameter.ndim < 2)
    groups: tuple[list[Parameter], list[Parameter]] = ([], [])
    for name, parameter in model.named_parameters():
        groups[bool(without(name, parameter))].append(parameter)
    return [
        {"params": groups[0], "weight_decay": weight_decay},
        {"params": groups[1], "weight_decay": 0.0},
    ]
