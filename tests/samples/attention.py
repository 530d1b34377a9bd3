"""Attention: samples, bad input, and what PyTorch has of them."""

import numpy as np
from formulas_attention import attention

from odyssey.errors import DTypeError, OdysseyError, ShapeError
from samples import Bad, Sample, Shared
from samples._draws import choice, draws, shape

rng, normal, positive = draws(__name__)

SAMPLES = [
    Sample(
        "scaled_dot_product_attention", (normal(5, 3), normal(4, 3), normal(4, 2)), attention, {}, 7
    ),
    Sample(
        "scaled_dot_product_attention",
        (normal(2, 3, 4, 5), normal(2, 3, 6, 5), normal(2, 3, 6, 2)),
        attention,
        {"causal": True},
        11,
    ),
    Sample(
        "scaled_dot_product_attention",
        (normal(2, 1, 4, 3), normal(3, 2, 3), normal(2, 3, 2, 4), normal(3, 1, 2)),
        attention,
        {"scale": 0.7},
        5,
    ),
    Sample(
        "scaled_dot_product_attention",
        (normal(2, 6, 3), normal(2, 4, 3), normal(2, 4, 5), normal(2, 1, 4)),
        attention,
        {"causal": True},
        7,
    ),
    Sample(
        "scaled_dot_product_attention",
        (normal(2, 3, 4), normal(2, 3, 4), normal(2, 3, 2), rng.random((3, 3)) < 0.5),
        attention,
        {},
        7,
    ),
    Sample(
        "scaled_dot_product_attention",
        (normal(2, 0, 3), normal(2, 4, 3), normal(2, 4, 2)),
        attention,
        {},
        7,
    ),
    Sample("scaled_dot_product_attention", (normal(1, 1), normal(1, 1), normal(1, 1)), attention),
]

x = np.ones((2, 3), np.float32)
ints = np.ones((2, 3), np.int64)
half = np.ones((2, 3), np.float16)
row = np.ones(2, np.float32)

BAD = [
    Bad(
        "scaled_dot_product_attention", (ints,) * 3, {}, DTypeError, "attention: q must be floating"
    ),
    Bad("scaled_dot_product_attention", (x, half, x), {}, DTypeError, "must share one dtype"),
    Bad("scaled_dot_product_attention", (row, x, x), {}, ShapeError, "q has 1 axes but needs at"),
    Bad(
        "scaled_dot_product_attention", (x, x.T, x), {}, ShapeError, "q has 3 features but k has 2"
    ),
    Bad("scaled_dot_product_attention", (x, x, x[:1]), {}, ShapeError, "k has 2 keys but v has 1"),
    Bad(
        "scaled_dot_product_attention",
        (np.ones((2, 4, 3)), np.ones((3, 5, 3)), np.ones((3, 5, 3))),
        {},
        ShapeError,
        r"axes do not broadcast: .* 2 and 3 \(q: \(2, 4, 3\), k: \(3, 5, 3\), v: \(3, 5, 3\)\)",
    ),
    Bad(
        "scaled_dot_product_attention",
        (np.ones((2, 5, 3)), np.ones((2, 4, 3)), np.ones((2, 4, 3)), np.ones((3, 4))),
        {},
        ShapeError,
        r"attention: mask of shape \(3, 4\) does not broadcast to \(2, 5, 4\), the shape of the",
    ),
    Bad(
        "scaled_dot_product_attention",
        (x, x, x, ints[:, :2]),
        {},
        DTypeError,
        r"mask has dtype int64; expected bool \(True: may attend\) or float32",
    ),
    Bad(
        "scaled_dot_product_attention",
        (np.ones((2, 0, 4, 3)),) * 3,
        {},
        ShapeError,
        r"there are 0 heads \(q: \(2, 0, 4, 3\)",
    ),
    Bad(
        "scaled_dot_product_attention",
        (x[:, :0], x[:, :0], x),
        {},
        ShapeError,
        "q and k have 0 features but need at least 1",
    ),
    Bad(
        "scaled_dot_product_attention",
        (x, x, x),
        {"scale": np.nan},
        OdysseyError,
        "scale must be finite, got nan",
    ),
]


def queries_keys_values(rng):
    lead = shape(rng, 1, 2, empty=False)
    L, E, V = (int(n) for n in rng.integers(1, 6, 3))
    causal = bool(rng.integers(0, 2))
    S = L if causal else int(rng.integers(1, 6))
    q, k, v = (rng.standard_normal((*lead, *last)) for last in ((L, E), (S, E), (S, V)))
    if causal:
        return (q, k, v), {"causal": True}
    mask = choice(rng, None, rng.standard_normal((L, S)), np.eye(L, S, dtype=bool) | (S > 0))
    return (q, k, v), {"mask": mask, "scale": choice(rng, None, 0.7)}


SHARED = [
    Shared(
        "scaled_dot_product_attention",
        "nn.functional.scaled_dot_product_attention",
        queries_keys_values,
        {"mask": "attn_mask", "causal": "is_causal"},
        dtypes=("float64", "float32"),  # PyTorch rounds the scores to half precision
    )
]
