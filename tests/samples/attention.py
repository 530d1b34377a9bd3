"""Attention: samples, bad input, and what PyTorch has of them."""

import numpy as np
from formulas_attention import attention, attention_with

from odyssey.errors import DTypeError, OdysseyError, ShapeError
from samples import Bad, Sample, Shared
from samples._draws import choice, draws, shape

rng, normal, positive = draws(__name__)

seen = rng.random((2, 1, 3, 4)) < 0.5
seen[0, :, 1] = False  # a query that sees no key

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
    *[
        Sample("scaled_dot_product_attention", arrays, attention_with, kwargs, 12)
        for arrays, kwargs in (
            ((normal(2, 5, 3), normal(2, 4, 3), normal(2, 4, 2), None, False, None, 0.4, 3), {}),
            (
                (
                    normal(4, 5, 3),
                    normal(4, 5, 3),
                    normal(4, 5, 2),
                    normal(4, 1, 5),
                    True,
                    None,
                    0.4,
                    4,
                ),
                {"need_weights": True, "window": 3},
            ),
            ((normal(3, 3), normal(4, 3), normal(4, 2), None, False, None, 1.0, 0), {}),
            (
                (normal(2, 6, 3, 2), normal(2, 3, 4, 2), normal(2, 3, 4, 3)),
                {"enable_gqa": True},
            ),
            (
                (normal(4, 5, 2), normal(3, 2, 5, 2), normal(1, 2, 5, 3), normal(4, 5, 5)),
                {"enable_gqa": True, "causal": True, "window": 2},
            ),
            (
                (
                    normal(2, 4, 3, 2),
                    normal(2, 1, 4, 2),
                    normal(2, 1, 4, 3),
                    seen,
                    False,
                    None,
                    0.3,
                    1,
                ),
                {"enable_gqa": True, "need_weights": True},
            ),
            ((normal(2, 7, 3), normal(2, 4, 3), normal(2, 4, 2)), {"window": 2}),
            (
                (normal(4, 6, 2), normal(2, 6, 2), normal(2, 6, 2), normal(1, 6)),
                {"enable_gqa": True, "window": 3, "need_weights": True},
            ),
        )
    ],
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
    *[
        Bad("scaled_dot_product_attention", arrays, kwargs, error, message)
        for arrays, kwargs, error, message in (
            ((x, x, x), {"dropout_p": 1.5}, OdysseyError, "p, the probability .* got 1.5"),
            ((x, x, x), {"dropout_p": 0.5, "seed": -1}, OdysseyError, "seed"),
            ((x, x, x), {"window": 0}, ShapeError, "window must be a positive number of keys"),
            ((x, x, x), {"window": 1.5}, ShapeError, "window must be a positive number of keys"),
            ((x, x, x), {"enable_gqa": True}, ShapeError, "groups of heads need an axis of heads"),
            (
                (np.ones((3, 4, 2)), *[np.ones((2, 4, 2))] * 2),
                {"enable_gqa": True},
                ShapeError,
                "the 2 heads of k and v do not divide the 3 heads of q",
            ),
            (
                (np.ones((4, 4, 2)), np.ones((2, 4, 2)), np.ones((1, 4, 2))),
                {"enable_gqa": True},
                ShapeError,
                "k has 2 heads but v has 1",
            ),
            (
                (np.ones((4, 4, 2)), *[np.ones((2, 4, 2))] * 2, np.ones((2, 4, 4))),
                {"enable_gqa": True},
                ShapeError,
                "mask has 2 heads but q has 4",
            ),
        )
    ],
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
