"""Cases of the rectifier, sigmoid, tanh, softmax and log-softmax, forward and backward."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from odyssey.testing.cases import Array, Case, generator, grid

SHAPES = {
    "one element": (1,),
    "scalar": (),
    "short": (7,),
    "matrix": (5, 13),
    "longer than a vector": (3, 131),
    "image batch": (2, 3, 5, 7),
    "four axes of one": (1, 1, 1, 1),
    "an MLP's hidden layer": (64, 128),
    "nothing": (0,),
    "no rows": (0, 4),
    "no columns": (3, 0),
}

SOFTMAX_SHAPES = {name: shape for name, shape in SHAPES.items() if shape}


def cases() -> Iterator[Case]:
    """Yield the cases of the family."""
    yield from _relu()
    yield from _sigmoidal()
    yield from _softmax()


def _relu() -> Iterator[Case]:
    for name, shape in SHAPES.items():
        rng = generator(len(name))
        x = grid(rng, shape)
        yield Case("relu", name, (x,))
        yield Case("relu_backward", name, (rng.standard_normal(shape), np.maximum(x, 0)))
    special = np.array([0.0, -0.0, np.nan, np.inf, -np.inf, 1.0, -1.0, 6e4, -6e4])
    yield Case("relu", "zeros, NaN and infinity", (special,))
    out = np.array([0.0, 0.0, np.nan, np.inf, 0.0, 1.0])
    yield Case("relu_backward", "zeros, NaN and infinity", (np.arange(1.0, 7.0), out))


def _sigmoidal() -> Iterator[Case]:
    for name, shape in SHAPES.items():
        rng = generator(len(name))
        x, grad = 3 * rng.standard_normal(shape), rng.standard_normal(shape)
        yield Case("sigmoid", name, (x,))
        yield Case("tanh", name, (x,))
        # Both slopes are differences, which may be far smaller than what is subtracted.
        scale = float(np.abs(grad).max(initial=0))
        y = 1 / (1 + np.exp(-x))
        yield Case("sigmoid_backward", name, (grad, y), scale=scale)
        yield Case("tanh_backward", name, (grad, np.tanh(x)), scale=scale)
    special = np.array([0.0, -0.0, np.nan, np.inf, -np.inf, 20.0, -20.0, 6e4, -6e4, 90.0, -90.0])
    yield Case("sigmoid", "zeros, NaN and infinity", (special,))
    yield Case("tanh", "zeros, NaN and infinity", (special,))
    # Each within a few ulp of itself, because none is far from the largest.
    yield Case("tanh", "close to zero", (np.linspace(-1e-4, 1e-4, 50),))
    yield Case("sigmoid", "close to zero", (np.linspace(-17.0, -16.0, 50),))
    out = np.array([0.0, 1.0, 0.5, np.nan, 0.25])
    for kernel in ("sigmoid_backward", "tanh_backward"):
        yield Case(kernel, "both ends and NaN", (np.array([1.0, 2.0, np.inf, 3.0, np.nan]), out))


def _softmax() -> Iterator[Case]:
    for name, shape in SOFTMAX_SHAPES.items():
        for axis in range(-1, len(shape) - 1):
            x = 3 * generator(len(name)).standard_normal(shape)
            yield from _rows(f"{name}, axis {axis}", x, axis)
    rng = generator(1)
    yield from _rows("1003 classes", rng.standard_normal((4, 1003)), 1)
    yield from _rows("scores of +-1e4", rng.choice([-1e4, 1e4, 0.0], (6, 11)), 1)
    yield from _rows("far from zero", 1e4 + 8 * rng.integers(-3, 3, (5, 9)), 1)
    masked = rng.standard_normal((5, 17))
    masked[rng.random(masked.shape) < 0.4] = -np.inf
    masked[:, 3] = 1.0  # never a whole row
    yield Case("softmax", "masked by -inf", (masked, 1), terms=17)
    yield Case("log_softmax", "masked by -inf", (masked, 1), terms=17)
    odd = rng.standard_normal((4, 6))
    odd[0, 2], odd[1, 3], odd[2] = np.nan, np.inf, -np.inf
    yield Case("softmax", "NaN, infinity and a row of -inf", (odd, 1), terms=6)
    yield Case("log_softmax", "NaN, infinity and a row of -inf", (odd, 1), terms=6)


def _rows(name: str, x: Array, axis: int) -> Iterator[Case]:
    """Yield the four kernels on the scores ``x``."""
    terms = max(x.shape[axis], 1)
    shifted = x - x.max(axis, keepdims=True) if x.size else x
    log_y = shifted - np.log(np.exp(shifted).sum(axis, keepdims=True)) if x.size else x
    grad = generator(2).standard_normal(x.shape)
    yield Case("softmax", name, (x,), {"axis": axis}, terms)
    yield Case("log_softmax", name, (x,), {"axis": axis}, terms)
    # Both gradients are differences, which may be far smaller than what is subtracted.
    scale = float(np.abs(grad).max(initial=0))
    args = (grad, np.exp(log_y))
    yield Case("softmax_backward", name, args, {"axis": axis}, terms, scale)
    scale = max(scale, float(np.abs(grad.sum(axis)).max(initial=0)))
    yield Case("log_softmax_backward", name, (grad, log_y), {"axis": axis}, terms, scale)
