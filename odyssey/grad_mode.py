"""Whether operations are recorded: ``no_grad`` and ``enable_grad``."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

__all__ = ["enable_grad", "is_grad_enabled", "no_grad"]

_recording: ContextVar[bool] = ContextVar("odyssey_recording", default=True)


def is_grad_enabled() -> bool:
    """Return whether operations on tensors that require a gradient are recorded."""
    return _recording.get()


@contextlib.contextmanager
def no_grad() -> Iterator[None]:
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
    token = _recording.set(False)
    try:
        yield
    finally:
        _recording.reset(token)


@contextlib.contextmanager
def enable_grad() -> Iterator[None]:
    """Record again inside a :func:`no_grad` block."""
    token = _recording.set(True)
    try:
        yield
    finally:
        _recording.reset(token)
