"""check_kernel: a kernel against its reference twin, on every case, dtype, layout and thread count.

Users check their own kernels with it, too:

>>> import numpy as np
>>> from odyssey.testing import check_kernel
>>> def mine(x):
...     return x.clip(0)
>>> check_kernel("relu", mine, layouts=["C", "gaps"])
144
>>> check_kernel("relu", abs, layouts=["C"])
Traceback (most recent call last):
  ...
AssertionError: relu, case 'short', float16, layout C, 1 thread: ...
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from odyssey import fast, reference, threads
from odyssey.errors import OdysseyError
from odyssey.testing.cases import Array, Case, all_cases, arrays_in
from odyssey.testing.layouts import LAYOUTS, MIXED, arrange
from odyssey.testing.tolerance import Difference, difference, tolerance
from odyssey.utils.choices import did_you_mean

__all__ = ["FLOATS", "cases_of", "check_kernel", "find_kernel"]

FLOATS = ("float16", "float32", "float64")
ALL_LAYOUTS = (*LAYOUTS, MIXED)


@dataclass(frozen=True)
class Setting:
    """One check: a case in a dtype and a layout, on some threads."""

    case: Case
    dtype: str
    layout: str
    threads: int

    def __str__(self) -> str:
        count = f"{self.threads} thread{'s' if self.threads > 1 else ''}"
        return f"{self.case}, {self.dtype}, layout {self.layout}, {count}"


def cases_of(name: str) -> list[Case]:
    """Return the cases of one kernel.

    Raises
    ------
    OdysseyError
        If no kernel of that name has cases.
    """
    table = all_cases()
    if name not in table:
        hint = did_you_mean(name, table) or f"; there are {', '.join(sorted(table))}"
        raise OdysseyError(f"testing: there are no cases for a kernel named {name!r}{hint}")
    return table[name]


def find_kernel(name: str, backend: str) -> Callable[..., Any]:
    """Return the kernel ``name`` of ``backend``.

    Raises
    ------
    OdysseyError
        If there is no such backend, or it has no such kernel.
    """
    if backend not in ("fast", "reference"):
        raise OdysseyError(f"testing: backend must be fast or reference, got {backend!r}")
    module = fast if backend == "fast" else reference
    if name not in module.__all__:
        raise OdysseyError(
            f"testing: the {backend} backend has no kernel {name!r}"
            + (" (this installation has no compiled kernels)" if not fast.LEVEL else "")
        )
    found: Callable[..., Any] = getattr(module, name)
    return found


def check_kernel(
    name: str,
    kernel: Callable[..., Any] | None = None,
    *,
    backend: str = "fast",
    dtypes: Iterable[npt.DTypeLike] = FLOATS,
    layouts: Sequence[str] = ALL_LAYOUTS,
    thread_counts: Sequence[int] = (1, 2),
    cases: Iterable[Case] | None = None,
) -> int:
    """Check that a kernel does what its reference twin does.

    For every case, dtype, layout and thread count: the results agree within
    the :func:`tolerance`, with equal dtypes and shapes; nothing is written to
    but what the kernel updates in place; and the results for all thread counts
    are the same, bit for bit.

    Parameters
    ----------
    name : str
        The kernel whose cases and reference are used.
    kernel : callable, optional
        Your own; by default the one of ``backend``.
    backend : {"fast", "reference"}
        Where to find the kernel if none is given.
    dtypes : iterable of dtype
        By default float16, float32 and float64.
    layouts : sequence of str
        Keys of :data:`odyssey.testing.LAYOUTS`, or ``"mixed"``; by default all.
    thread_counts : sequence of int
        Values for :func:`odyssey.set_num_threads`, which is restored after.
    cases : iterable of Case, optional
        By default the installed ones.

    Returns
    -------
    int
        How many settings were checked.

    Raises
    ------
    AssertionError
        At the first disagreement; it names the case, dtype, layout, the worst
        element and its error in ulp.
    OdysseyError
        If there is no kernel or no case of that name.
    """
    kernel = kernel or find_kernel(name, backend)
    chosen = list(cases_of(name) if cases is None else cases)
    names = [np.dtype(dtype).name for dtype in dtypes]
    expected: dict[tuple[int, str, bool], list[Array]] = {}
    first: dict[tuple[int, str, str], list[Array]] = {}
    count = 0
    for n in thread_counts:
        with _threads(n):
            for number, case in enumerate(chosen):
                for dtype in names:
                    for layout in layouts:
                        setting = Setting(case, dtype, layout, n)
                        args = arrange(case.cast(dtype), layout, case.writes)
                        # All layouts but one hold the same values: one reference run serves them.
                        key = (number, dtype, layout == "broadcast")
                        if key not in expected:
                            expected[key] = run(find_kernel(name, "reference"), args, setting)
                        found = run(kernel, args, setting)
                        compare(found, expected[key], setting)
                        alone = first.setdefault((number, dtype, layout), found)
                        _check_same_bits(found, alone, setting, thread_counts[0])
                        count += 1
    return count


@contextlib.contextmanager
def _threads(n: int) -> Iterator[None]:
    before = threads.get_num_threads()
    if n != before:
        threads.set_num_threads(n)
    try:
        yield
    finally:
        if n != before:
            threads.set_num_threads(before)


def run(kernel: Callable[..., Any], args: tuple[Any, ...], setting: Setting) -> list[Array]:
    """Call a kernel on copies in the setting's layout; return results and what it updated.

    Raises
    ------
    AssertionError
        If it wrote to an argument that it should only read.
    """
    case = setting.case
    own = arrange(args, setting.layout, case.writes)
    result = kernel(*own, **case.kwargs)
    for position, (after, before) in enumerate(zip(own, args, strict=True)):
        if position not in case.writes:
            for one, other in zip(arrays_in(after), arrays_in(before), strict=True):
                same = one.tobytes() == other.tobytes()
                assert same, f"{setting}: argument {position} was written to"
    updated = [array for i in case.writes for array in arrays_in(own[i])]
    if result is None:
        return updated
    results = list(result) if isinstance(result, tuple) else [result]
    results = [one for one in results if one is not None]  # gradients that nobody wants
    # NumPy's functions give scalars in the place of arrays without axes: let users return them.
    results = [np.asarray(one) if isinstance(one, np.generic) else one for one in results]
    for number, one in enumerate(results):
        assert isinstance(one, np.ndarray), f"{setting}: result {number} is a {type(one).__name__}"
        for position, arg in enumerate(own):
            shared = any(np.may_share_memory(one, array) for array in arrays_in(arg))
            assert not shared, f"{setting}: result {number} shares memory with argument {position}"
    return results + updated


def compare(found: list[Array], expected: list[Array], setting: Setting) -> list[Difference]:
    """Return the worst difference of each result.

    Raises
    ------
    AssertionError
        If the results differ in number, dtype or shape, or by more than the
        tolerance.
    """
    assert len(found) == len(expected), (
        f"{setting}: {len(found)} results, the reference has {len(expected)}"
    )
    worst = []
    case = setting.case
    for number, (one, other) in enumerate(zip(found, expected, strict=True)):
        what = f"{setting}: result {number}" if len(found) > 1 else f"{setting}: the result"
        for attribute in ("dtype", "shape"):
            mine, theirs = getattr(one, attribute), getattr(other, attribute)
            assert mine == theirs, f"{what} has {attribute} {mine}, the reference's {theirs}"
        off = difference(one, other, case.scale)
        allowed = tolerance(other.dtype, case.terms, case.factor)
        assert off.error <= allowed, (
            f"{what} is {one[off.at]} at {off.at} where the reference's is "
            f"{other[off.at]}: {off.ulp:.3g} ulp of the largest magnitude, permitted are "
            f"{allowed * off.unit:.3g}"
        )
        worst.append(off)
    return worst


def _check_same_bits(found: list[Array], alone: list[Array], setting: Setting, n: int) -> None:
    for number, (one, other) in enumerate(zip(found, alone, strict=True)):
        # NaN has many bit patterns, and which one comes out means nothing.
        numbers = ~np.isnan(other)
        same = np.array_equal(numbers, ~np.isnan(one))
        same = same and one[numbers].tobytes() == other[numbers].tobytes()
        assert same, f"{setting}: result {number} is not, bit for bit, that on {n} thread(s)"
