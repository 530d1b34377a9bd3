"""Shrinkage as layers: small elements become 0, or nearly so."""

from __future__ import annotations

from odyssey import core
from odyssey.core._activations import at_least
from odyssey.nn._plain import Plain
from odyssey.tensor import Tensor

__all__ = ["HardShrink", "SoftShrink", "TanhShrink"]


class HardShrink(Plain):
    """Set small elements to 0; see :func:`odyssey.core.hard_shrink`.

    Parameters
    ----------
    lambd : float
        What is at most this far from 0 is small; not negative.

    Raises
    ------
    DTypeError
        If ``lambd`` is no number.
    OdysseyError
        If ``lambd`` is negative.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.HardShrink()(od.tensor([-2.0, 0.25, 1.0]))
    tensor([-2.,  0.,  1.])
    """

    def __init__(self, lambd: float = 0.5) -> None:
        self.lambd = at_least("HardShrink", "lambd", lambd)

    def forward(self, x: Tensor) -> Tensor:
        return core.hard_shrink(x, self.lambd)


class SoftShrink(Plain):
    """Move each element towards 0 by a margin; see :func:`odyssey.core.soft_shrink`.

    Parameters
    ----------
    lambd : float
        The margin; not negative.

    Raises
    ------
    DTypeError
        If ``lambd`` is no number.
    OdysseyError
        If ``lambd`` is negative.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.SoftShrink()(od.tensor([-2.0, 0.25, 1.0]))
    tensor([-1.5,  0. ,  0.5])
    """

    def __init__(self, lambd: float = 0.5) -> None:
        self.lambd = at_least("SoftShrink", "lambd", lambd)

    def forward(self, x: Tensor) -> Tensor:
        return core.soft_shrink(x, self.lambd)


class TanhShrink(Plain):
    """Take from each element its hyperbolic tangent; see :func:`odyssey.core.tanh_shrink`.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.TanhShrink()(od.tensor([-100.0, 0.0, 100.0]))
    tensor([-99.,   0.,  99.])
    """

    def forward(self, x: Tensor) -> Tensor:
        return core.tanh_shrink(x)
