"""Attention written once more, all heads and rows at once and in the dtype of its arguments."""

import numpy as np

from odyssey import reference


def attention_weights(q, k, mask=None, causal=False, scale=None):
    """Return (probabilities, logsumexp); rows without a key hold zeros and -inf."""
    scores = np.einsum("...le,...se->...ls", q, k) * (
        q.shape[-1] ** -0.5 if scale is None else scale
    )
    if causal:
        i, j = np.ogrid[: scores.shape[-2], : scores.shape[-1]]
        scores = np.where(j <= i, scores, -np.inf)
    if mask is not None:
        scores = np.where(mask, scores, -np.inf) if mask.dtype == bool else scores + mask
    top = scores.max(-1, keepdims=True, initial=-1e9)
    e = np.exp(scores - top)
    total = e.sum(-1, keepdims=True)
    with np.errstate(divide="ignore"):
        return e / np.maximum(total, 1e-300), (np.log(total) + top)[..., 0]


def _log(mask):
    return np.where(mask, 0.0, -np.inf)


def attention(q, k, v, mask=None, causal=False, scale=None):
    p, _ = attention_weights(q, k, mask, causal, scale)
    return np.einsum("...ls,...sv->...lv", p, v)


def attention_with(
    q, k, v, mask=None, causal=False, scale=None, dropout_p=0.0, seed=None, enable_gqa=False,
    window=None, need_weights=False,
):  # fmt: skip
    """Attend with all settings: heads are repeated, windows are masks, bits are multiplied by."""
    if enable_gqa:
        k, v = (np.repeat(x, q.shape[-3] // x.shape[-3], -3) for x in (k, v))
    if window is not None:
        i, j = np.ogrid[: q.shape[-2], : k.shape[-2]]
        near = np.where(np.abs(i - j) < window, 0.0, -np.inf)
        mask = near if mask is None else near + (_log(mask) if mask.dtype == bool else mask)
    p, _ = attention_weights(q, k, mask, causal, scale)
    kept = p
    if dropout_p:
        kept = p * reference.dropout(np.ones(p.shape), dropout_p, seed)
    out = np.einsum("...ls,...sv->...lv", kept, v)
    return (out, p) if need_weights else out


def attention_kernel(q, k, v, mask=None, causal=False, scale=None):
    p, logsumexp = attention_weights(q, k, mask, causal, scale)
    return np.einsum("...ls,...sv->...lv", p, v), logsumexp


def attention_kernel_backward(
    grad, q, k, v, out, logsumexp, mask=None, causal=False, scale=None, needs=(True,) * 3 + (False,)
):
    # With the given logsumexp: that of scores of 1e4 has been rounded.
    p, exact = attention_weights(q, k, mask, causal, scale)
    lost = np.subtract(exact, logsumexp, out=np.zeros(exact.shape), where=exact > -np.inf)
    p = p * np.exp(lost)[..., None]
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    grad_p = np.einsum("...lv,...sv->...ls", grad, v)
    grad_s = p * (grad_p - (grad * out).sum(-1, keepdims=True))
    grads = (
        scale * np.einsum("...ls,...se->...le", grad_s, k),
        scale * np.einsum("...ls,...le->...se", grad_s, q),
        np.einsum("...ls,...lv->...sv", p, grad),
        grad_s,
    )
    return tuple(g if need else None for g, need in zip(grads, needs, strict=True))
