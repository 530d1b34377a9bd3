"""A progress bar that knows when nobody watches."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Any, Protocol, TypeVar, cast

__all__ = ["ProgressBar", "progress"]

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")


class ProgressBar(Protocol[T_co]):
    """What `progress` returns: the iterable, and a place for a few figures beside the bar."""

    disable: bool
    """Whether nobody watches, and nothing is shown."""

    def __iter__(self) -> Iterator[T_co]:
        """Pass the items through."""

    def set_postfix(self, **figures: Any) -> None:
        """Show figures after the bar, for example ``loss=0.12``."""

    def update(self, count: int) -> object:
        """Move the bar on, where nobody iterates over it."""

    def set_postfix_str(self, text: str) -> None:
        """Show a word after the bar in the place of figures."""

    def close(self) -> None:
        """Take the bar away, after a loop that was left early."""


def progress(
    iterable: Iterable[T] | None = None,
    total: int | None = None,
    description: str = "",
    start: int = 0,
    unit: str = "it",
) -> ProgressBar[T]:
    """Show a bar on stderr while an iterable is consumed.

    It is quiet when stderr is not a terminal, so that logs stay readable, and
    leaves nothing behind when it is done. It has a colour, unless the environment
    says `NO_COLOR <https://no-color.org>`_.

    Parameters
    ----------
    iterable : iterable, optional
        What to go through. Without one, ``bar.update(count)`` moves the bar.
    total : int, optional
        How many items there are; ``len(iterable)`` if it has one.
    description : str
        Stands before the bar.
    start : int
        How many items were done before, in another run.
    unit : str
        What the items are, in the figure of how many a second there are.

    Returns
    -------
    bar : ProgressBar
        Iterate over it; ``bar.set_postfix(loss=...)`` adds figures.

    Examples
    --------
    >>> sum(progress([1, 2, 3], description="adding"))
    6
    """
    from tqdm import tqdm  # type: ignore[import-untyped, unused-ignore]

    bar = tqdm(
        iterable,
        total=total,
        desc=description or None,
        initial=start,
        unit=unit,
        disable=None,  # tqdm's word for "unless it is a terminal"
        leave=False,
        dynamic_ncols=True,
        colour=None if os.environ.get("NO_COLOR") else "cyan",
    )
    return cast("ProgressBar[T]", bar)
