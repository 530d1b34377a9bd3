"""The moments of a training at which a callback is called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from odyssey.training.trainer import Trainer

__all__ = ["Callback"]


class Callback:
    """Base class: every method does nothing until a subclass has something to do.

    Callbacks are called in the order in which the trainer has them. They may change
    the trainer (its rate, its model) and end the training by ``trainer.stop(reason)``.

    One that must go on where it was after a resume has a state; it is saved under the
    name of its class, numbered where there are several.

    Examples
    --------
    >>> class Tell(Callback):
    ...     def on_epoch_end(self, trainer, row):
    ...         print(f"epoch {trainer.epoch}: {sorted(row)[0]}")
    """

    def on_fit_begin(self, trainer: Trainer) -> None:
        """Before the first step, after a resume has put everything back."""

    def on_epoch_begin(self, trainer: Trainer) -> None:
        """Before the first step of an epoch."""

    def on_step_begin(self, trainer: Trainer, batches: list[Any]) -> None:
        """Before a step on these batches: one, or several where gradients are accumulated."""

    def on_gradients(self, trainer: Trainer, loss: float) -> None:
        """After backward: gradients are there, neither clipped nor used yet."""

    def on_step_end(self, trainer: Trainer, loss: float) -> None:
        """After each step of the optimizer; ``trainer.step`` counts it already."""

    def on_validation_begin(self, trainer: Trainer) -> None:
        """Before the model is measured at the end of an epoch."""

    def on_validation_end(self, trainer: Trainer) -> None:
        """After that; not after an error in it."""

    def on_epoch_end(self, trainer: Trainer, row: dict[str, float]) -> None:
        """After an epoch and its validation; ``row`` is what the history holds of it.

        Figures that are added to it are the history's, too, and reach the callbacks after.
        """

    def on_fit_end(self, trainer: Trainer) -> None:
        """After the last step, also of a training that was stopped; not after an error."""

    def on_error(self, trainer: Trainer, error: BaseException) -> None:
        """After an error in the training, before it goes on its way."""

    def state_dict(self) -> dict[str, Any]:
        """Return what must be kept for a resume."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over a state that :meth:`state_dict` gave."""
