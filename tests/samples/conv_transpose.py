"""Transposed convolution: samples, bad input, and what PyTorch has of it."""

import numpy as np

from odyssey.errors import DTypeError, ShapeError
from samples import Bad, Sample, Shared
from samples._draws import choice, draws

rng, normal, positive = draws(__name__)


def np_conv_transpose(
    x, weight, bias=None, stride=1, padding=0, output_padding=0, dilation=1, groups=1
):
    """Add each pixel times its filter to the pixels below, along any number of axes."""
    size, taps = x.shape[2:], weight.shape[2:]
    each = [np.broadcast_to(n, len(size)) for n in (stride, padding, output_padding, dilation)]
    steps, cuts, extra, gaps = (list(map(int, one)) for one in each)
    whole = [
        (n - 1) * s + d * (r - 1) + 1 + max(e, p)
        for n, s, d, r, e, p in zip(size, steps, gaps, taps, extra, cuts, strict=True)
    ]
    y = np.zeros((x.shape[0], weight.shape[1] * groups, *whole))
    for place in np.ndindex(size):
        rows = np.split(x[(slice(None), slice(None), *place)], groups, 1)
        parts = [
            np.tensordot(row, of_weight, 1)
            for row, of_weight in zip(rows, np.split(weight, groups), strict=True)
        ]
        below = [
            slice(p * s, p * s + d * (r - 1) + 1, d)
            for p, s, d, r in zip(place, steps, gaps, taps, strict=True)
        ]
        y[(slice(None), slice(None), *below)] += np.concatenate(parts, 1)
    kept = [
        slice(p, (n - 1) * s + d * (r - 1) + 1 - p + e)
        for n, s, d, r, e, p in zip(size, steps, gaps, taps, extra, cuts, strict=True)
    ]
    y = y[(slice(None), slice(None), *kept)]
    return y if bias is None else y + bias.reshape(-1, *[1] * len(size))


NAMES = {1: "conv_transpose1d", 2: "conv_transpose2d", 3: "conv_transpose3d"}
lengths = (3, 4, 2)

SAMPLES = [
    sample
    for axes, name in NAMES.items()
    for sample in (
        Sample(
            name,
            (normal(2, 4, *lengths[:axes]), normal(4, 1, *(3, 2, 2)[:axes]), normal(2)),
            np_conv_transpose,
            {"stride": 2, "padding": 1, "output_padding": 1, "groups": 2},
            13,
        ),
        Sample(
            name,
            (normal(1, 2, *lengths[:axes]), normal(2, 3, *(2, 3, 2)[:axes])),
            np_conv_transpose,
            {"stride": (1, 2, 3)[:axes], "dilation": (2, 1, 2)[:axes]},
            24,
        ),
        Sample(
            name,
            (normal(0, 2, *lengths[:axes]), normal(2, 3, *[2] * axes), normal(3)),
            np_conv_transpose,
        ),
        Sample(
            name,
            (normal(1, 1, *[1] * axes), normal(1, 1, *[1] * axes), normal(1)),
            np_conv_transpose,
        ),
    )
]

image = np.ones((2, 4, 5, 6), np.float32)
filters = np.ones((4, 3, 3, 3), np.float32)
bad = "conv_transpose2d"

BAD = [
    Bad(bad, (image.astype(int), filters), {}, DTypeError, f"{bad}: x must be floating-point"),
    Bad(bad, (image[0], filters), {}, ShapeError, rf"{bad}: x has 3 axes .* \(N, C, H, W\)"),
    Bad(bad, (image, filters[:3]), {}, ShapeError, f"{bad}: weight is for 3 channels but x has 4"),
    Bad(bad, (image, filters, image[0, 0, 0]), {}, ShapeError, r"bias must have shape \(3,\)"),
    Bad(bad, (image, filters), {"groups": 3}, ShapeError, "groups=3 does not divide"),
    Bad(bad, (image, filters), {"padding": "same"}, ShapeError, f"{bad}: padding must be numbers"),
    Bad(bad, (image, filters), {"padding": 9}, ShapeError, f"{bad}: nothing is left of "),
    Bad(
        bad,
        (image, filters),
        {"stride": 2, "output_padding": 2},
        ShapeError,
        r"output_padding \(2, 2\) must be less than the stride \(2, 2\)",
    ),
    Bad("conv_transpose1d", (image, filters), {}, ShapeError, r"needs 3, \(N, C, L\)"),
    Bad("conv_transpose3d", (image, filters), {}, ShapeError, r"needs 5, \(N, C, D, H, W\)"),
]


def drawn(axes):
    """Return a function that draws arrays and settings along some axes."""

    def draw(rng):
        groups = int(rng.integers(1, 3))
        C, K = (int(n) * groups for n in rng.integers(1, 4, 2))
        x = rng.standard_normal((int(rng.integers(0, 3)), C, *rng.integers(2, 5, axes)))
        weight = rng.standard_normal((C, K // groups, *rng.integers(1, 4, axes)))
        stride = choice(rng, 1, 2, tuple(map(int, rng.integers(1, 4, axes))))
        settings = {
            "stride": stride,
            "padding": choice(rng, 0, 1) if min(x.shape[2:]) > 2 else 0,
            "output_padding": 1 if stride == 2 and rng.random() < 0.5 else 0,
            "dilation": choice(rng, 1, 2),
            "groups": groups,
        }
        return (x, weight, choice(rng, None, rng.standard_normal(K))), settings

    return draw


SHARED = [Shared(name, name, drawn(axes), terms=200) for axes, name in NAMES.items()]
