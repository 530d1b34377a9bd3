"""Geometric means: of a family's ratios, and of those means."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.case import Goal
from benchmarks.measure import Result

__all__ = ["Summary", "geometric_mean", "summaries"]


@dataclass(frozen=True)
class Summary:
    """The ratios of one family, or of all, in one direction."""

    family: str
    direction: str
    dtype: str
    threads: int
    count: int
    mean: float
    mean_median: float
    """The geometric mean of the ratios of medians."""
    least: float
    worst: str
    """The case with the least ratio."""
    wanted_mean: float | None = None
    wanted_least: float | None = None


def geometric_mean(values: Iterable[float]) -> float:
    """Return the n-th root of a product, the mean for ratios: of 2 and 1/2 it is 1.

    Examples
    --------
    >>> geometric_mean([2.0, 0.5])
    1.0
    """
    logarithms = [math.log(value) for value in values]
    if not logarithms:
        raise ValueError("the geometric mean of nothing")
    return math.exp(math.fsum(logarithms) / len(logarithms))


def summaries(results: Sequence[Result], goals: Mapping[str, Goal]) -> list[Summary]:
    """Return a line for each family, direction, dtype and thread count, then those of all families.

    A family counts once in the mean of all, however many cases it has.
    """
    groups: dict[tuple[str, str, str, int], list[Result]] = {}
    for result in results:
        key = (result.family, result.direction, result.dtype, result.threads)
        groups.setdefault(key, []).append(result)
    lines = []
    for (family, direction, dtype, threads), group in groups.items():
        worst = min(group, key=lambda result: result.ratio)
        goal = goals.get(family, Goal())
        lines.append(
            Summary(
                family,
                direction,
                dtype,
                threads,
                len(group),
                geometric_mean(result.ratio for result in group),
                geometric_mean(result.ratio_median for result in group),
                worst.ratio,
                worst.name,
                goal.means.get(direction),
                goal.least,
            )
        )
    return lines + _of_all(lines)


def _of_all(lines: Sequence[Summary]) -> list[Summary]:
    groups: dict[tuple[str, str, int], list[Summary]] = {}
    for line in lines:
        groups.setdefault((line.direction, line.dtype, line.threads), []).append(line)
    totals = []
    for (direction, dtype, threads), group in groups.items():
        if len(group) > 1:
            worst = min(group, key=lambda line: line.least)
            totals.append(
                Summary(
                    "all families",
                    direction,
                    dtype,
                    threads,
                    len(group),
                    geometric_mean(line.mean for line in group),
                    geometric_mean(line.mean_median for line in group),
                    worst.least,
                    f"{worst.family} {worst.worst}",
                )
            )
    return totals
