"""Smooth activations as layers, made of exp, erf and tanh."""

from __future__ import annotations

from odyssey import core
from odyssey.nn._plain import Plain
from odyssey.tensor import Tensor
from odyssey.utils.kernel_checks_transcendental import check_factor, check_number, check_truth

__all__ = ["GELU", "LogSigmoid", "Mish", "QuickGELU", "SiLU", "Softplus", "Swish"]


class GELU(Plain):
    """Weigh each element with the share of the normal distribution that lies below it.

    See :func:`odyssey.core.gelu`.

    Parameters
    ----------
    approximate : bool
        Take the form with tanh, which GPT-2 was trained with; it differs by up to 5e-4.

    Raises
    ------
    OdysseyError
        If ``approximate`` is not True or False.

    References
    ----------
    .. [1] D. Hendrycks, K. Gimpel, "Gaussian error linear units", arXiv:1606.08415.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.GELU()(od.tensor([-1e4, 0.0, 1.0]))
    tensor([0.       , 0.       , 0.8413448])
    """

    def __init__(self, approximate: bool = False) -> None:
        self.approximate = check_truth("GELU", "approximate", approximate)

    def forward(self, x: Tensor) -> Tensor:
        return core.gelu(x, self.approximate)


class QuickGELU(Plain):
    """Weigh each element with a sigmoid close to the normal distribution.

    See :func:`odyssey.core.quick_gelu`; CLIP was trained with it.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.QuickGELU()(od.tensor([0.0, 1.0])).numpy().round(4)
    array([0.    , 0.8458], dtype=float32)
    """

    def forward(self, x: Tensor) -> Tensor:
        return core.quick_gelu(x)


class Swish(Plain):
    """Weigh each element with its own sigmoid; see :func:`odyssey.core.swish`.

    With ``beta`` = 1 it is the sigmoid linear unit: ``SiLU`` is the same class.

    Parameters
    ----------
    beta : float
        From 0 (half of x) to infinity (the rectifier).

    Raises
    ------
    DTypeError
        If ``beta`` is no number.

    References
    ----------
    .. [1] P. Ramachandran, B. Zoph, Q. Le, "Searching for activation functions",
       arXiv:1710.05941.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.SiLU()(od.tensor([-1e4, 0.0, 1.0]))
    tensor([0.       , 0.       , 0.7310586])
    """

    def __init__(self, beta: float = 1.0) -> None:
        self.beta = check_number("Swish", "beta", beta)

    def forward(self, x: Tensor) -> Tensor:
        return core.swish(x, self.beta)


SiLU = Swish


class Softplus(Plain):
    """Rectify each element smoothly; see :func:`odyssey.core.softplus`.

    It is exact for all elements: there is no threshold from which on it would be linear.

    Parameters
    ----------
    beta : float
        How sharp the bend at 0 is; any number but 0.

    Raises
    ------
    DTypeError
        If ``beta`` is no number.
    OdysseyError
        If ``beta`` is 0.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.Softplus()(od.tensor([-1e4, 0.0, 100.0]))
    tensor([  0.       ,   0.6931472, 100.       ])
    """

    def __init__(self, beta: float = 1.0) -> None:
        self.beta = check_factor("Softplus", "beta", beta)

    def forward(self, x: Tensor) -> Tensor:
        return core.softplus(x, self.beta)


class LogSigmoid(Plain):
    """Return the logarithm of the sigmoid; see :func:`odyssey.core.log_sigmoid`.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.LogSigmoid()(od.tensor([-100.0, 0.0]))
    tensor([-100.       ,   -0.6931472])
    """

    def forward(self, x: Tensor) -> Tensor:
        return core.log_sigmoid(x)


class Mish(Plain):
    """Weigh each element with the tanh of its softplus; see :func:`odyssey.core.mish`.

    References
    ----------
    .. [1] D. Misra, "Mish: a self regularized non-monotonic activation
       function", arXiv:1908.08681.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.Mish()(od.tensor([-1e4, 0.0, 1.0]))
    tensor([0.       , 0.       , 0.8650984])
    """

    def forward(self, x: Tensor) -> Tensor:
        return core.mish(x)
