"""One thing to measure, and what a family makes such cases from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import odyssey as od
from odyssey import fast

__all__ = ["BOTH", "FORWARD", "Case", "Goal", "Setting", "kernel", "wide"]

FORWARD = "forward"
BOTH = "forward+backward"


@dataclass(frozen=True)
class Case:
    """The same computation by odyssey and by PyTorch.

    The results of the functions (arrays, Tensors, nested in tuples, None for
    what nobody wanted) stand in the same order for all of them.
    """

    name: str
    odyssey: Callable[[], Any]
    pytorch: Mapping[str, Callable[[], Any]]
    """Its ways to do it, by name; the fastest is compared with."""
    direction: str = FORWARD
    truth: Callable[[], Any] | None = None
    """The results in float64."""
    independent: bool = True
    """Whether the truth is not PyTorch's own: if it is, its error in float64 tells nothing."""
    flops: float = 0.0
    """Floating-point operations; a multiply-add counts as two."""
    reads: float = 0.0
    """Bytes, each input counted once."""
    writes: float = 0.0
    in_place: bool = False
    """Whether what is written stands among what is read, as an optimizer's step does it."""
    single: Callable[[], Any] | None = None
    """The computation by odyssey in float32, for a case in float16."""
    recorded: bool = False
    """Whether PyTorch keeps its tape in a forward, too."""
    least: float | None = None
    """The ratio that is wanted at least, if not that of the family."""


@dataclass(frozen=True)
class Goal:
    """The ratios that a family shall reach: each case, and the geometric mean by direction."""

    least: float | None = None
    means: Mapping[str, float] = field(default_factory=dict)


class Setting:
    """What the cases of a run have in common.

    Parameters
    ----------
    dtype : str
        Of all floating-point arrays.
    torch : module or None
        PyTorch, where it is needed.
    quick : bool
        Whether sizes shall be tiny.
    """

    def __init__(self, dtype: str, torch: Any, quick: bool = False) -> None:
        self.dtype = np.dtype(dtype)
        self.torch = torch
        self.quick = quick
        self.rng = np.random.default_rng(0)

    def normal(self, *shape: int) -> np.ndarray:
        """Return normally distributed numbers."""
        return self.rng.standard_normal(shape, dtype=np.float32).astype(self.dtype)

    def tensor(self, x: np.ndarray, grad: bool = False) -> Any:
        """Return PyTorch's tensor over the memory of `x`."""
        return self.torch.from_numpy(x).requires_grad_(grad)

    def some(self, shapes: list[Any], tiny: list[Any]) -> list[Any]:
        """Return `shapes`, or in a quick run `tiny`."""
        return tiny if self.quick else shapes


def kernel(name: str) -> Callable[..., Any]:
    """Return the fast kernel of that name, or if there is none the operation of core.

    The operation takes arrays as well; it is what runs where NumPy is fast enough.
    """
    found: Callable[..., Any] = fast.KERNELS.get(name) or getattr(od.core, name)
    return found


def wide(*arrays: np.ndarray) -> list[np.ndarray]:
    """Return copies in float64, in which the truth is computed."""
    return [x.astype(np.float64) for x in arrays]
