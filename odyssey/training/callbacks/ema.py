"""Averages of weights on the way: kept after each step, measured after each epoch."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack
from typing import TYPE_CHECKING, Any, Protocol

from odyssey.errors import OdysseyError
from odyssey.training.callbacks.callback import Callback

if TYPE_CHECKING:
    from odyssey.training.trainer import Trainer

__all__ = ["EMACallback"]


class Average(Protocol):
    """What `EMACallback` needs of an average, such as `odyssey.training.averaging.EMA`."""

    def update(self) -> None:
        """Take in the model's weights."""

    def applied(self) -> AbstractContextManager[None]:
        """Let the model have the averages in a ``with`` block."""

    def state_dict(self) -> dict[str, Any]:
        """Return the state."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over a state."""


class EMACallback(Callback):
    """Keep an average of the model's weights, and validate with it.

    The training itself goes on with the model's own weights. When it is over, those are
    in the model, too: ``average.apply()`` writes the averages into it.

    Parameters
    ----------
    average : EMA or SWA
        Of the trainer's model.
    every_steps : int
        Update it after every so many steps.

    Raises
    ------
    OdysseyError
        If `every_steps` is not positive.

    Notes
    -----
    The averages are part of a checkpoint. Let this callback stand before `ModelCheckpoint`,
    and before what looks at the model in validation.
    """

    def __init__(self, average: Average, every_steps: int = 1) -> None:
        if not every_steps > 0:
            raise OdysseyError(f"EMACallback: every_steps must be positive, got {every_steps!r}")
        self.average, self.every_steps = average, every_steps
        self._applied = ExitStack()

    def on_step_end(self, trainer: Trainer, loss: float) -> None:
        if trainer.step % self.every_steps == 0:
            self.average.update()

    def on_validation_begin(self, trainer: Trainer) -> None:
        self._applied.enter_context(self.average.applied())

    def on_validation_end(self, trainer: Trainer) -> None:
        self._applied.close()

    def on_error(self, trainer: Trainer, error: BaseException) -> None:
        self._applied.close()  # in the midst of validation

    def state_dict(self) -> dict[str, Any]:
        return self.average.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        if state:
            self.average.load_state_dict(state)
