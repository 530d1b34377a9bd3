"""Which kernel runs: the one look-up between an operation and its two kernels.

Every kernel exists twice under one name, in :mod:`odyssey.reference` and in
:mod:`odyssey.fast`. Which of the two runs is decided here and nowhere else:

1. :func:`use_backend`, for a ``with`` block of one thread or async task, for
   all kernels or for single ones;
2. else :func:`set_backend`, for the process;
3. else the environment variable ``ODYSSEY_BACKEND``;
4. else the fast kernels.

Backward runs on the backend of its forward: the tape remembers the
:class:`Selection` of each node.
"""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

from odyssey import fast, reference
from odyssey.errors import OdysseyError
from odyssey.utils.choices import did_you_mean

__all__ = ["BACKENDS", "Selection", "get_backend", "kernel", "set_backend", "use_backend"]

BACKENDS = ("fast", "reference")


class Selection:
    """A backend for every kernel, and exceptions to it.

    Parameters
    ----------
    name : {"fast", "reference"}
        The backend of every kernel that ``overrides`` does not name.
    overrides : dict of str to str
        Kernel name to backend; an override holds for the kernel's backward too.
    """

    __slots__ = ("name", "overrides", "table")

    def __init__(self, name: str, overrides: dict[str, str]) -> None:
        self.name = _checked(name)
        self.overrides = overrides
        tables = {"reference": _REFERENCE, "fast": fast.KERNELS or _WarnOnce(_REFERENCE)}
        self.table: dict[str, Callable[..., Any]] = tables[name]
        if overrides:
            self.table = {kernel: self.table[kernel] for kernel in _REFERENCE}
            for kernel, backend in overrides.items():
                _check_kernel(kernel)
                for twin in (kernel, f"{kernel}_backward"):
                    if twin in _REFERENCE:
                        self.table[twin] = tables[_checked(backend)][twin]

    def __repr__(self) -> str:
        overrides = "".join(f", {name}={value!r}" for name, value in self.overrides.items())
        return f"Selection({self.name!r}{overrides})"


class _WarnOnce(dict[str, Callable[..., Any]]):
    """The reference kernels in the place of fast ones that were never built.

    It says so once, at the first kernel that is looked up, because a slow
    program without a reason given is a riddle.
    """

    warned = False

    def __getitem__(self, name: str) -> Callable[..., Any]:
        if not _WarnOnce.warned:
            _WarnOnce.warned = True
            warnings.warn(
                "odyssey: this installation has no compiled kernels (ODYSSEY_NO_EXT=1), so the "
                "readable reference kernels run instead; they are much slower",
                RuntimeWarning,
                stacklevel=3,
            )
        return super().__getitem__(name)


_REFERENCE: dict[str, Callable[..., Any]] = {
    name: getattr(reference, name) for name in reference.__all__
}


def _checked(name: str) -> str:
    if name not in BACKENDS:
        raise OdysseyError(f"backend: expected one of {', '.join(BACKENDS)}, got {name!r}")
    return name


def _check_kernel(name: str) -> None:
    if name not in _REFERENCE:
        hint = did_you_mean(name, _REFERENCE)
        raise OdysseyError(f"use_backend: there is no kernel named {name!r}{hint}")


_process = Selection(os.environ.get("ODYSSEY_BACKEND") or "fast", {})
_context: ContextVar[Selection | None] = ContextVar("odyssey_backend", default=None)
_of_context = _context.get  # bound once: an operation asks several times


def kernel(name: str) -> Callable[..., Any]:
    """Return the kernel ``name`` of the backend that is selected here and now."""
    return (_of_context() or _process).table[name]


def current() -> Selection:
    """Return the selection that holds here and now."""
    return _of_context() or _process


@contextlib.contextmanager
def selected(selection: Selection) -> Iterator[None]:
    """Run a block under ``selection``, which the tape remembered from a forward."""
    token = _context.set(selection)
    try:
        yield
    finally:
        _context.reset(token)


def set_backend(name: str) -> None:
    """Choose the backend of the whole process.

    Parameters
    ----------
    name : {"fast", "reference"}
        Blocks under :func:`use_backend` keep theirs.

    Raises
    ------
    OdysseyError
        If there is no such backend.
    """
    global _process
    _process = Selection(name, {})


def get_backend() -> str:
    """Return the name of the backend that is selected here and now.

    Examples
    --------
    >>> import odyssey as od
    >>> with od.use_backend("reference"):
    ...     od.get_backend()
    'reference'
    """
    return current().name


@contextlib.contextmanager
def use_backend(name: str | None = None, /, **overrides: str) -> Iterator[None]:
    """Choose the backend of a ``with`` block, for this thread or async task only.

    Parameters
    ----------
    name : {"fast", "reference"}, optional
        The backend of every kernel. Without it the enclosing choice stays and
        only ``overrides`` are added.
    **overrides : {"fast", "reference"}
        Single kernels by name; each covers its backward too.

    Raises
    ------
    OdysseyError
        If there is no such backend or kernel.

    Examples
    --------
    >>> import odyssey as od
    >>> with od.use_backend("fast", softmax="reference"):
    ...     y = od.core.softmax(od.ones((2, 3)))
    """
    if name is None:
        outer = current()
        selection = Selection(outer.name, {**outer.overrides, **overrides})
    else:
        selection = Selection(name, overrides)
    with selected(selection):
        yield
