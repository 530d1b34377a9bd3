"""Watching operations run: what a profiler, a counter or a drawing of a model is built on.

Whoever observes is shown an :class:`Event` for each operation that runs in its
``with`` block, forward and backward, and only in this thread or async task. The
operations that an operation itself calls belong to it and are not shown, nor are
those of the observer's own function; so at any moment at most one event is open,
and times, counts and bytes of the events add up.

Where nobody observes, an operation asks one C integer (``observe.pxd``).
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar, Token
from threading import Lock
from time import perf_counter
from typing import Any

from odyssey.operation import Operation

__all__ = ["Event", "observe"]


class Event:
    """One run of an operation.

    Attributes
    ----------
    operation : Operation
    name : str
        Of the operation, in both phases: ``"relu"``, not ``"relu_backward"``.
    phase : {"forward", "backward"}
    names : list of str
        The parameters: of the forward, or ``"grad"`` and the others of its rule.
    args : tuple
        Their values as the operation was given them, Tensors or arrays, defaults
        filled in. With ``names`` they are :attr:`arguments`.
    result
        What came out: a Tensor or array, or a tuple or list of them. In backward a
        tuple with the gradient, or None, for each of the operation's ``wrt``.
    saved : Saved or None
        What a forward kept for its backward besides arguments and result.
    node : Node or None
        The operation on the tape; None if it was not recorded. The events of its
        forward and its backward have the same one.
    begin, end : float
        Seconds, of :func:`time.perf_counter`. With the work of the tape, which is
        about a microsecond.
    """

    __slots__ = ("args", "begin", "end", "names", "node", "operation", "phase", "result", "saved")

    def __init__(
        self,
        phase: str,
        operation: Operation,
        names: list[str],
        args: tuple[Any, ...],
        node: Any = None,
    ) -> None:
        self.phase, self.operation, self.names, self.args = phase, operation, names, args
        self.node = node
        self.result: Any = None
        self.saved: Any = None
        self.begin = self.end = 0.0

    @property
    def name(self) -> str:
        """The name of the operation."""
        return self.operation.name

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.end - self.begin

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments by name."""
        return dict(zip(self.names, self.args, strict=True))

    @property
    def inputs(self) -> list[Any]:
        """The Tensors and arrays among the arguments, also those in lists."""
        return _arrays(self.args)

    @property
    def outputs(self) -> list[Any]:
        """The Tensors and arrays of the result, in a row."""
        return _arrays((self.result,))

    def __repr__(self) -> str:
        def shapes(arrays: list[Any]) -> str:
            return ", ".join(str(array.shape) for array in arrays)

        return f"<{self.phase} {self.name}: {shapes(self.inputs)} -> {shapes(self.outputs)}>"


def _arrays(values: Any) -> list[Any]:
    found: list[Any] = []
    for value in values:
        if isinstance(value, (list, tuple)):
            found += _arrays(value)
        elif hasattr(value, "shape") and hasattr(value, "dtype"):
            found.append(value)
    return found


class Switch:
    """How many blocks change how operations run, in the whole process: what each of them asks."""

    __slots__ = ("blocks",)

    def __init__(self) -> None:
        self.blocks = 0

    def add(self, count: int) -> None:
        """Count a block that begins, or with -1 one that ends."""
        with _counting:
            self.blocks += count


switch = Switch()
_counting = Lock()
_observers: ContextVar[tuple[observe, ...]] = ContextVar("odyssey_observers", default=())
_of_context = _observers.get  # bound once, as in grad_mode


def observers() -> tuple[observe, ...]:
    """Return who observes here and now, the outermost first."""
    return _of_context()


def show(event: Event, run: Callable[[Event], Any]) -> Any:
    """Return ``run(event)``, which sets the event's result, and show the event around it."""
    watching = observers()
    token = _observers.set(())
    try:
        for one in watching:
            if one.before is not None:
                one.before(event)
        event.begin = perf_counter()
        returned = run(event)
        event.end = perf_counter()
        for one in watching:
            one.callback(event)
    finally:
        _observers.reset(token)
    return returned


class observe:
    """Show each operation that runs in a ``with`` block to a function.

    Parameters
    ----------
    callback : callable
        Called with the :class:`Event` when the operation has run. An operation that
        raises does not get here.
    before : callable, optional
        Called with the same event before it runs; it has no result yet.

    Notes
    -----
    Blocks may be nested: each sees everything. An event holds the operation's Tensors:
    who keeps the events keeps the memory, and the graph. What is computed beside
    operations, such as the sum of gradients that meet in one tensor, is not seen
    (under ``create_graph`` that is an operation, too).

    Examples
    --------
    >>> import odyssey as od
    >>> from odyssey.observe import observe
    >>> w = od.ones((3, 2), requires_grad=True)
    >>> with observe(print):
    ...     loss = (od.ones((4, 3)) @ w).sum()
    ...     loss.backward()
    <forward matmul: (4, 3), (3, 2) -> (4, 2)>
    <forward sum: (4, 2) -> ()>
    <backward sum: () -> (4, 2)>
    <backward matmul: (4, 2), (4, 3), (3, 2) -> (3, 2)>

    A profiler in four lines:

    >>> from collections import defaultdict
    >>> seconds = defaultdict(float)
    >>> def note(event):
    ...     seconds[event.phase, event.name] += event.seconds
    >>> with observe(note):
    ...     (od.ones((4, 3)) @ w).sum().backward()
    >>> sorted(seconds)[0]
    ('backward', 'matmul')
    """

    def __init__(
        self,
        callback: Callable[[Event], Any],
        before: Callable[[Event], Any] | None = None,
    ) -> None:
        self.callback, self.before = callback, before
        self._tokens: list[Token[tuple[observe, ...]]] = []

    def __enter__(self) -> None:
        self._tokens.append(_observers.set((*_observers.get(), self)))
        switch.add(1)

    def __exit__(self, *error: object) -> None:
        switch.add(-1)
        _observers.reset(self._tokens.pop())
