"""Whether operations are recorded: ``no_grad`` and ``enable_grad``."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextvars import ContextVar, Token
from typing import Any

__all__ = ["enable_grad", "is_grad_enabled", "no_grad"]

recording: ContextVar[bool] = ContextVar("odyssey_recording", default=True)
"""The switch itself; every thread and async task has its own."""

_is_recording = recording.get  # bound once: every operation asks


def is_grad_enabled() -> bool:
    """Return whether operations on tensors that require a gradient are recorded."""
    return _is_recording()


class _Block:
    """A block in which the switch is on or off; also a decorator of functions."""

    def __init__(self, on: bool) -> None:
        self.on = on
        self.token: Token[bool]

    def __enter__(self) -> None:
        self.token = recording.set(self.on)

    def __exit__(self, *error: object) -> None:
        recording.reset(self.token)

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def inside(*args: Any, **kwargs: Any) -> Any:
            with _Block(self.on):  # a block of its own for every call: calls may overlap
                return function(*args, **kwargs)

        return inside


def no_grad() -> _Block:
    """Record nothing in this block; also works as a decorator.

    Examples
    --------
    >>> import odyssey as od
    >>> w = od.ones(3, requires_grad=True)
    >>> with od.no_grad():
    ...     y = w * 2
    >>> y.requires_grad
    False
    """
    return _Block(False)


def enable_grad() -> _Block:
    """Record again inside a :func:`no_grad` block."""
    return _Block(True)
