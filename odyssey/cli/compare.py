"""``odyssey compare``: a kernel's two versions side by side."""

from __future__ import annotations

import sys

from odyssey import threads as kernel_threads
from odyssey.backend import get_backend
from odyssey.cli._output import table
from odyssey.cli._runs import machine
from odyssey.reference import __all__ as kernels
from odyssey.testing.compare import Comparison, compare_kernel
from odyssey.utils.choices import pick

__all__ = ["compare"]


def compare(kernel: str, every_case: bool = False, threads: int | None = None) -> int:
    """Run a kernel's two versions, fast and reference, and compare them.

    Goes through the kernel's cases, in every dtype and memory layout. Errors
    are in ulp (units in the last place) of the largest magnitude of a result.
    A line shows the case that comes nearest to its tolerance, and the median
    of the speed ratios (above 1: fast is faster). The exit code is 1 if an
    error is beyond its tolerance.

    Parameters
    ----------
    kernel : str
        the kernel
    every_case : bool
        show a line for every case
    threads : int, optional
        threads of the fast kernels; by default all CPUs
    """
    pick("kernel", kernel, sorted(kernels))
    with machine(get_backend(), threads):
        rows = compare_kernel(kernel)
        count = kernel_threads.get_num_threads()
    groups: dict[tuple[str, ...], list[Comparison]] = {}
    for row in rows:
        key = (row.dtype, row.layout, row.case) if every_case else (row.dtype, row.layout)
        groups.setdefault(key, []).append(row)
    head = ["dtype", "layout", "case", "cases", "max error", "tolerance", "speed ratio", ""]
    print(table(head, [_line(group) for group in groups.values()], left=3))
    wrong = sum(not row.agrees for row in rows)
    print(
        f"{kernel}: {len(rows) - wrong} of {len(rows)} comparisons agree; errors in ulp; "
        f"{count} thread{'' if count == 1 else 's'}"
    )
    if wrong:
        print(f"odyssey compare: {kernel}: {wrong} beyond tolerance", file=sys.stderr)
    return 1 if wrong else 0


def _line(group: list[Comparison]) -> list[str]:
    """Sum up the cases of one dtype and layout by the one nearest to its tolerance."""
    worst = max(group, key=_strain)
    ratios = sorted(row.ratio for row in group)
    return [
        worst.dtype,
        worst.layout,
        worst.case,
        str(len(group)),
        f"{worst.error:.3g}",
        f"{worst.tolerance:.3g}",
        f"{ratios[len(ratios) // 2]:.3g}",
        "" if all(row.agrees for row in group) else "WRONG",
    ]


def _strain(row: Comparison) -> float:
    """Return the share of the tolerance that an error takes; exact results may have none."""
    return row.error / row.tolerance if row.tolerance else float(row.error > 0) * 1e9
