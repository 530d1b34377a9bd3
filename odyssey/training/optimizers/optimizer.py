"""What all optimizers share: parameter groups, state, and the walk over both."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from odyssey.errors import FormatError, OdysseyError
from odyssey.grad_mode import no_grad
from odyssey.tensor import Parameter, Tensor

__all__ = ["Optimizer"]


class Optimizer:
    """Base class: a subclass defines :meth:`update` for one parameter.

    Or :meth:`update_group` for many: one call of a kernel then does them all.

    Parameters
    ----------
    params : iterable of Parameter, or of dict
        A dict is a group: ``"params"`` and settings of its own.
    defaults : dict
        The settings of every group that does not name others.

    Attributes
    ----------
    groups : list of dict
        Settings, to be changed at will between steps, and ``"params"``.

    Raises
    ------
    OdysseyError
        If there are no parameters, one occurs twice, or a setting is unknown.
    """

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any]) -> None:
        given = list(params)
        if not given:
            raise OdysseyError(f"{type(self).__name__}: there are no parameters to optimize")
        groups = given if isinstance(given[0], dict) else [{"params": given}]
        self.groups: list[dict[str, Any]] = []
        self.state: dict[int, dict[str, Any]] = {}  # by the parameter's number
        seen: set[int] = set()
        for group in groups:
            unknown = group.keys() - defaults.keys() - {"params"}
            if unknown:
                raise OdysseyError(
                    f"{type(self).__name__}: unknown setting {min(unknown)!r}; "
                    f"settings are {', '.join(defaults)}"
                )
            members = list(group["params"])
            for parameter in members:
                if not isinstance(parameter, Tensor):
                    raise OdysseyError(
                        f"{type(self).__name__}: params must be Parameters, "
                        f"got {type(parameter).__name__}"
                    )
                if id(parameter) in seen:
                    raise OdysseyError(f"{type(self).__name__}: a parameter occurs twice")
                seen.add(id(parameter))
            self.groups.append({**defaults, **group, "params": members})

    def _numbered(self) -> Iterator[tuple[int, Parameter, dict[str, Any]]]:
        """Yield every parameter with its number and its group."""
        number = 0
        for group in self.groups:
            for parameter in group["params"]:
                yield number, parameter, group
                number += 1

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for group in self.groups:
            for parameter in group["params"]:
                parameter.grad = None

    def step(self) -> None:
        """Update every parameter that has a gradient, in place."""
        name, number = type(self).__name__, 0
        with no_grad():
            for group in self.groups:
                params, grads, states = [], [], []
                for parameter in group["params"]:
                    grad = parameter.grad
                    if grad is not None:
                        parameter._before_write(name)
                        params.append(parameter.data)
                        grads.append(grad.data)
                        states.append(self.state.setdefault(number, {}))
                    number += 1
                self.update_group(params, grads, states, group)

    def update_group(
        self,
        params: list[np.ndarray],
        grads: list[np.ndarray],
        states: list[dict[str, Any]],
        group: dict[str, Any],
    ) -> None:
        """Update the arrays of a group's parameters in place, those that have a gradient."""
        for param, grad, state in zip(params, grads, states, strict=True):
            self.update(param, grad, state, group)

    def update(
        self, param: np.ndarray, grad: np.ndarray, state: dict[str, Any], group: dict[str, Any]
    ) -> None:
        """Update one parameter's array in place; ``state`` is empty at its first step."""
        raise OdysseyError(f"{type(self).__name__}: an optimizer must define update")

    def state_dict(self) -> dict[str, np.ndarray]:
        """Return the state as arrays by the name ``NUMBER.KEY``; settings are not in it."""
        return {
            f"{number}.{key}": np.asarray(value)
            for number, state in self.state.items()
            for key, value in state.items()
        }

    def load_state_dict(self, state: dict[str, np.ndarray]) -> None:
        """Take over a state that :meth:`state_dict` gave.

        Raises
        ------
        FormatError
            If a name is not of the form ``NUMBER.KEY`` or has no parameter, or
            if an array does not have its parameter's shape.
        """
        parameters = {number: parameter for number, parameter, _ in self._numbered()}
        loaded: dict[int, dict[str, Any]] = {}
        for name, array in state.items():
            number, _, key = name.partition(".")
            parameter = parameters.get(int(number)) if number.isdecimal() and key else None
            if parameter is None:
                raise FormatError(
                    f"{type(self).__name__}: the state names {name!r}, but there are "
                    f"{len(parameters)} parameters"
                )
            array = np.array(array)
            if array.ndim and array.shape != parameter.shape:
                raise FormatError(
                    f"{type(self).__name__}: {name} has shape {array.shape} "
                    f"but its parameter has {parameter.shape}"
                )
            value = array if array.ndim or not parameter.ndim else array.item()
            loaded.setdefault(int(number), {})[key] = value
        self.state = loaded


def split(keys: list[Any], *lists: list[Any]) -> Iterator[tuple[Any, ...]]:
    """Yield each distinct key and, of every list, the members whose key it is.

    Examples
    --------
    >>> list(split([1, 2, 1], ["a", "b", "c"]))
    [(1, ['a', 'c']), (2, ['b'])]
    """
    distinct = dict.fromkeys(keys)
    if len(distinct) == 1:  # nearly always: all parameters have come equally far
        yield (keys[0], *lists)
        return
    for key in distinct:
        yield (
            key,
            *([x for x, own in zip(one, keys, strict=True) if own == key] for one in lists),
        )


def state_dtype(param: np.ndarray) -> np.dtype[Any]:
    """Return the dtype of an optimizer's state: float32 for half-precision parameters."""
    return np.result_type(param, np.float32)


def check_setting(op: str, name: str, value: float, low: float, high: float) -> None:
    """Raise unless ``low <= value < high``."""
    if not low <= value < high:
        raise OdysseyError(f"{op}: {name} must lie in [{low}, {high}), got {value!r}")
