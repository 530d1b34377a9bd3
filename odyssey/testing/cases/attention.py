"""Cases of scaled dot-product attention, forward and backward.

Shapes: L queries and S keys of E features, S values of V features.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from odyssey.testing.cases import Array, Case, generator

FORWARD = "scaled_dot_product_attention"


class Sizes(NamedTuple):
    """The shapes of one input."""

    heads: tuple[int, ...]
    L: int
    S: int
    E: int
    V: int


SIZES = {
    "one of each": Sizes((), 1, 1, 1, 1),
    "no leading axes": Sizes((), 5, 7, 3, 2),
    "one head": Sizes((1,), 9, 4, 5, 6),
    "batch and heads": Sizes((2, 3), 4, 6, 8, 5),
    "three leading axes": Sizes((2, 1, 3), 3, 2, 4, 7),
    "one query": Sizes((2,), 1, 37, 5, 3),
    "one key": Sizes((2,), 6, 1, 3, 4),
    "a block and one more": Sizes((), 129, 33, 2, 3),
    "several blocks": Sizes((), 150, 300, 7, 17),
    "no queries": Sizes((2,), 0, 3, 4, 5),
    "no keys": Sizes((2,), 3, 0, 4, 5),
    "no heads": Sizes((0,), 3, 2, 4, 5),
    "values without features": Sizes((2,), 3, 4, 5, 0),
}

CAUSAL = {
    "causal": Sizes((2,), 7, 7, 4, 3),
    "causal, more keys": Sizes((2,), 5, 9, 3, 4),
    "causal, more queries": Sizes((2,), 11, 4, 3, 5),
    "causal, several blocks": Sizes((), 170, 140, 6, 3),
    "causal, one block of keys and many of queries": Sizes((), 290, 20, 3, 2),
}


def cases() -> Iterator[Case]:
    """Yield the cases of attention and of its backward."""
    for name, sizes in SIZES.items():
        yield from _both(name, *_inputs(name, sizes))
    for name, sizes in CAUSAL.items():
        yield from _both(name, *_inputs(name, sizes), causal=True)
    yield from _both("a transformer's heads", *_inputs("", Sizes((2, 3), 130, 130, 20, 20)))
    yield from _both("scale 2", *_inputs("", Sizes((2,), 4, 6, 3, 5)), scale=2.0)
    yield from _both("scale below 0", *_inputs("", Sizes((2,), 4, 6, 3, 5)), scale=-0.5)
    yield from _both("scale 0", *_inputs("", Sizes((2,), 4, 6, 3, 5)), scale=0.0)
    yield from _masked()
    yield from _extreme()


def _masked() -> Iterator[Case]:
    sizes = Sizes((2, 3), 6, 9, 4, 5)
    for shape in [(2, 3, 6, 9), (3, 6, 9), (6, 9), (2, 1, 1, 9), (3, 1, 1), (6, 1), (9,), ()]:
        rng = generator(len(shape))
        boolean = rng.random(shape) < 0.7
        additive = np.asarray(rng.standard_normal(shape))
        hiding = np.where(boolean, additive, -np.inf)
        for kind, mask in (("boolean", boolean), ("additive", additive), ("-inf", hiding)):
            name = f"{kind} mask of shape {shape}"
            yield from _both(name, *_inputs(name, sizes), mask=np.asarray(mask))
    for name, sizes in {
        "causal": Sizes((2,), 8, 5, 3, 4),
        "several blocks": Sizes((), 131, 70, 3, 2),
    }.items():
        boolean = generator(3).random((sizes.L, sizes.S)) < 0.6
        additive = np.where(boolean, generator(4).standard_normal(boolean.shape), -np.inf)
        for kind, mask in (("boolean", boolean), ("-inf", additive)):
            q, k, v = _inputs(name, sizes)
            yield from _both(f"{kind} mask and {name}", q, k, v, mask, causal=name == "causal")
    sizes = Sizes((2,), 5, 40, 3, 4)
    boolean = generator(5).random((2, 5, 40)) < 0.7
    boolean[0, 1] = boolean[1, :] = False
    boolean[:, 2, :35] = False  # nothing in the first block of keys
    yield from _both("rows without a key", *_inputs("", sizes), mask=boolean)
    yield from _both("rows of -inf", *_inputs("", sizes), mask=np.where(boolean, 0.5, -np.inf))


def _extreme() -> Iterator[Case]:
    rng = generator(6)
    # Products of small integers, so that every order of summing gives the same scores.
    q, k = rng.choice([-100.0, 100.0, 50.0], (1, 6, 4)), rng.choice([-50.0, 0.0, 25.0], (1, 70, 4))
    yield from _both("scores of +-1e4", q, k, rng.standard_normal((1, 70, 3)), scale=1.0)
    q, k, v = _inputs("hidden", Sizes((1,), 40, 40, 3, 4))
    k[:, 35:], v[:, 36] = np.nan, np.inf
    boolean = np.ones((40, 40), bool)
    boolean[:, 35:] = False
    yield Case(FORWARD, "NaN and infinity where hidden", (q, k, v, boolean), terms=40)
    q, k, v = _inputs("after", Sizes((1,), 40, 50, 3, 4))
    k[:, 41], v[:, 45] = np.nan, np.inf
    yield Case(FORWARD, "NaN and infinity in the future", (q, k, v, None, True), terms=40)
    q, k, v = _inputs("odd", Sizes((), 4, 5, 3, 2))
    q[1, 0], v[2, 1] = np.nan, np.inf
    yield Case(FORWARD, "NaN and infinity", (q, k, v), terms=5)


def _inputs(name: str, sizes: Sizes) -> tuple[Array, Array, Array]:
    rng = generator(len(name))
    heads, L, S, E, V = sizes
    return (
        rng.standard_normal((*heads, L, E)),
        rng.standard_normal((*heads, S, E)),
        rng.standard_normal((*heads, S, V)),
    )


def _both(
    name: str, q: Array, k: Array, v: Array, mask: Array | None = None, **settings: Any
) -> Iterator[Case]:
    scores, p, logsumexp = _probabilities(q, k, mask, **settings)
    # The error of a score is relative to its largest term, and makes one of that size in p.
    size = max(1.0, float(np.abs(scores[np.isfinite(scores)]).max(initial=0)))
    scale = size * max(1.0, float(np.abs(v).max(initial=0)))
    terms = q.shape[-1] + k.shape[-2]
    yield Case(FORWARD, name, (q, k, v, mask), settings, terms, scale)
    # Rounded, because how BLAS sums depends on where its operands lie, and cases are the same in
    # every run.
    out, logsumexp = (p @ v).round(6), logsumexp.round(6)
    grad = generator(7).standard_normal(out.shape)
    if size > 1e3:
        # The float32 logsumexp of such scores has no digits behind the point; what is asked
        # here is that both backends make the same of it.
        logsumexp = logsumexp.round()
    grad_p = grad @ np.swapaxes(v, -1, -2)
    largest = max(float(np.abs(x).max(initial=1)) for x in (q, k, grad))
    scale = size * largest * max(1.0, float(np.abs(grad_p).max(initial=0)))
    scale = min(scale, 6e4)  # what half precision can hold
    needs = (True, True, True, mask is not None and mask.dtype != bool)
    args = (grad, q, k, v, out, logsumexp, mask)
    settings = {**settings, "needs": needs}
    yield Case(f"{FORWARD}_backward", name, args, settings, terms + len(q), scale, wide=(5,))


def _probabilities(
    q: Array, k: Array, mask: Array | None, causal: bool = False, scale: float | None = None
) -> tuple[Array, Array, Array]:
    """Return scores, their softmax and logsumexp, all at once and in float64."""
    scores = q @ np.swapaxes(k, -1, -2) * (q.shape[-1] ** -0.5 if scale is None else scale)
    if causal:
        scores = np.where(np.tri(*scores.shape[-2:]) > 0, scores, -np.inf)
    if mask is not None:
        scores = np.where(mask, scores, -np.inf) if mask.dtype == bool else scores + mask
    top = scores.max(-1, keepdims=True, initial=-1e9)
    e = np.exp(scores - top)
    total = e.sum(-1, keepdims=True)
    p = e / np.where(total == 0, 1, total)
    logsumexp = np.full(total.shape, -np.inf)
    np.log(total, out=logsumexp, where=total > 0)
    return scores, p, (top + logsumexp)[..., 0]
