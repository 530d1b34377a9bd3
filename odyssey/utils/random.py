"""The random numbers of the process: one generator, one seed.

Philox is counter-based: its streams do not depend on the machine, and a stream
can be split without overlap. ``np.random`` takes as long to import as half of
odyssey, so nothing here touches it before the first number is drawn.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from odyssey.utils.generator import Generator

__all__ = [
    "current_generator",
    "default_generator",
    "drawing_from",
    "generator",
    "item_generator",
    "manual_seed",
]

_own: ContextVar[Generator | None] = ContextVar("_own", default=None)


@functools.cache
def default_generator() -> Generator:
    """Return the process's generator; started from 0, or by :func:`manual_seed`."""
    return generator(0)


def generator(seed: int) -> Generator:
    """Return a generator of its own, started from ``seed``."""
    from odyssey.utils.generator import Generator

    return Generator(seed)


def item_generator(seed: int, epoch: int, index: int) -> Generator:
    """Return the generator of one item of a dataset in one epoch, another one for each."""
    from odyssey.utils.generator import Generator

    # The sampler draws its order from the same key at counter 0.
    key, counter = np.array([seed, epoch], np.uint64), np.array([0, 0, index, 1], np.uint64)
    return Generator(np.random.Philox(key=key, counter=counter))


def manual_seed(seed: int) -> None:
    """Start the process's generator again from ``seed``.

    All that draws takes its numbers from it, unless it is given an ``rng`` of its
    own: a :class:`odyssey.Generator`, or one of NumPy's.

    Examples
    --------
    >>> import odyssey as od
    >>> od.manual_seed(1); a = od.randn(3)
    >>> od.manual_seed(1); b = od.randn(3)
    >>> bool((a == b).numpy().all())
    True
    """
    default_generator().bit_generator.state = np.random.Philox(seed).state


def current_generator() -> Generator:
    """Return the generator of the innermost `drawing_from`, or else the process's."""
    return _own.get() or default_generator()


@contextmanager
def drawing_from(generator: Generator) -> Iterator[None]:
    """Let what asks for :func:`current_generator` in a ``with`` block get this one.

    A loader gives each item a generator of its own, so that what is drawn for it does
    not depend on who loads it, or on what was loaded before.

    Examples
    --------
    >>> with drawing_from(generator(3)):
    ...     a = current_generator().random()
    >>> a == generator(3).random()
    True
    """
    token = _own.set(generator)
    try:
        yield
    finally:
        _own.reset(token)
