"""Attention by several heads: samples, bad input, and what PyTorch has of it."""

import numpy as np
from formulas_attention import attention_with

from odyssey.errors import DTypeError, OdysseyError, ShapeError
from samples import Bad, Sample, Shared
from samples._draws import choice, draws

rng, normal, positive = draws(__name__)

OP = "multi_head_attention"


def split(x, heads):
    return np.stack(np.split(x, heads, -1), -3)


def formula(
    q, k, v, wq, wk, wv, wo, num_heads, bq=0, bk=0, bv=0, bo=0, mask=None, key_padding_mask=None,
    causal=False, need_weights=False, dropout_p=0.0, seed=None, num_kv_heads=None, window=None,
):  # fmt: skip
    """Attend head by head, as the paper writes it."""
    seen = mask
    if key_padding_mask is not None:
        hidden = key_padding_mask[..., None, None, :]
        if mask is None or mask.dtype == bool:
            seen = ~hidden if mask is None else mask & ~hidden
        else:
            seen = np.where(hidden, -np.inf, mask)
    groups = num_kv_heads or num_heads
    queries, keys, values = (
        split(x @ w.T + b, count)
        for x, w, b, count in ((q, wq, bq, num_heads), (k, wk, bk, groups), (v, wv, bv, groups))
    )
    found, p = attention_with(
        queries, keys, values, seen, causal, None, dropout_p, seed, True, window, True
    )
    out = np.concatenate(np.moveaxis(found, -3, 0), -1) @ wo.T + bo
    return (out, p) if need_weights else out


def arrays(batch, L, S, features, head, heads, out, biased=True):
    """Return queries, keys, values, the four weights, the heads, and biases if any."""
    width, last = head * heads, (head + 1) * heads
    inputs = normal(*batch, L, features), normal(*batch, S, features + 1), normal(*batch, S, 2)
    weights = (
        normal(width, features), normal(width, features + 1), normal(last, 2), normal(out, last)
    )  # fmt: skip
    biases = (normal(width), normal(width), normal(last), normal(out)) if biased else ()
    return (*inputs, *weights, heads, *biases)


padding = np.zeros((2, 4), bool)
padding[0, 3] = True
padding[1] = True  # nothing is left to see

SAMPLES = [
    Sample(OP, arrays((2,), 3, 4, 3, 2, 2, 3), formula, {}, 12),
    Sample(OP, arrays((), 3, 3, 2, 1, 3, 2, False), formula, {"causal": True}, 12),
    Sample(OP, arrays((2,), 3, 4, 3, 2, 2, 3), formula, {"key_padding_mask": padding}, 12),
    Sample(
        OP,
        (*arrays((2,), 3, 4, 3, 2, 2, 3), normal(2, 3, 4)),
        formula,
        {"causal": True, "key_padding_mask": padding},
        12,
    ),
    Sample(
        OP,
        (*arrays((2,), 3, 4, 3, 2, 2, 3), rng.random((2, 1, 3, 4)) < 0.6),
        formula,
        {"key_padding_mask": padding, "need_weights": True},
        12,
    ),
    Sample(OP, arrays((0,), 3, 4, 3, 2, 2, 3), formula, {}, 12),
    Sample(OP, arrays((1,), 1, 1, 1, 1, 1, 1), formula, {}, 12),
]


def halved(*args):
    """Return smaller arrays: of large scores rounding is all that differences see."""
    return [a if isinstance(a, int) else a / 2 for a in arrays(*args)]


x, y, z, wq, wk, wv, wo, _, bq, bk, bv, bo = halved((2,), 3, 4, 3, 2, 4, 3)
shared_heads = (x, y, z, wq, wk[:4], wv[:6], wo, 4, bq, bk[:4], bv[:6], bo)

SAMPLES += [
    Sample(OP, given, formula, kwargs, 24)
    for given, kwargs in (
        ((*halved((2,), 3, 4, 3, 2, 2, 3), None, None, False, False, 0.4, 5), {}),
        (shared_heads, {"num_kv_heads": 2, "window": 2, "causal": True}),
        (
            (*shared_heads, normal(4, 3, 4), None, False, True, 0.3, 6),
            {"num_kv_heads": 2},
        ),
    )
]

good = arrays((2,), 3, 4, 3, 2, 2, 3)

BAD = [
    Bad(OP, (*good[:7], 3), {}, ShapeError, "num_heads=3 does not divide the rows of wq"),
    Bad(OP, (*good[:7], 0), {}, ShapeError, "num_heads must be a positive integer, got 0"),
    Bad(OP, (*good[:6], good[6][:, 1:], 2), {}, ShapeError, "wo must have shape .* one column"),
    Bad(OP, (*good[:3], good[3].astype(np.float32), *good[4:]), {}, DTypeError, "dtype"),
    Bad(OP, good, {"key_padding_mask": padding[:1]}, ShapeError, "key_padding_mask must have the"),
    Bad(OP, good, {"key_padding_mask": padding * 1.0}, DTypeError, "key_padding_mask must be bool"),
    Bad(OP, (*good, np.ones((2, 2, 3, 5))), {}, ShapeError, "mask"),
    Bad(OP, good, {"num_kv_heads": 3}, ShapeError, "num_kv_heads=3 does not divide num_heads=2"),
    Bad(OP, good, {"num_kv_heads": 0}, ShapeError, "num_kv_heads must be a positive integer"),
    Bad(OP, good, {"num_kv_heads": 1}, ShapeError, "wo must have shape"),
    Bad(OP, good, {"dropout_p": 2.0}, OdysseyError, "must lie in"),
    Bad(OP, good, {"window": -1}, ShapeError, "window must be a positive"),
]


def drawn(rng):
    heads, head = int(rng.integers(1, 4)), int(rng.integers(1, 4))
    N, L, S, E = (int(n) for n in (*rng.integers(1, 5, 3), heads * head))
    args = [rng.standard_normal((N, n, E)) for n in (L, S, S)]
    args += [rng.standard_normal((E, E)) for _ in range(4)]
    args += [heads, *(rng.standard_normal(E) for _ in range(4))]
    mask = choice(rng, None, "bool", "additive")
    if mask is not None:
        mask = rng.random((L, S)) < 0.7 if mask == "bool" else rng.standard_normal((L, S))
        if mask.dtype == bool:
            mask[:, 0] = True  # PyTorch gives NaN where nothing is seen
    padding = None
    if rng.random() < 0.5 and (mask is None or mask.dtype == bool):
        padding = rng.random((N, S)) < 0.3
        padding[:, 0] = False
    return (*args, mask), {"key_padding_mask": padding}


def theirs(torch, q, k, v, wq, wk, wv, wo, heads, bq, bk, bv, bo, mask, key_padding_mask):
    return torch.nn.functional.multi_head_attention_forward(
        *(x.transpose(0, 1) for x in (q, k, v)), q.shape[-1], heads,
        None, torch.cat([bq, bk, bv]), None, None, False, 0.0, wo, bo,
        use_separate_proj_weight=True, q_proj_weight=wq, k_proj_weight=wk, v_proj_weight=wv,
        attn_mask=~mask if mask is not None and mask.dtype == torch.bool else mask,
        key_padding_mask=key_padding_mask, need_weights=False,
    )[0].transpose(0, 1)  # fmt: skip


SHARED = [Shared(OP, theirs, drawn, terms=60, dtypes=("float64", "float32"))]
