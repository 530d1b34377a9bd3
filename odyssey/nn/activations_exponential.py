"""Exponential linear units, and others that keep what is negative in bounds, as layers."""

from __future__ import annotations

from odyssey import core
from odyssey.core._activations import at_least
from odyssey.nn._plain import Plain
from odyssey.tensor import Tensor
from odyssey.utils.kernel_checks_transcendental import check_number

__all__ = ["CELU", "ELU", "SELU", "Softsign", "Squareplus"]


class ELU(Plain):
    """Let positive elements pass, and bound the negative ones; see :func:`odyssey.core.elu`.

    Parameters
    ----------
    alpha : float
        The value at minus infinity is -alpha.

    Raises
    ------
    DTypeError
        If ``alpha`` is no number.

    References
    ----------
    .. [1] D. Clevert, T. Unterthiner, S. Hochreiter, "Fast and accurate deep
       network learning by exponential linear units", arXiv:1511.07289.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.ELU(0.5)(od.tensor([-1e4, 0.0, 2.0]))
    tensor([-0.5,  0. ,  2. ])
    """

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = check_number("ELU", "alpha", alpha)

    def forward(self, x: Tensor) -> Tensor:
        return core.elu(x, self.alpha)


class CELU(Plain):
    """Bound the negative elements, with slope 1 at 0; see :func:`odyssey.core.celu`.

    Parameters
    ----------
    alpha : float
        The value at minus infinity is -alpha; larger than 0.

    Raises
    ------
    DTypeError
        If ``alpha`` is no number.
    OdysseyError
        If ``alpha`` is not larger than 0.

    References
    ----------
    .. [1] J. Barron, "Continuously differentiable exponential linear units",
       arXiv:1704.07483.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.CELU(0.5)(od.tensor([-1e4, 0.0, 2.0]))
    tensor([-0.5,  0. ,  2. ])
    """

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = at_least("CELU", "alpha", alpha, reached=False)

    def forward(self, x: Tensor) -> Tensor:
        return core.celu(x, self.alpha)


class SELU(Plain):
    """Bring mean and variance back to 0 and 1, layer for layer; see :func:`odyssey.core.selu`.

    It goes with weights of variance 1 / fan_in, and with :class:`AlphaDropout`.

    References
    ----------
    .. [1] G. Klambauer, T. Unterthiner, A. Mayr, S. Hochreiter,
       "Self-normalizing neural networks", arXiv:1706.02515.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.SELU()(od.tensor([0.0, 1.0]))
    tensor([0.      , 1.050701])
    """

    def forward(self, x: Tensor) -> Tensor:
        return core.selu(x)


class Softsign(Plain):
    """Squash each element into (-1, 1), more slowly than tanh; see :func:`odyssey.core.softsign`.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.Softsign()(od.tensor([-1.0, 0.0, 3.0]))
    tensor([-0.5 ,  0.  ,  0.75])
    """

    def forward(self, x: Tensor) -> Tensor:
        return core.softsign(x)


class Squareplus(Plain):
    """Rectify each element smoothly, by a square root; see :func:`odyssey.core.squareplus`.

    Parameters
    ----------
    b : float
        How wide the bend at 0 is; larger than 0.

    Raises
    ------
    DTypeError
        If ``b`` is no number.
    OdysseyError
        If ``b`` is not larger than 0.

    References
    ----------
    .. [1] J. Barron, "Squareplus: a softplus-like algebraic rectifier",
       arXiv:2112.11687.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.Squareplus()(od.tensor([0.0, 1.5]))
    tensor([1., 2.])
    """

    def __init__(self, b: float = 4.0) -> None:
        self.b = at_least("Squareplus", "b", b, reached=False)

    def forward(self, x: Tensor) -> Tensor:
        return core.squareplus(x, self.b)
