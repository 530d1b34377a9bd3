"""Cases of convolutions in Winograd's form, forward and backward, for each window and tile.

Sizes lie below and above what the kernels count in: tiles, registers of channels,
pairs of registers of outputs, pieces of 256 channels, runs of tiles, and stages of
transformed weights and tiles.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from odyssey.testing.cases import Case, generator
from odyssey.utils.kernel_checks_conv import check_winograd

# x, filters, settings; with both tiles where none is set
SHAPES: dict[str, tuple[tuple[int, ...], int, dict[str, Any]]] = {
    "one pixel": ((1, 1, 1, 1), 1, {"padding": 1}),
    "one window": ((2, 3, 3, 3), 4, {}),
    "one tile of 2": ((2, 3, 4, 4), 5, {}),
    "one tile of 4": ((2, 3, 6, 6), 5, {}),
    "tiles cut at two sides": ((2, 3, 9, 7), 5, {"padding": 1}),
    "a row": ((1, 2, 1, 11), 3, {"padding": 1}),
    "same": ((1, 2, 5, 6), 3, {"padding": "same"}),
    "padding by side": ((1, 2, 5, 8), 3, {"padding": ((2, 0), (1, 3))}),
    "padding beyond the window": ((1, 2, 2, 3), 3, {"padding": 4}),
    "dilation": ((1, 3, 11, 17), 4, {"dilation": (2, 3), "padding": (1, 2)}),
    "dilation, few outputs": ((1, 2, 6, 8), 3, {"dilation": (2, 3)}),
    "groups": ((2, 6, 7, 6), 9, {"groups": 3, "padding": 1}),
    "groups of more than a register": ((1, 40, 5, 6), 70, {"groups": 2, "padding": 1}),
    "a group for each channel": ((1, 4, 6, 5), 8, {"groups": 4, "padding": 1}),
    "a register and a rest": ((1, 17, 6, 5), 19, {"padding": 1}),
    "two registers and a rest": ((1, 37, 5, 7), 34, {"padding": 1}),
    "more channels than a piece": ((1, 261, 5, 4), 3, {"padding": 1}),
    "more filters than a piece": ((1, 3, 5, 4), 261, {"padding": 1}),
    "more tiles than a run": ((3, 24, 27, 24), 5, {"padding": 1}),
    "more weights than a stage": ((1, 270, 3, 4), 290, {"padding": 1, "tile": 4}),
    "more tiles than a stage": ((1, 40, 121, 125), 40, {"padding": 1, "tile": 4}),
    "4x4": ((2, 19, 9, 8), 35, {"padding": 2, "tile": 3}),
    "4x4, dilation, groups": ((1, 4, 13, 15), 6, {"dilation": (2, 3), "groups": 2, "tile": 3}),
    "5x5": ((2, 17, 8, 9), 34, {"padding": 2, "tile": 2}),
    "5x5, dilation, padding by side": (
        (1, 3, 11, 12),
        4,
        {"dilation": (1, 2), "padding": ((4, 0), (1, 3)), "tile": 2},
    ),
    "no images": ((0, 3, 5, 4), 2, {}),
    "no filters": ((2, 3, 5, 4), 0, {}),
    "no channels": ((2, 0, 5, 4), 3, {}),
}

ACCURACY: dict[int, dict[str, Any]] = {
    4: {},
    6: {
        "factor": 2.0,
        "reason": "values at six points are larger than what they cancel to: errors of "
        "F(4x4,3x3) are 2 to 5 times those of F(2x2,3x3)",
    },
}


def cases() -> Iterator[Case]:
    """Yield the cases of the family."""
    for name, (x, filters, settings) in SHAPES.items():
        for tile in [settings["tile"]] if "tile" in settings else (2, 4):
            yield from _both(name, x, filters, {**settings, "tile": tile})
    rng = generator(3)
    arrays = rng.standard_normal((1, 2, 5, 4)), rng.standard_normal((3, 2, 3, 3))
    grad = rng.standard_normal((1, 3, 5, 4))
    yield Case("winograd_conv2d", "no bias", (*arrays, None, 1), terms=18, **ACCURACY[6])
    for number, wanted in enumerate(("x", "weight", "bias")):
        settings = {"padding": 1, "needs": tuple(i == number for i in range(3))}
        kernel, name = "winograd_conv2d_backward", f"only {wanted}"
        yield Case(kernel, name, (grad, *arrays), settings, 27, **ACCURACY[6])


def _both(
    name: str, x_shape: tuple[int, ...], filters: int, settings: dict[str, Any]
) -> Iterator[Case]:
    """Yield the forward and the backward case of these shapes."""
    rng, tile = generator(len(name)), settings["tile"]
    taps = int(name[0]) if name[1:2] == "x" else 3
    accuracy = ACCURACY[tile + taps - 1]
    full = {"padding": 0, "dilation": 1, "groups": 1, **settings}
    x = rng.standard_normal(x_shape)
    weight = rng.standard_normal((filters, x_shape[1] // full["groups"], taps, taps))
    bias = rng.standard_normal(filters)
    outputs = check_winograd("winograd_conv2d", x, weight, bias, **full).outputs
    grad = rng.standard_normal((x_shape[0], filters, *outputs))
    name = f"{name}, tile {tile}"
    # Errors are in proportion to sums that do not cancel, also where the largest result is small.
    terms, pixels = math.prod(weight.shape[1:]), grad.size // max(filters, 1)
    uses = taps * taps * filters // full["groups"]
    for kernel, args, longest, shortest in (
        ("winograd_conv2d", (x, weight, bias), terms + 1, terms),
        ("winograd_conv2d_backward", (grad, x, weight), max(uses, pixels), min(uses, pixels)),
    ):
        scale = math.sqrt(shortest)
        yield Case(kernel, name, args, settings, max(longest, 1), scale, **accuracy)
