"""Inputs of attention for hypothesis: shapes, masks of each kind, settings, layouts."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

from odyssey.testing import LAYOUTS

# Around what the blocks of the fast kernel hold: 128 in one direction, 32 in the other.
LENGTHS = st.one_of(st.integers(0, 9), st.sampled_from([31, 32, 33, 65, 127, 128, 129, 140]))
WIDTHS = st.one_of(st.integers(1, 9), st.sampled_from([15, 16, 17, 33]))


@dataclass
class Attention:
    """One call of both kernels; arrays are in their layouts."""

    dtype: str
    q: Any
    k: Any
    v: Any
    grad: Any
    mask: Any
    causal: bool
    scale: float | None


def laid_out(draw, array):
    """Return the same values in a layout; one that repeats the first row has other values."""
    return LAYOUTS[draw(st.sampled_from(list(LAYOUTS)))](array)


@st.composite
def attentions(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    dtype = draw(st.sampled_from(["float16", "float32", "float64"]))
    heads = tuple(draw(st.lists(st.integers(1, 3), max_size=3)))
    L, S, E = draw(LENGTHS), draw(LENGTHS), draw(WIDTHS)
    V = draw(st.one_of(st.just(E), WIDTHS, st.just(0)))
    spread = draw(st.sampled_from([1.0, 1.0, 4.0]))

    def numbers(*shape):
        return laid_out(draw, (spread * rng.standard_normal(shape)).astype(dtype))

    q, k, v = numbers(*heads, L, E), numbers(*heads, S, E), numbers(*heads, S, V)
    grad = laid_out(draw, rng.standard_normal((*heads, L, V)).astype(dtype))
    mask = draw_mask(draw, rng, (*heads, L, S), dtype)
    scale = draw(st.sampled_from([None, None, 0.5, -1.0, 0.0]))
    return Attention(dtype, q, k, v, grad, mask, draw(st.booleans()), scale)


def draw_mask(draw, rng, scores, dtype):
    kind = draw(st.sampled_from(["none", "boolean", "additive", "hiding"]))
    if kind == "none":
        return None
    shape = tuple(n if draw(st.booleans()) else 1 for n in scores)
    shape = shape[draw(st.integers(0, len(shape))) :]
    seen = rng.random(shape) < draw(st.sampled_from([0.0, 0.3, 0.9, 1.0]))
    if kind == "boolean":
        return laid_out(draw, np.asarray(seen))
    mask = np.asarray(rng.standard_normal(shape))
    if kind == "hiding":
        mask = np.where(seen, mask, -np.inf)
    return laid_out(draw, mask.astype(dtype))
