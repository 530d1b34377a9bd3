"""The machine: what it is, and how fast it can compute and move memory.

The peak is measured in the run that it is used in, because clocks and
neighbours differ from day to day. ``odyssey/_ext/_peak.pyx`` does the work,
here it is timed.
"""

from __future__ import annotations

import datetime as dt
import os
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import odyssey as od
from odyssey.environment import config_info

__all__ = ["Peak", "describe", "headline", "measure_peak", "set_threads", "usable_cpus"]

WORKING_SETS = tuple(2**power for power in (14, *range(16, 29)))
"""Bytes, all threads together: from a part of L1 to far beyond the last cache."""

KINDS = {"read": (0,), "copy": (0, 1), "triad": (0, 1, 2), "update": (0, 1, 0)}
"""What is done to memory, and on which arrays; triad is ``out = x + y / 2``, update writes to x."""

EFFORT, QUICK_EFFORT = (12, 8e-3), (3, 1e-3)
"""Repetitions, of which the best counts, and seconds for each."""


@dataclass(frozen=True)
class Peak:
    """The rates of one thread count; GFLOP/s by dtype, GB/s by kind and working set."""

    flops: dict[str, float]
    bandwidth: dict[str, dict[int, float]]

    def gflops(self, dtype: str) -> float:
        """Return the rate of multiply-adds; float16 is computed in float32."""
        return self.flops["float32" if dtype == "float16" else dtype]

    def gbytes(self, reads: float, writes: float, in_place: bool = False) -> float:
        """Return the rate at which so many bytes can be moved.

        Taken from the kind that is most like it, between the working sets next
        to it on a logarithmic scale. What is written `in_place` has been read.
        """
        share = writes / (reads + writes)
        kind = "read" if share < 0.1 else "triad" if share < 0.4 else "copy"
        working_set = reads if in_place else reads + writes
        sizes, rates = zip(
            *sorted(self.bandwidth["update" if in_place else kind].items()), strict=True
        )
        return float(np.interp(np.log(working_set), np.log(sizes), rates))

    def seconds(
        self, dtype: str, flops: float, reads: float, writes: float, in_place: bool = False
    ) -> float:
        """Return the time below which the machine cannot do this much: the roofline's roof."""
        computing = flops / self.gflops(dtype) / 1e9
        moved = reads + writes
        moving = moved / self.gbytes(reads, writes, in_place) / 1e9 if moved else 0.0
        return max(computing, moving)


def measure_peak(level: str, threads: int, repetitions: int, duration: float) -> Peak:
    """Measure the peak of this machine at an instruction-set level.

    Parameters
    ----------
    level : str
        ``odyssey.fast.LEVEL``
    threads : int
    repetitions : int
        The best one counts.
    duration : float
        Seconds that each shall last.
    """
    from odyssey._ext import _peak

    flops = {
        dtype: _rate(
            partial(_peak.multiply_add, level, dtype == "float64", threads=threads),
            # Two threads begin on one core and take a while to part.
            2 * repetitions,
            duration,
        )
        for dtype in ("float32", "float64")
    }
    most = max(WORKING_SETS)
    memory = _aligned(most // 8)
    bandwidth: dict[str, dict[int, float]] = {}
    for kind, places in KINDS.items():
        bandwidth[kind] = {}
        count = max(places) + 1
        for size in WORKING_SETS:
            length = size // 8 // count // 64 * 64
            arrays = [memory[at * length : (at + 1) * length] for at in places]
            # Which stores are faster depends on the size; a read has none.
            ways = (False,) if kind == "read" else (False, True)
            bandwidth[kind][size] = max(
                _rate(
                    partial(
                        _peak.transfer,
                        "triad" if kind == "update" else kind,
                        level,
                        arrays,
                        threads=threads,
                        stream=stream,
                    ),
                    max(1, repetitions // 3),
                    duration / 2,
                )
                for stream in ways
            )
    return Peak(flops, bandwidth)


def _rate(work: Callable[[int], int], repetitions: int, duration: float) -> float:
    """Return the best of 1e9 units of work a second; ``work(n)`` does n rounds of it."""
    rounds, seconds = 1, 0.0
    while True:
        start = time.perf_counter()
        work(rounds)
        seconds = time.perf_counter() - start
        if seconds >= duration / 2:
            break
        rounds *= 2
    best = 0.0
    for _ in range(repetitions):
        start = time.perf_counter()
        done = work(rounds)
        best = max(best, done / (time.perf_counter() - start))
    return best / 1e9


def _aligned(length: int) -> np.ndarray:
    """Return numbers that begin on a cache line.

    They are written here: memory that nobody has written to is one page of zeros
    for the system, and reading it means reading a cache.
    """
    memory = np.empty(length * 8 + 64, np.uint8)
    start = -memory.ctypes.data % 64
    numbers = memory[start : start + length * 8].view(np.float64)
    numbers.fill(1.0)
    return numbers


def usable_cpus() -> int:
    """Return how many processors this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def set_threads(threads: int, torch: Any = None) -> None:
    """Set the thread count of both sides; PyTorch's last, because odyssey sets that of BLAS."""
    od.set_num_threads(threads)
    if torch is not None:
        torch.set_num_threads(threads)


def describe(torch: Any = None) -> dict[str, Any]:
    """Return what the figures come from: processor, level, versions, date."""
    info = config_info()
    return {
        "date": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "cpu": _cpu_name(),
        "cores": usable_cpus(),
        "system": f"{platform.system()} {platform.release()}",
        "level": info["instruction set"],
        "odyssey": info["odyssey"],
        "compiler": info["compiler"],
        "python": platform.python_version(),
        "numpy": np.__version__,
        "pytorch": None if torch is None else torch.__version__,
        "pytorch_level": None if torch is None else torch.backends.cpu.get_cpu_capability(),
    }


def _cpu_name(path: str = "/proc/cpuinfo") -> str:
    if Path(path).exists():
        for line in Path(path).read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def headline(description: dict[str, Any], peaks: dict[int, Peak], dtypes: Sequence[str]) -> str:
    """Return the machine and its peak in a few lines."""
    versions = [f"odyssey {description['odyssey']} ({description['level']})"]
    if description["pytorch"]:
        versions.append(f"PyTorch {description['pytorch']} ({description['pytorch_level']})")
    lines = [f"{description['cpu']}, {description['cores']} cores; {', '.join(versions)}"]
    for threads, peak in peaks.items():
        rates = ", ".join(f"{peak.gflops(dtype):.0f} GFLOP/s {dtype}" for dtype in dtypes)
        reads = peak.bandwidth["read"]
        moved = ", ".join(f"{reads[size]:.0f}" for size in (2**14, 2**18, 2**23, 2**28))
        lines.append(
            f"peak, {threads} thread{'' if threads == 1 else 's'}: {rates}; "
            f"reading 16 KiB, 256 KiB, 8 MiB, 256 MiB: {moved} GB/s"
        )
        cores = peak.flops["float32"] / peaks[min(peaks)].flops["float32"] * min(peaks)
        if cores < 0.8 * min(threads, description["cores"]):
            lines.append(
                f"      {threads} threads computed as fast as {cores:.1f}: "
                "something else is running, their figures are of no use"
            )
    return "\n".join(lines)
