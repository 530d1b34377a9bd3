"""Upsample: samples, bad settings, and PyTorch's."""

import numpy as np

import odyssey as od
from layers import Bad, Layer
from odyssey import nn
from odyssey.errors import OdysseyError, ShapeError

normal = np.random.default_rng(5).standard_normal
SIZES = {1: (7,), 2: (5, 6), 3: (3, 4, 5)}


def upsample(axes, **settings):
    """Return a sample of an Upsample with the same settings here and there."""
    return Layer(
        lambda: nn.Upsample(**settings),
        (normal((2, 3, *SIZES[axes])),),
        lambda torch: torch.nn.Upsample(**settings),
    )


def with_antialias(mode, size):
    """Return a sample of what PyTorch has as a function only."""
    return Layer(
        lambda: nn.Upsample(size, mode=mode, antialias=True),
        (normal((2, 3, 9, 10)),),
        lambda torch: torch.nn.Identity(),
        call=lambda torch, layer, x: torch.nn.functional.interpolate(
            layer(x), size, mode=mode, antialias=True
        ),
    )


SMOOTH = ((1, "linear"), (2, "bilinear"), (2, "bicubic"), (3, "trilinear"))
LAYERS = [
    *[upsample(axes, scale_factor=2) for axes in (1, 2, 3)],
    *[upsample(axes, size=8, mode="nearest-exact") for axes in (1, 2, 3)],
    *[upsample(axes, size=(4, 9, 2)[:axes], mode="area") for axes in (1, 2, 3)],
    *[
        upsample(axes, scale_factor=2.5, mode=mode, align_corners=corners)
        for axes, mode in SMOOTH
        for corners in (False, True)
    ],
    *[
        upsample(axes, size=(4, 9, 3)[:axes], mode=mode, align_corners=corners)
        for axes, mode in SMOOTH
        for corners in (False, True)
    ],
    upsample(2, scale_factor=(1.5, 3.0)),
    with_antialias("bilinear", (4, 5)),
    with_antialias("bicubic", (6, 4)),
]


def bad(match, error=OdysseyError, **settings):
    return Bad(lambda: nn.Upsample(**settings), error, f"^Upsample: {match}")


BAD = [
    bad("give either size or scale_factor", ShapeError),
    bad("give either size or scale_factor", ShapeError, size=4, scale_factor=2),
    bad("size must be at least 1, got 0", ShapeError, size=(4, 0)),
    bad("size must be made of integers, got 2.5", ShapeError, size=2.5),
    bad("scale_factor must be a positive number", ShapeError, scale_factor=0),
    bad("scale_factor must be a positive number", ShapeError, scale_factor=(2, "2")),
    bad("mode: expected one of nearest, .*, got 'cubic'; did you mean", size=4, mode="cubic"),
    bad("align_corners is for linear and cubic modes", size=4, align_corners=True),
    bad("antialias is for bilinear and", size=4, mode="trilinear", antialias=True),
    bad("antialias is for bilinear and bicubic", size=4, mode="area", antialias=True),
    Bad(
        lambda: nn.Upsample(4, mode="bilinear")(od.ones((2, 3, 4))),
        ShapeError,
        r"^Upsample: interpolate: mode 'bilinear' needs x as \(N, C, H, W\), got \(2, 3, 4\)",
    ),
    Bad(
        lambda: nn.Upsample(size=(4, 5))(od.ones((2, 3, 4))),
        ShapeError,
        r"^Upsample: interpolate: size must be one integer, got \(4, 5\)",
    ),
]
