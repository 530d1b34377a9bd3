"""GradScaler: gradients in float16 that neither vanish nor overflow."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from odyssey.core import astype
from odyssey.errors import DTypeError, FormatError, OdysseyError
from odyssey.grad_mode import no_grad
from odyssey.tensor import Tensor
from odyssey.training.optimizers import Optimizer

__all__ = ["GradScaler"]


class GradScaler:
    r"""Scale a loss so that its gradients fit into float16, and find the scale by trying.

    Parameters
    ----------
    init_scale : float
        The scale at first.
    growth_factor : float
        What it is multiplied by after ``growth_interval`` good steps in a row; above 1.
    backoff_factor : float
        What it is multiplied by after a step with a gradient that is infinite or NaN;
        between 0 and 1.
    growth_interval : int
        Positive.
    enabled : bool, default True
        With False every method does what would be done without a scaler.
    min_scale, max_scale : float
        Bounds of the scale. By default those of float32's powers of two.

    Raises
    ------
    OdysseyError
        If a setting is out of range.

    Notes
    -----
    With the loss L, the scale s and k good steps since s last changed, one step is

    .. math::

        g &= \nabla(s L) / s \\
        \text{finite } g: \quad & \theta \gets \text{optimizer}(\theta, g), \quad
            k \gets k + 1; \quad \text{at } k = \text{growth\_interval:} \quad
            s \gets \min(s \cdot \text{growth\_factor}, \text{max\_scale}), \quad k \gets 0 \\
        \text{else}: \quad & s \gets \max(s \cdot \text{backoff\_factor}, \text{min\_scale}),
            \quad k \gets 0

    in float32, as in ``torch.amp.GradScaler``. A skipped step writes neither parameters
    nor the state of the optimizer. The first ones are usually skipped: the scale comes
    down to what the model bears.

    References
    ----------
    .. [1] P. Micikevicius et al., "Mixed precision training", ICLR 2018, section 3.2,
       https://arxiv.org/abs/1710.03740.

    Examples
    --------
    >>> import odyssey as od
    >>> from odyssey.training import GradScaler, optimizers
    >>> w = od.Parameter(od.tensor([1.0, 2.0]))
    >>> optimizer, scaler = optimizers.SGD([w], lr=0.1), GradScaler()
    >>> for factor in (1.0, float("inf")):
    ...     optimizer.zero_grad()
    ...     with od.autocast():
    ...         loss = (w * factor).sum()
    ...     scaler.scale(loss).backward()
    ...     print(scaler.step(optimizer), w.tolist())
    ...     scaler.update()
    True [0.8999999761581421, 1.899999976158142]
    False [0.8999999761581421, 1.899999976158142]
    >>> scaler.get_scale()
    32768.0
    """

    def __init__(
        self,
        init_scale: float = 65536.0,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
        min_scale: float = 2.0**-126,
        max_scale: float = 2.0**127,
    ) -> None:
        self.growth_factor, self.backoff_factor = growth_factor, backoff_factor
        self.growth_interval, self.enabled = growth_interval, bool(enabled)
        self.min_scale, self.max_scale = min_scale, max_scale
        self._scale = init_scale
        self._good_steps = 0
        self._found: dict[int, tuple[Optimizer, bool]] = {}  # by id, which it keeps its own
        self._stepped: set[int] = set()
        self._check(OdysseyError)
        self._scale = _single(init_scale)

    def _check(self, error: type[OdysseyError]) -> None:
        rules = {
            "growth_factor": (1 < self.growth_factor < math.inf, "above 1"),
            "backoff_factor": (0 < self.backoff_factor < 1, "between 0 and 1"),
            "growth_interval": (
                isinstance(self.growth_interval, int) and self.growth_interval > 0,
                "a positive integer",
            ),
            "min_scale": (self.min_scale >= 2.0**-126, "at least 2 ** -126"),
            "max_scale": (
                self.min_scale <= self.max_scale <= 2.0**127,
                f"between min_scale, {self.min_scale}, and 2 ** 127",
            ),
        }
        for name, (good, wanted) in rules.items():
            if not good:
                raise error(f"GradScaler: {name} must be {wanted}, got {getattr(self, name)!r}")
        if not self.min_scale <= self._scale <= self.max_scale:
            raise error(
                f"GradScaler: init_scale must lie in [{self.min_scale}, {self.max_scale}], "
                f"got {self._scale!r}"
            )

    # -- a step ---------------------------------------------------------------------------

    def scale(self, loss: Tensor) -> Tensor:
        """Return the loss times the scale, in float32 at least: call ``backward`` on that."""
        if not self.enabled:
            return loss
        if loss.dtype == np.float16:  # whose range the product would leave
            loss = astype(loss, np.float32)
        return loss * self._scale

    def unscale_(self, optimizer: Optimizer) -> None:
        """Divide an optimizer's gradients by the scale, to clip them or look at them.

        `step` does it if it was not done.

        Raises
        ------
        OdysseyError
            If it was done since the last `update`.
        DTypeError
            If a gradient is of float16: divided, it would vanish. Parameters are to be
            float32. Nothing has been written then.
        """
        if not self.enabled:
            return
        self._expect_no_step("unscale_", optimizer)
        if id(optimizer) in self._found:
            raise OdysseyError("GradScaler: unscale_ was called twice before update")
        parameters = [one for group in optimizer.groups for one in group["params"]]
        grads = [one.grad for one in parameters if one.grad is not None]
        if any(grad.dtype == np.float16 for grad in grads):
            raise DTypeError(
                "GradScaler: the gradients must be float32 or float64, got float16; "
                "keep the parameters in float32 and run the model under od.autocast()"
            )
        found = not all(np.isfinite(grad.data).all() for grad in grads)
        inverse = np.float32(1 / self._scale)
        with no_grad(), np.errstate(all="ignore"):
            for grad in grads:
                grad._before_write("unscale_")
                np.multiply(grad.data, inverse, out=grad.data)
        self._found[id(optimizer)] = optimizer, found

    def step(self, optimizer: Optimizer) -> bool:
        """Let an optimizer take its step if all its gradients are finite; return whether it did.

        Raises
        ------
        OdysseyError
            If it was called for this optimizer since the last `update`.
        """
        if not self.enabled:
            optimizer.step()
            return True
        self._expect_no_step("step", optimizer)
        if id(optimizer) not in self._found:
            self.unscale_(optimizer)
        self._stepped.add(id(optimizer))
        if self._found[id(optimizer)][1]:
            return False
        optimizer.step()
        return True

    def _expect_no_step(self, method: str, optimizer: Optimizer) -> None:
        if id(optimizer) in self._stepped:
            raise OdysseyError(f"GradScaler: {method} was called after step and before update")

    def update(self) -> None:
        """Let the scale grow or shrink by what the optimizers' gradients were: once a step.

        Raises
        ------
        OdysseyError
            If there was neither `step` nor `unscale_` since the last time.
        """
        if not self.enabled:
            return
        if not self._found:
            raise OdysseyError("GradScaler: update needs a step, or unscale_, before it")
        self._good_steps += 1
        if any(found for _, found in self._found.values()):
            self._scale = max(_single(self._scale * self.backoff_factor), self.min_scale)
            self._good_steps = 0
        elif self._good_steps == self.growth_interval:
            self._scale = min(_single(self._scale * self.growth_factor), self.max_scale)
            self._good_steps = 0
        self._found, self._stepped = {}, set()

    def get_scale(self) -> float:
        """Return the scale; 1 if the scaler is not enabled."""
        return self._scale if self.enabled else 1.0

    # -- state ----------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Return the scale, the good steps since it changed, and the settings.

        To be taken after `update`. Of a scaler that is not enabled it is empty.
        """
        if not self.enabled:
            return {}
        return {"scale": self._scale, "good_steps": self._good_steps, **self._settings()}

    def _settings(self) -> dict[str, Any]:
        names = ("growth_factor", "backoff_factor", "growth_interval", "min_scale", "max_scale")
        return {name: getattr(self, name) for name in names}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over a state that :meth:`state_dict` gave; the settings are part of it.

        Raises
        ------
        FormatError
            If it lacks something, or a setting is out of range. Then nothing is loaded.
        """
        if not self.enabled:
            return
        names = ("scale", "good_steps", *self._settings())
        missing = [name for name in names if name not in state]
        if missing:
            raise FormatError(f"GradScaler: the state has no {missing[0]!r}")
        before = dict(vars(self))
        vars(self).update({name: state[name] for name in self._settings()})
        self._scale, self._good_steps = float(state["scale"]), int(state["good_steps"])
        try:
            self._check(FormatError)
        except FormatError:
            vars(self).update(before)
            raise


def _single(value: float) -> float:
    """Return a number as float32 holds it; infinity beyond its range."""
    with np.errstate(over="ignore"):
        return float(np.float32(value))
