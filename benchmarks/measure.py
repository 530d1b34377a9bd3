"""Measure a case: the times of all contestants, the share of the peak, the errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.case import FORWARD, Case, Goal
from benchmarks.machine import Peak, set_threads
from benchmarks.timing import Budget, Times, interleave

__all__ = ["Result", "error", "flatten", "measure"]


@dataclass(frozen=True)
class Result:
    """One line of the table. Ratios above 1: odyssey is faster."""

    family: str
    name: str
    direction: str
    dtype: str
    threads: int
    times: dict[str, Times]
    """Of ``odyssey``, ``odyssey float32`` (for float16), and PyTorch's ways by name."""
    pytorch: str
    """Its fastest way."""
    ratio: float
    """PyTorch's time by odyssey's, of the minima."""
    ratio_median: float
    ratio_single: float | None
    """The time of odyssey in float32 by that in float16."""
    gflops: float
    gflops_pytorch: float
    gbytes: float
    intensity: float | None
    """Floating-point operations for each byte that has to be moved."""
    share: float | None
    """Of what the machine can do, by its arithmetic or its memory, whichever takes longer."""
    error: float | None
    """Largest difference from float64 truth, relative to the largest number of that output."""
    error_pytorch: float | None
    least: float | None
    """The ratio that is wanted at least."""


def measure(
    family: str,
    case: Case,
    goal: Goal,
    dtype: str,
    torch: Any,
    peaks: dict[int, Peak],
    budget: Budget,
    interleaved: Callable[..., dict[str, Times]] = interleave,
) -> Iterator[Result]:
    """Measure a case with every thread count that `peaks` has.

    Parameters
    ----------
    family : str
    case : Case
    goal : Goal
        Of the family.
    dtype : str
    torch : module
    peaks : dict of int to Peak
    budget : Budget
    interleaved : callable
        :func:`benchmarks.timing.interleave`, or another for a test.

    Yields
    ------
    result : Result
    """
    contestants = {"odyssey": case.odyssey}
    if case.single is not None:
        contestants["odyssey float32"] = case.single
    contestants |= {f"pytorch {name}".strip(): way for name, way in case.pytorch.items()}
    errors = _errors(case, dtype)
    # A forward alone costs PyTorch least when it knows that no backward will follow.
    alone = case.direction == FORWARD and not case.recorded
    for threads, peak in peaks.items():
        set_threads(threads, torch)
        with torch.inference_mode() if alone else nullcontext():
            times = interleaved(contestants, budget)
        yield _result(family, case, goal, dtype, threads, times, peak, errors)


def _result(
    family: str,
    case: Case,
    goal: Goal,
    dtype: str,
    threads: int,
    times: dict[str, Times],
    peak: Peak,
    errors: tuple[float | None, float | None],
) -> Result:
    mine = times["odyssey"]
    ways = {name: each for name, each in times.items() if name.startswith("pytorch")}
    best = min(ways, key=lambda name: ways[name].minimum)
    single = times.get("odyssey float32")
    moved = case.reads + case.writes
    bound = peak.seconds(dtype, case.flops, case.reads, case.writes, case.in_place)
    return Result(
        family=family,
        name=case.name,
        direction=case.direction,
        dtype=dtype,
        threads=threads,
        times=times,
        pytorch=best,
        ratio=ways[best].minimum / mine.minimum,
        ratio_median=min(way.median for way in ways.values()) / mine.median,
        ratio_single=single.minimum / mine.minimum if single else None,
        gflops=case.flops / mine.minimum / 1e9,
        gflops_pytorch=case.flops / ways[best].minimum / 1e9,
        gbytes=moved / mine.minimum / 1e9,
        intensity=case.flops / moved if moved else None,
        share=bound / mine.minimum if bound else None,
        error=errors[0],
        error_pytorch=errors[1],
        least=goal.least if case.least is None else case.least,
    )


def _errors(case: Case, dtype: str) -> tuple[float | None, float | None]:
    """Return odyssey's error, and the smallest one of PyTorch's ways."""
    if case.truth is None:
        return None, None
    truth = flatten(case.truth())
    mine = error(flatten(case.odyssey()), truth)
    if dtype == "float64" and not case.independent:
        return mine, None
    return mine, min(error(flatten(way()), truth) for way in case.pytorch.values())


def flatten(results: Any) -> list[np.ndarray]:
    """Return the arrays of nested results, without what is None."""
    if results is None:
        return []
    if isinstance(results, tuple | list):
        return [array for one in results for array in flatten(one)]
    if hasattr(results, "detach"):
        results = results.detach().numpy()
    return [np.asarray(results)]


def error(results: Sequence[np.ndarray], truth: Sequence[np.ndarray]) -> float:
    """Return the largest error of any output, relative to that output's largest number."""
    errors = [0.0]
    for got, true in zip(results, truth, strict=True):
        if got.shape != true.shape:
            raise ValueError(f"a result has shape {got.shape}, the truth {true.shape}")
        if true.size:
            difference = np.abs(got.astype(np.float64) - true).max()
            errors.append(float(difference / max(np.abs(true).max(), 1e-300)))
    return float(np.max(errors))  # NaN if any is
