"""Containers: modules made of modules."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from odyssey.errors import DTypeError, ShapeError
from odyssey.nn.module import Module

__all__ = ["Sequential"]


class Sequential(Module):
    """Modules in a row: the result of each is the input of the next.

    Parameters
    ----------
    *modules : Module
        Named "0", "1", ... in the state.

    Raises
    ------
    DTypeError
        If something that is not a Module is among them.

    Examples
    --------
    >>> import odyssey as od
    >>> model = od.nn.Sequential(od.nn.Linear(4, 8), od.nn.ReLU(), od.nn.Linear(8, 2))
    >>> model(od.ones((5, 4))).shape
    (5, 2)
    >>> [name for name, parameter in model.named_parameters()]
    ['0.weight', '0.bias', '2.weight', '2.bias']
    """

    def __init__(self, *modules: Module) -> None:
        for i, module in enumerate(modules):
            if not isinstance(module, Module):
                raise DTypeError(
                    f"Sequential: argument {i} must be a Module, got {type(module).__name__}"
                )
        for i, module in enumerate(modules):
            setattr(self, str(i), module)

    def forward(self, x: Any) -> Any:
        for module in self.children():
            x = module(x)
        return x

    def __len__(self) -> int:
        return sum(1 for _ in self.children())

    def __iter__(self) -> Iterator[Module]:
        return self.children()

    def __getitem__(self, index: int | slice) -> Module:
        modules = list(self.children())
        if isinstance(index, slice):
            return Sequential(*modules[index])
        if not -len(modules) <= index < len(modules):
            raise ShapeError(
                f"Sequential: index {index} is out of range for {len(modules)} modules"
            )
        return modules[index]
