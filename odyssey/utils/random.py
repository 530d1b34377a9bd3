"""The random numbers of the process: one generator, one seed.

Philox is counter-based: its streams do not depend on the machine, and a stream
can be split without overlap. ``np.random`` takes as long to import as half of
odyssey, so nothing here touches it before the first number is drawn.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from odyssey.utils.generator import Generator

__all__ = ["default_generator", "generator", "manual_seed"]


@functools.cache
def default_generator() -> Generator:
    """Return the process's generator; started from 0, or by :func:`manual_seed`."""
    return generator(0)


def generator(seed: int) -> Generator:
    """Return a generator of its own, started from ``seed``."""
    from odyssey.utils.generator import Generator

    return Generator(seed)


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
