"""Containers: modules made of modules, and lists and dicts of modules and parameters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Generic, Self, TypeVar

from odyssey.errors import DTypeError, OdysseyError, RangeError
from odyssey.nn.module import Module
from odyssey.tensor import Parameter
from odyssey.utils.choices import did_you_mean

__all__ = ["ModuleDict", "ModuleList", "ParameterDict", "ParameterList", "Sequential"]

Item = TypeVar("Item", Module, Parameter)


class _Named(Module, Generic[Item]):
    """A module whose attributes, but for private ones, are its items, in order."""

    _kind: type = Module

    def _put(self, name: str, item: Item) -> None:
        if not isinstance(item, self._kind):
            raise DTypeError(
                f"{type(self).__name__}: {name!r} must be a {self._kind.__name__}, "
                f"got {type(item).__name__}"
            )
        if not name or "." in name:
            raise OdysseyError(
                f"{type(self).__name__}: a name must be a word without dots, got {name!r}"
            )
        if hasattr(type(self), name):
            raise OdysseyError(f"{type(self).__name__}: {name!r} is the name of a method")
        object.__setattr__(self, name, item)

    def _items(self) -> dict[str, Item]:
        return dict(filter(lambda entry: isinstance(entry[1], self._kind), vars(self).items()))

    def __len__(self) -> int:
        return len(self._items())


class _Row(_Named[Item]):
    """Items in a row, named "0", "1", ... or as a mapping names them."""

    def _fill(self, items: Iterable[Any]) -> None:
        """Have these items, under the numbers of their places."""
        items = list(items)
        for i, item in enumerate(items):
            if not isinstance(item, self._kind):
                raise DTypeError(
                    f"{type(self).__name__}: argument {i} must be a {self._kind.__name__}, "
                    f"got {type(item).__name__}"
                )
        for name in self._items():
            delattr(self, name)
        for i, item in enumerate(items):
            self._put(str(i), item)

    def _name(self, index: int | str) -> str:
        names = list(self._items())
        if isinstance(index, str):
            _looked_up(self, self._items(), index)
            return index
        if not -len(names) <= index < len(names):
            raise RangeError(
                f"{type(self).__name__}: index {index} is out of range for {len(names)} "
                f"{self._kind.__name__.lower()}s"
            )
        return names[index]

    def __iter__(self) -> Iterator[Item]:
        return iter(self._items().values())

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return self._like(list(self._items().items())[index])
        return self._items()[self._name(index)]

    def __setitem__(self, index: int | str, item: Item) -> None:
        self._put(self._name(index), item)

    def __delitem__(self, index: int | str | slice) -> None:
        numbered = self._numbered()
        names = list(self._items())
        for name in names[index] if isinstance(index, slice) else [self._name(index)]:
            delattr(self, name)
        if numbered:
            self._fill(self)

    def _numbered(self) -> bool:
        return all(name == str(i) for i, name in enumerate(self._items()))

    def append(self, item: Item) -> Self:
        """Add an item at the end, under its number, and return the whole."""
        name = str(len(self))
        if name in self._items():
            raise OdysseyError(f"{type(self).__name__}: {name!r} is the name of another one")
        self._put(name, item)
        return self

    def extend(self, items: Iterable[Item]) -> Self:
        """Add items at the end, and return the whole."""
        for item in list(items):
            self.append(item)
        return self

    def insert(self, index: int, item: Item) -> None:
        """Put an item before the one at ``index``; all are numbered anew."""
        items = list(self)
        items.insert(index, item)
        self._fill(items)

    def _like(self, items: list[tuple[str, Item]]) -> Any:
        return type(self)([item for _, item in items])  # type: ignore[call-arg]


class Sequential(_Row[Module]):
    """Modules in a row: the result of each is the input of the next.

    Parameters
    ----------
    *modules : Module, or one mapping of str to Module
        Named "0", "1", ... in the state, or as the mapping says.

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

    Named, and reached by number, slice or name:

    >>> model = od.nn.Sequential({"hidden": od.nn.Linear(4, 8), "act": od.nn.ReLU()})
    >>> model.hidden is model[0] is model["hidden"], len(model[:1])
    (True, 1)
    """

    def __init__(self, *modules: Module | Mapping[str, Module]) -> None:
        if len(modules) == 1 and isinstance(modules[0], Mapping):
            for name, module in modules[0].items():
                self._put(name, module)
        else:
            self._fill(modules)

    def forward(self, x: Any) -> Any:
        for module in self._items().values():
            x = module(x)
        return x

    def __add__(self, other: Sequential) -> Sequential:
        return Sequential(*self, *other)

    def _like(self, items: list[tuple[str, Module]]) -> Sequential:
        return Sequential(*[module for _, module in items] if self._numbered() else [dict(items)])


class ModuleList(_Row[Module]):
    """A list of modules, whose forward is yours to write.

    A plain list as an attribute does as well; this one checks what it is given.

    Parameters
    ----------
    modules : iterable of Module

    Raises
    ------
    DTypeError
        If something that is not a Module is among them.

    Examples
    --------
    >>> import odyssey as od
    >>> layers = od.nn.ModuleList(od.nn.Linear(4, 4) for _ in range(3))
    >>> x = od.ones((5, 4))
    >>> for layer in layers:
    ...     x = layer(x)
    >>> len(layers), x.shape
    (3, (5, 4))
    """

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        self._fill(modules)


class ParameterList(_Row[Parameter]):
    """A list of parameters.

    Parameters
    ----------
    parameters : iterable of Parameter

    Raises
    ------
    DTypeError
        If something that is not a Parameter is among them.

    Examples
    --------
    >>> import odyssey as od
    >>> scales = od.nn.ParameterList(od.nn.Parameter(od.ones(2)) for _ in range(3))
    >>> [name for name, _ in scales.named_parameters()]
    ['0', '1', '2']
    """

    _kind = Parameter

    def __init__(self, parameters: Iterable[Parameter] = ()) -> None:
        self._fill(parameters)


class _Dict(_Named[Item]):
    """Items by name, in the order in which they came."""

    def __getitem__(self, name: str) -> Item:
        return _looked_up(self, self._items(), name)

    def __setitem__(self, name: str, item: Item) -> None:
        self._put(name, item)

    def __delitem__(self, name: str) -> None:
        self[name]
        delattr(self, name)

    def __contains__(self, name: object) -> bool:
        return name in self._items()

    def __iter__(self) -> Iterator[str]:
        return iter(self._items())

    def keys(self) -> Iterable[str]:
        """Return the names."""
        return self._items().keys()

    def values(self) -> Iterable[Item]:
        """Return what they name."""
        return self._items().values()

    def items(self) -> Iterable[tuple[str, Item]]:
        """Return names and what they name."""
        return self._items().items()

    def update(self, items: Mapping[str, Item]) -> None:
        """Take over the items of a mapping."""
        for name, item in items.items():
            self._put(name, item)


class ModuleDict(_Dict[Module]):
    """Modules by name, whose forward is yours to write.

    Parameters
    ----------
    modules : mapping of str to Module

    Raises
    ------
    DTypeError
        If something that is not a Module is among them.
    OdysseyError
        If a name has a dot in it, or is that of a method.

    Examples
    --------
    >>> import odyssey as od
    >>> heads = od.nn.ModuleDict({"age": od.nn.Linear(4, 1), "sex": od.nn.Linear(4, 2)})
    >>> heads["sex"](od.ones((5, 4))).shape, list(heads)
    ((5, 2), ['age', 'sex'])
    """

    def __init__(self, modules: Mapping[str, Module] | None = None) -> None:
        self.update(modules or {})


class ParameterDict(_Dict[Parameter]):
    """Parameters by name.

    Parameters
    ----------
    parameters : mapping of str to Parameter

    Raises
    ------
    DTypeError
        If something that is not a Parameter is among them.
    OdysseyError
        If a name has a dot in it, or is that of a method.

    Examples
    --------
    >>> import odyssey as od
    >>> gains = od.nn.ParameterDict({"left": od.nn.Parameter(od.ones(2))})
    >>> gains["left"].shape
    (2,)
    """

    _kind = Parameter

    def __init__(self, parameters: Mapping[str, Parameter] | None = None) -> None:
        self.update(parameters or {})


def _looked_up(container: Module, items: dict[str, Any], name: str) -> Any:
    if name not in items:
        raise OdysseyError(
            f"{type(container).__name__}: nothing is called {name!r}{did_you_mean(name, items)}"
        )
    return items[name]
