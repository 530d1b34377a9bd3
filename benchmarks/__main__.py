"""The command line: ``python -m benchmarks kernels|ops|layers|models|trainer|memory``.

Exit code 0 when everything was measured, whatever the figures; 2 when it could
not be, with the reason on stderr.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import os
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

COMMANDS = {
    "kernels": "the kernels, by family",
    "ops": "small operations on the tape: what recording costs",
    "layers": "layers, forward and backward",
    "models": "whole training steps",
    "trainer": "what Trainer and its callbacks cost beside a bare loop",
    "memory": "peak memory, page faults",
}

DTYPES = ("float16", "float32", "float64")

# Environment variables that hold both sides to AVX2; they are read when the libraries are loaded.
AVX2 = {
    "ODYSSEY_CPU": "v3",
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the bench and return the exit code."""
    options = parser().parse_args(argv)
    if options.level == "avx2" and any(os.environ.get(name) != AVX2[name] for name in AVX2):
        words = list(sys.argv[1:] if argv is None else argv)
        os.execve(
            sys.executable, [sys.executable, "-m", "benchmarks", *words], {**os.environ, **AVX2}
        )
    try:
        return run(options)
    except (ImportError, ValueError, OSError) as error:
        print(f"benchmarks: {' '.join(str(error).split())}", file=sys.stderr)
        return 2


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    commands = "; ".join(f"{name}: {text}" for name, text in COMMANDS.items())
    found = argparse.ArgumentParser(
        prog="python -m benchmarks", description=f"Measure odyssey against PyTorch. {commands}."
    )
    found.add_argument("command", choices=COMMANDS)
    found.add_argument("--dtype", type=words, help=f"of {','.join(DTYPES)}")
    found.add_argument("--threads", type=counts, help="thread counts, such as 1,2")
    found.add_argument("--only", type=words, help="families, such as matmul,linear")
    found.add_argument("--case", default="", help="only cases with this text in their name")
    found.add_argument("--json", metavar="FILE", help="write all figures there")
    found.add_argument("--plot", metavar="FILE", help="draw the roofline there")
    found.add_argument("--level", choices=["avx2"], help="hold both sides to AVX2")
    found.add_argument("--seconds", type=float, help="for each case, all contestants together")
    found.add_argument("--quick", action="store_true", help="tiny sizes: only to see that it runs")
    return found


def words(text: str) -> list[str]:
    """Split at commas."""
    return [word for word in text.split(",") if word]


def counts(text: str) -> list[int]:
    """Split at commas, into positive numbers."""
    numbers = [int(word) for word in words(text)]
    if not numbers or min(numbers) < 1:
        raise argparse.ArgumentTypeError(f"needs positive numbers, got {text!r}")
    return numbers


def run(options: argparse.Namespace) -> int:
    """Measure what `options` ask for."""
    torch = load_torch(needed=options.command not in ("memory", "trainer"))
    from odyssey import fast

    if not fast.LEVEL:
        raise ImportError(
            "this odyssey has no compiled kernels (it was installed with ODYSSEY_NO_EXT=1); "
            "there is nothing to measure"
        )
    for dtype in options.dtype or ():
        if dtype not in DTYPES:
            raise ValueError(f"--dtype: expected some of {','.join(DTYPES)}, got {dtype!r}")
    for path in (options.json, options.plot):
        if path and not os.path.isdir(os.path.dirname(os.path.abspath(path))):
            raise ValueError(f"there is no folder for {path}")
    if options.plot and options.command != "kernels":
        raise ValueError(f"--plot: draws kernels, {options.command} has none")
    if options.command == "memory":
        from benchmarks import memory

        return memory.run(options, torch)
    if options.command == "trainer":
        from benchmarks import trainer

        return trainer.run(options)
    return compare(options, torch)


def load_torch(needed: bool) -> ModuleType | None:
    """Import PyTorch, before odyssey.

    Both use GCC's OpenMP runtime, and which of the two comes first sets for how
    long waiting threads spin. odyssey asks for a few microseconds; PyTorch is
    faster with the default, so it gets what it would have in a process of its own.
    """
    if importlib.util.find_spec("torch") is None:
        if not needed:
            return None
        raise ImportError(
            "PyTorch, which this compares with, is not installed: pip install -e '.[bench]'"
        )
    return importlib.import_module("torch")


def compare(options: argparse.Namespace, torch: Any) -> int:
    """Measure cases of kernels, ops, layers or models against PyTorch."""
    from benchmarks import machine, report, roofline
    from benchmarks.case import Setting
    from benchmarks.means import summaries
    from benchmarks.measure import measure
    from benchmarks.timing import QUICK, Budget
    from odyssey import fast

    families = chosen_families(options)
    kernels = options.command == "kernels"
    dtypes = options.dtype or (["float32", "float64"] if kernels else ["float32"])
    threads = options.threads or sorted({1, machine.usable_cpus()})
    budget = QUICK if options.quick else Budget()
    if options.seconds is not None:
        budget = budget.lasting(options.seconds)
    effort = machine.QUICK_EFFORT if options.quick else machine.EFFORT
    description = machine.describe(torch)
    peaks = {count: machine.measure_peak(str(fast.LEVEL), count, *effort) for count in threads}
    print(machine.headline(description, peaks, dtypes), flush=True)
    results = []
    for family, module in families.items():
        measured = [
            result
            for dtype in dtypes
            for case in module.cases(Setting(dtype, torch, options.quick))
            if options.case in case.name
            for result in measure(family, case, module.GOAL, dtype, torch, peaks, budget)
        ]
        if measured:
            print(f"\n{family}\n{report.result_table(measured)}", flush=True)
        results += measured
    if not results:
        raise ValueError(f"--case: no case has {options.case!r} in its name")
    means = summaries(results, {family: module.GOAL for family, module in families.items()})
    print(f"\n{report.summary_table(means)}")
    if options.json:
        report.write_json(options.json, description, peaks, results, means)
    if options.plot:
        roofline.draw(options.plot, description, peaks, results)
    return 0


def chosen_families(options: argparse.Namespace) -> dict[str, ModuleType]:
    """Return the modules that have the cases."""
    if options.command == "kernels":
        from benchmarks.kernels import families

        found = families()
    else:
        found = {options.command: importlib.import_module(f"benchmarks.{options.command}")}
    for name in options.only or ():
        if name not in found:
            raise ValueError(f"--only: expected some of {', '.join(found)}, got {name!r}")
    return {name: found[name] for name in options.only or found}


if __name__ == "__main__":
    sys.exit(main())
