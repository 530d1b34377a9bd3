"""Activations made of straight lines as layers, and the square of one."""

from __future__ import annotations

from typing import Any

from odyssey import core
from odyssey.errors import OdysseyError
from odyssey.nn._plain import Plain
from odyssey.nn._settings import check_positive
from odyssey.tensor import Parameter, Tensor
from odyssey.utils.kernel_checks_transcendental import check_number

__all__ = [
    "HardSigmoid",
    "HardSwish",
    "HardTanh",
    "LeakyReLU",
    "PReLU",
    "ReLU6",
    "ReLUSquared",
    "Threshold",
]


class ReLU6(Plain):
    """Rectify each element, and stop at 6; see :func:`odyssey.core.relu6`.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.ReLU6()(od.tensor([-1.0, 2.0, 9.0]))
    tensor([0., 2., 6.])
    """

    def forward(self, x: Tensor) -> Tensor:
        return core.relu6(x)


class LeakyReLU(Plain):
    """Scale the negative elements down; see :func:`odyssey.core.leaky_relu`.

    Parameters
    ----------
    negative_slope : float
        What they are multiplied by.

    Raises
    ------
    DTypeError
        If the slope is no number.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.LeakyReLU(0.25)(od.tensor([-2.0, 3.0]))
    tensor([-0.5,  3. ])
    """

    def __init__(self, negative_slope: float = 0.01) -> None:
        self.negative_slope = check_number("LeakyReLU", "negative_slope", negative_slope)

    def forward(self, x: Tensor) -> Tensor:
        return core.leaky_relu(x, self.negative_slope)


class PReLU(Plain):
    """Scale the negative elements by slopes that are learned; see :func:`odyssey.core.prelu`.

    Weight decay would pull the slopes to 0, and so towards a plain rectifier: leave
    them out of it.

    Parameters
    ----------
    num_parameters : int
        1, or the number of channels (axis 1 of the input).
    init : float
        The slope in the beginning.
    dtype : dtype, optional
        By default the default dtype.

    Attributes
    ----------
    weight : Parameter, shape (num_parameters,)

    Raises
    ------
    ShapeError
        If ``num_parameters`` is not a positive integer.
    DTypeError
        If ``init`` is no number.

    References
    ----------
    .. [1] K. He, X. Zhang, S. Ren, J. Sun, "Delving deep into rectifiers",
       arXiv:1502.01852.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.PReLU()(od.tensor([-2.0, 3.0])).tolist()
    [-0.5, 3.0]
    """

    def __init__(self, num_parameters: int = 1, init: float = 0.25, dtype: Any = None) -> None:
        check_positive("PReLU", num_parameters=num_parameters)
        self.num_parameters = num_parameters
        self.init = check_number("PReLU", "init", init)
        self.weight = Parameter(core.constant((num_parameters,), self.init, dtype))

    def forward(self, x: Tensor) -> Tensor:
        return core.prelu(x, self.weight)


class ReLUSquared(Plain):
    """Square the positive elements, and drop the others; see :func:`odyssey.core.relu_squared`.

    References
    ----------
    .. [1] D. So et al., "Primer: searching for efficient transformers for
       language modeling", arXiv:2109.08668.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.ReLUSquared()(od.tensor([-2.0, 3.0]))
    tensor([0., 9.])
    """

    def forward(self, x: Tensor) -> Tensor:
        return core.relu_squared(x)


class HardSigmoid(Plain):
    """Approximate the sigmoid by a line; see :func:`odyssey.core.hard_sigmoid`.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.HardSigmoid()(od.tensor([-4.0, 0.0, 1.5]))
    tensor([0.  , 0.5 , 0.75])
    """

    def forward(self, x: Tensor) -> Tensor:
        return core.hard_sigmoid(x)


class HardSwish(Plain):
    """Weigh each element with its hard sigmoid; see :func:`odyssey.core.hard_swish`.

    References
    ----------
    .. [1] A. Howard et al., "Searching for MobileNetV3", arXiv:1905.02244.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.HardSwish()(od.tensor([-4.0, 0.0, 4.0]))
    tensor([0., 0., 4.])
    """

    def forward(self, x: Tensor) -> Tensor:
        return core.hard_swish(x)


class HardTanh(Plain):
    """Cut each element off at two bounds; see :func:`odyssey.core.hard_tanh`.

    Parameters
    ----------
    min_val, max_val : float
        The bounds; the first is less than the second.

    Raises
    ------
    DTypeError
        If a bound is no number.
    OdysseyError
        If they are the wrong way round.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.HardTanh(0.0, 2.0)(od.tensor([-3.0, 0.5, 3.0]))
    tensor([0. , 0.5, 2. ])
    """

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0) -> None:
        self.min_val = check_number("HardTanh", "min_val", min_val)
        self.max_val = check_number("HardTanh", "max_val", max_val)
        if not self.min_val < self.max_val:
            raise OdysseyError(
                f"HardTanh: min_val must be less than max_val, got {min_val} and {max_val}"
            )

    def forward(self, x: Tensor) -> Tensor:
        return core.hard_tanh(x, self.min_val, self.max_val)


class Threshold(Plain):
    """Replace what is not above a threshold; see :func:`odyssey.core.threshold`.

    Parameters
    ----------
    threshold : float
        What is above it passes.
    value : float
        What the others become.

    Raises
    ------
    DTypeError
        If a setting is no number.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.Threshold(1.0, -7.0)(od.tensor([0.5, 2.0]))
    tensor([-7.,  2.])
    """

    def __init__(self, threshold: float, value: float) -> None:
        self.threshold = check_number("Threshold", "threshold", threshold)
        self.value = check_number("Threshold", "value", value)

    def forward(self, x: Tensor) -> Tensor:
        return core.threshold(x, self.threshold, self.value)
