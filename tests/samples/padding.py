"""Padding: samples, bad input, and what PyTorch has of it."""

import numpy as np

from odyssey.errors import DTypeError, OdysseyError, ShapeError
from samples import Bad, Sample, Shared
from samples._draws import array, choice, draws

rng, normal, positive = draws(__name__)

MODES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def np_pad(x, width, mode="constant", value=0):
    if mode == "constant":
        return np.pad(x, width, constant_values=value)
    return np.pad(x, width, MODES[mode])


SAMPLES = [
    Sample("pad", (normal(2, 3), ((0, 1), (2, 0))), np_pad),
    Sample("pad", (normal(2, 3), 1), np_pad, {"value": -1.5}),
    Sample("pad", (normal(3, 4), (1, 2), "reflect"), np_pad, {}, 4),
    Sample("pad", (normal(2, 3), ((0, 0), (5, 6)), "reflect"), np_pad, {}, 5),
    Sample("pad", (normal(3, 2), ((2, 1), (0, 3)), "replicate"), np_pad, {}, 8),
    Sample("pad", (normal(3, 4), ((4, 2), (1, 0)), "circular"), np_pad, {}, 6),
    Sample("pad", (normal(2, 3), 0, "circular"), np_pad),
    *[Sample("pad", (normal(1, 2), 1, mode), np_pad, {}, 9) for mode in MODES],
    *[Sample("pad", (normal(1), (1, 2), mode), np_pad, {}, 4) for mode in ("constant", *MODES)],
    *[Sample("pad", (normal(0, 2), ((0, 0), (1, 1)), mode), np_pad) for mode in MODES],
    Sample("pad", (normal(0, 2), 1), np_pad),
    Sample("pad", (np.array(1.5), 2), np_pad),
]

x = np.ones((2, 3), np.float32)

BAD = [
    Bad("pad", (x, (1, 2, 3)), {}, ShapeError, r"pad: width .* of the 2 axes, got \(1, 2, 3\)"),
    Bad("pad", (x, ((1, 2),) * 3), {}, ShapeError, "pad: width must be a number, a pair"),
    Bad("pad", (x, ((1, 2), (1, 2, 3))), {}, ShapeError, "pad: width must be a number, a pair"),
    Bad("pad", (x, -1), {}, ShapeError, "pad: width must hold integers from 0 on, got -1"),
    Bad("pad", (x, 1.0), {}, ShapeError, "pad: width must hold integers from 0 on, got 1.0"),
    Bad("pad", (x, 1, "edge"), {}, OdysseyError, "pad: mode must be constant, .*, got 'edge'"),
    Bad("pad", (x, 1), {"value": "a"}, DTypeError, "pad: value 'a' is no float32: could not conv"),
    Bad("pad", (x.astype(int), 1), {"value": np.nan}, DTypeError, "pad: value nan is no int64"),
    Bad("pad", (x[:0], 1, "reflect"), {}, ShapeError, r"x of shape \(0, 3\) has nothing to refl"),
]


def in_torch(torch, x, width, mode, value=0):
    flat = [int(n) for pair in reversed(width) for n in pair]  # theirs begins at the last axis
    if mode == "constant":
        return torch.nn.functional.pad(x, flat, mode, value)
    # All but a constant is for images only there: their batch and channel axes are in front.
    return torch.nn.functional.pad(x[None, None], flat, mode)[0, 0]


def around(rng):
    mode = choice(rng, "constant", *MODES)
    x = array(rng, 1, 4 if mode == "constant" else 3, empty=mode == "constant")
    # Theirs goes round once at most, and reflects no end.
    most = {"reflect": [n - 1 for n in x.shape], "circular": x.shape}.get(mode, [3] * x.ndim)
    width = [tuple(rng.integers(0, n + 1, 2).tolist()) for n in most]
    return (x, width, mode), {"value": 0.5} if mode == "constant" else {}


SHARED = [Shared("pad", in_torch, around)]
