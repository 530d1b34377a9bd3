"""The size of gradients, layer by layer."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from odyssey.errors import OdysseyError
from odyssey.training.callbacks.callback import Callback

if TYPE_CHECKING:
    from odyssey.training.trainer import Trainer

__all__ = ["GradientMonitor"]


class GradientMonitor(Callback):
    r"""Measure gradients before they are clipped, and warn when they vanish or explode.

    The norm of a layer's gradients, and that of all layers together, is

    .. math:: \lVert g_l \rVert = \sqrt{\textstyle\sum_{p \in l} \sum_i g_{pi}^2}, \qquad
        \lVert g \rVert = \sqrt{\textstyle\sum_l \lVert g_l \rVert^2}

    summed in float64. The global norm is the figure ``gradient_norm`` of the step, for
    loggers; an epoch's row gets the mean of it, and the largest, ``gradient_norm_max``.

    Parameters
    ----------
    every_steps : int
        Measure at every so many steps.
    smallest, largest : float
        A layer whose norm is below the one, or above the other or not finite, is warned of:
        once for each of its troubles. A norm of exactly zero is not warned of: a dead or
        masked layer is no rounding.

    Attributes
    ----------
    norm : float
        The global norm at the last step that was measured; NaN before.
    layers : dict of str to float
        The norms of the layers at that step, by the name of the module that holds the
        parameters.

    Raises
    ------
    OdysseyError
        If `every_steps` is not positive, or the bounds are not 0 <= smallest < largest.

    References
    ----------
    .. [1] R. Pascanu, T. Mikolov, Y. Bengio, "On the difficulty of training recurrent neural
       networks", ICML 2013, section 2, https://arxiv.org/abs/1211.5063.

    Examples
    --------
    >>> import odyssey as od
    >>> from odyssey.training import Trainer, optimizers
    >>> model = od.nn.Sequential(od.nn.Linear(1, 1), od.nn.Linear(1, 1))
    >>> monitor = GradientMonitor(every_steps=1)
    >>> sgd = optimizers.SGD(model.parameters())
    >>> trainer = Trainer(model, sgd, od.core.mean_squared_error, callbacks=[monitor])
    >>> _ = trainer.fit([(od.ones((2, 1)), od.ones((2, 1)))])
    >>> list(monitor.layers), monitor.norm > 0
    (['0', '1'], True)
    """

    def __init__(self, every_steps: int = 10, smallest: float = 1e-7, largest: float = 1e3) -> None:
        if not every_steps > 0:
            raise OdysseyError(f"GradientMonitor: every_steps must be positive, got {every_steps}")
        if not 0 <= smallest < largest:
            raise OdysseyError(
                f"GradientMonitor: expected 0 <= smallest < largest, got smallest={smallest} and "
                f"largest={largest}"
            )
        self.every_steps, self.smallest, self.largest = every_steps, smallest, largest
        self.norm = math.nan
        self.layers: dict[str, float] = {}
        self._sum, self._count, self._most = 0.0, 0, 0.0  # of the epoch
        self._warned: set[str] = set()

    def on_epoch_begin(self, trainer: Trainer) -> None:
        self._sum, self._count, self._most = 0.0, 0, 0.0

    def on_gradients(self, trainer: Trainer, loss: float) -> None:
        if (trainer.step + 1) % self.every_steps:
            return
        squares: dict[str, float] = {}
        for name, parameter in trainer.model.named_parameters():
            if parameter.grad is not None:
                layer, _, _ = name.rpartition(".")
                flat = parameter.grad.data.ravel()
                # Cast piece by piece: a copy in float64 would take four times as long.
                square = np.einsum("i,i", flat, flat, dtype=np.float64)
                squares[layer] = squares.get(layer, 0.0) + float(square)
        self.layers = {layer: math.sqrt(square) for layer, square in squares.items()}
        self.norm = math.sqrt(sum(squares.values()))
        trainer.figures["gradient_norm"] = self.norm
        self._sum, self._count = self._sum + self.norm, self._count + 1
        self._most = float(np.maximum(self._most, self.norm))  # NaN stays
        for layer, norm in self.layers.items():
            self._judge(layer, norm, trainer.step + 1)

    def on_epoch_end(self, trainer: Trainer, row: dict[str, float]) -> None:
        if self._count:
            row["gradient_norm"] = self._sum / self._count
            row["gradient_norm_max"] = self._most

    def _judge(self, layer: str, norm: float, step: int) -> None:
        """Warn of a layer, if there is reason and it has not been done."""
        if 0 < norm < self.smallest:
            trouble, bound = "vanish", f"less than {self.smallest:g}"
        elif not norm <= self.largest:
            trouble, bound = "explode", f"more than {self.largest:g}"
        else:
            return
        if f"{trouble} {layer}" not in self._warned:
            self._warned.add(f"{trouble} {layer}")
            warnings.warn(
                f"GradientMonitor: the gradients of the layer {layer or 'of the model itself'!r} "
                f"{trouble} at step {step}: their norm is {norm:.3g}, {bound}",
                stacklevel=2,
            )

    def state_dict(self) -> dict[str, Any]:
        return {
            "norm": self.norm,
            "layers": dict(self.layers),
            "sum": self._sum,
            "count": self._count,
            "most": self._most,
            "warned": sorted(self._warned),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        if state:
            self.norm, self.layers = state["norm"], dict(state["layers"])
            self._sum, self._count = state["sum"], state["count"]
            self._most, self._warned = state["most"], set(state["warned"])
