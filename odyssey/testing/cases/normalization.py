"""Cases of the normalisation kernels, forward and backward.

Shapes: N rows of C features, or N images of C channels and any further axes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from odyssey.testing.cases import Array, Case, generator

ROWS = {
    "one number": (1, 1),
    "one row": (1, 7),
    "one feature": (5, 1),
    "small": (4, 3),
    "primes": (13, 37),
    "a batch of tokens": (65, 96),
    "long rows": (2, 4099),
    "chunks of rows": (1100, 5),
    "work for two threads": (423, 41),
    "no rows": (0, 4),
    "no features": (3, 0),
}

# Shapes of images, and groups of their channels.
IMAGES = {
    "one number": ((1, 1), 1),
    "one image": ((1, 6, 4, 5), 3),
    "one pixel": ((4, 4, 1, 1), 2),
    "a matrix": ((7, 12), 3),
    "a tall matrix": ((301, 5), 5),
    "a wide matrix": ((3, 1030), 2),
    "sequences": ((3, 4, 9), 2),
    "primes": ((3, 6, 11, 13), 2),
    "registers and some": ((2, 70, 5, 6), 7),
    "volumes": ((2, 3, 4, 3, 2), 1),
    "a ResNet's layer": ((2, 24, 14, 15), 4),
    "work for two threads": ((3, 16, 19, 20), 4),
    "a matrix for two threads": ((303, 56), 2),
    "no images": ((0, 3, 4, 5), 3),
    "no channels": ((2, 0, 4, 5), 1),
    "no pixels": ((2, 4, 0, 3), 2),
}

EPS = 0.1  # large enough for rows that are equal, as in layout "broadcast"


def cases() -> Iterator[Case]:
    """Yield the cases of the family."""
    for name, size in ROWS.items():
        yield from _rows(name, generator(len(name)).standard_normal(size), EPS)
    rng = generator(1)
    yield from _rows("far from zero", 100 + rng.standard_normal((5, 300)), EPS)
    yield from _rows("the usual eps", 3 * rng.standard_normal((6, 50)), 1e-5)
    yield from _rows("without weights", rng.standard_normal((6, 21)), EPS, weighted=False)
    for name, (shape, groups) in IMAGES.items():
        x = generator(len(name)).standard_normal(shape)
        yield from _images(name, x, groups)
        if len(shape) == 4 and x.size > 1:
            yield from _images(f"{name}, channels last", _channels_last(x), groups)
    x = 100 + rng.standard_normal((3, 4, 7, 9))
    yield from _images("far from zero", x, 2)
    yield from _images("far from zero, channels last", _channels_last(x), 2)
    yield from _images("without weights", rng.standard_normal((3, 4, 5, 6)), 2, weighted=False)
    odd = rng.standard_normal((4, 6))
    odd[0, 2], odd[1, 3] = np.nan, np.inf
    weight, bias = rng.standard_normal((2, 6))
    yield Case("layer_norm", "NaN and infinity", (odd, weight, bias), terms=6)
    yield Case("rms_norm", "NaN and infinity", (odd, weight), terms=6)
    yield Case("batch_norm", "NaN and infinity", (odd, weight, bias, EPS), terms=6, scale=10)
    yield Case("group_norm", "NaN and infinity", (odd, 3, weight, bias, EPS), terms=6)


def _channels_last(x: Array) -> Array:
    """Return the same images in channels-last memory."""
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)


def _largest(*arrays: Array) -> float:
    """Return the product of the largest magnitudes, each 1 at least."""
    return float(np.prod([max(np.abs(a).max(initial=0), 1) for a in arrays]))


def _weights(x: Array, weighted: bool) -> tuple[Array | None, Array | None]:
    if not weighted:
        return None, None
    weight, bias = generator(2).standard_normal((2, x.shape[1]))
    return weight, bias


def _rows(name: str, x: Array, eps: float, weighted: bool = True) -> Iterator[Case]:
    grad, (weight, bias) = generator(3).standard_normal(x.shape), _weights(x, weighted)
    u = grad if weight is None else grad * weight
    count = max(x.shape[1], 1)
    terms = max(count, len(x))
    args: tuple[Any, ...]
    mean = x.sum(1) / count
    for kind, centre in (("layer_norm", mean), ("rms_norm", 0 * mean)):
        d = x - centre[:, None]
        rstd = 1 / np.sqrt(np.square(d).sum(1) / count + eps)
        # A deviation is a difference: numbers of this size cancel.
        scale = _largest(x, rstd, np.ones(1) if weight is None else weight)
        back = _largest(u, rstd, d * rstd[:, None])
        if kind == "layer_norm":
            yield Case(kind, name, (x, weight, bias, eps), terms=terms, scale=scale)
            args = (grad, x, weight, mean, rstd)
            yield Case(f"{kind}_backward", name, args, terms=terms, scale=back, wide=(3, 4))
        else:
            yield Case(kind, name, (x, weight, eps), terms=terms, scale=scale)
            args = (grad, x, weight, rstd)
            yield Case(f"{kind}_backward", name, args, terms=terms, scale=back, wide=(3,))


def _images(name: str, x: Array, groups: int, weighted: bool = True) -> Iterator[Case]:
    (N, C), (weight, bias) = x.shape[:2], _weights(x, weighted)
    grad = generator(3).standard_normal(x.shape)
    factor = np.ones(1) if weight is None else weight
    args: tuple[Any, ...]
    for kind, view in (
        ("batch_norm", np.moveaxis(x, 1, 0).reshape(C, x.size // max(C, 1))),
        ("group_norm", x.reshape(N, groups, x.size // max(N * groups, 1))),
    ):
        count = max(view.shape[-1], 1)
        terms = max(count, x.size // max(C, 1))
        mean = view.sum(-1) / count
        d = view - mean[..., None]
        var = np.square(d).sum(-1) / count
        rstd = 1 / np.sqrt(var + EPS)
        scale = _largest(x, rstd, factor)
        back = _largest(grad, rstd, d * rstd[..., None], factor)
        if kind == "group_norm":
            yield Case(kind, name, (x, groups, weight, bias, EPS), terms=terms, scale=scale)
            args = (grad, x, groups, weight, mean, rstd)
            yield Case(f"{kind}_backward", name, args, terms=terms, scale=back, wide=(4, 5))
            continue
        yield Case(kind, name, (x, weight, bias, EPS), terms=terms, scale=scale)
        args = (x, mean, var, weight, bias, EPS)
        yield Case(f"{kind}_inference", name, args, terms=terms, scale=scale, wide=(1, 2))
        args = (grad, x, weight, mean, var, EPS)
        yield Case(f"{kind}_backward", name, args, terms=terms, scale=back, wide=(3, 4))
        args = (grad, x, mean, var, weight, EPS)
        backward = f"{kind}_inference_backward"
        yield Case(backward, name, args, terms=terms, scale=back, wide=(2, 3))
