"""Inputs for every kernel: one table that all checks share.

A module here belongs to one kernel family. Its function ``cases()`` yields a
:class:`Case` for each input worth trying: asymmetric shapes (so that swapped
axes show), sizes that divide no tile, one element, none at all, long sums,
extreme values. Modules are found, not listed: a new family is a new file.

>>> from odyssey.testing import all_cases
>>> {"adam", "softmax"} <= set(all_cases())
True
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Case", "all_cases", "arrays_in", "each_array", "generator", "grid"]

Array = npt.NDArray[Any]


def each_array(function: Callable[[Array], Array], arg: Any) -> Any:
    """Return an argument with a function applied to it, or to the members of a list.

    What is not an array comes back as it is.

    Examples
    --------
    >>> each_array(np.sqrt, [np.ones(1), np.full(2, 4.0)]), each_array(np.sqrt, "sum")
    ([array([1.]), array([2., 2.])], 'sum')
    """
    if isinstance(arg, list):
        return [each_array(function, one) for one in arg]
    return function(arg) if isinstance(arg, np.ndarray) else arg


def arrays_in(arg: Any) -> list[Array]:
    """Return the arrays of an argument: itself, the members of a list, or none.

    Examples
    --------
    >>> len(arrays_in([np.ones(2), np.ones(3)])), arrays_in(0.5)
    (2, [])
    """
    if isinstance(arg, list):
        return [array for one in arg for array in arrays_in(one)]
    return [arg] if isinstance(arg, np.ndarray) else []


@dataclass(frozen=True)
class Case:
    """One input of one kernel.

    Parameters
    ----------
    kernel : str
        The name that the kernel has in ``odyssey.reference`` and ``odyssey.fast``.
    name : str
        What is special about this input, for messages.
    args : tuple
        Positional arguments. Floating arrays, also in lists, are float64 and
        are cast to each dtype that is checked; everything else stays as it is.
    kwargs : dict
        Settings.
    terms : int
        How many terms the longest sum in the result has; the tolerance grows
        with its root.
    scale : float, optional
        The magnitude that errors are measured against, where the largest
        result would be too small a measure because terms cancel.
    factor : float
        What the tolerance is multiplied by; other than 1 needs a ``reason``.
    reason : str
        Why this case is harder (or easier) than the formula says.
    wide : tuple of int
        Positions of arguments that are float32 where the others are float16:
        sums and optimizer state.
    writes : tuple of int
        Positions of arguments that the kernel updates in place; no other
        argument may change.
    """

    kernel: str
    name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any] = field(default_factory=dict)
    terms: int = 1
    scale: float | None = None
    factor: float = 1.0
    reason: str = ""
    wide: tuple[int, ...] = ()
    writes: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.factor != 1 and not self.reason:
            raise ValueError(f"{self}: a tolerance factor needs a reason")
        object.__setattr__(self, "args", tuple(map(_without_scalars, self.args)))

    def __str__(self) -> str:
        return f"{self.kernel}, case '{self.name}'"

    def cast(self, dtype: npt.DTypeLike) -> tuple[Any, ...]:
        """Return copies of the arguments for a check in ``dtype``."""
        wide = np.result_type(dtype, np.float32)
        targets = [wide if i in self.wide else dtype for i in range(len(self.args))]
        return tuple(
            each_array(functools.partial(_copied, dtype=target), arg)
            for target, arg in zip(targets, self.args, strict=True)
        )


def _without_scalars(arg: Any) -> Any:
    """Return an argument with arrays for the scalars that NumPy gives where there are no axes."""
    if isinstance(arg, list):
        return [_without_scalars(one) for one in arg]
    return np.asarray(arg) if isinstance(arg, np.generic) else arg


def _copied(array: Array, dtype: npt.DTypeLike) -> Array:
    return array.astype(dtype) if array.dtype == np.float64 else array.copy()


@functools.cache
def all_cases() -> dict[str, list[Case]]:
    """Return every case by kernel name.

    Returns
    -------
    dict of str to list of Case

    Examples
    --------
    >>> from odyssey.testing import all_cases
    >>> all(case.kernel == "relu" for case in all_cases()["relu"])
    True
    """
    table: dict[str, list[Case]] = {}
    for info in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{info.name}")
        for case in module.cases():
            table.setdefault(case.kernel, []).append(case)
    return table


def generator(seed: int = 0) -> np.random.Generator:
    """Return a generator with a fixed seed, so that every run tries the same numbers."""
    return np.random.default_rng(seed)


def grid(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Return shuffled, evenly spaced numbers around 0 that leave 0 out.

    No two are equal and none is at a kink, so that rectifiers and maxima have
    a derivative at each of them.

    Examples
    --------
    >>> grid(generator(), (4,)).tolist()
    [0.25, -0.75, -0.25, 0.75]
    """
    size = int(np.prod(shape))
    values = (np.arange(size) - (size - 1) / 2) / max(size, 1) * 2
    values[values == 0] = 1.0
    rng.shuffle(values)
    return values.reshape(shape)
