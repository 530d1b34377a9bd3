"""Attention by several heads, between projections."""

from __future__ import annotations

import numpy as np

from odyssey.core._attention import (
    arrays,
    attend,
    attend_backward,
    attend_backward_formula,
    attend_formula,
    both,
)
from odyssey.core._broadcast import unbroadcast
from odyssey.core._checks import as_array, check_one_dtype
from odyssey.core.linear import linear, linear_backward, linear_backward_formula
from odyssey.core.matrix import swapaxes
from odyssey.errors import DTypeError, ShapeError
from odyssey.tape import Saved, differentiable
from odyssey.utils.kernel_checks_attention import attention_scale, check_attention_shapes

__all__ = ["create_causal_mask", "multi_head_attention", "multi_head_attention_backward"]

OP = "multi_head_attention"
ARRAYS = ("q", "k", "v", "wq", "wk", "wv", "wo", "bq", "bk", "bv", "bo", "mask")


@differentiable
def multi_head_attention(
    q,
    k,
    v,
    wq,
    wk,
    wv,
    wo,
    num_heads,
    bq=None,
    bk=None,
    bv=None,
    bo=None,
    mask=None,
    key_padding_mask=None,
    causal=False,
    need_weights=False,
    dropout_p=0.0,
    seed=None,
    num_kv_heads=None,
    window=None,
):
    r"""Let several heads attend, each to its own projections, and mix what they find.

    Shapes: L queries of I features, S keys and values, h heads of D features (of V
    for values), O features out; any leading axes, the batch. Keys and values have
    g = h heads, or fewer.

    Parameters
    ----------
    q : Tensor or ndarray, shape (..., L, I)
        Floating-point, like all others.
    k : Tensor or ndarray, shape (..., S, I_k)
    v : Tensor or ndarray, shape (..., S, I_v)
    wq, wk : Tensor or ndarray, shapes (h·D, I) and (g·D, I_k)
    wv : Tensor or ndarray, shape (g·V, I_v)
    wo : Tensor or ndarray, shape (O, h·V)
    num_heads : int
        h.
    bq, bk, bv, bo : Tensor or ndarray, shapes (h·D,), (g·D,), (g·V,), (O,), optional
    mask : Tensor or ndarray, broadcastable to (..., h, L, S), optional
        Boolean: True where a query may attend to a key. In the dtype of ``q``: added
        to the scores.
    key_padding_mask : Tensor or ndarray of bool, shape (..., S), optional
        True where a key is padding, which no query sees.
    causal : bool
        Query i attends to the keys 0 to i only. A key must pass all masks.
    need_weights : bool
        Whether the probabilities of all heads are returned, too; those before any
        are dropped.
    dropout_p : float
        The probability to drop a probability.
    seed : int, optional
        Where the random bits come from, as for :func:`dropout`.
    num_kv_heads : int, optional
        g, a divisor of h: each head of keys and values serves h/g heads of queries.
        By default h.
    window : int or None
        Only keys less than so far from a query are seen. All four as in
        :func:`scaled_dot_product_attention`.

    Returns
    -------
    y : Tensor or ndarray, shape (..., L, O)
    weights : Tensor or ndarray, shape (..., h, L, S)
        Only with ``need_weights``.

    Raises
    ------
    ShapeError
        If the shapes do not fit, or ``num_heads`` or ``num_kv_heads`` does not divide
        what it should.
    DTypeError
        If the arrays are not of one floating dtype, or a mask of a wrong one.
    OdysseyError
        If ``dropout_p`` or ``seed`` is out of range.

    Notes
    -----
    Forward [1]_, each head with its D rows of the projections:

    .. math::

       \mathrm{head}_i = \mathrm{Attention}(q W_q^{i\top} + b_q^i, \;
       k W_k^{i\top} + b_k^i, \; v W_v^{i\top} + b_v^i), \qquad
       y = [\mathrm{head}_1, \dots, \mathrm{head}_h] \, W_o^\top + b_o

    with :func:`scaled_dot_product_attention`, its scale :math:`1/\sqrt D`, and its
    rules for hidden keys: a query that sees no key has zero heads.

    Backward: that of the last projection, of attention, and of the three
    projections before it, each as in :func:`linear`. Saves the inputs, the projected
    heads and what attention saves; with ``need_weights`` or ``dropout_p`` all L×S
    probabilities.

    References
    ----------
    .. [1] A. Vaswani et al., "Attention is all you need", NeurIPS 2017, section
       3.2.2, https://arxiv.org/abs/1706.03762

    Examples
    --------
    >>> import odyssey as od
    >>> x = od.randn(2, 5, 8)
    >>> w = [od.randn(8, 8) for _ in range(4)]
    >>> od.core.multi_head_attention(x, x, x, *w, num_heads=2, causal=True).shape
    (2, 5, 8)
    """
    q, k, v, wq, wk, wv, wo = arrays(q, k, v, wq, wk, wv, wo)
    bq, bk, bv, bo, mask = arrays(bq, bk, bv, bo, mask)
    check_one_dtype(OP, q=q, k=k, v=v, wq=wq, wk=wk, wv=wv, wo=wo, bq=bq, bk=bk, bv=bv, bo=bo)
    groups = _check_heads(num_heads, num_kv_heads, wq=wq, wk=wk, wv=wv)
    columns = wv.shape[0] // groups * num_heads
    if wo.ndim != 2 or wo.shape[1] != columns:
        raise ShapeError(
            f"{OP}: wo must have shape (O, {columns}), one column for each feature of each head, "
            f"but has {wo.shape}"
        )
    check_padding(key_padding_mask, k.shape[:-1])
    heads_q = _split(linear(q, wq, bq), num_heads)
    heads_k = _split(linear(k, wk, bk), groups)
    heads_v = _split(linear(v, wv, bv), groups)
    check_attention_shapes(OP, heads_q.shape, heads_k.shape, heads_v.shape)
    mask = merged(mask, key_padding_mask)
    heads, p, logsumexp, used_seed = attend(
        OP, heads_q, heads_k, heads_v, mask, causal, _scale(heads_q), dropout_p, seed,
        groups != num_heads, window, need_weights,
    )  # fmt: skip
    out = linear(_joined(heads), wo, bo)
    return (out, p) if need_weights else out, Saved(
        heads_q=heads_q,
        heads_k=heads_k,
        heads_v=heads_v,
        heads=heads,
        p=p,
        logsumexp=logsumexp,
        used_seed=used_seed,
    )


@multi_head_attention.backward_rule(wrt=ARRAYS)
def multi_head_attention_backward(
    grad,
    q,
    k,
    v,
    wq,
    wk,
    wv,
    wo,
    num_heads,
    heads_q,
    heads_k,
    heads_v,
    heads,
    p,
    logsumexp,
    used_seed,
    mask=None,
    key_padding_mask=None,
    causal=False,
    need_weights=False,
    dropout_p=0.0,
    num_kv_heads=None,
    window=None,
    needs=(True,) * 11 + (False,),
):
    """Return the gradients of :func:`multi_head_attention` for its twelve arrays."""

    def through_attention(grad_heads, grad_weights):
        return attend_backward(
            OP, grad_heads, grad_weights, heads_q, heads_k, heads_v, heads, p, logsumexp,
            used_seed, merged(mask, key_padding_mask), causal, _scale(heads_q), dropout_p,
            num_kv_heads not in (None, num_heads), window, (True, True, True, needs[11]),
        )  # fmt: skip

    return _backward(
        grad, ((q, k, v), (wq, wk, wv)), wo, _joined(heads), num_heads, mask, need_weights,
        needs, linear_backward, through_attention,
    )  # fmt: skip


@multi_head_attention.backward_formula
def multi_head_attention_backward_formula(
    grad,
    q,
    k,
    v,
    wq,
    wk,
    wv,
    wo,
    num_heads,
    used_seed,
    bq=None,
    bk=None,
    bv=None,
    bo=None,
    mask=None,
    key_padding_mask=None,
    causal=False,
    need_weights=False,
    dropout_p=0.0,
    num_kv_heads=None,
    window=None,
    needs=(True,) * 11 + (False,),
):
    """Return the same in operators, with all L×S probabilities at hand."""
    groups = num_kv_heads or num_heads
    heads_q = _split(linear(q, wq, bq), num_heads)
    heads_k = _split(linear(k, wk, bk), groups)
    heads_v = _split(linear(v, wv, bv), groups)
    settings = (
        used_seed, merged(mask, key_padding_mask), causal, _scale(heads_q), dropout_p,
        groups != num_heads, window,
    )  # fmt: skip

    def through_attention(grad_heads, grad_weights):
        return attend_backward_formula(
            OP, grad_heads, grad_weights, heads_q, heads_k, heads_v, *settings,
            (True, True, True, needs[11]),
        )  # fmt: skip

    heads = attend_formula(OP, heads_q, heads_k, heads_v, *settings)
    return _backward(
        grad, ((q, k, v), (wq, wk, wv)), wo, _joined(heads), num_heads, mask, need_weights,
        needs, linear_backward_formula, through_attention,
    )  # fmt: skip


def _backward(
    grad,
    inputs,
    wo,
    joined,
    num_heads,
    mask,
    need_weights,
    needs,
    through_linear,
    through_attention,
):
    """Go back through the last projection, attention, and the three projections before it."""
    grad, grad_weights = grad if need_weights else (grad, None)
    if grad is None:  # only the weights have been used
        grad = np.zeros((*joined.shape[:-1], wo.shape[0]), joined.dtype)
    grad_joined, grad_wo, grad_bo = through_linear(grad, joined, wo, (True, needs[6], needs[10]))
    *grad_heads, grad_mask = through_attention(_split(grad_joined, num_heads), grad_weights)
    before = [
        through_linear(_joined(g), x, w, (needs[i], needs[3 + i], needs[7 + i]))
        for i, (g, x, w) in enumerate(zip(grad_heads, *inputs, strict=True))
    ]
    grads_x, grads_w, grads_b = zip(*before, strict=True)
    if grad_mask is not None:
        grad_mask = unbroadcast(grad_mask, mask.shape)
    return (*grads_x, *grads_w, grad_wo, *grads_b, grad_bo, grad_mask)


def create_causal_mask(length, dtype=bool, keys=None, offset=0, window=None):
    r"""Return the mask of a sequence that only looks back, of shape (length, keys).

    Parameters
    ----------
    length : int
        The number of queries.
    dtype : dtype
        bool: True where a query may attend. A floating one: 0 there, else -inf, to
        be added to the scores: :math:`b_{ij} = 0` for j ≤ i + offset.
    keys : int, optional
        The number of keys; by default ``length``.
    offset : int
        How many keys came before the first query: those in a cache.
    window : int or None
        How many keys a query sees at most, its own and those just before it.

    Returns
    -------
    ndarray, shape (length, keys)

    Examples
    --------
    >>> create_causal_mask(3).astype(int)
    array([[1, 0, 0],
           [1, 1, 0],
           [1, 1, 1]])
    >>> create_causal_mask(2, "float32")
    array([[  0., -inf],
           [  0.,   0.]], dtype=float32)
    >>> create_causal_mask(2, keys=5, offset=3, window=2).astype(int)
    array([[0, 0, 1, 1, 0],
           [0, 0, 0, 1, 1]])
    """
    after = np.arange(length)[:, None] + offset - np.arange(length if keys is None else keys)
    seen = after >= 0 if window is None else (after >= 0) & (after < window)
    return seen if np.dtype(dtype) == bool else np.where(seen, 0, -np.inf).astype(dtype)


def _check_heads(num_heads, num_kv_heads, **weights):
    """Return the number of heads of keys and values."""
    groups = num_heads if num_kv_heads is None else num_kv_heads
    for name, count in (("num_heads", num_heads), ("num_kv_heads", groups)):
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            raise ShapeError(f"{OP}: {name} must be a positive integer, got {count!r}")
    if num_heads % groups:
        raise ShapeError(f"{OP}: num_kv_heads={groups} does not divide num_heads={num_heads}")
    for name, w in weights.items():
        which, count = ("num_heads", num_heads) if name == "wq" else ("num_kv_heads", groups)
        which = "num_heads" if num_kv_heads is None else which
        if w.ndim != 2 or w.shape[0] % count:
            raise ShapeError(
                f"{OP}: {which}={count} does not divide the rows of {name} ({name}: {w.shape})"
            )
    return groups


def check_padding(padding, shape):
    """Raise unless ``padding`` is None, or boolean and of ``shape``, that of the keys."""
    if padding is None:
        return
    padding = as_array(padding)
    if padding.dtype != bool:
        raise DTypeError(f"{OP}: key_padding_mask must be boolean, got {padding.dtype}")
    if padding.shape != shape:
        raise ShapeError(
            f"{OP}: key_padding_mask must have the shape {shape} of the keys without "
            f"their features, but has {padding.shape}"
        )


def merged(mask, padding):
    """Return one mask for both: boolean, or additive with -inf for padding."""
    if padding is None:
        return mask
    return both(mask, ~as_array(padding)[..., None, None, :])


def _scale(heads):
    return attention_scale(OP, None, heads.shape[-1])


def _split(x, num_heads):
    """Return (..., L, h·D) as (..., h, L, D)."""
    return swapaxes(x.reshape((*x.shape[:-1], num_heads, x.shape[-1] // num_heads)), -2, -3)


def _joined(heads):
    """Return (..., h, L, D) as (..., L, h·D)."""
    x = swapaxes(heads, -2, -3)
    return x.reshape((*x.shape[:-2], x.shape[-2] * x.shape[-1]))
