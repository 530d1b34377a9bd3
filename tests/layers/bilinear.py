"""Bilinear: samples, bad settings, and PyTorch's."""

import numpy as np

import odyssey as od
from layers import Bad, Layer
from odyssey import nn
from odyssey.errors import ShapeError

normal = np.random.default_rng(7).standard_normal

LAYERS = [
    Layer(
        lambda sizes=sizes, bias=bias: nn.Bilinear(*sizes, bias=bias),
        (normal((*lead, sizes[0])), normal((*lead, sizes[1]))),
        lambda torch, sizes=sizes, bias=bias: torch.nn.Bilinear(*sizes, bias=bias),
    )
    for bias in (True, False)
    for sizes, lead in (
        ((3, 4, 5), (6,)),
        ((3, 4, 5), (2, 6)),
        ((1, 4, 2), (6,)),
        ((3, 1, 1), (6,)),
        ((3, 4, 5), (0,)),
        ((3, 4, 5), ()),
    )
]
BAD = [
    *[
        Bad(
            lambda sizes=sizes: nn.Bilinear(*sizes),
            ShapeError,
            "^Bilinear: (in1|in2|out)_features must be a positive integer, got",
        )
        for sizes in ((0, 1, 1), (1, -1, 1), (1, 1, 2.5), (None, 1, 1))
    ],
    *[
        Bad(
            lambda shapes=shapes: nn.Bilinear(3, 4, 2)(*map(od.ones, shapes)),
            ShapeError,
            r"^Bilinear: bilinear: x[12] must have [34] features, got",
        )
        # A single feature does not broadcast.
        for shapes in (((5, 1), (5, 4)), ((5, 3), (5, 1)), ((5, 4), (5, 3)), ((), (4,)))
    ],
]
