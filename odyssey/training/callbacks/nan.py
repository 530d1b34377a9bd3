"""Stop at the first number that is none, and say where it came from."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import numpy as np

from odyssey.core import check_numerics
from odyssey.errors import OdysseyError
from odyssey.observe import Event, observe
from odyssey.tensor import Tensor
from odyssey.training.callbacks.callback import Callback
from odyssey.utils import random

if TYPE_CHECKING:
    from odyssey.nn import Module
    from odyssey.training.trainer import Trainer

__all__ = ["TerminateOnNaN"]


class TerminateOnNaN(Callback):
    """End the training with an error when the loss is NaN or infinite.

    It comes before the optimizer's step: the weights are still those that the loss was
    computed with, and the last checkpoint is sound. The batch is computed again with the
    same random numbers, while each operation is watched, and the error names the one whose
    result was the first that was not finite, and the layer that it ran in.

    Parameters
    ----------
    gradients : bool
        Look at gradients, too, before each step. Where they are not finite though the loss
        is, the weights would spoil the next one. It takes one pass over them. Leave it off
        where a scaled loss may overflow and the step is skipped.

    Raises
    ------
    OdysseyError
        From ``Trainer.fit``, with the step, the operation and the layer.

    Examples
    --------
    >>> import odyssey as od
    >>> from odyssey.training import Trainer, optimizers
    >>> class Roots(od.nn.Module):
    ...     def forward(self, x):
    ...         return x.log()
    >>> model = od.nn.Sequential(od.nn.Linear(1, 1, bias=False), Roots())
    >>> with od.no_grad():
    ...     model[0].weight[...] = 0.0
    >>> trainer = Trainer(
    ...     model, optimizers.SGD(model.parameters()), od.core.mean_squared_error,
    ...     callbacks=[TerminateOnNaN()],
    ... )
    >>> trainer.fit([(od.ones((2, 1)), od.ones((2, 1)))])
    Traceback (most recent call last):
        ...
    odyssey.errors.OdysseyError: TerminateOnNaN: the loss is inf at step 1: the first result that \
is not finite is that of log (forward) in layer '1' (Roots): it has 0 NaN and 2 infinite of 2 \
elements, the first at (0, 0)
    """

    def __init__(self, gradients: bool = False) -> None:
        self.gradients = gradients
        self._batches: list[Any] = []
        self._random: Any = None

    def on_step_begin(self, trainer: Trainer, batches: list[Any]) -> None:
        self._batches = batches
        self._random = random.default_generator().bit_generator.state

    def on_gradients(self, trainer: Trainer, loss: float) -> None:
        if not math.isfinite(loss):
            trouble = f"the loss is {loss}"
        elif self.gradients and (bad := _first_bad_gradient(trainer.model)):
            trouble = f"the gradient of {bad} is not finite"
        else:
            return
        raise OdysseyError(
            f"TerminateOnNaN: {trouble} at step {trainer.step + 1}: {self._origin(trainer)}"
        )

    def _origin(self, trainer: Trainer) -> str:
        """Say where the first number came from that is not finite."""
        for kind, name, value in _given(trainer.model, self._batches):
            if not _finite(value):
                return f"{kind} {name} was not finite before it"
        random.default_generator().bit_generator.state = self._random
        search = _Search(trainer.model)
        with search.watching():
            for batch in self._batches:
                loss, _ = trainer.compute(batch)
                if search.found is None:
                    trainer.backward(loss)
        return search.found or "when it was computed again, every result was finite"


class _Search:
    """Watch operations, and layers around them, until a result is not finite."""

    def __init__(self, model: Module) -> None:
        self.model = model
        self.found: str | None = None
        self._inside: list[str] = []  # the layers whose forward is under way, the outermost first
        self._layers: dict[Any, str] = {}  # of the nodes on the tape

    def watching(self) -> ExitStack:
        """Return a context in which to compute."""
        stack = ExitStack()
        for name, module in self.model.named_modules():
            label = f"layer {name!r} ({type(module).__name__})" if name else "the model itself"

            def enter(*_: Any, label: str = label) -> None:
                self._inside.append(label)

            def leave(*_: Any) -> None:
                self._inside.pop()

            stack.enter_context(module.register_forward_pre_hook(enter))
            stack.enter_context(module.register_forward_hook(leave))
        stack.enter_context(observe(self._look))
        return stack

    def _look(self, event: Event) -> None:
        if self.found is not None:
            return
        if event.phase == "forward":
            layer = self._inside[-1] if self._inside else "the loss"
            if event.node is not None:
                self._layers[event.node] = layer
        else:
            layer = self._layers.get(event.node, "the loss")
        for value in event.outputs:
            if not _finite(value):
                self.found = (
                    f"the first result that is not finite is that of {event.name} "
                    f"({event.phase}) in {layer}: it {_counted(value)}"
                )
                return


def _given(model: Module, batches: list[Any]) -> Iterator[tuple[str, str, Any]]:
    """Yield what a step begins with: batches, parameters and buffers."""
    for batch in batches:
        for position, part in enumerate(batch):
            yield "part", f"{position} of the batch", part
    for name, parameter in model.named_parameters():
        yield "the parameter", name, parameter
    for name, buffer in model.named_buffers():
        yield "the buffer", name, buffer


def _first_bad_gradient(model: Module) -> str | None:
    for name, parameter in model.named_parameters():
        if parameter.grad is not None and not _finite(parameter.grad):
            return name
    return None


def _finite(value: Any) -> bool:
    array = value.data if isinstance(value, Tensor) else np.asarray(value)
    return array.dtype.kind != "f" or bool(np.isfinite(array).all())


def _counted(value: Any) -> str:
    """Return how many elements are not finite, and where the first one is."""
    try:
        check_numerics(value)
    except OdysseyError as error:
        _, _, count = str(error).partition(" has ")
        return f"has {count}"
    return ""
