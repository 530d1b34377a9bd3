"""L-BFGS: Newton's method, with a curvature learnt from the last steps."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

import numpy as np

from odyssey.errors import OdysseyError
from odyssey.grad_mode import enable_grad, no_grad
from odyssey.tensor import Parameter
from odyssey.training.optimizers.line_search import Point, strong_wolfe
from odyssey.training.optimizers.optimizer import POSITIVE, Optimizer, state_dtype
from odyssey.utils.choices import pick

__all__ = ["LBFGS"]


class LBFGS(Optimizer):
    r"""L-BFGS: steps towards the minimum of the parabola that the last steps describe.

    For a loss that is the same at every call: the whole data, no dropout. A call of
    :meth:`step` makes up to ``max_iter`` iterations. Each remembers how far it went,
    :math:`s_k = w_{k+1} - w_k`, and by how much the gradient changed, :math:`y_k`; these
    make an approximation H of the inverse Hessian, by which the next direction is chosen:

    .. math::

        q &\leftarrow -g \\
        \alpha_k &= \rho_k\, s_k^T q, \quad q \leftarrow q - \alpha_k y_k
            && \text{from the newest to the oldest, } \rho_k = 1 / y_k^T s_k \\
        r &= \frac{s^T y}{y^T y}\, q && \text{with the newest} \\
        r &\leftarrow r + (\alpha_k - \rho_k\, y_k^T r)\, s_k
            && \text{from the oldest to the newest} \\
        w &\leftarrow w + t\, r

    t is :math:`\eta`, at the very first iteration :math:`\eta \min(1, 1 / \lVert g
    \rVert_1)`, or what a line search makes of it (see ``strong_wolfe``).

    Parameters
    ----------
    params : iterable of Parameter, or of one dict
        All in one group: the curvature is that of all together.
    lr : float
        :math:`\eta`
    max_iter : int
        Iterations of one call.
    max_eval : int, optional
        Evaluations of one call after which it ends; ``max_iter * 5 // 4`` by default.
    tolerance_grad : float
        It ends when no element of the gradient is larger.
    tolerance_change : float
        It ends when no parameter and not the loss changes by more.
    history_size : int
        How many pairs (s, y) are remembered; each takes the memory of all parameters twice.
    line_search_fn : {None, "strong_wolfe"}

    Raises
    ------
    OdysseyError
        If a setting is out of range, there are several groups, or a step has no closure.

    References
    ----------
    .. [1] D. Liu, J. Nocedal, "On the limited memory BFGS method for large scale
       optimization", Math. Programming 45, 1989. https://doi.org/10.1007/BF01589116
    .. [2] J. Nocedal, S. Wright, "Numerical optimization", 2nd edition, 2006, algorithm 7.4.

    Examples
    --------
    >>> import odyssey as od
    >>> w = od.Parameter(od.tensor([1.0, -2.0]))
    >>> optimizer = od.training.optimizers.LBFGS([w], line_search_fn="strong_wolfe")
    >>> def closure():
    ...     optimizer.zero_grad()
    ...     loss = ((w - od.tensor([3.0, 4.0])) ** 2).sum()
    ...     loss.backward()
    ...     return loss
    >>> optimizer.step(closure).item()
    40.0
    >>> w.numpy().round(4)
    array([3., 4.], dtype=float32)
    """

    limits: ClassVar = {
        "lr": POSITIVE,
        "max_iter": (1, math.inf),
        "max_eval": (1, math.inf),
        "tolerance_grad": POSITIVE,
        "tolerance_change": POSITIVE,
        "history_size": (1, math.inf),
    }

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1.0,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        settings = {
            "lr": lr,
            "max_iter": max_iter,
            "max_eval": max(1, max_iter * 5 // 4) if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": history_size,
            "line_search_fn": line_search_fn,
        }
        super().__init__(params, settings)
        if len(self.groups) != 1:
            raise OdysseyError(f"LBFGS: takes one group of parameters, got {len(self.groups)}")
        self.params: list[Parameter] = self.groups[0]["params"]

    def check(self, settings: Mapping[str, Any]) -> None:
        super().check(settings)
        for name in ("max_iter", "max_eval", "history_size"):
            if not isinstance(settings[name], int):
                raise OdysseyError(f"LBFGS: {name} must be an integer, got {settings[name]!r}")
        if settings["line_search_fn"] is not None:
            pick("LBFGS: line_search_fn", settings["line_search_fn"], ["strong_wolfe"])

    def state_shape(self, key: str, parameter: Parameter) -> tuple[int, ...]:
        return (sum(one.size for one in self.params),)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Make up to ``max_iter`` iterations.

        Parameters
        ----------
        closure : callable
            Clears the gradients, computes the loss and the gradients, and returns the loss.

        Returns
        -------
        loss
            What the closure returned at first.
        """
        if closure is None:
            raise OdysseyError(
                "LBFGS: step needs a closure that clears the gradients, computes the loss, "
                "calls backward and returns the loss, got None"
            )
        with no_grad(), np.errstate(all="ignore"):
            first, state = self._evaluate(closure), self.state.setdefault(0, {})
            state["func_evals"] = state.get("func_evals", 0) + 1
            grad = self._flat([one.grad for one in self.params])
            if np.abs(grad).max(initial=0) > self.groups[0]["tolerance_grad"]:
                self._iterate(closure, float(first), grad, state, self.groups[0])
        return first

    def _iterate(
        self,
        closure: Callable[[], Any],
        loss: float,
        grad: np.ndarray,
        state: dict[str, Any],
        group: dict[str, Any],
    ) -> None:
        evaluations = 1
        for iteration in range(1, group["max_iter"] + 1):
            state["n_iter"] = state.get("n_iter", 0) + 1
            direction = self._direction(grad, state, group["history_size"])
            t = float(group["lr"])
            if state["n_iter"] == 1:
                t *= min(1.0, 1.0 / float(np.abs(grad).sum()))
            here = Point(0.0, loss, grad, float(grad @ direction))
            state |= {"d": direction, "t": t, "prev_flat_grad": grad}
            if here.slope > -group["tolerance_change"]:
                return
            start, before = self._flat(self.params), evaluations

            def move(t: float, start: np.ndarray = start, d: np.ndarray = direction) -> None:
                self._write(start + t * d)

            def evaluate(t: float, d: np.ndarray = direction, move: Any = move) -> Point:
                move(t)
                value = float(self._evaluate(closure))
                slopes = self._flat([one.grad for one in self.params])
                return Point(t, value, slopes, float(slopes @ d))

            if group["line_search_fn"] is not None:
                largest, most = float(np.abs(direction).max()), group["max_eval"] - evaluations
                there, count = strong_wolfe(evaluate, here, t, largest, most=most)
                state["t"], loss, grad = there.t, there.loss, there.grad
                evaluations += count
                move(there.t)
            elif iteration < group["max_iter"]:
                _, loss, grad, _ = evaluate(t)
                evaluations += 1
            else:
                move(t)  # nobody asks for the gradient there
            state["func_evals"] += evaluations - before
            if (
                evaluations >= group["max_eval"]
                or np.abs(grad).max() <= group["tolerance_grad"]
                or np.abs(direction * state["t"]).max() <= group["tolerance_change"]
                or abs(loss - here.loss) < group["tolerance_change"]
            ):
                return

    def _direction(self, grad: np.ndarray, state: dict[str, Any], size: int) -> np.ndarray:
        """Note the last step, and return H times the negative gradient."""
        if state["n_iter"] == 1:
            state |= {"steps": [], "changes": [], "scale": 1.0}
            return -grad
        steps, changes = state["steps"], state["changes"]
        change, step = grad - state["prev_flat_grad"], state["t"] * state["d"]
        product = float(change @ step)
        if product > 1e-10:  # else the loss is not convex here
            full = max(0, len(steps) + 1 - size)
            del steps[:full], changes[:full]
            steps.append(step)
            changes.append(change)
            state["scale"] = product / float(change @ change)
        direction = -grad
        shares = []
        for s, y in zip(reversed(steps), reversed(changes), strict=True):
            shares.append(float(s @ direction) / float(y @ s))
            direction -= shares[-1] * y
        direction *= state["scale"]
        for s, y in zip(steps, changes, strict=True):
            direction += (shares.pop() - float(y @ direction) / float(y @ s)) * s
        return direction

    def _evaluate(self, closure: Callable[[], Any]) -> Any:
        with enable_grad():
            return closure()

    def _flat(self, tensors: list[Any]) -> np.ndarray:
        """Return tensors as one flat array, zeros for a gradient that is not there."""
        dtype = np.result_type(*(state_dtype(one.data) for one in self.params))
        flat = [
            np.zeros(own.size, dtype) if one is None else one.data.reshape(-1)
            for own, one in zip(self.params, tensors, strict=True)
        ]
        return np.concatenate(flat, dtype=dtype)

    def _write(self, values: np.ndarray) -> None:
        """Set the parameters to the numbers of a flat array."""
        begin = 0
        for one in self.params:
            one._before_write("LBFGS")
            one.data[...] = values[begin : begin + one.size].reshape(one.shape)
            begin += one.size
