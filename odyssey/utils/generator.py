"""A stream of random numbers that can be split into others."""

from __future__ import annotations

from typing import Any

import numpy as np

from odyssey.errors import DTypeError, OdysseyError

__all__ = ["Generator"]


class Generator(np.random.Generator):
    """A stream of random numbers of its own, the same for the same seed on any machine.

    A NumPy generator (over Philox, which is counter-based) that can be split.
    Every argument ``rng`` takes one.

    Parameters
    ----------
    seed : int or numpy.random.BitGenerator
        At least 0; a bit generator is taken over as it stands.

    Raises
    ------
    DTypeError
        If it is neither.
    OdysseyError
        If it is negative.

    Examples
    --------
    >>> import odyssey as od
    >>> a, b = od.randn(3, rng=od.Generator(1)), od.randn(3, rng=od.Generator(1))
    >>> a.tolist() == b.tolist()
    True
    """

    def __init__(self, seed: Any) -> None:
        if isinstance(seed, np.random.BitGenerator):
            super().__init__(seed)
            return
        if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)):
            raise DTypeError(f"Generator: seed must be an integer, got {seed!r}")
        if seed < 0:
            raise OdysseyError(f"Generator: seed must be at least 0, got {seed}")
        super().__init__(np.random.Philox(seed))

    def split(self, n: int = 2) -> list[Generator]:
        """Return ``n`` generators whose streams are independent of each other and of this one.

        Their keys are the next numbers of this stream: after a split it goes on, so
        that a second split gives others, and the same seed gives the same ones again.

        Examples
        --------
        >>> import odyssey as od
        >>> first, second = od.Generator(0).split()
        >>> first.random() != second.random()
        True
        """
        if n < 0:
            raise OdysseyError(f"split: n must be at least 0, got {n}")
        keys = self.integers(2**64, size=(n, 2), dtype=np.uint64)
        return [Generator(np.random.Philox(key=key)) for key in keys]

    def __reduce__(self) -> Any:
        return Generator, (self.bit_generator,)
