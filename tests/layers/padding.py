"""Padding: samples, bad settings, and PyTorch's."""

import numpy as np

import odyssey as od
from layers import Bad, Layer
from odyssey import nn
from odyssey.errors import ShapeError

normal = np.random.default_rng(4).standard_normal
SIZES = {1: (7,), 2: (6, 7), 3: (4, 6, 5)}
# One number for all sides, and one for each, the last axis first.
WIDTHS = {1: (2, (1, 3)), 2: (2, (1, 3, 0, 2)), 3: (2, (1, 3, 0, 2, 3, 1))}
VALUES = {"Constant": (1.5,)}
KINDS = ("Zero", "Constant", "Reflection", "Replication", "Circular")


def pad(kind, axes, width, theirs=None, shape=(2, 3), values=None):
    """Return a sample; ``theirs`` is what PyTorch calls the same width."""
    values = VALUES.get(kind, ()) if values is None else values
    return Layer(
        lambda: getattr(nn, f"{kind}Pad{axes}D")(width, *values),
        (normal((*shape, *SIZES[axes])),),
        lambda torch: getattr(torch.nn, f"{kind}Pad{axes}d")(theirs or width, *values),
    )


LAYERS = [
    *[pad(kind, axes, width) for kind in KINDS for axes in (1, 2, 3) for width in WIDTHS[axes]],
    *[pad(kind, axes, WIDTHS[axes][1], shape=(3,)) for kind in KINDS for axes in (1, 2, 3)],
    *[pad(kind, 1, ((1, 3),), (1, 3)) for kind in KINDS],
    *[pad(kind, 2, (1, 2), (2, 2, 1, 1)) for kind in KINDS],
    *[pad(kind, 2, ((1, 0), (2, 3)), (2, 3, 1, 0)) for kind in KINDS],
    *[pad(kind, 2, [2, 0, 1, 3], (2, 0, 1, 3)) for kind in KINDS],
    *[pad(kind, 3, (1, 2, 0), (0, 0, 2, 2, 1, 1)) for kind in KINDS],
    *[pad(kind, 3, ((1, 0), (2, 3), (0, 1)), (0, 1, 2, 3, 1, 0)) for kind in KINDS],
    *[pad("Constant", axes, 0, shape=(0, 3)) for axes in (1, 2, 3)],
    pad("Constant", 2, (0, 1, 2, 0), values=(-2,)),
    pad("Zero", 2, 2, shape=()),
]
NAMES = [f"{kind}Pad{axes}D" for kind in KINDS for axes in (1, 2, 3)]


def bad(name, width, match):
    values = VALUES.get(name[:-5], ())
    return Bad(lambda: getattr(nn, name)(width, *values), ShapeError, f"^{name}: {match}")


BAD = [
    *[bad(name, -1, "padding must be at least 0, got -1") for name in NAMES],
    *[bad(name, (1, 1) * int(name[-2]) + (1,), "padding must be one integer") for name in NAMES],
    *[bad(name, "same", "padding must be made of integers, got 'same'") for name in NAMES],
    *[bad(name, 1.5, "padding must be made of integers, got 1.5") for name in NAMES],
    *[bad(name, (0, -2) * int(name[-2]), "padding must be at least 0, got -2") for name in NAMES],
    Bad(
        lambda: nn.ZeroPad3D(1)(od.ones((3, 4))),
        ShapeError,
        "^ZeroPad3D: pad: x has 2 axes but needs at least 3",
    ),
    Bad(
        lambda: nn.CircularPad1D(1)(od.ones((3, 0))),
        ShapeError,
        "^CircularPad1D: pad: x of shape .* has nothing to circular along an empty axis",
    ),
]
