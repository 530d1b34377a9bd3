"""Initializers that write first values into a parameter, and return it.

Each is one call of the initializer of :mod:`odyssey.core` of the same name, without the
underscore, for the parameter's shape and dtype; formulas and sources are there. No
gradient flows through, and an optimizer that has the parameter keeps it.

Examples
--------
>>> import odyssey as od
>>> layer = od.nn.Linear(3, 2)
>>> od.nn.init.zeros_(layer.bias)
Parameter(tensor([0., 0.], requires_grad=True))
>>> od.nn.init.kaiming_normal_(layer.weight, rng=od.Generator(0)) is layer.weight
True
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any, TypeAlias, TypeVar

import numpy as np

from odyssey import core
from odyssey.core import calculate_gain
from odyssey.errors import DTypeError, OdysseyError
from odyssey.grad_mode import no_grad
from odyssey.nn.module import Module
from odyssey.tensor import Tensor

__all__ = [
    "calculate_gain",
    "constant_",
    "dirac_",
    "eye_",
    "initialize",
    "kaiming_normal_",
    "kaiming_uniform_",
    "lecun_normal_",
    "lecun_uniform_",
    "normal_",
    "ones_",
    "orthogonal_",
    "sparse_",
    "trunc_normal_",
    "uniform_",
    "variance_scaling_",
    "xavier_normal_",
    "xavier_uniform_",
    "zeros_",
]

Model = TypeVar("Model", bound=Module)
Values = TypeVar("Values", bound=Tensor)
Rng: TypeAlias = "np.random.Generator | None"  # in words: np.random is slow to import


def _fill(tensor: Values, values: Callable[..., Tensor], *settings: Any, **rng: Rng) -> Values:
    """Write what an initializer returns for the tensor's shape and dtype into it."""
    if tensor.dtype.kind != "f":
        raise DTypeError(
            f"init: {values.__name__} needs a floating-point tensor, but got dtype {tensor.dtype}"
        )
    new = values(tensor.shape, *settings, dtype=tensor.dtype, **rng)
    with no_grad():
        tensor[...] = new
    return tensor


def uniform_(tensor: Values, low: float = 0.0, high: float = 1.0, rng: Rng = None) -> Values:
    """Fill with samples of the uniform distribution; see :func:`odyssey.core.uniform`."""
    return _fill(tensor, core.uniform, low, high, rng=rng)


def normal_(tensor: Values, mean: float = 0.0, std: float = 1.0, rng: Rng = None) -> Values:
    """Fill with samples of the normal distribution; see :func:`odyssey.core.normal`."""
    return _fill(tensor, core.normal, mean, std, rng=rng)


def trunc_normal_(
    tensor: Values,
    mean: float = 0.0,
    std: float = 1.0,
    low: float = -2.0,
    high: float = 2.0,
    rng: Rng = None,
) -> Values:
    """Fill with samples of the normal distribution between two bounds.

    The bounds are in the units of the samples; see :func:`odyssey.core.truncated_normal`.
    """
    return _fill(tensor, core.truncated_normal, mean, std, low, high, rng=rng)


def constant_(tensor: Values, value: float) -> Values:
    """Fill with one value; see :func:`odyssey.core.constant`."""
    return _fill(tensor, core.constant, value)


def ones_(tensor: Values) -> Values:
    """Fill with 1."""
    return constant_(tensor, 1)


def zeros_(tensor: Values) -> Values:
    """Fill with 0."""
    return constant_(tensor, 0)


def eye_(tensor: Values, gain: float = 1.0) -> Values:
    """Fill with the identity: what comes in goes out; see :func:`odyssey.core.identity`."""
    return _fill(tensor, core.identity, gain)


def dirac_(tensor: Values, groups: int = 1) -> Values:
    """Fill filters so that each passes on one channel; see :func:`odyssey.core.dirac`."""
    return _fill(tensor, core.dirac, groups)


def xavier_uniform_(tensor: Values, gain: float = 1.0, rng: Rng = None) -> Values:
    """Balance the variance forward and backward; see :func:`odyssey.core.xavier_uniform`."""
    return _fill(tensor, core.xavier_uniform, gain, rng=rng)


def xavier_normal_(tensor: Values, gain: float = 1.0, rng: Rng = None) -> Values:
    """Balance the variance forward and backward; see :func:`odyssey.core.xavier_normal`."""
    return _fill(tensor, core.xavier_normal, gain, rng=rng)


def kaiming_uniform_(
    tensor: Values,
    slope: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    rng: Rng = None,
) -> Values:
    """Keep the variance through rectifiers; see :func:`odyssey.core.kaiming_uniform`.

    The order is PyTorch's: the slope, which only "leaky_relu" looks at, comes first.
    """
    return _fill(tensor, core.kaiming_uniform, mode, nonlinearity, slope, rng=rng)


def kaiming_normal_(
    tensor: Values,
    slope: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    rng: Rng = None,
) -> Values:
    """Keep the variance through rectifiers; see :func:`odyssey.core.kaiming_normal`.

    The order is PyTorch's: the slope, which only "leaky_relu" looks at, comes first.
    """
    return _fill(tensor, core.kaiming_normal, mode, nonlinearity, slope, rng=rng)


def lecun_uniform_(tensor: Values, rng: Rng = None) -> Values:
    """Keep the variance forward; see :func:`odyssey.core.lecun_uniform`."""
    return _fill(tensor, core.lecun_uniform, rng=rng)


def lecun_normal_(tensor: Values, rng: Rng = None) -> Values:
    """Keep the variance forward, for SELU; see :func:`odyssey.core.lecun_normal`."""
    return _fill(tensor, core.lecun_normal, rng=rng)


def variance_scaling_(
    tensor: Values,
    scale: float = 1.0,
    mode: str = "fan_in",
    distribution: str = "truncated_normal",
    rng: Rng = None,
) -> Values:
    """Fill with weights of variance scale / n; see :func:`odyssey.core.variance_scaling`."""
    return _fill(tensor, core.variance_scaling, scale, mode, distribution, rng=rng)


def orthogonal_(tensor: Values, gain: float = 1.0, rng: Rng = None) -> Values:
    """Fill with a random rotation; see :func:`odyssey.core.orthogonal`."""
    return _fill(tensor, core.orthogonal, gain, rng=rng)


def sparse_(tensor: Values, sparsity: float, std: float = 0.01, rng: Rng = None) -> Values:
    """Fill with weights that are mostly zero; see :func:`odyssey.core.sparse`."""
    return _fill(tensor, core.sparse, sparsity, std, rng=rng)


def initialize(module: Model, rules: Mapping[str, Callable[[Any], Any]]) -> Model:
    """Fill the parameters of a module by rules for their names.

    Parameters
    ----------
    module : Module
    rules : mapping of str to function
        Patterns as in a shell, and what to call with a parameter whose name matches. The
        first pattern that matches counts; parameters that none matches stay as they are.

    Returns
    -------
    Module
        The same.

    Raises
    ------
    OdysseyError
        If a pattern matches no name: a rule in vain is a mistake.

    Examples
    --------
    >>> import odyssey as od
    >>> init = od.nn.init
    >>> model = od.nn.Sequential(od.nn.Linear(3, 3), od.nn.Linear(3, 1))
    >>> _ = init.initialize(model, {"0.weight": init.eye_, "*bias": init.zeros_})
    >>> model[0](od.tensor([1.0, 2.0, 3.0])).tolist()
    [1.0, 2.0, 3.0]
    """
    parameters = dict(module.named_parameters())
    for pattern in rules:
        if not any(fnmatchcase(name, pattern) for name in parameters):
            raise OdysseyError(
                f"initialize: {type(module).__name__} has no parameter that matches {pattern!r}; "
                f"its names are {', '.join(parameters)}"
            )
    for name, parameter in parameters.items():
        fill = next((rules[pattern] for pattern in rules if fnmatchcase(name, pattern)), None)
        if fill is not None:
            fill(parameter)
    return module
