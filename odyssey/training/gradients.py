"""What gradients look like, in six numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from odyssey.core import count_inf, count_nan, gradient_norm
from odyssey.tensor import Tensor

__all__ = ["GradientStatistics", "gradient_statistics"]


@dataclass(frozen=True)
class GradientStatistics:
    """All gradients of a model as of one long vector.

    Attributes
    ----------
    global_norm : float
        Its Euclidean norm; not finite if an element is not.
    max, min, mean : float
        Over the finite elements; NaN if there are none.
    num_nan, num_inf : int
        How many elements are NaN, and infinite.
    """

    global_norm: float
    max: float
    min: float
    mean: float
    num_nan: int
    num_inf: int

    @property
    def is_healthy(self) -> bool:
        """Whether all elements, and their norm, are finite."""
        return math.isfinite(self.global_norm)

    def __str__(self) -> str:
        return (
            f"norm {self.global_norm:.4g}, from {self.min:.4g} to {self.max:.4g}, mean "
            f"{self.mean:.4g}, {self.num_nan} NaN, {self.num_inf} infinite"
        )


def gradient_statistics(parameters: Iterable[Tensor]) -> GradientStatistics:
    """Return norm, extremes, mean and defects of the gradients of parameters.

    Parameters
    ----------
    parameters : iterable of Tensor
        Those without a gradient are left aside. If none has one, the norm is 0.

    Returns
    -------
    GradientStatistics
        Summed in float64.

    Notes
    -----
    What else is done with gradients needs no functions: ``backward`` adds to those that are
    there, ``optimizer.zero_grad()`` forgets them, and ``p.grad *= 0.5`` scales one.

    Examples
    --------
    >>> import odyssey as od
    >>> w = od.tensor([3.0, -4.0], requires_grad=True)
    >>> (w * w).sum().backward()
    >>> statistics = gradient_statistics([w])
    >>> print(statistics)
    norm 10, from -8 to 6, mean -1, 0 NaN, 0 infinite
    >>> statistics.is_healthy
    True
    """
    parameters = list(parameters)
    arrays = [p.grad.data for p in parameters if p.grad is not None]
    finite = [values for g in arrays if (values := g[np.isfinite(g)]).size]
    count = sum(values.size for values in finite)
    return GradientStatistics(
        global_norm=gradient_norm(parameters),
        max=max((float(values.max()) for values in finite), default=math.nan),
        min=min((float(values.min()) for values in finite), default=math.nan),
        mean=sum(float(v.sum(dtype=np.float64)) for v in finite) / count if count else math.nan,
        num_nan=sum(map(count_nan, arrays)),
        num_inf=sum(map(count_inf, arrays)),
    )
