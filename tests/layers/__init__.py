"""The samples of every layer: a file for each family, found by reflection.

A file of this folder may define

- ``LAYERS``, a list of :class:`Layer`: how to make it, what to call it with, and the
  same in PyTorch;
- ``BAD``, a list of :class:`Bad`: settings or inputs that a layer refuses;
- ``NO_TORCH``, a dict of name to reason: layers without a counterpart there;
- ``NEVER_REFUSE``, a set of names: layers that have no setting to refuse.

``tests/test_every_layer.py`` says what must be there.
"""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from odyssey import nn


@dataclass
class Layer:
    """A layer on some inputs.

    ``inputs`` are arrays: floating ones get a gradient, others are constants (indices,
    masks, lengths). ``kwargs`` go to the call. ``torch`` takes the package and returns
    its layer; ``call(torch, layer, *inputs)`` calls that, by default with the inputs and
    ``kwargs``. Names of the state that differ there are in ``names`` (ours to theirs),
    and ``state`` may change a whole state of ours into theirs. With ``random`` a layer
    is compared in evaluation mode only.
    """

    make: Callable[[], nn.Module]
    inputs: tuple[Any, ...]
    torch: Callable[[Any], Any] | None = None
    kwargs: dict[str, Any] = field(default_factory=dict)
    call: Callable[..., Any] | None = None
    names: dict[str, str] = field(default_factory=dict)
    state: Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]] | None = None
    random: bool = False

    @property
    def name(self) -> str:
        return type(self.make()).__name__

    def __str__(self):
        return repr(self.make()).split("\n")[0]


@dataclass
class Bad:
    """A call that must be refused: the error, and what its message must match."""

    call: Callable[[], Any]
    error: type[Exception]
    match: str

    def __str__(self):
        return self.match


def families():
    """Return the modules of this folder."""
    names = sorted(info.name for info in pkgutil.iter_modules(__path__))
    return [importlib.import_module(f"{__name__}.{name}") for name in names if name[0] != "_"]


def gathered(name):
    """Return what all families have under a name, as one list or dict."""
    found = [getattr(family, name) for family in families() if hasattr(family, name)]
    if found and isinstance(found[0], (dict, set)):
        return {key for one in found for key in one} if isinstance(found[0], set) else {
            key: value for one in found for key, value in one.items()
        }  # fmt: skip
    return [item for one in found for item in one]
