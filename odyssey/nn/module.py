"""Module: a tree of parameters with one function to call.

A module registers nothing: it finds its parameters and child modules among its
own attributes (lists, tuples and dicts of them included), in the order in
which they were assigned. A parameter that is reached twice counts once, under
the first of its names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self

import numpy as np

from odyssey.errors import FormatError, OdysseyError
from odyssey.tensor import Parameter, Tensor

__all__ = ["Module"]


class Module:
    """Base class of layers and models.

    A subclass assigns parameters and modules to attributes in ``__init__`` and
    computes in ``forward``; calling the module calls ``forward``.

    Attributes
    ----------
    training : bool
        True after :meth:`train`, False after :meth:`eval`.

    Examples
    --------
    >>> import odyssey as od
    >>> class Affine(od.nn.Module):
    ...     def __init__(self):
    ...         self.scale = od.Parameter(od.ones(3))
    ...     def forward(self, x):
    ...         return x * self.scale
    >>> [name for name, parameter in Affine().named_parameters()]
    ['scale']
    """

    training: bool = True

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the module's result; every subclass defines it."""
        raise OdysseyError(f"{type(self).__name__}: a module must define forward")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.forward(*args, **kwargs)

    # -- the tree -------------------------------------------------------------------------

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Yield the modules directly below this one, with their names."""
        return ((name, child) for name, child in _entries(self) if isinstance(child, Module))

    def children(self) -> Iterator[Module]:
        """Yield the modules directly below this one."""
        return (child for _, child in self.named_children())

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """Yield this module and all below it, each once, with their dotted names."""
        seen: set[int] = set()

        def walk(module: Module, name: str) -> Iterator[tuple[str, Module]]:
            if id(module) in seen:
                return
            seen.add(id(module))
            yield name, module
            for child_name, child in module.named_children():
                yield from walk(child, f"{name}.{child_name}" if name else child_name)

        return walk(self, prefix)

    def modules(self) -> Iterator[Module]:
        """Yield this module and all below it, each once."""
        return (module for _, module in self.named_modules())

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """Yield the parameters of the tree, each once, with their dotted names."""
        seen: set[int] = set()
        for prefix, module in self.named_modules():
            for name, value in _entries(module):
                if isinstance(value, Parameter) and id(value) not in seen:
                    seen.add(id(value))
                    yield (f"{prefix}.{name}" if prefix else name), value

    def parameters(self) -> Iterator[Parameter]:
        """Yield the parameters of the tree, each once."""
        return (parameter for _, parameter in self.named_parameters())

    # -- state ----------------------------------------------------------------------------

    def train(self, mode: bool = True) -> Self:
        """Put the tree into training mode, or with False into evaluation mode."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Put the tree into evaluation mode."""
        return self.train(False)

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for parameter in self.parameters():
            parameter.grad = None

    def apply(self, function: Callable[[Module], Any]) -> Self:
        """Call ``function`` on every module of the tree, children first."""
        for child in self.children():
            child.apply(function)
        function(self)
        return self

    def state_dict(self) -> dict[str, np.ndarray]:
        """Return the parameters' arrays by dotted name; they share memory with the module."""
        return {name: parameter.data for name, parameter in self.named_parameters()}

    def load_state_dict(self, state: Mapping[str, np.ndarray | Tensor]) -> None:
        """Copy the values of ``state`` into the parameters; all of them or none.

        Raises
        ------
        FormatError
            If a name is missing or unexpected, or a shape differs. The message
            lists all of them, and nothing is loaded.
        """
        own = dict(self.named_parameters())
        given = {name: np.asarray(value) for name, value in state.items()}
        problems = [f"missing: {name}" for name in own if name not in given]
        problems += [f"unexpected: {name}" for name in given if name not in own]
        problems += [
            f"{name}: expected shape {own[name].shape}, got {given[name].shape}"
            for name in own
            if name in given and own[name].shape != given[name].shape
        ]
        if problems:
            raise FormatError(
                f"load_state_dict: the state does not fit {type(self).__name__}: "
                + "; ".join(problems)
            )
        for name, parameter in own.items():
            parameter._count_write("load_state_dict")
            parameter.data[...] = given[name]

    # -- text -----------------------------------------------------------------------------

    def extra_repr(self) -> str:
        """Return the settings to show in ``repr``; none by default."""
        return ""

    def __repr__(self) -> str:
        children = [
            f"({name}): " + repr(child).replace("\n", "\n  ")
            for name, child in self.named_children()
        ]
        if not children:
            return f"{type(self).__name__}({self.extra_repr()})"
        inner = "".join(f"\n  {line}" for line in [self.extra_repr(), *children] if line)
        return f"{type(self).__name__}({inner}\n)"


def _entries(module: Module) -> Iterator[tuple[str, Any]]:
    """Yield the parameters and modules among a module's attributes, with dotted names."""
    for name, value in vars(module).items():
        if isinstance(value, (Parameter, Module)):
            yield name, value
        elif isinstance(value, (list, tuple, dict)):
            yield from _inside(name, value)


def _inside(name: str, values: Any) -> Iterator[tuple[str, Any]]:
    """Yield the same from a list, tuple or dict, whatever is nested in it included."""
    for key, value in values.items() if isinstance(values, dict) else enumerate(values):
        if isinstance(value, (Parameter, Module)):
            yield f"{name}.{key}", value
        elif isinstance(value, (list, tuple, dict)):
            yield from _inside(f"{name}.{key}", value)
