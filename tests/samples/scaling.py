"""Vectors and weights of given size: samples, bad input, and what PyTorch has of them."""

import numpy as np

from odyssey.errors import DTypeError, OdysseyError, ShapeError
from samples import Bad, Sample, Shared
from samples._draws import choice, draws, numbers, shape

rng, normal, positive = draws(__name__)


def np_normalize(x, ord=2, axis=1, eps=1e-12):
    return x / np.maximum(np.sum(np.abs(x) ** ord, axis, keepdims=True) ** (1 / ord), eps)


def np_weight_norm(v, g, axis=0):
    axes = tuple(i for i in range(v.ndim) if axis is None or i != axis % v.ndim)
    return g * v / np.sqrt(np.sum(v * v, axes, keepdims=True))


def np_local_response_norm(x, size, alpha=1e-4, beta=0.75, k=1.0):
    out = np.empty_like(x)
    for c in range(x.shape[1]):
        near = x[:, max(c - size // 2, 0) : c + (size - 1) // 2 + 1]
        out[:, c] = x[:, c] / (k + alpha * np.square(near).sum(1) / size) ** beta
    return out


def np_normalize_rgb(x, mean, std):
    return np.moveaxis((np.moveaxis(x, -3, -1) - mean) / std, -1, -3)


def np_spectral_norm(weight, u, v):
    return weight / np.einsum("i,ij,j", u, weight.reshape(len(weight), -1), v)


def np_power_iteration(weight, u, iterations=1):
    matrix = weight.reshape(len(weight), -1)
    square = np.linalg.matrix_power(matrix @ matrix.T, iterations - 1) @ u
    v = square @ matrix
    u = matrix @ v
    return u / np.linalg.norm(u), v / np.linalg.norm(v)


def normed(op, expected, *args, **settings):
    return Sample(op, args, expected, settings, terms=12)


SAMPLES = [
    normed("normalize", np_normalize, normal(3, 4)),
    normed("normalize", np_normalize, normal(2, 3, 4), axis=(0, -1)),
    normed("normalize", np_normalize, normal(2, 5), 1, 0),
    normed("normalize", np_normalize, normal(2, 5), 3.0, axis=None),
    normed("normalize", np_normalize, normal(3, 2), eps=10.0),
    normed("normalize", np_normalize, normal(0, 3)),
    normed("normalize", np_normalize, normal(1), eps=5.0, axis=0),
    normed("weight_norm", np_weight_norm, normal(4, 3), normal(4, 1)),
    normed("weight_norm", np_weight_norm, normal(2, 3, 2), normal(1, 1, 2), axis=-1),
    normed("weight_norm", np_weight_norm, normal(2, 3), normal(1, 1), axis=None),
    normed("weight_norm", np_weight_norm, normal(0, 3), normal(0, 1)),
    normed("local_response_norm", np_local_response_norm, normal(2, 5, 3), 3, alpha=0.5),
    normed("local_response_norm", np_local_response_norm, normal(2, 4, 2, 2), 2, 0.3, 0.5, 2.0),
    normed("local_response_norm", np_local_response_norm, normal(3, 2), 5, alpha=1.0, beta=1.0),
    normed("local_response_norm", np_local_response_norm, normal(0, 3, 2), 3),
    normed("local_response_norm", np_local_response_norm, normal(1, 1), 3),
    normed("normalize_rgb", np_normalize_rgb, normal(2, 3, 4, 5), [0.5, 0.4, 0.3], [0.5, 1.0, 2.0]),
    normed("normalize_rgb", np_normalize_rgb, normal(1, 1, 1), [0.5], [0.25]),
    normed("normalize_rgb", np_normalize_rgb, normal(0, 1, 2, 2), [0.5], [0.25]),
    normed("spectral_norm", np_spectral_norm, normal(3, 4), [0.6, 0.8, 0.1], [0.5, 0.5, -0.5, 0.5]),
    normed("spectral_norm", np_spectral_norm, normal(2, 1, 2), [0.6, 0.8], [0.8, -0.6]),
    normed("spectral_norm", np_spectral_norm, normal(1, 1), [1.0], [1.0]),
    normed("power_iteration", np_power_iteration, positive(3, 4), positive(3)),
    normed("power_iteration", np_power_iteration, positive(2, 1, 2), positive(2), iterations=3),
    normed("power_iteration", np_power_iteration, positive(1, 1), positive(1)),
]

NO_EMPTY = {
    "spectral_norm": "a matrix without numbers has no singular value",
    "power_iteration": "nor singular vectors",
}

x = np.ones((2, 3), np.float32)
ints = np.ones((2, 3), np.int64)
pair = np.ones(2, np.float32)
image = np.ones((3, 2, 2), np.float32)

BAD = [
    Bad("normalize", (ints,), {}, DTypeError, "normalize: x must be floating-point"),
    Bad(
        "normalize", (x, 0.5), {}, OdysseyError, "ord must be a finite number, 1 at least, got 0.5"
    ),
    Bad("normalize", (x, np.inf), {}, OdysseyError, "ord must be a finite number"),
    Bad("weight_norm", (x, x), {}, ShapeError, r"g must have shape \(2, 1\) but has \(2, 3\)"),
    Bad("weight_norm", (x, np.ones((2, 1))), {}, DTypeError, "must share one dtype"),
    Bad("local_response_norm", (pair, 3), {}, ShapeError, "needs at least 2 axes"),
    Bad("local_response_norm", (x, 0), {}, ShapeError, r"size at least 1 \(0\)"),
    Bad("local_response_norm", (ints, 3), {}, DTypeError, "x must be floating-point"),
    Bad("normalize_rgb", (x, [0], [1]), {}, ShapeError, "x needs 3 or 4 axes"),
    Bad(
        "normalize_rgb", (image, [0.5], [1] * 3), {}, ShapeError, "mean must hold a number for each"
    ),
    Bad("normalize_rgb", (image, [0] * 3, [0] * 3), {}, OdysseyError, "std must be positive"),
    Bad("normalize_rgb", (ints[None], [0], [1]), {}, DTypeError, "x must be floating-point"),
    Bad("spectral_norm", (pair, pair, pair), {}, ShapeError, "weight needs at least 2 axes"),
    Bad(
        "spectral_norm", (x, pair, pair), {}, ShapeError, r"v must have shape \(3,\) but has \(2,\)"
    ),
    Bad("spectral_norm", (ints, pair, x[0]), {}, DTypeError, "weight must be floating-point"),
    Bad("power_iteration", (x, x[0]), {}, ShapeError, r"u must have shape \(2,\) but has \(3,\)"),
    Bad("power_iteration", (x, pair, 0), {}, OdysseyError, "iterations must be at least 1, got 0"),
    Bad("power_iteration", (ints, pair), {}, DTypeError, "weight must be floating-point"),
]


def vectors(rng):
    lengths = list(shape(rng, 0, 3))
    axis = int(rng.integers(0, len(lengths) + 1))
    lengths.insert(axis, 4)  # of one number the gradient would be zero, and nothing to compare
    return (numbers(rng, lengths),), {
        "axis": axis,
        "ord": choice(rng, 1, 2, 3.0),
        "eps": choice(rng, 1e-6, 9.0),
    }


def responses(rng):
    x = numbers(rng, shape(rng, 3, 4, empty=False))
    return (x, int(rng.integers(1, 6))), {"alpha": choice(rng, 1e-4, 0.5), "beta": 0.5, "k": 2.0}


SHARED = [
    Shared(
        "normalize",
        "nn.functional.normalize",
        vectors,
        {"axis": "dim", "ord": "p"},
        dtypes=("float64", "float32"),
    ),
    Shared(
        "local_response_norm",
        "nn.functional.local_response_norm",
        responses,
        dtypes=("float64", "float32"),
    ),
]
