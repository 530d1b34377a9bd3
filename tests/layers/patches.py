"""Unfold and Fold: samples, bad settings, and PyTorch's."""

import numpy as np

import odyssey as od
from layers import Bad, Layer
from odyssey import nn
from odyssey.errors import ShapeError

normal = np.random.default_rng(6).standard_normal
SETTINGS = [
    (2,),
    ((2, 3),),
    (3, 2, 2, 2),
    ((2, 3), (2, 1), (1, 0), (1, 2)),
]


def unfold(*args):
    return Layer(
        lambda: nn.Unfold(*args), (normal((2, 3, 7, 8)),), lambda torch: torch.nn.Unfold(*args)
    )


def fold(*args):
    """Return a sample on as many columns as there are windows."""
    columns = nn.Unfold(*args)(od.ones((1, 1, 7, 8))).shape
    return Layer(
        lambda: nn.Fold((7, 8), *args),
        (normal((2, 3 * columns[1], columns[2])),),
        lambda torch: torch.nn.Fold((7, 8), *args),
    )


LAYERS = [sample(*args) for sample in (unfold, fold) for args in SETTINGS]


def bad(make, match):
    return Bad(make, ShapeError, match)


BAD = [
    bad(lambda: nn.Unfold(0), "^Unfold: kernel_size must be at least 1, got 0"),
    bad(lambda: nn.Unfold(2, 0), "^Unfold: dilation must be at least 1, got 0"),
    bad(lambda: nn.Unfold(2, 1, -1), "^Unfold: padding must be at least 0, got -1"),
    bad(lambda: nn.Unfold(2, stride=(1, 0)), "^Unfold: stride must be at least 1, got 0"),
    bad(lambda: nn.Fold(0, 2), "^Fold: output_size must be at least 1, got 0"),
    bad(lambda: nn.Fold(4, (1, 2, 3)), "^Fold: kernel_size must be one integer or two"),
    bad(lambda: nn.Unfold(2)(od.ones((3, 4, 4))), r"^Unfold: unfold: x has 3 axes but needs 4"),
    bad(lambda: nn.Fold(4, 2)(od.ones((1, 4, 8))), r"^Fold: fold: x must have shape \(N, C\*4, 9"),
]
