"""The state of a module: its parameters and buffers as arrays by name, out and in again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from odyssey.errors import DTypeError, FormatError
from odyssey.nn.buffer import Buffer
from odyssey.nn.tree import Place, once, tensors
from odyssey.tensor import Tensor

if TYPE_CHECKING:
    from odyssey.nn.module import Module

__all__ = ["Unmatched", "converted", "load_state", "state_of"]


class Unmatched(NamedTuple):
    """The names that a state lacks, and those that it has too many."""

    missing: list[str]
    unexpected: list[str]


def _stored(module: Module) -> Iterator[Place]:
    """Yield what belongs to the state, under all of its names."""
    for place in tensors(module):
        if not isinstance(place.value, Buffer) or place.value.persistent:
            yield place


def state_of(module: Module) -> dict[str, np.ndarray]:
    """Return the arrays of parameters and persistent buffers by name."""
    return {place.name: place.value.data for place in once(_stored(module))}


def load_state(module: Module, state: Mapping[str, Any], strict: bool) -> Unmatched:
    """Copy a state into a module; see `Module.load_state_dict`.

    What is shared under several names may be given under any of them, and under
    several if they agree: that is how PyTorch writes it.
    """
    found = list(_stored(module))
    own = {place.name: place.value for place in found}
    first = {id(place.value): place.name for place in once(iter(found))}
    given: dict[str, np.ndarray] = {}
    problems: list[str] = []
    for name, value in state.items():
        if name not in own:
            continue
        array, known_as = np.asarray(value), first[id(own[name])]
        if array.shape != own[name].shape:
            problems.append(f"{name}: expected shape {own[name].shape}, got {array.shape}")
        elif not np.can_cast(array.dtype, own[name].dtype, "same_kind"):
            problems.append(f"{name}: expected {own[name].dtype}, got {array.dtype}")
        elif known_as in given and not np.array_equal(array, given[known_as], equal_nan=True):
            problems.append(f"{name}: is shared with {known_as}, but their values differ")
        given[known_as] = array
    unmatched = Unmatched(
        [name for name in first.values() if name not in given],
        [name for name in state if name not in own],
    )
    if strict:
        problems = [
            *(f"missing: {name}" for name in unmatched.missing),
            *(f"unexpected: {name}" for name in unmatched.unexpected),
            *problems,
        ]
    if problems:
        raise FormatError(
            f"load_state_dict: the state does not fit {type(module).__name__}: "
            + "; ".join(problems)
        )
    for name, array in given.items():
        own[name]._count_write("load_state_dict")
        own[name].data[...] = array
    return unmatched


def converted(found: Iterator[Place], dtype: Any) -> None:
    """Convert the floating-point ones among the tensors, and their gradients, to a dtype."""
    dtype = np.dtype(dtype)
    if dtype.kind != "f":
        raise DTypeError(f"to: expected a floating-point dtype, got {dtype}")
    for place in list(found):
        for tensor in (place.value, place.value.grad):
            if isinstance(tensor, Tensor) and tensor.dtype.kind == "f" and tensor.dtype != dtype:
                tensor._replace(tensor.data.astype(dtype, order="C"))
