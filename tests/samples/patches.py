"""Patches and shuffles: samples, bad input, and what PyTorch has of them."""

import numpy as np

from odyssey.errors import ShapeError
from samples import Bad, Sample, Shared
from samples._draws import choice, draws, numbers

rng, normal, positive = draws(__name__)


def np_unfold(x, kernel_size, stride=1, padding=0):
    x = np.pad(x, [(0, 0), (0, 0), (padding, padding), (padding, padding)])
    windows = np.lib.stride_tricks.sliding_window_view(x, kernel_size, (2, 3))
    windows = windows[:, :, ::stride, ::stride].transpose(0, 1, 4, 5, 2, 3)
    n, c, r, s, p, q = windows.shape
    return windows.reshape(n, c * r * s, p * q)


def np_fold(x, output_size, kernel_size, stride=1, padding=0):
    """Let :func:`np_unfold` say where each number belongs."""
    size = (1, x.shape[1] // np.prod(kernel_size), *output_size)
    places = np_unfold(np.arange(1, np.prod(size) + 1).reshape(size), kernel_size, stride, padding)
    out = np.zeros((len(x), np.prod(size) + 1))  # 0 is the padding
    for image, columns in zip(out, x, strict=True):
        np.add.at(image, places[0], columns)
    return out[:, 1:].reshape(len(x), *size[1:])


def np_pixel_shuffle(x, factor):
    *lead, C, H, W = x.shape
    C //= factor * factor
    out = np.empty((*lead, C, H * factor, W * factor))
    for c, i, j in np.ndindex(C, factor, factor):
        out[..., c, i::factor, j::factor] = x[..., (c * factor + i) * factor + j, :, :]
    return out


def np_pixel_unshuffle(x, factor):
    parts = [x[..., c, i::factor, j::factor] for c, i, j in np.ndindex(x.shape[-3], factor, factor)]
    return np.stack(parts, -3)


def np_channel_shuffle(x, groups):
    C = x.shape[1]
    return x[:, [g * (C // groups) + i for i in range(C // groups) for g in range(groups)]]


SAMPLES = [
    Sample("unfold", (normal(2, 3, 4, 5), (2, 3)), np_unfold),
    Sample("unfold", (normal(1, 2, 5, 6), (3, 2)), np_unfold, {"stride": 2, "padding": 1}),
    *[Sample("unfold", (normal(*s), (1, 1)), np_unfold) for s in ((0, 2, 3, 3), (1, 1, 1, 1))],
    Sample("fold", (normal(2, 12, 9), (4, 5), (2, 3)), np_fold, {}, 6),
    Sample("fold", (normal(1, 18, 6), (4, 6), (3, 3)), np_fold, {"stride": 2, "padding": 1}, 9),
    *[Sample("fold", (normal(*s), s[2:] * 2, (1, 1)), np_fold) for s in ((0, 2, 1), (1, 1, 1))],
    *[
        Sample("pixel_shuffle", (normal(*s), f), np_pixel_shuffle)
        for s, f in (((2, 8, 2, 3), 2), ((9, 1, 2), 3), ((0, 4, 2, 2), 2), ((1, 1, 1), 1))
    ],
    *[
        Sample("pixel_unshuffle", (normal(*s), f), np_pixel_unshuffle)
        for s, f in (((2, 2, 4, 6), 2), ((1, 3, 6), 3), ((0, 4, 2, 2), 2), ((1, 1, 1), 1))
    ],
    *[
        Sample("channel_shuffle", (normal(*s), g), np_channel_shuffle)
        for s, g in (((2, 6, 2, 3), 2), ((2, 6), 3), ((0, 4, 2), 2), ((2, 0, 2), 2), ((1, 1), 1))
    ],
]

images = np.ones((2, 3, 4, 5), np.float32)

BAD = [
    Bad("unfold", (images[0], 2), {}, ShapeError, "unfold: x has 3 axes but needs 4"),
    Bad("unfold", (images, 5), {}, ShapeError, "unfold: the window is larger than the padded"),
    Bad("unfold", (images, 0), {}, ShapeError, "unfold: kernel_size must be at least 1, got 0"),
    Bad("fold", (images[0], (4, 5), 2), {}, ShapeError, r"fold: x must have shape \(N, C\*4, 12\)"),
    Bad("fold", (images[0], 0, 2), {}, ShapeError, "fold: output_size must be at least 1, got 0"),
    Bad("pixel_shuffle", (images, 2), {}, ShapeError, r"2\*2 does not divide the 3 channels"),
    Bad("pixel_shuffle", (images[0, 0], 2), {}, ShapeError, "pixel_shuffle: x has 2 axes"),
    Bad("pixel_shuffle", (images, (1, 1)), {}, ShapeError, "factor must be one integer"),
    Bad("pixel_unshuffle", (images, 2), {}, ShapeError, "2 does not divide the sides of x"),
    Bad("channel_shuffle", (images, 2), {}, ShapeError, "with C a multiple of 2"),
    Bad("channel_shuffle", (images, (1, 1)), {}, ShapeError, "groups must be one integer"),
    Bad("channel_shuffle", (images, 0), {}, ShapeError, "groups must be at least 1, got 0"),
]


def windows(rng):
    settings = {"stride": choice(rng, 1, 2, (2, 1)), "padding": choice(rng, 0, 1, (1, 2))}
    return choice(rng, 2, (3, 2)), {**settings, "dilation": choice(rng, 1, (1, 2))}


def for_unfold(rng):
    size, settings = windows(rng)
    return (
        numbers(rng, (int(rng.integers(0, 3)), *map(int, rng.integers(3, 7, 3)))),
        size,
    ), settings


def for_fold(rng):
    """Draw columns as many as an image has: a little geometry once more."""
    size, settings = windows(rng)
    image = tuple(map(int, rng.integers(4, 7, 2)))
    each = [np.broadcast_to(n, 2) for n in (image, size, *settings.values())]
    counts = [(n + 2 * p - d * (r - 1) - 1) // s + 1 for n, r, s, p, d in zip(*each, strict=True)]
    rows = int(rng.integers(1, 4)) * int(np.prod(np.broadcast_to(size, 2)))
    return (
        numbers(rng, (int(rng.integers(1, 3)), rows, int(np.prod(counts)))),
        image,
        size,
    ), settings


def shuffled(to_pixels):
    def draw(rng):
        f = int(rng.integers(1, 4))
        lead, (C, H, W) = rng.integers(1, 3, int(rng.integers(0, 3))), rng.integers(1, 4, 3)
        size = (C * f * f, H, W) if to_pixels else (C, H * f, W * f)
        return (numbers(rng, tuple(map(int, (*lead, *size)))), f), {}

    return draw


def dealt(rng):
    G, i, H, W = map(int, rng.integers(1, 4, 4))
    return (numbers(rng, (2, G * i, H, W)), G), {}


SHARED = [
    Shared("unfold", "nn.functional.unfold", for_unfold),
    Shared("fold", "nn.functional.fold", for_fold),
    Shared("pixel_shuffle", "pixel_shuffle", shuffled(True)),
    Shared("pixel_unshuffle", "pixel_unshuffle", shuffled(False)),
    Shared("channel_shuffle", "channel_shuffle", dealt),
]
