"""Module: a tree of parameters with one function to call.

A module registers nothing: it finds its parameters, buffers and child modules
among its own attributes (lists, tuples and dicts of them included), in the
order in which they were assigned. What is reached twice counts once, under the
first of its names. How the tree is walked is in :mod:`odyssey.nn.tree`, what a
state is in :mod:`odyssey.nn.state`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any, Self

import numpy as np

from odyssey.errors import DTypeError, OdysseyError
from odyssey.nn.buffer import Buffer
from odyssey.nn.hooks import HookHandle, Hooks
from odyssey.nn.state import Unmatched, converted, load_state, state_of
from odyssey.nn.tree import once, places, tensors, walk
from odyssey.tensor import Parameter, Tensor
from odyssey.utils.choices import did_you_mean

__all__ = ["Module"]


class Module:
    """Base class of layers and models.

    A subclass assigns parameters, buffers and modules to attributes in
    ``__init__`` and computes in ``forward``; calling the module calls ``forward``.

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

    waits_for_input: bool = False
    """Whether the layer's parameters are made when it sees its first input; see `infer`."""

    _hooks: Hooks | None = None

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the module's result; every subclass defines it."""
        raise OdysseyError("a module must define forward")

    def infer(self, *args: Any) -> None:
        """Make the parameters whose size the first input tells.

        A layer that can be made without the size of its input sets
        ``waits_for_input`` and defines this; it is called once, with what
        ``forward`` is called with.
        """

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            forward = self._first_forward if self.waits_for_input else self.forward
            if self._hooks is None:
                return forward(*args, **kwargs)
            return self._hooks.call(forward, self, args, kwargs)
        except OdysseyError as error:
            _locate(error, self)
            raise

    def _first_forward(self, *args: Any, **kwargs: Any) -> Any:
        """Infer and call forward; from an input that is refused nothing is learned."""
        before = dict(vars(self))
        try:
            self.infer(*args)
            self.waits_for_input = False
            return self.forward(*args, **kwargs)
        except Exception:
            vars(self).clear()
            vars(self).update(before)
            raise

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, (Tensor, np.ndarray)) and not isinstance(value, (Parameter, Buffer)):
            own = self.__dict__.get(name)
            if isinstance(own, (Parameter, Buffer)):
                kind = type(own).__name__
                raise DTypeError(
                    f"{type(self).__name__}.{name} is a {kind}, and would be lost; write into it "
                    f"({name}[...] = value, under no_grad() if it is learned), or assign another "
                    f"{kind}"
                )
        object.__setattr__(self, name, value)

    # -- the tree -------------------------------------------------------------------------

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Yield the modules directly below this one, with their names."""
        return ((place.name, place.value) for place in places(self, (Module,)))

    def children(self) -> Iterator[Module]:
        """Yield the modules directly below this one."""
        return (child for _, child in self.named_children())

    def named_modules(
        self, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """Yield this module and all below it with their dotted names.

        Each comes once, under its first name, or with ``remove_duplicate=False`` under all.
        """
        return walk(self, Module, prefix, remove_duplicate)

    def modules(self) -> Iterator[Module]:
        """Yield this module and all below it, each once."""
        return (module for _, module in self.named_modules())

    def get_submodule(self, name: str) -> Module:
        """Return the module of a dotted name; "" is this one.

        Raises
        ------
        OdysseyError
            If there is none of that name.
        """
        found = dict(self.named_modules())
        if name not in found:
            raise OdysseyError(
                f"{type(self).__name__}: there is no module {name!r}{did_you_mean(name, found)}"
            )
        return found[name]

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """Yield the parameters of the tree, each once, with their dotted names."""
        return ((place.name, place.value) for place in once(tensors(self, (Parameter,))))

    def parameters(self) -> Iterator[Parameter]:
        """Yield the parameters of the tree, each once."""
        return (parameter for _, parameter in self.named_parameters())

    def named_buffers(self) -> Iterator[tuple[str, Buffer]]:
        """Yield the buffers of the tree, each once, with their dotted names."""
        return ((place.name, place.value) for place in once(tensors(self, (Buffer,))))

    def buffers(self) -> Iterator[Buffer]:
        """Yield the buffers of the tree, each once."""
        return (buffer for _, buffer in self.named_buffers())

    def apply(self, function: Callable[[Module], Any]) -> Self:
        """Call ``function`` on every module of the tree, each once, children first."""
        seen: set[int] = set()

        def visit(module: Module) -> None:
            if id(module) not in seen:
                seen.add(id(module))
                for child in module.children():
                    visit(child)
                function(module)

        visit(self)
        return self

    # -- modes ----------------------------------------------------------------------------

    def train(self, mode: bool = True) -> Self:
        """Put the tree into training mode, or with False into evaluation mode."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Put the tree into evaluation mode."""
        return self.train(False)

    def requires_grad_(self, mode: bool = True) -> Self:
        """Let all parameters have gradients, or with False none."""
        for parameter in self.parameters():
            parameter.requires_grad = mode
        return self

    def freeze(self, pattern: str = "*") -> Self:
        """Let the parameters whose names match get no gradient.

        Parameters
        ----------
        pattern : str
            As in a shell: ``"features.*"`` are all below ``features``.

        Raises
        ------
        OdysseyError
            If no parameter has such a name.

        Examples
        --------
        >>> import odyssey as od
        >>> model = od.nn.Sequential(od.nn.Linear(4, 3), od.nn.Linear(3, 2)).freeze("0.*")
        >>> [name for name, p in model.named_parameters() if p.requires_grad]
        ['1.weight', '1.bias']
        """
        return self._set_requires_grad("freeze", pattern, False)

    def unfreeze(self, pattern: str = "*") -> Self:
        """Let the parameters whose names match have gradients again; see :meth:`freeze`."""
        return self._set_requires_grad("unfreeze", pattern, True)

    def _set_requires_grad(self, op: str, pattern: str, mode: bool) -> Self:
        own = dict(self.named_parameters())
        matching = [p for name, p in own.items() if fnmatchcase(name, pattern)]
        if own and not matching:
            raise OdysseyError(
                f"{op}: {type(self).__name__} has no parameter that matches {pattern!r}; "
                f"the first of its names is {next(iter(own))!r}"
            )
        for parameter in matching:
            parameter.requires_grad = mode
        return self

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for parameter in self.parameters():
            parameter.grad = None

    def to(self, dtype: Any) -> Self:
        """Convert all floating-point parameters and buffers, and the gradients, to a dtype.

        The tensors stay the same objects: an optimizer that has them keeps them.

        Raises
        ------
        DTypeError
            If ``dtype`` is not a floating one.
        """
        converted(tensors(self), dtype)
        return self

    # -- state ----------------------------------------------------------------------------

    def state_dict(self) -> dict[str, np.ndarray]:
        """Return the arrays of parameters and persistent buffers by dotted name.

        They share memory with the module. What is shared under several names stands
        under the first one.
        """
        return state_of(self)

    def load_state_dict(
        self, state: Mapping[str, np.ndarray | Tensor], strict: bool = True
    ) -> Unmatched:
        """Copy the values of ``state`` into parameters and buffers; all of them or none.

        Parameters
        ----------
        state : mapping of str to ndarray or Tensor
            Values are rounded to the dtypes that the module has.
        strict : bool, default True
            False leaves alone what ``state`` does not name, and ignores what it names
            in vain. A shape that does not fit is an error all the same.

        Returns
        -------
        Unmatched
            The names that were ``missing`` in ``state`` and those that were
            ``unexpected``; both empty if ``strict``.

        Raises
        ------
        FormatError
            If a name is missing or unexpected, or a shape or kind of numbers
            differs. The message lists all of them, and nothing is loaded.
        """
        return load_state(self, state, strict)

    # -- hooks ----------------------------------------------------------------------------

    def register_forward_pre_hook(self, hook: Callable[..., Any]) -> HookHandle:
        """Call ``hook(module, args)`` before each forward.

        What it returns, if not None, takes the place of the positional arguments.
        """
        return HookHandle(self._own_hooks().before, hook)

    def register_forward_hook(self, hook: Callable[..., Any]) -> HookHandle:
        """Call ``hook(module, args, output)`` after each forward.

        What it returns, if not None, takes the place of the output.

        Examples
        --------
        >>> import odyssey as od
        >>> layer = od.nn.ReLU()
        >>> with layer.register_forward_hook(lambda module, args, out: print(out.shape)):
        ...     _ = layer(od.ones((2, 3)))
        (2, 3)
        """
        return HookHandle(self._own_hooks().after, hook)

    def register_backward_hook(self, hook: Callable[..., Any]) -> HookHandle:
        """Call ``hook(module, grad)`` with the gradient of each output in backward.

        What it returns, if not None, takes the place of that gradient.
        """
        return HookHandle(self._own_hooks().backward, hook)

    def _own_hooks(self) -> Hooks:
        if self._hooks is None:
            self._hooks = Hooks()
        return self._hooks

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


def _locate(error: OdysseyError, module: Module) -> None:
    """Let the message of an error begin with the path from ``module`` to where it arose.

    Each module on the way out writes the path anew, from itself.
    """
    where = error.__dict__.setdefault("module", module)
    text = str(error).removeprefix(f"{type(module).__name__}: ")  # a setting names its layer itself
    told = error.__dict__.setdefault("told", text)
    path = next((name for name, one in module.named_modules() if one is where), "")
    root = type(module).__name__
    error.args = (f"{root}.{path}: {told}" if path else f"{root}: {told}", *error.args[1:])
