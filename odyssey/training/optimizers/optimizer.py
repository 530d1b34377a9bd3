"""What all optimizers share: parameter groups, state, and the walk over both."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

import numpy as np

from odyssey.errors import FormatError, OdysseyError
from odyssey.grad_mode import enable_grad, no_grad
from odyssey.tensor import Parameter, Tensor

__all__ = ["Optimizer"]

POSITIVE = (0, math.inf)
"""The range of a setting that must not be negative."""

SHARE = (0, 1)
"""The range of a setting that says how much of an average is kept."""


class Optimizer:
    """Base class: a subclass defines :meth:`update` for one parameter.

    Or :meth:`update_group` for many: one call of a kernel then does them all. With a
    setting ``maximize`` that is true the gradients come to either with their sign changed.

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
        If there are no parameters, one occurs twice, or a setting is unknown or out of
        range, here or in a group.
    """

    limits: ClassVar[dict[str, Any]] = {}
    """The range [low, high) of each setting that has one; a list of them for a tuple."""

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any]) -> None:
        self.check(defaults)
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
            self.check(self.groups[-1])

    def check(self, settings: Mapping[str, Any]) -> None:
        """Raise unless all settings are in their ranges; a subclass may ask for more."""
        op = type(self).__name__
        for name, limits in self.limits.items():
            value = settings[name]
            if not isinstance(limits, list):
                check_setting(op, name, value, *limits)
                continue
            if not isinstance(value, (tuple, list)) or len(value) != len(limits):
                raise OdysseyError(f"{op}: {name} must be {len(limits)} numbers, got {value!r}")
            for i, (one, (low, high)) in enumerate(zip(value, limits, strict=True)):
                check_setting(op, f"{name}[{i}]", one, low, high)

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

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient, in place.

        Parameters
        ----------
        closure : callable, optional
            Called first: it computes the loss and the gradients.

        Returns
        -------
        loss
            What the closure returned, if there is one.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        name, number = type(self).__name__, 0
        with no_grad(), np.errstate(all="ignore"):
            for group in self.groups:
                params, grads, states = [], [], []
                for parameter in group["params"]:
                    grad = parameter.grad
                    if grad is not None:
                        parameter._before_write(name)
                        params.append(parameter.data)
                        slope = grad.data
                        grads.append(np.asarray(-slope) if group.get("maximize") else slope)
                        states.append(self.state.setdefault(number, {}))
                    number += 1
                self.update_group(params, grads, states, group)
        return loss

    def update_group(
        self,
        params: list[np.ndarray],
        grads: list[np.ndarray],
        states: list[dict[str, Any]],
        group: dict[str, Any],
    ) -> None:
        """Update the arrays of a group's parameters in place, those that have a gradient."""
        for param, grad, state in zip(params, grads, states, strict=True):
            with in_single(param, grad) as (wide, wide_grad):
                self.update(wide, wide_grad, state, group)

    def update(
        self, param: np.ndarray, grad: np.ndarray, state: dict[str, Any], group: dict[str, Any]
    ) -> None:
        """Update one parameter's array in place; ``state`` is empty at its first step.

        Half precision comes here as float32, and is rounded once when the step is done.
        """
        raise OdysseyError(f"{type(self).__name__}: an optimizer must define update")

    def state_shape(self, key: str, parameter: Parameter) -> tuple[int, ...]:
        """Return the shape that an array of the state has: that of its parameter."""
        return parameter.shape

    def state_dict(self) -> dict[str, Any]:
        """Return name, settings and state: all that continues the optimization.

        ``{"name": ..., "groups": [settings, ...], "state": {NUMBER: {KEY: value}}}``, the
        parameters by their numbers in the order in which they were given.
        """
        return {
            "name": type(self).__name__,
            "groups": [
                {name: value for name, value in group.items() if name != "params"}
                for group in self.groups
            ],
            "state": {str(number): dict(state) for number, state in self.state.items()},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over a state that :meth:`state_dict` gave; the settings are part of it.

        Raises
        ------
        FormatError
            If it is of another optimizer, of other groups or parameters, or if an array
            does not have its parameter's shape. Then nothing is loaded.
        """
        name = type(self).__name__
        parameters = {number: parameter for number, parameter, _ in self._numbered()}
        if state.get("name") != name:
            raise FormatError(f"{name}: the state is of the optimizer {state.get('name')}")
        groups = state.get("groups")
        if not isinstance(groups, list) or len(groups) != len(self.groups):
            raise FormatError(
                f"{name}: the state has other parameter groups than the {len(self.groups)} here"
            )
        loaded: dict[int, dict[str, Any]] = {}
        for number, values in dict(state.get("state") or {}).items():
            parameter = parameters.get(int(number)) if str(number).isdecimal() else None
            if parameter is None:
                raise FormatError(
                    f"{name}: the state names the parameter {number!r}, but there are "
                    f"{len(parameters)}"
                )
            for key, value in values.items():
                shape = self.state_shape(key, parameter)
                for one in value if isinstance(value, list) else [value]:
                    if np.ndim(one) and np.shape(one) != shape:
                        raise FormatError(
                            f"{name}: {number}.{key} has shape {np.shape(one)} "
                            f"but its parameter has {parameter.shape}"
                        )
            loaded[int(number)] = {key: copied(value) for key, value in values.items()}
        self.state = loaded
        for own, saved in zip(self.groups, groups, strict=True):
            own |= {k: tuple(v) if isinstance(v, list) else v for k, v in saved.items()}


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


def copied(value: Any) -> Any:
    """Return a value of the state of its own: arrays and lists of them change in place."""
    if isinstance(value, list):
        return [copied(one) for one in value]
    return np.array(value, order="C") if isinstance(value, np.ndarray) else value


@contextmanager
def in_single(param: np.ndarray, grad: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Lend both in the dtype of the state, as one block of memory, and write the first back."""
    dtype = state_dtype(param)
    wide = param.astype(dtype, order="C", copy=False)
    yield wide, grad.astype(dtype, order="C", copy=False)
    if wide is not param:
        param[...] = wide


def state_dtype(param: np.ndarray) -> np.dtype[Any]:
    """Return the dtype of an optimizer's state: float32 for half-precision parameters."""
    return np.result_type(param, np.float32)


def check_setting(op: str, name: str, value: float, low: float, high: float) -> None:
    """Raise unless ``low <= value < high``."""
    if not (isinstance(value, numbers.Real) and low <= value < high):
        raise OdysseyError(f"{op}: {name} must lie in [{low}, {high}), got {value!r}")
