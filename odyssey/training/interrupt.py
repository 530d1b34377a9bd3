"""Ctrl-C and SIGTERM as a wish that is granted at the end of a step."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterable, Iterator
from types import FrameType, TracebackType
from typing import Any, Self, TypeVar

__all__ = ["StopOnSignal"]

T = TypeVar("T")


class StopOnSignal:
    """Note the first SIGINT or SIGTERM of a ``with`` block instead of dying of it.

    The second one acts as it always does, for those who cannot wait. A signal
    that the process was told to ignore (``nohup``) stays ignored. In a thread
    that is not the main one, where Python hands out no signals, nothing changes.

    Attributes
    ----------
    signum : signal.Signals or None
        The signal that came.

    Examples
    --------
    >>> with StopOnSignal() as stop:
    ...     for i in stop.until(range(100)):
    ...         if i == 2:
    ...             signal.raise_signal(signal.SIGTERM)
    >>> i, stop.signum.name
    (2, 'SIGTERM')
    """

    def __init__(self) -> None:
        self.signum: signal.Signals | None = None
        self._before: dict[signal.Signals, Any] = {}

    def until(self, items: Iterable[T]) -> Iterator[T]:
        """Pass items through until a signal has come."""
        iterator = iter(items)
        while self.signum is None:
            try:
                item = next(iterator)
            except StopIteration:
                return
            yield item

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for signum in (signal.SIGINT, signal.SIGTERM):
                if signal.getsignal(signum) not in (signal.SIG_IGN, None):
                    self._before[signum] = signal.signal(signum, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._restore()

    def _note(self, signum: int, frame: FrameType | None) -> None:
        self.signum = signal.Signals(signum)
        self._restore()

    def _restore(self) -> None:
        while self._before:
            signal.signal(*self._before.popitem())
