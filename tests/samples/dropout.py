"""Dropout: samples, bad input, and what PyTorch has of them."""

import numpy as np

from odyssey.errors import DTypeError, OdysseyError, ShapeError
from samples import Bad, Sample
from samples._draws import draws

rng, normal, positive = draws(__name__)

# What a seed of 1 keeps of eight.
OF_EIGHT = np.array([1, 1, 1, 1, 1, 1, 0, 1])
HALF = (0.5, True, 1)  # p, training and the seed
ALPHA = -1.7580993408473766  # the lowest value of selu


def np_slices(x, p, training, seed):
    return 2 * x * OF_EIGHT.reshape((8,) + (1,) * (x.ndim - 1))


def np_channels(x, *settings):
    return np_slices(x.reshape(8, *x.shape[2:]), *settings).reshape(x.shape)


def np_alpha(x, p, training, seed):
    y = np.where(OF_EIGHT, x, ALPHA)
    return (y - p * ALPHA) / np.sqrt((1 - p) * (1 + p * ALPHA**2))


def np_noise(x, std, training, seed):
    return x + std * np.random.Generator(np.random.Philox(key=seed)).standard_normal(x.shape)


CHANNELS = {"dropout1d": (2,), "dropout2d": (2, 3), "dropout3d": (2, 1, 2)}

SAMPLES = [
    *[Sample(name, (normal(8, *space), *HALF), np_slices) for name, space in CHANNELS.items()],
    *[Sample(name, (normal(4, 2, *space), *HALF), np_channels) for name, space in CHANNELS.items()],
    *[
        Sample(name, (np.ones((n, *(1,) * len(space), 1)), 0.5, False), lambda x, *_: x)
        for name, space in CHANNELS.items()
        for n in (0, 1)
    ],
    Sample("drop_path", (normal(8, 2, 3), *HALF), np_slices),
    Sample("drop_path", (normal(8), *HALF), np_slices),
    *[Sample("drop_path", (normal(*shape),), lambda x, p: x, {"p": 0}) for shape in ((0, 3), (1,))],
    Sample("alpha_dropout", (normal(8), *HALF), np_alpha),
    Sample("alpha_dropout", (normal(3),), lambda x, p: 0 * x, {"p": 1}),
    *[
        Sample("alpha_dropout", (normal(*shape),), lambda x, p: x, {"p": 0})
        for shape in ((0, 3), (1,))
    ],
    *[
        Sample("gaussian_noise", (np.asarray(normal(*shape)), 0.5, True, 3), np_noise)
        for shape in ((3, 4), (0, 3), (1,), ())
    ],
    Sample("gaussian_noise", (normal(3),), lambda x, training: x, {"training": False}),
    Sample("dropout", (normal(3, 5),), lambda x, training: x, {"training": False}),
    Sample(
        "dropout",
        (np.ones((2, 4)), 0.5, True, 1),
        lambda x, p, training, seed: np.array([[2.0, 2, 2, 2], [2, 2, 0, 2]]),
    ),
    *[Sample("dropout", (normal(*shape), 0.0), lambda x, p: x) for shape in ((0, 3), (1,))],
]

x = np.ones((2, 3), np.float32)
ints = np.ones((2, 3), np.int64)

BAD = [
    Bad("dropout", (ints,), {}, DTypeError, "dropout: x must be floating-point"),
    Bad("dropout", (x, 1.5), {}, OdysseyError, r"p, .* must lie in \[0, 1\], got 1.5"),
    Bad("dropout", (x,), {"seed": 2**64}, OdysseyError, r"seed must lie in \[0, 2\*\*64\)"),
    *[
        Bad(name, args, kwargs, error, message)
        for name in ("alpha_dropout", "drop_path", *CHANNELS)
        for args, kwargs, error, message in (
            ((ints,), {}, DTypeError, f"{name}: x must be floating-point"),
            ((x, 2), {}, OdysseyError, f"{name}: p, .* must lie in .0, 1., got 2"),
            ((x, "p"), {}, DTypeError, f"{name}: p must be a number, not str"),
        )
    ],
    Bad("drop_path", (x,), {"seed": -1}, OdysseyError, "drop_path: seed must lie in"),
    Bad("drop_path", (x[0, 0].reshape(()),), {}, ShapeError, "drop_path: x needs at least 1 axis"),
    Bad("dropout1d", (x[0],), {}, ShapeError, r"x has 1 axes but needs 3, \(N, C, L\), or 2"),
    Bad("dropout2d", (x,), {}, ShapeError, r"x has 2 axes but needs 4, \(N, C, H, W\), or 3"),
    Bad("dropout3d", (x,), {}, ShapeError, r"x has 2 axes but needs 5, \(N, C, D, H, W\), or 4"),
    Bad("gaussian_noise", (ints,), {}, DTypeError, "gaussian_noise: x must be floating-point"),
    Bad("gaussian_noise", (x, -1), {}, OdysseyError, "std must be at least 0, got -1"),
    Bad("gaussian_noise", (x, 1, True, "s"), {}, DTypeError, "seed must be an integer, not str"),
]


OTHERS = "its random numbers are others; test_dropout.py has its statistics"
NOT_SHARED = dict.fromkeys(("alpha_dropout", "dropout", *CHANNELS), OTHERS)
