"""Dropout as a layer."""

from __future__ import annotations

from odyssey import core
from odyssey.nn.module import Module
from odyssey.tensor import Tensor
from odyssey.utils.kernel_checks_pooling import check_probability

__all__ = ["Dropout"]


class Dropout(Module):
    """Drop elements at random while training; see :func:`odyssey.core.dropout`.

    In evaluation mode it returns its input. The random bits come from the
    process's generator: :func:`odyssey.manual_seed` makes them reproducible.

    Parameters
    ----------
    p : float
        The probability to drop an element, in [0, 1].

    Raises
    ------
    OdysseyError
        If ``p`` is out of range.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.Dropout(0.2).eval()(od.ones(3))
    tensor([1., 1., 1.])
    """

    def __init__(self, p: float = 0.5) -> None:
        check_probability("Dropout", p)
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        return core.dropout(x, self.p, self.training)

    def extra_repr(self) -> str:
        return f"p={self.p}"
