"""The tree of a module: which parameters, buffers and modules its attributes hold, and where.

A module registers nothing. Whatever is a tensor of its own or a module among
its attributes belongs to it, also inside lists, tuples and dicts, under the
name by which Python reaches it: ``blocks.0.weight`` is ``blocks[0].weight``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from odyssey.errors import FormatError, OdysseyError
from odyssey.nn.buffer import Buffer
from odyssey.tensor import Parameter, Tensor
from odyssey.utils.choices import did_you_mean

if TYPE_CHECKING:
    from odyssey.nn.module import Module

__all__ = ["Place", "functional_call", "places", "replaced"]


class Place(NamedTuple):
    """Where a parameter, buffer or module stands: ``container[key]``, or an attribute."""

    name: str
    value: Any
    container: Any
    key: Any

    def put(self, value: Any) -> None:
        """Put something else there, unless it is a tuple."""
        self.container[self.key] = value


def places(module: Module, kinds: tuple[type, ...]) -> Iterator[Place]:
    """Yield what is of ``kinds`` among a module's own attributes, in their order."""
    return _inside("", vars(module), kinds)


def _inside(prefix: str, container: Any, kinds: tuple[type, ...]) -> Iterator[Place]:
    entries = container.items() if isinstance(container, dict) else enumerate(container)
    for key, value in entries:
        name = f"{prefix}{key}"
        if isinstance(value, kinds):
            yield Place(name, value, container, key)
        elif isinstance(value, (list, tuple, dict)):
            yield from _inside(f"{name}.", value, kinds)


def walk(
    module: Module, child_class: type[Module], prefix: str = "", remove_duplicate: bool = True
) -> Iterator[tuple[str, Module]]:
    """Yield a module and all below it with their dotted names: each once, or under all."""
    seen: set[int] = set()

    def visit(name: str, one: Module) -> Iterator[tuple[str, Module]]:
        if id(one) in seen:
            return
        seen.add(id(one))
        yield name, one
        for place in places(one, (child_class,)):
            yield from visit(joined(name, place.name), place.value)
        if not remove_duplicate:
            seen.remove(id(one))  # it may come again, but not inside of itself

    return visit(prefix, module)


def joined(prefix: str, name: str) -> str:
    """Return the dotted name of what is called ``name`` in the module ``prefix``."""
    return f"{prefix}.{name}" if prefix else name


def tensors(module: Module, kinds: tuple[type, ...] = (Parameter, Buffer)) -> Iterator[Place]:
    """Yield the parameters and buffers of the tree under all of their dotted names.

    Raises
    ------
    OdysseyError
        If a layer waits for its first input to know its size.
    """
    for prefix, one in module.named_modules(remove_duplicate=False):
        if one.waits_for_input:
            where = f"{type(module).__name__}.{prefix}" if prefix else type(module).__name__
            raise OdysseyError(
                f"{where}: the size of its input is not known yet, and so its parameters are not; "
                "call the model on an example first"
            )
        for place in places(one, kinds):
            yield place._replace(name=joined(prefix, place.name))


def once(found: Iterator[Place]) -> Iterator[Place]:
    """Leave out what has come before under another name."""
    seen: set[int] = set()
    for place in found:
        if id(place.value) not in seen:
            seen.add(id(place.value))
            yield place


@contextmanager
def replaced(module: Module, values: Mapping[str, Any]) -> Iterator[None]:
    """Let a module have other tensors in a ``with`` block, by the dotted names of its own.

    What is shared under several names is replaced under all of them.

    Raises
    ------
    FormatError
        If a name is unknown, a tensor has another shape than the module's own, or what
        is shared gets two values.
    OdysseyError
        If a tensor of the module stands in a tuple.
    """
    found = list(tensors(module))
    own = {place.name: place.value for place in found}
    given: dict[int, Any] = {}
    for name, value in values.items():
        if name not in own:
            raise FormatError(
                f"functional_call: {type(module).__name__} has no parameter or buffer "
                f"{name!r}{did_you_mean(name, own)}"
            )
        if value.shape != own[name].shape:
            raise FormatError(
                f"functional_call: {name}: expected shape {own[name].shape}, got {value.shape}"
            )
        if given.setdefault(id(own[name]), value) is not value:
            raise FormatError(f"functional_call: {name}: is shared, and given twice")
    new = {key: one if isinstance(one, Tensor) else Tensor(one) for key, one in given.items()}
    changed = [place for place in found if id(place.value) in new]
    for place in changed:
        if isinstance(place.container, tuple):
            raise OdysseyError(
                f"functional_call: {place.name} stands in a tuple, which cannot change; "
                "keep it in a list"
            )
    try:
        for place in changed:
            place.put(new[id(place.value)])
        yield
    finally:
        for place in changed:
            place.put(place.value)


def functional_call(
    module: Callable[..., Any], values: Mapping[str, Any], *args: Any, **kwargs: Any
) -> Any:
    """Call a module with other parameters and buffers than its own.

    So a module becomes a function of its parameters, of which derivatives, averages
    or ensembles can be taken; the module itself is as before afterwards.

    Parameters
    ----------
    module : Module
    values : mapping of str to Tensor or ndarray
        By the names of ``named_parameters`` and ``named_buffers``; those that are not
        named stay the module's own. A buffer that the module updates is updated in
        the tensor that is given here.
    *args, **kwargs
        What the module is called with.

    Raises
    ------
    FormatError
        If a name is unknown, or a shape is not that of the module's own tensor.

    Examples
    --------
    >>> import odyssey as od
    >>> layer = od.nn.Linear(2, 1, bias=False)
    >>> weight = od.tensor([[1.0, 2.0]], requires_grad=True)
    >>> y = od.nn.functional_call(layer, {"weight": weight}, od.tensor([3.0, 4.0]))
    >>> y.backward()
    >>> weight.grad.tolist(), layer.weight.grad
    ([[3.0, 4.0]], None)
    """
    with replaced(module, values):  # type: ignore[arg-type]
        return module(*args, **kwargs)
