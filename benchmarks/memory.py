"""How much memory a computation takes, and how it gets it.

Every figure comes from a process of its own, in which nothing else has left
memory behind. *Growth* is how much the process grew, at the worst moment of its
first call, over what it was with the inputs alone; buffers of C code are in it.
*Traced* is what NumPy says of its arrays, *pool* what odyssey's pool does.
*Faults* counts the pages that a call had to ask the system for once the process
was warm: each costs about as much time as the computation on that page.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import importlib
import multiprocessing
import resource
import time
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import odyssey as od
from benchmarks import machine, models, report
from benchmarks.case import Setting, kernel

__all__ = ["Memory", "Workload", "observe", "run"]

COUNTED = 4
"""Calls to warm up, and calls while faults are counted; one of each for what takes long."""


@dataclass(frozen=True)
class Workload:
    """A computation and its bytes; 0 where nobody counts them."""

    function: Callable[[], Any]
    inputs: int = 0
    results: int = 0
    """Outputs and gradients."""


@dataclass(frozen=True)
class Memory:
    """What a computation took, in bytes; None where it cannot be told."""

    name: str
    dtype: str
    side: str
    needed: int
    """Inputs, outputs and gradients: what cannot be done without."""
    growth: int | None
    share: float | None
    """Inputs and growth, relative to what is needed."""
    traced: int | None
    """The peak that NumPy's arrays had, of odyssey alone."""
    faults: float
    pool: dict[str, float]
    """What the counters of ``od.memory_stats()`` went up by in a call."""
    pool_peak: float | None


def matmul(setting: Setting, side: str) -> Workload:
    """Return a square product."""
    n = 16 if setting.quick else 1024
    a, b = setting.normal(n, n), setting.normal(n, n)
    if side == "pytorch":
        ta, tb = setting.tensor(a), setting.tensor(b)
        return Workload(lambda: ta @ tb, 2 * a.nbytes, a.nbytes)
    multiply = kernel("matmul")
    return Workload(lambda: multiply(a, b), 2 * a.nbytes, a.nbytes)


def conv2d(setting: Setting, side: str) -> Workload:
    """Return a convolution, forward and backward."""
    n, c, h = (2, 4, 5) if setting.quick else (32, 64, 32)
    arrays = [setting.normal(n, c, h, h), setting.normal(c, c, 3, 3), setting.normal(c)]
    grad = setting.normal(n, c, h, h)
    size = sum(array.nbytes for array in arrays) + grad.nbytes
    if side == "pytorch":
        torch = setting.torch
        leaves = [setting.tensor(array, grad=True) for array in arrays]
        their_grad = setting.tensor(grad)

        def both() -> Any:
            out = torch.nn.functional.conv2d(*leaves, padding=1)
            return out, torch.autograd.grad(out, leaves, their_grad)

        return Workload(both, size, size)
    x, weight, bias = arrays
    forward, backward = kernel("conv2d"), kernel("conv2d_backward")
    return Workload(
        lambda: (forward(x, weight, bias, 1, 1), backward(grad, x, weight, 1, 1)), size, size
    )


def training(number: int, setting: Setting, side: str) -> Workload:
    """Return one of the training steps of :mod:`benchmarks.models`."""
    chosen = models.trainings(setting.quick)[number]
    x = setting.normal(*chosen.shape)
    labels = setting.rng.integers(0, 10, len(x))
    model = models.my_model(chosen, setting.dtype)
    if side == "pytorch":
        theirs = models.same_weights(chosen, model, setting)
        return Workload(models.their_step(chosen, setting.torch, theirs, x, labels, {}))
    return Workload(models.my_step(chosen, model, x, labels))


WORKLOADS: dict[str, Callable[[Setting, str], Workload]] = {
    "matmul (1024,1024)x(1024,1024)": matmul,
    "conv2d (32,64,32x32)->64 3x3, forward+backward": conv2d,
    "MLP training step": lambda setting, side: training(0, setting, side),
    "LeNet-5 training step": lambda setting, side: training(1, setting, side),
}


def run(options: argparse.Namespace, torch: Any) -> int:
    """Measure all workloads, print a table, and write JSON if that is asked for."""
    threads = (options.threads or [1])[0]
    rows = [
        _in_a_process(name, dtype, side, threads, options.quick)
        for name in WORKLOADS
        if options.case in name
        for dtype in options.dtype or ["float16", "float32"]
        for side in (("odyssey", "pytorch") if torch else ("odyssey",))
    ]
    if not rows:
        raise ValueError(f"--case: no case has {options.case!r} in its name")
    description = machine.describe(torch)
    print(f"{description['cpu']}; odyssey {description['odyssey']} ({description['level']})\n")
    print(_table(rows))
    if options.json:
        report.write_json(options.json, description, {}, rows)
    return 0


def _in_a_process(name: str, dtype: str, side: str, threads: int, quick: bool) -> Memory:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(observe, (name, dtype, side, threads, quick))


def observe(name: str, dtype: str, side: str, threads: int, quick: bool) -> Memory:
    """Measure one workload in this process, which should be a fresh one."""
    torch = importlib.import_module("torch") if side == "pytorch" else None
    machine.set_threads(threads, torch)
    prepare = WORKLOADS[name]
    prepare(Setting(dtype, torch, quick=True), side).function()  # loads and sets up what is lazy
    workload = prepare(Setting(dtype, torch, quick), side)
    function = workload.function
    gc.collect()
    _give_back()

    before, can_reset = _resident("VmRSS"), _reset_peak()
    result = function()
    after = _resident("VmHWM")
    growth = after - before if can_reset and after and before else None
    del result

    start = time.perf_counter()
    tracemalloc.start()
    function()
    _, traced = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    calls = COUNTED if time.perf_counter() - start < 0.2 else 1
    for _ in range(calls):
        function()
    counters, faults = _pool(), _faults()
    for _ in range(calls):
        function()
    faulted = (_faults() - faults) / calls
    pool = {key: (value - counters[key]) / calls for key, value in _pool().items()}

    needed = workload.inputs + workload.results
    share = (workload.inputs + growth) / needed if growth is not None and needed else None
    mine = side == "odyssey"
    return Memory(
        name,
        dtype,
        side,
        needed,
        growth,
        share,
        traced if mine else None,
        faulted,
        pool if mine else {},
        counters.get("peak_allocated_bytes") if mine else None,
    )


def _resident(line: str) -> int | None:
    """Return the memory that the process holds (VmRSS), or has held at most (VmHWM)."""
    path = Path("/proc/self/status")
    if path.exists():
        for text in path.read_text().splitlines():
            if text.startswith(line + ":"):
                return int(text.split()[1]) * 1024
    return None


def _give_back() -> None:
    """Have the C library return free memory, which the computation would else find and reuse."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:  # glibc
        trim(0)


def _reset_peak() -> bool:
    """Forget what the process has held at most; Linux alone can."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def _faults() -> int:
    """Return how many pages the system has given to the process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def _pool() -> dict[str, float]:
    """Return the pool's counters; of an odyssey without a pool there are none."""
    stats: dict[str, Any] = getattr(od, "memory_stats", dict)()
    return {key: value for key, value in stats.items() if isinstance(value, int | float)}


def _table(rows: Sequence[Memory]) -> str:
    head = ["workload", "dtype", "side", "needed", "growth", "in all", "traced", "faults"]
    cells = [
        [
            row.name,
            row.dtype,
            row.side,
            _mega(row.needed or None),
            _mega(row.growth),
            "" if row.share is None else f"{row.share:.2f} x",
            _mega(row.traced),
            f"{row.faults:.0f}",
            _mega(row.pool_peak),
            "" if "hits" not in row.pool else f"{row.pool['hits']:.0f}",
            "" if "misses" not in row.pool else f"{row.pool['misses']:.0f}",
        ]
        for row in rows
    ]
    return report.table([*head, "pool", "hits", "misses"], cells, left=3)


def _mega(size: float | None) -> str:
    return "" if size is None else f"{size / 2**20:.2f} MiB"
