"""A progress bar that knows when nobody watches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Protocol, TypeVar, cast

__all__ = ["ProgressBar", "progress"]

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")


class ProgressBar(Protocol[T_co]):
    """What `progress` returns: the iterable, and a place for a few figures beside the bar."""

    def __iter__(self) -> Iterator[T_co]:
        """Pass the items through."""

    def set_postfix(self, **figures: Any) -> None:
        """Show figures after the bar, for example ``loss=0.12``."""

    def close(self) -> None:
        """Take the bar away, after a loop that was left early."""


def progress(
    iterable: Iterable[T], total: int | None = None, description: str = ""
) -> ProgressBar[T]:
    """Show a bar on stderr while an iterable is consumed.

    It is quiet when stderr is not a terminal, so that logs stay readable, and
    leaves nothing behind when it is done.

    Parameters
    ----------
    iterable : iterable
        What to go through.
    total : int, optional
        How many items there are; ``len(iterable)`` if it has one.
    description : str
        Stands before the bar.

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
        disable=None,  # tqdm's word for "unless it is a terminal"
        leave=False,
        dynamic_ncols=True,
    )
    return cast("ProgressBar[T]", bar)
