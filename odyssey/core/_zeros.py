"""The rule of functions that are constant between their steps: sign, floor, round and their kin."""

from __future__ import annotations

import numpy as np


def zero_rule(function):
    """Declare that the gradient of a function of ``x`` is zero, and return that rule.

    Examples
    --------
    >>> from odyssey.tape import differentiable
    >>> @differentiable
    ... def stairs(x):
    ...     return np.floor(x)
    >>> stairs_backward = zero_rule(stairs)
    >>> stairs_backward(np.ones(2))
    array([0., 0.])
    """

    def rule(grad):
        return np.zeros(grad.shape, grad.dtype)

    name = function.operation.name
    rule.__name__ = rule.__qualname__ = f"{name}_backward"
    rule.__module__ = function.__module__
    rule.__doc__ = f"Return the gradient of :func:`{name}`: zeros."
    return function.backward_rule(wrt=("x",))(rule)
