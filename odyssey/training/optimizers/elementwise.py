"""Optimizers whose rule looks at one number of a parameter at a time."""

from __future__ import annotations

from typing import Any

import numpy as np

from odyssey.training.optimizers.optimizer import Optimizer, in_single

__all__ = ["Elementwise"]


class Elementwise(Optimizer):
    """Base class: a subclass says what its state is, and updates one parameter.

    :meth:`update` is given the parameter, its gradient and the arrays of its state without
    their axes, which such a rule does not need. It computes in place wherever it can: for a
    large parameter fetching fresh memory takes longer than computing what goes there.
    """

    def initial(self, group: dict[str, Any]) -> dict[str, float]:
        """Return the names of the state's arrays, and what they are filled with at first."""
        return {}

    def advance(self, state: dict[str, Any], group: dict[str, Any]) -> None:
        """Bring the numbers of a state to the step that begins."""
        state["step"] = state.get("step", 0) + 1

    def begin(self, param: np.ndarray, state: dict[str, Any], group: dict[str, Any]) -> None:
        """Make the arrays of a state that are not there yet, and count the step."""
        for name, value in self.initial(group).items():
            if name not in state:
                state[name] = np.full(param.shape, value, np.result_type(param, np.float32))
        self.advance(state, group)

    def update_group(
        self,
        params: list[np.ndarray],
        grads: list[np.ndarray],
        states: list[dict[str, Any]],
        group: dict[str, Any],
    ) -> None:
        for param, grad, state in zip(params, grads, states, strict=True):
            self.begin(param, state, group)
            arrays = {k: v.reshape(-1) for k, v in state.items() if isinstance(v, np.ndarray)}
            with in_single(param, grad) as (wide, wide_grad):
                self.update(wide.reshape(-1), wide_grad.reshape(-1), {**state, **arrays}, group)


def with_decay(grad: np.ndarray, param: np.ndarray, group: dict[str, Any]) -> np.ndarray:
    """Return the gradient of the loss and of weight decay as a part of it."""
    decay = group["weight_decay"]
    return grad + decay * param if decay else grad


def blend(mean: np.ndarray, value: np.ndarray, weight: float) -> None:
    """Move a running mean towards a value, in place."""
    part = value - mean
    part *= weight
    mean += part


def blend_square(mean: np.ndarray, grad: np.ndarray, weight: float) -> None:
    """Move a running mean of squares towards that of the gradient, in place."""
    part = grad * grad
    part *= weight
    mean *= 1 - weight
    mean += part


def signs(x: np.ndarray) -> np.ndarray:
    """Return 1, -1 or 0 for each number: ``np.sign`` without a branch that cannot be foreseen.

    What is not finite gives NaN, so that it is seen.

    Examples
    --------
    >>> signs(np.array([0.25, -3.0, 0.0, np.nan]))
    array([ 1., -1.,  0., nan])
    """
    size = np.abs(x)
    return np.divide(x, size, out=size, where=size > 0)


def length(x: np.ndarray) -> float:
    """Return the Euclidean length of an array."""
    return float(np.linalg.norm(x))
