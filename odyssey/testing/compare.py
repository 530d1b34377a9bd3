"""Both backends side by side, as data: errors and times of one kernel, errors of any function."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from odyssey import backend, threads
from odyssey.engine import gradients
from odyssey.errors import OdysseyError
from odyssey.tensor import Tensor
from odyssey.testing.cases import Array, each_array
from odyssey.testing.kernels import FLOATS, Setting, cases_of, find_kernel, run
from odyssey.testing.layouts import arrange
from odyssey.testing.tolerance import difference, tolerance

__all__ = ["Comparison", "compare_backends", "compare_kernel"]


class Comparison(NamedTuple):
    """One case of one kernel on both backends."""

    kernel: str
    case: str
    dtype: str
    layout: str
    error: float
    """The largest error, in ulp of the largest magnitude."""

    tolerance: float
    """What is permitted, in the same unit."""

    seconds_fast: float
    seconds_reference: float

    @property
    def ratio(self) -> float:
        """How many times faster the fast kernel is."""
        return self.seconds_reference / self.seconds_fast

    @property
    def agrees(self) -> bool:
        """Whether the error is within the tolerance."""
        return self.error <= self.tolerance


def compare_kernel(
    name: str,
    *,
    dtypes: Iterable[npt.DTypeLike] = FLOATS,
    layouts: Sequence[str] = ("C", "transposed", "gaps"),
    repeat: int = 5,
) -> list[Comparison]:
    """Run both twins of a kernel on its cases; measure errors and times.

    Parameters
    ----------
    name : str
        The kernel.
    dtypes : iterable of dtype
    layouts : sequence of str
        Keys of :data:`odyssey.testing.LAYOUTS`, or ``"mixed"``.
    repeat : int
        The fast kernel runs so many times; the shortest time counts.

    Returns
    -------
    list of Comparison
        For each case, dtype and layout. Disagreement is not an error here: ask
        ``agrees``.

    Raises
    ------
    OdysseyError
        If there is no such kernel, or no compiled one.

    Examples
    --------
    >>> rows = compare_kernel("relu", dtypes=["float32"], layouts=["C"])
    >>> all(row.agrees for row in rows)
    True
    """
    kernel, twin, rows = find_kernel(name, "fast"), find_kernel(name, "reference"), []
    for case in cases_of(name):
        for dtype in (np.dtype(dtype).name for dtype in dtypes):
            for layout in layouts:
                setting = Setting(case, dtype, layout, threads.get_num_threads())
                args = arrange(case.cast(dtype), layout, case.writes)
                found, expected = run(kernel, args, setting), run(twin, args, setting)
                worst, permitted, nearest = 0.0, 0.0, -2.0
                for mine, theirs in zip(found, expected, strict=True):
                    off = difference(mine, theirs, case.scale)
                    allowed = tolerance(theirs.dtype, case.terms, case.factor)
                    # Each result has its own tolerance (indices have none): report the one
                    # that is nearest to it.
                    share = off.error / allowed if allowed else np.inf if off.error else -1.0
                    if share > nearest:
                        worst, permitted, nearest = off.ulp, allowed * off.unit, share
                once = _seconds(twin, args, case.kwargs, 1)
                times = _seconds(kernel, args, case.kwargs, repeat)
                row = (name, case.name, dtype, layout, worst, permitted, times, once)
                rows.append(Comparison(*row))
    return rows


def _seconds(kernel: Any, args: tuple[Any, ...], kwargs: dict[str, Any], repeat: int) -> float:
    """Return the shortest time of several calls; what the kernel updates in place drifts."""
    own = tuple(each_array(lambda a: a.copy() if a.flags.writeable else a, arg) for arg in args)
    best = float("inf")
    for _ in range(repeat):
        start = time.perf_counter()
        kernel(*own, **kwargs)
        best = min(best, time.perf_counter() - start)
    return max(best, 1e-9)


def compare_backends(
    function: Callable[..., Any], *args: Any, terms: int = 1000, seed: int = 0
) -> dict[str, float]:
    """Run a function on both backends and compare its results and gradients.

    Parameters
    ----------
    function : callable
        From the arguments to a Tensor or array, or to several.
    *args
        Tensors, arrays, anything. Gradients are compared for floating Tensors
        that require them.
    terms : int
        How many terms the longest sum on the way has, for the tolerance.
    seed : int
        Of the random cotangent.

    Returns
    -------
    dict of str to float
        ``"result 0"``, ``"gradient of argument 1"``, ... to the largest error
        in ulp of the largest magnitude; that of gradients is the largest in any
        of them.

    Raises
    ------
    AssertionError
        If a result or gradient differs by more than the tolerance.
    OdysseyError
        If the function gives no Tensor and no array.

    Examples
    --------
    >>> import odyssey as od
    >>> x = od.tensor([[1.0, 2.0, 4.0]], requires_grad=True)
    >>> list(compare_backends(od.core.softmax, x))
    ['result 0', 'gradient of argument 0']
    """
    both = []
    for name in backend.BACKENDS:
        with backend.use_backend(name):
            both.append(_results(function, args, seed))
    # A gradient may vanish by cancellation while the others of the call do not: they share a scale.
    scale = max(
        (_largest(theirs) for what, theirs in both[1] if what.startswith("gradient")), default=0.0
    )
    errors = {}
    for (what, mine), (_, theirs) in zip(*both, strict=True):
        off = difference(mine, theirs, scale if what.startswith("gradient") else None)
        allowed = tolerance(theirs.dtype, terms) if theirs.dtype.kind == "f" else 0.0
        assert off.error <= allowed, (
            f"compare_backends: {what} is {mine[off.at]} at {off.at} on fast, "
            f"{theirs[off.at]} on reference: {off.ulp:.3g} ulp, "
            f"permitted are {allowed * off.unit:.3g}"
        )
        errors[what] = off.ulp
    return errors


def _largest(array: Array) -> float:
    """Return the largest finite magnitude in an array."""
    return float(np.abs(array[np.isfinite(array)]).max(initial=0))


def _results(
    function: Callable[..., Any], args: tuple[Any, ...], seed: int
) -> list[tuple[str, Array]]:
    """Return what a function gives, and its gradients under a random cotangent."""
    out = function(*args)
    outs = list(out) if isinstance(out, (list, tuple)) else [out]
    if not all(isinstance(y, (Tensor, np.ndarray, np.generic)) for y in outs) or not outs:
        raise OdysseyError("compare_backends: the function must return Tensors or arrays")
    found = [(f"result {i}", np.array(y)) for i, y in enumerate(outs)]
    roots = [y for y in outs if isinstance(y, Tensor) and y.requires_grad]
    inputs = [(i, x) for i, x in enumerate(args) if isinstance(x, Tensor) and x.requires_grad]
    if roots and inputs:
        rng = np.random.default_rng(seed)
        v = [rng.standard_normal(y.shape).astype(y.dtype) for y in roots]
        grads = gradients(roots, [x for _, x in inputs], v)
        found += [
            (f"gradient of argument {i}", g.data)
            for (i, _), g in zip(inputs, grads, strict=True)
            if g is not None
        ]
    return found
