"""Combinators: modules made of other modules, side by side or around one another."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from odyssey import core
from odyssey.errors import DTypeError, ShapeError
from odyssey.nn._plain import check_axis
from odyssey.nn._settings import check_positive
from odyssey.nn.container import ModuleList
from odyssey.nn.module import Module
from odyssey.tensor import Tensor

__all__ = ["Concatenate", "Lambda", "Residual", "clone"]


class Residual(Module):
    r"""Add to the input what a module makes of it: :math:`y = s(x) + f(x)`.

    The gradient reaches what stands before it undiminished, whatever the module does
    to its own: that is what lets networks be deep.

    Parameters
    ----------
    module : Module
        f; it gives the shape that it is given, or that of the shortcut.
    shortcut : Module, optional
        s, the way around it; by default the input itself. A block that changes the
        number of channels has a convolution of size 1 there.

    Attributes
    ----------
    module : Module
    shortcut : Module or None

    Raises
    ------
    DTypeError
        If something that is not a Module is given.
    ShapeError
        If what is added has not one shape: it does not broadcast.

    References
    ----------
    .. [1] K. He, X. Zhang, S. Ren, J. Sun, "Deep residual learning for image
       recognition", arXiv:1512.03385.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.Residual(od.nn.ReLU())(od.tensor([-1.0, 2.0]))
    tensor([-1.,  4.])
    """

    def __init__(self, module: Module, shortcut: Module | None = None) -> None:
        self.module = _checked("Residual", "module", module)
        self.shortcut = None if shortcut is None else _checked("Residual", "shortcut", shortcut)

    def forward(self, x: Tensor) -> Tensor:
        around = x if self.shortcut is None else self.shortcut(x)
        through = self.module(x)
        if through.shape != around.shape:
            what = "x" if self.shortcut is None else type(self.shortcut).__name__
            raise ShapeError(
                f"{type(self.module).__name__} gives the shape {through.shape}, which "
                f"must be that of {what}, {around.shape}; a shortcut may change it"
            )
        return around + through


class Concatenate(Module):
    """Join what several modules make of one input; see :func:`odyssey.core.concatenate`.

    Parameters
    ----------
    *modules : Module
        At least one. Their results differ in length along the axis at most.
    axis : int
        The axis along which they are joined; by default the channels.

    Attributes
    ----------
    branches : ModuleList

    Raises
    ------
    DTypeError
        If something that is not a Module is among them.
    ShapeError
        If there is none, or the axis is no integer.

    References
    ----------
    .. [1] C. Szegedy et al., "Going deeper with convolutions", arXiv:1409.4842.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.Concatenate(od.nn.Linear(4, 2), od.nn.Linear(4, 3))(od.ones((8, 4))).shape
    (8, 5)
    """

    def __init__(self, *modules: Module, axis: int = 1) -> None:
        if not modules:
            raise ShapeError("Concatenate: there must be at least one module")
        self.axis = check_axis("Concatenate", axis)
        self.branches = ModuleList(
            _checked("Concatenate", f"argument {i}", module) for i, module in enumerate(modules)
        )

    def forward(self, x: Any) -> Tensor:
        return core.concatenate([branch(x) for branch in self.branches], self.axis)

    def extra_repr(self) -> str:
        return f"axis={self.axis}"


class Lambda(Module):
    """Make a layer of a function, to stand among others.

    It has no parameters: what a function has of them belongs into a module of its own.

    Parameters
    ----------
    function : callable
        Called with what the layer is called with. A model can be pickled if the
        function can: one that has a name at the top of a file.

    Raises
    ------
    DTypeError
        If it cannot be called.

    Examples
    --------
    >>> import odyssey as od
    >>> model = od.nn.Sequential(od.nn.Lambda(od.core.exp), od.nn.Lambda(lambda x: x.sum(1)))
    >>> model(od.zeros((2, 3)))
    tensor([3., 3.])
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        if not callable(function) or isinstance(function, Module):
            raise DTypeError(f"Lambda: function must be a function, got {type(function).__name__}")
        self.function = function

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)

    def extra_repr(self) -> str:
        return getattr(self.function, "__name__", type(self.function).__name__)


def clone(module: Module, n: int) -> ModuleList:
    """Return n copies of a module, which share nothing, in a list.

    All begin with the values of ``module``. Where each should draw its own, write
    ``ModuleList(make() for _ in range(n))``.

    Parameters
    ----------
    module : Module
        Not among the copies itself.
    n : int
        At least 1.

    Raises
    ------
    DTypeError
        If ``module`` is no Module.
    ShapeError
        If n is not a positive integer.

    Examples
    --------
    >>> import odyssey as od
    >>> layers = od.nn.clone(od.nn.Linear(4, 4), 3)
    >>> len(layers), layers[0].weight is layers[1].weight
    (3, False)
    """
    _checked("clone", "module", module)
    check_positive("clone", n=n)
    return ModuleList(copy.deepcopy(module) for _ in range(n))


def _checked(name: str, what: str, module: Any) -> Module:
    if not isinstance(module, Module):
        raise DTypeError(f"{name}: {what} must be a Module, got {type(module).__name__}")
    return module
