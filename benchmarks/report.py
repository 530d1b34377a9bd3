"""What the bench prints and writes: tables for people, JSON for programs."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.machine import Peak
from benchmarks.means import Summary
from benchmarks.measure import Result
from odyssey.cli._output import table

__all__ = ["result_table", "summary_table", "table", "write_json"]

SHORT = {"forward": "f", "forward+backward": "f+b"}


def result_table(results: Sequence[Result]) -> str:
    """Lay out results, a line each. A column that all of them leave empty is left out."""
    columns: dict[str, list[str]] = {
        "case": [result.name for result in results],
        "": [SHORT[result.direction] for result in results],
        "dtype": [result.dtype for result in results],
        "best of PyTorch": [
            result.pytorch.removeprefix("pytorch").strip() if len(_ways(result)) > 1 else ""
            for result in results
        ],
        "thr": [str(result.threads) for result in results],
        "µs": [_time(result.times["odyssey"].minimum) for result in results],
        "PyTorch": [_time(result.times[result.pytorch].minimum) for result in results],
        "ratio": [f"{result.ratio:.2f}" for result in results],
        "median": [f"{result.ratio_median:.2f}" for result in results],
        "/float32": [_number(result.ratio_single, ".2f") for result in results],
        "GFLOP/s": [_number(result.gflops or None, ".1f") for result in results],
        "GB/s": [_number(result.gbytes or None, ".1f") for result in results],
        "peak": [_number(result.share, ".0%") for result in results],
        "error": [_number(result.error, ".0e") for result in results],
        "PyTorch's": [_number(result.error_pytorch, ".0e") for result in results],
        "goal": [
            f"< {result.least:.2f}" if result.least and result.ratio < result.least else ""
            for result in results
        ],
    }
    filled = {head: cells for head, cells in columns.items() if any(cells)}
    left = sum(head in filled for head in ("case", "", "dtype", "best of PyTorch"))
    return table(list(filled), list(zip(*filled.values(), strict=True)), left=left)


def summary_table(summaries: Sequence[Summary]) -> str:
    """Lay out geometric means, a line for each family, direction, dtype and thread count."""
    rows = [
        [
            one.family,
            SHORT[one.direction],
            one.dtype,
            str(one.threads),
            str(one.count),
            f"{one.mean:.2f}",
            f"{one.mean_median:.2f}",
            _goal(one.mean, one.wanted_mean),
            f"{one.least:.2f}",
            _goal(one.least, one.wanted_least),
            one.worst,
        ]
        for one in summaries
    ]
    head = ["geometric means", "", "dtype", "thr", "cases", "mean", "median", "goal"]
    return table([*head, "least", "goal", "which"], rows, left=3)


def write_json(
    path: str,
    machine: Mapping[str, Any],
    peaks: Mapping[int, Peak],
    results: Sequence[Any],
    summaries: Sequence[Summary] = (),
) -> None:
    """Write all figures, in seconds and bytes a second, with the machine they come from."""
    content = {
        "machine": machine,
        "peaks": {threads: dataclasses.asdict(peak) for threads, peak in peaks.items()},
        "results": [dataclasses.asdict(result) for result in results],
        "summaries": [dataclasses.asdict(summary) for summary in summaries],
    }
    Path(path).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _ways(result: Result) -> list[str]:
    return [name for name in result.times if name.startswith("pytorch")]


def _time(seconds: float) -> str:
    """Return microseconds in three digits or more."""
    micro = seconds * 1e6
    return f"{micro:.2f}" if micro < 10 else f"{micro:.1f}" if micro < 100 else f"{micro:.0f}"


def _number(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)


def _goal(value: float, wanted: float | None) -> str:
    if wanted is None:
        return ""
    return f"{'>=' if value >= wanted else '<'} {wanted:.2f}"
