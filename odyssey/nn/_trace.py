"""Running a model to look at it: on an example, undisturbed, with an eye on each module's call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from odyssey.errors import OdysseyError, ShapeError
from odyssey.nn.buffer import Buffer
from odyssey.nn.module import Module
from odyssey.nn.tree import joined, places
from odyssey.tensor import Parameter, Tensor
from odyssey.utils.defaults import get_default_dtype

__all__ = ["everywhere", "examples", "tensors_in", "undisturbed", "watched"]


def examples(op: str, model: Module, given: Any, batch: int = 1) -> list[Any]:
    """Return what to call a model with: tensors as they are, zeros in the place of shapes."""
    if _is_shape(given) or isinstance(given, (Tensor, np.ndarray)):
        given = (given,)
    if not isinstance(given, (tuple, list)):
        raise ShapeError(
            f"{op}: input must be the shape of one example, a Tensor or array, or a tuple of "
            f"these, got {given!r}"
        )
    return [_example(op, model, one, batch) for one in given]


def _is_shape(value: Any) -> bool:
    return isinstance(value, (tuple, list)) and all(isinstance(n, (int, np.integer)) for n in value)


def _example(op: str, model: Module, given: Any, batch: int) -> Tensor:
    if isinstance(given, Tensor):
        return given
    if isinstance(given, np.ndarray):
        return Tensor(given)
    if _is_shape(given) and all(n >= 0 for n in given):
        return Tensor(np.zeros((batch, *given), _dtype(model)))
    raise ShapeError(f"{op}: a shape must be a tuple of sizes of at least 0, got {given!r}")


def _dtype(model: Module) -> Any:
    """Return the dtype of the first parameter that there is by now."""
    for module in model.modules():
        for place in places(module, (Parameter,)):
            if place.value.dtype.kind == "f":
                return place.value.dtype
    return get_default_dtype()


def tensors_in(value: Any) -> list[Tensor]:
    """Return the Tensors of a value, also of lists, tuples and dicts."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [t for one in value for t in tensors_in(one)] if isinstance(value, (list, tuple)) else []


def everywhere(model: Module) -> Iterator[tuple[str, Module, str | None]]:
    """Yield every module under each of its names, and with the first name where it comes again."""
    first: dict[int, str] = {}

    def visit(name: str, module: Module) -> Iterator[tuple[str, Module, str | None]]:
        before = first.get(id(module))
        yield name, module, before
        if before is None:
            first[id(module)] = name
            for place in places(module, (Module,)):
                yield from visit(joined(name, place.name), place.value)

    return visit("", model)


@contextmanager
def undisturbed(model: Module) -> Iterator[None]:
    """Let a model be in evaluation mode, and leave its modes and buffers as they were."""
    modules = list(model.modules())
    modes = [module.training for module in modules]
    buffers = [place.value for module in modules for place in places(module, (Buffer,))]
    values = [buffer.data.copy() for buffer in buffers]
    model.eval()
    try:
        yield
    finally:
        for module, mode in zip(modules, modes, strict=True):
            module.training = mode
        for buffer, value in zip(buffers, values, strict=True):
            buffer.data[...] = value


@contextmanager
def watched(
    op: str,
    model: Module,
    enter: Callable[[Module, Any], Any],
    leave: Callable[[Module, Any], Any],
) -> Iterator[list[Module]]:
    """Call functions around each module's forward; yield the modules that are running.

    ``enter(module, args)`` comes before, ``leave(module, output)`` after; what the
    latter returns takes the place of the output. An error names the module in which it
    arose.
    """
    running: list[Module] = []

    def before(module: Module, args: Any) -> None:
        enter(module, args)
        running.append(module)

    def after(module: Module, args: Any, output: Any) -> Any:
        while running.pop() is not module:  # what failed inside, and was caught there
            pass
        return leave(module, output)

    modules = list(model.modules())
    own = [module._hooks for module in modules]
    handles = [module.register_forward_pre_hook(before) for module in modules]
    handles += [module.register_forward_hook(after) for module in modules]
    try:
        yield running
    except OdysseyError:
        raise  # its message begins with the path
    except Exception as error:
        failed = running[-1] if running else model
        path = next(name for name, module in model.named_modules() if module is failed)
        where = ".".join(filter(None, (type(model).__name__, path)))
        raise OdysseyError(
            f"{op}: {where} ({type(failed).__name__}): {type(error).__name__}: {error}"
        ) from error
    finally:
        for handle in handles:
            handle.remove()
        for module, hooks in zip(modules, own, strict=True):
            module._hooks = hooks
