"""Cases of the pools, forward and backward.

Shapes: N images, C channels, H×W pixels, P×Q outputs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from odyssey import reference
from odyssey.testing.cases import Case, generator, grid

Settings = dict[str, Any]

# Both pools of windows: name to (shape of x, settings).
WINDOWS: dict[str, tuple[tuple[int, ...], Settings]] = {
    "one pixel": ((1, 1, 1, 1), {"kernel_size": 1}),
    "halves": ((2, 3, 6, 8), {"kernel_size": 2}),
    "stride does not divide": ((1, 5, 7, 9), {"kernel_size": 2}),
    "overlapping": ((2, 3, 7, 6), {"kernel_size": 3, "stride": 2}),
    "stride 1": ((1, 2, 5, 4), {"kernel_size": (2, 3), "stride": 1}),
    "stride beyond the window": ((1, 3, 8, 11), {"kernel_size": 2, "stride": (3, 4)}),
    "two strides": ((2, 2, 7, 10), {"kernel_size": (3, 2), "stride": (1, 3)}),
    "padding": ((2, 3, 5, 6), {"kernel_size": 3, "stride": 2, "padding": 1}),
    "two paddings": ((1, 4, 4, 7), {"kernel_size": (3, 5), "stride": 2, "padding": (1, 2)}),
    "last window hangs over": ((1, 3, 6, 9), {"kernel_size": 3, "stride": 2, "ceil_mode": True}),
    "hangs over the padding": (
        (2, 2, 6, 5),
        {"kernel_size": 4, "stride": 3, "padding": 2, "ceil_mode": True},
    ),
    "the whole image": ((2, 3, 4, 5), {"kernel_size": (4, 5)}),
    "more channels than a register": ((1, 37, 4, 6), {"kernel_size": 2}),
    "more channels than a block": ((2, 131, 3, 4), {"kernel_size": 2, "stride": 1}),
    "a register and a lane": ((2, 17, 5, 7), {"kernel_size": 3, "stride": 1, "padding": 1}),
    "four registers and some": ((2, 70, 5, 6), {"kernel_size": 2}),
    "blocks of registers": ((1, 128, 6, 5), {"kernel_size": 3, "stride": 2, "padding": 1}),
    "a LeNet's layer": ((4, 24, 28, 30), {"kernel_size": 2}),
    "a ResNet's stem": ((1, 32, 23, 18), {"kernel_size": 3, "stride": 2, "padding": 1}),
    "no images": ((0, 3, 4, 5), {"kernel_size": 2}),
    "no channels": ((2, 0, 4, 5), {"kernel_size": 2}),
}

DILATED: dict[str, tuple[tuple[int, ...], Settings]] = {
    "dilation": ((2, 3, 7, 8), {"kernel_size": 3, "stride": 1, "dilation": 2}),
    "two dilations": ((1, 2, 9, 8), {"kernel_size": (2, 3), "stride": 2, "dilation": (4, 1)}),
    "dilation and padding": (
        (1, 5, 8, 9),
        {"kernel_size": 3, "stride": 2, "padding": 1, "dilation": (2, 3), "ceil_mode": True},
    ),
}

# Of adaptive pools: name to (shape of x, size of the output).
ADAPTIVE: dict[str, tuple[tuple[int, ...], Any]] = {
    "one pixel": ((1, 1, 1, 1), 1),
    "equal parts": ((2, 3, 6, 8), (3, 2)),
    "parts that overlap": ((1, 5, 7, 10), (3, 4)),
    "as large as the image": ((2, 2, 3, 4), (3, 4)),
    "larger than the image": ((1, 3, 2, 3), (5, 7)),
    "one number": ((2, 19, 5, 4), 1),
    "a VGG's last layer": ((2, 64, 9, 11), 7),
    "no images": ((0, 3, 4, 5), 2),
}

GLOBAL = {
    "one pixel": (1, 1, 1, 1),
    "one pixel each": (2, 3, 1, 1),
    "small": (2, 5, 3, 4),
    "a row": (1, 17, 1, 9),
    "a ResNet's last layer": (5, 70, 7, 8),
    "many pixels": (1, 3, 41, 53),
    "four registers": (2, 64, 5, 6),
    "two pixels make four registers": (3, 8, 7, 5),
    "more channels than sums": (1, 1030, 3, 2),
    "no images": (0, 3, 4, 5),
}


def cases() -> Iterator[Case]:
    """Yield the cases of the family."""
    for name, (shape, settings) in {**WINDOWS, **DILATED}.items():
        yield from _maximum(name, grid(generator(len(name)), shape), settings)
    rng = generator(3)
    equal = rng.integers(0, 3, (2, 3, 7, 6)).astype(np.float64)
    yield from _maximum("equal elements", equal, {"kernel_size": 3, "stride": 2})
    odd = rng.standard_normal((1, 3, 6, 7))
    odd[rng.random(odd.shape) < 0.3] = np.nan
    odd[0, 1] = -np.inf
    odd[0, 2, 2] = np.inf
    yield from _maximum("NaN and infinity", odd, {"kernel_size": 3, "stride": 1, "padding": 1})
    wide = rng.standard_normal((2, 70, 5, 4))
    wide[rng.random(wide.shape) < 0.01] = np.nan
    yield from _maximum("few NaNs among many channels", wide, {"kernel_size": 2, "stride": 1})
    for name, (shape, settings) in WINDOWS.items():
        yield from _average(name, shape, settings)
        if "padding" in settings:
            yield from _average(
                f"{name}, not counted", shape, {**settings, "count_include_pad": False}
            )
    yield Case("avg_pool2d", "NaN and infinity", (odd, 2), terms=4)
    for name, (shape, size) in ADAPTIVE.items():
        yield from _adaptive(name, shape, size)
    for name, shape in GLOBAL.items():
        rng = generator(len(name))
        x, grad = rng.standard_normal(shape), rng.standard_normal((*shape[:2], 1, 1))
        yield Case("global_avg_pool2d", name, (x,), terms=shape[2] * shape[3], scale=1.0)
        yield Case("global_avg_pool2d_backward", name, (grad, shape))


def _maximum(name: str, x: np.ndarray, settings: Settings) -> Iterator[Case]:
    out, indices = reference.max_pool2d(x, **settings)
    yield Case("max_pool2d", name, (x,), settings)
    grad = generator(4).standard_normal(out.shape)
    yield Case("max_pool2d_backward", name, (grad, indices, x.shape), terms=9, scale=1.0)
    windows = {key: value for key, value in settings.items() if key != "ceil_mode"}
    yield Case(
        "max_pool2d_backward",
        f"{name}, windows known",
        (grad, indices, x.shape),
        windows,
        terms=9,
        scale=1.0,
    )


def _average(name: str, shape: tuple[int, ...], settings: Settings) -> Iterator[Case]:
    rng = generator(len(name))
    x = rng.standard_normal(shape)
    terms = int(np.prod(settings["kernel_size"])) ** 2
    out = reference.avg_pool2d(x, **settings)
    yield Case("avg_pool2d", name, (x,), settings, terms, 1.0)
    grad = rng.standard_normal(out.shape)
    yield Case("avg_pool2d_backward", name, (grad, shape), settings, terms, 1.0)


def _adaptive(name: str, shape: tuple[int, ...], size: Any) -> Iterator[Case]:
    rng = generator(len(name))
    x = rng.standard_normal(shape)
    out = reference.adaptive_avg_pool2d(x, size)
    yield Case("adaptive_avg_pool2d", name, (x, size), terms=9, scale=1.0)
    grad = rng.standard_normal(out.shape)
    yield Case("adaptive_avg_pool2d_backward", name, (grad, shape), terms=9, scale=1.0)
