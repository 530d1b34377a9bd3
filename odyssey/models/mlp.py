"""The multi-layer perceptron."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np

from odyssey import nn

__all__ = ["mlp"]


def mlp(
    input_shape: Sequence[int],
    classes: int,
    hidden: Sequence[int] = (256, 128),
    rng: np.random.Generator | None = None,
) -> nn.Sequential:
    """Return a multi-layer perceptron: linear maps with rectifiers between them.

    Parameters
    ----------
    input_shape : sequence of int
        The shape of one example, flattened at the door.
    classes : int
        The number of scores that come out.
    hidden : sequence of int
        The width of each hidden layer.
    rng : numpy.random.Generator, optional

    Returns
    -------
    Sequential
        From ``(N, *input_shape)`` to ``(N, classes)``.

    References
    ----------
    .. [1] D. Rumelhart, G. Hinton, R. Williams, "Learning representations by
       back-propagating errors", Nature 323, 1986.
       https://doi.org/10.1038/323533a0

    Examples
    --------
    >>> import odyssey as od
    >>> od.models.mlp((1, 8, 8), 10)(od.ones((5, 1, 8, 8))).shape
    (5, 10)
    """
    widths = [math.prod(input_shape), *hidden]
    layers: list[nn.Module] = [nn.Flatten()]
    for width_in, width_out in itertools.pairwise(widths):
        layers += [nn.Linear(width_in, width_out, rng=rng), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(widths[-1], classes, rng=rng))
