"""Repeat contestants in turn and take the time of each.

A machine gets slower and faster while one measures: clocks, other processes,
memory that happens to lie badly. So contestants are not measured one after the
other, but A B A B ..., and what disturbs one disturbs the other. The minimum of
the repetitions is what the code costs; the median tells how steady it was.

Before each turn there is a pause: an OpenMP thread that has nothing left to do
spins for some milliseconds before it sleeps, and would take a core from the one
whose turn is next. Then some calls that do not count: caches hold what the other
has left there, and threads have to wake up. A call of many milliseconds does
without them.
"""

from __future__ import annotations

import dataclasses
import gc
import itertools
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

__all__ = ["QUICK", "Budget", "Times", "calibrate", "interleave"]

Function = Callable[[], object]


@dataclass(frozen=True)
class Budget:
    """How long to measure.

    Until there are `most` repetitions, or `fewest` and no time left, or two that
    took ten times as long as there was time.
    """

    turn: float = 2e-3
    """Seconds that a repetition's inner loop lasts at least."""
    pause: float = 6e-3
    """Seconds of rest before each turn."""
    fewest: int = 5
    most: int = 25
    seconds: float = 0.5
    """For one case, all contestants together."""

    def lasting(self, seconds: float) -> Budget:
        """Return this budget with more or less time, and as many more repetitions."""
        most = max(self.fewest, round(self.most * max(1.0, seconds / max(self.seconds, 1e-9))))
        return dataclasses.replace(self, seconds=seconds, most=most)


QUICK = Budget(turn=1e-5, pause=0.0, fewest=2, most=2, seconds=0.0)
"""For a look at whether everything runs; the figures mean nothing."""


@dataclass(frozen=True)
class Times:
    """What the repetitions of one contestant took, in seconds a call."""

    minimum: float
    median: float
    repetitions: int
    calls: int
    """In one repetition."""


def calibrate(
    function: Function, turn: float, clock: Callable[[], float] = time.perf_counter
) -> int:
    """Return how many calls last `turn` seconds, a power of 2.

    The first call is not counted: it sets up what later calls find.
    """
    function()
    calls = 1
    while _loop(function, calls, clock) < turn:
        calls *= 2
    return calls


def interleave(
    contestants: Mapping[str, Function],
    budget: Budget,
    clock: Callable[[], float] = time.perf_counter,
    sleep: Callable[[float], object] = time.sleep,
) -> dict[str, Times]:
    """Take the time of all contestants, in turn.

    Parameters
    ----------
    contestants : mapping of str to callable
    budget : Budget
    clock, sleep : callable
        As in :mod:`time`.

    Returns
    -------
    times : dict of str to Times
    """
    with _no_collection():
        calls = {name: calibrate(f, budget.turn, clock) for name, f in contestants.items()}
        seconds: dict[str, list[float]] = {name: [] for name in contestants}
        start = clock()
        for repetition in range(budget.most):
            spent = clock() - start
            if repetition >= budget.fewest and spent >= budget.seconds:
                break
            if repetition >= 2 and spent >= 10 * budget.seconds:
                break
            for name, function in contestants.items():
                sleep(budget.pause)
                if not seconds[name] or seconds[name][-1] < 10 * budget.turn:
                    _loop(function, max(1, calls[name] // 8), clock)
                seconds[name].append(_loop(function, calls[name], clock) / calls[name])
    return {
        name: Times(min(each), statistics.median(each), len(each), calls[name])
        for name, each in seconds.items()
    }


def _loop(function: Function, calls: int, clock: Callable[[], float]) -> float:
    """Return how long `calls` calls take. Going through a repeat costs less than a range."""
    start = clock()
    for _ in itertools.repeat(None, calls):
        function()
    return clock() - start


@contextmanager
def _no_collection() -> Iterator[None]:
    """Keep the garbage collector, which runs when it likes, out of the measurement."""
    was_enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
