"""Linear, Flatten and the containers: samples, bad settings, and PyTorch's."""

import numpy as np

import odyssey as od
from layers import Bad, Layer
from odyssey import nn
from odyssey.errors import ShapeError

rng = np.random.default_rng(1)
normal = rng.standard_normal

LAYERS = [
    *[
        Layer(
            lambda bias=bias: nn.Linear(3, 5, bias=bias),
            (normal(shape),),
            lambda torch, bias=bias: torch.nn.Linear(3, 5, bias=bias),
        )
        for bias in (True, False)
        for shape in ((4, 3), (2, 4, 3), (3,), (0, 3))
    ],
    Layer(lambda: nn.Flatten(), (normal((2, 3, 4)),), lambda torch: torch.nn.Flatten()),
    Layer(lambda: nn.Flatten(0, 1), (normal((2, 3, 4)),), lambda torch: torch.nn.Flatten(0, 1)),
]
BAD = [
    *[
        Bad(lambda n=n: nn.Linear(*n), ShapeError, "Linear: (in|out)_features must be a positive")
        for n in ((0, 1), (1, -2), (1.5, 1), ("3", 1), (None, 0))
    ],
    Bad(lambda: nn.Linear(4, 1)(od.ones((2, 3))), ShapeError, "^Linear: linear: x has 3 features"),
    Bad(lambda: nn.Linear(None, 1)(od.ones(())), ShapeError, "^Linear: .*at least 1 axis"),
]
