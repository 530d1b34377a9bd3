"""Stop when a model no longer gets better."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from odyssey.errors import OdysseyError
from odyssey.training.callbacks.callback import Callback

if TYPE_CHECKING:
    from odyssey.training.trainer import Trainer

__all__ = ["EarlyStopping"]


class EarlyStopping(Callback):
    r"""Stop when a figure has not improved for some epochs.

    With the best value b so far, a value v is an improvement if

    .. math:: v < b - \delta \quad\text{(mode "min")}, \qquad v > b + \delta
        \quad\text{(mode "max")}

    Parameters
    ----------
    monitor : str
        The figure of an epoch, such as ``"val_loss"``. NaN is never an improvement.
    patience : int
        The number of epochs without improvement after which the training stops.
    min_delta : float
        :math:`\delta`, what an improvement must exceed.
    mode : {"min", "max"}
        Whether a smaller or a larger value is better.
    restore_best : bool
        Whether the model has the weights of its best epoch when the training is over: when
        it has stopped for this reason, or has had all its epochs. A later ``fit`` goes on from
        the last weights all the same, as the optimizer's state belongs to those.

    Attributes
    ----------
    best : float
        The best value; NaN before there is one.
    best_epoch : int
        The epoch that had it.
    waited : int
        How many epochs ago that was.

    Raises
    ------
    OdysseyError
        If a setting is out of range, or an epoch does not have the figure.

    Notes
    -----
    What has been waited for is part of a checkpoint: a training that was stopped here and is
    resumed stops at once, unless ``patience`` has been raised.

    References
    ----------
    .. [1] L. Prechelt, "Early stopping - but when?", in: Neural Networks: Tricks of the
       Trade, 1998, https://doi.org/10.1007/3-540-49430-8_3.

    Examples
    --------
    >>> stopping = EarlyStopping("val_loss", patience=3, restore_best=True)
    >>> stopping.improves(0.5)
    True
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        patience: int = 5,
        min_delta: float = 0.0,
        mode: str = "min",
        restore_best: bool = False,
    ) -> None:
        if isinstance(patience, bool) or not isinstance(patience, int) or patience < 1:
            raise OdysseyError(
                f"EarlyStopping: patience must be a positive integer, got {patience!r}"
            )
        if not min_delta >= 0:
            raise OdysseyError(f"EarlyStopping: min_delta must not be negative, got {min_delta!r}")
        if mode not in ("min", "max"):
            raise OdysseyError(f"EarlyStopping: mode must be 'min' or 'max', got {mode!r}")
        self.monitor, self.patience, self.min_delta = monitor, patience, min_delta
        self.mode, self.restore_best = mode, restore_best
        self.best = math.nan
        self.best_epoch = self.waited = 0
        self._weights: dict[str, np.ndarray] = {}  # of the best epoch
        self._last: dict[str, np.ndarray] = {}  # those that the best ones took the place of

    def improves(self, value: float) -> bool:
        """Tell whether a value is better than the best so far."""
        if math.isnan(value) or math.isnan(self.best):
            return not math.isnan(value)
        gain = self.best - value if self.mode == "min" else value - self.best
        return gain > self.min_delta

    def on_fit_begin(self, trainer: Trainer) -> None:
        if self._last:
            trainer.model.load_state_dict(self._last)
            self._last = {}
        self._stop_if_due(trainer)

    def on_epoch_end(self, trainer: Trainer, row: dict[str, float]) -> None:
        if self.monitor not in row:
            raise OdysseyError(
                f"EarlyStopping: there is no figure {self.monitor!r} to monitor; "
                f"an epoch gives {', '.join(row)}"
            )
        if self.improves(row[self.monitor]):
            self.best, self.best_epoch, self.waited = row[self.monitor], trainer.epoch, 0
            if self.restore_best:
                self._weights = _copied(trainer)
        else:
            self.waited += 1
        self._stop_if_due(trainer)

    def on_fit_end(self, trainer: Trainer) -> None:
        over = self.waited >= self.patience or trainer.epoch >= trainer.epochs
        if self._weights and over and self.best_epoch < trainer.epoch:
            self._last = _copied(trainer)
            trainer.model.load_state_dict(self._weights)

    def _stop_if_due(self, trainer: Trainer) -> None:
        if self.waited >= self.patience:
            trainer.stop(
                f"{self.monitor} has not improved for {self.waited} "
                f"epoch{'s' if self.waited > 1 else ''}: the best was {self.best:.6g} "
                f"in epoch {self.best_epoch}"
            )

    def state_dict(self) -> dict[str, Any]:
        return {
            "best": self.best,
            "best_epoch": self.best_epoch,
            "waited": self.waited,
            "weights": dict(self._weights),
            "last": dict(self._last),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        if state:
            self.best, self.best_epoch = state["best"], state["best_epoch"]
            self.waited = state["waited"]
            self._weights, self._last = dict(state["weights"]), dict(state["last"])


def _copied(trainer: Trainer) -> dict[str, np.ndarray]:
    return {name: array.copy() for name, array in trainer.model.state_dict().items()}
