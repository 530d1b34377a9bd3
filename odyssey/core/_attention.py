"""What the operations of attention share: which keys are seen, by which heads, and both directions.

The fused kernel never holds the L×S probabilities. They are at hand, *explicit*, where
somebody wants to see them or where single ones of them are dropped.
"""

from __future__ import annotations

import numpy as np

from odyssey.backend import kernel
from odyssey.core._broadcast import unbroadcast
from odyssey.core._checks import as_array
from odyssey.core.activation import softmax
from odyssey.core.dropout import dropout, used
from odyssey.core.elementwise import exp, where
from odyssey.core.matrix import matmul, swapaxes
from odyssey.errors import ShapeError
from odyssey.utils.broadcasting import broadcast_shape
from odyssey.utils.kernel_checks_attention import check_attention_mask
from odyssey.utils.kernel_checks_pooling import check_probability

KERNEL = "scaled_dot_product_attention"


def attend(op, q, k, v, mask, causal, scale, dropout_p, seed, grouped, window, need_weights):
    """Return the output, the probabilities or None, their logsumexp or None, and the seed used."""
    check_probability(op, dropout_p)
    seed = used(op, seed) if dropout_p > 0 else None
    q, k, v, mask = prepared(op, q, k, v, mask, window, grouped)
    p = logsumexp = None
    if need_weights or seed is not None:
        p = attention_weights(q, k, mask, causal, scale)
        out = matmul(p if seed is None else dropout(p, dropout_p, True, seed), v)
    else:
        q, k, v = broadcast_stacks(op, q, k, v)
        out, logsumexp = kernel(KERNEL)(q, k, v, mask, causal, scale)
    if grouped:
        out, p = _together(out), _together(p)
        logsumexp = None if logsumexp is None else logsumexp.reshape(out.shape[:-1])
    return out, p, logsumexp, seed


def attend_backward(
    op, grad, grad_weights, q, k, v, out, p, logsumexp, seed, mask, causal, scale, dropout_p,
    grouped, window, needs,
):  # fmt: skip
    """Return the gradients for q, k, v and mask of what :func:`attend` returned.

    Written for arrays. Where nothing was fused it serves Tensors, too.
    """
    given = q, k, v, mask
    if p is not None:
        out = None  # may be a pair
    q, k, v, mask = prepared(op, q, k, v, mask, window, grouped)
    if grouped:
        groups = q.shape[-4:-2]
        grad, grad_weights, out, p = (_split(x, groups) for x in (grad, grad_weights, out, p))
        logsumexp = None if logsumexp is None else logsumexp.reshape(out.shape[:-1])
    if p is None:
        shapes = [None if x is None else x.shape for x in (q, k, v, mask)]
        q, k, v = broadcast_stacks(op, q, k, v)
        grads = kernel(f"{KERNEL}_backward")(
            grad, q, k, v, out, logsumexp, mask, causal, scale, tuple(needs)
        )
        grads = [
            None if g is None else unbroadcast(g, s) for g, s in zip(grads, shapes, strict=True)
        ]
    else:
        grads = _backward(grad, grad_weights, q, k, v, p, mask, scale, dropout_p, seed, needs)
    if grouped:
        grads = [_together(g) for g in grads]
    return tuple(
        None if g is None else unbroadcast(g, x.shape) for g, x in zip(grads, given, strict=True)
    )


def attend_formula(op, q, k, v, seed, mask, causal, scale, dropout_p, grouped, window):
    """Return the output of :func:`attend` in operators."""
    q, k, v, mask = prepared(op, q, k, v, mask, window, grouped)
    p = attention_weights(q, k, mask, causal, scale)
    out = matmul(p if seed is None else dropout(p, dropout_p, True, seed), v)
    return _together(out) if grouped else out


def attend_backward_formula(
    op, grad, grad_weights, q, k, v, seed, mask, causal, scale, dropout_p, grouped, window, needs
):
    """Return the gradients in operators, from the probabilities as a function of q, k and mask."""
    one, other, _, hidden = prepared(op, q, k, v, mask, window, grouped)
    p = attention_weights(one, other, hidden, causal, scale)
    return attend_backward(
        op, grad, grad_weights, q, k, v, None, _together(p) if grouped else p, None, seed, mask,
        causal, scale, dropout_p, grouped, window, needs,
    )  # fmt: skip


def attention_weights(q, k, mask, causal, scale):
    """Return the probabilities p of :func:`scaled_dot_product_attention`, (..., L, S)."""
    scores = matmul(scale * q, swapaxes(k, -1, -2))
    if mask is None and not causal and scores.shape[-1]:
        return softmax(scores)
    seen = np.ones(scores.shape[-2:], bool)
    if causal:
        seen = np.tril(seen)
    if mask is not None and mask.dtype == bool:
        seen = seen & _values(mask)
    elif mask is not None:
        hidden = np.isneginf(_values(mask))
        scores = scores + where(hidden, 0.0, mask)
        seen = seen & ~hidden
    # A constant, as a softmax does not change with it; 0 where no key is seen.
    top = np.max(_values(scores), -1, keepdims=True, where=seen, initial=-np.inf)
    top = np.where(top == -np.inf, 0, top).astype(scores.dtype)
    e = where(seen, exp(where(seen, scores - top, 0.0)), 0.0)
    return e / (e.sum(axis=-1, keepdims=True) + ~seen.any(-1, keepdims=True))


def _backward(grad, grad_weights, q, k, v, p, mask, scale, dropout_p, seed, needs):
    """Return the gradients for q, k, v and mask, with all probabilities p at hand."""
    dropped = p
    grad_p = matmul(grad, swapaxes(v, -1, -2))
    if seed is not None:
        dropped = dropout(p, dropout_p, True, seed)
        grad_p = dropout(grad_p, dropout_p, True, seed)
    if grad_weights is not None:
        grad_p = grad_p + grad_weights
    grad_s = p * (grad_p - (p * grad_p).sum(axis=-1, keepdims=True))
    grad_q = grad_k = grad_v = grad_mask = None
    if needs[0]:
        grad_q = unbroadcast(scale * matmul(grad_s, k), q.shape)
    if needs[1]:
        grad_k = unbroadcast(scale * matmul(swapaxes(grad_s, -1, -2), q), k.shape)
    if needs[2]:
        grad_v = unbroadcast(matmul(swapaxes(dropped, -1, -2), grad), v.shape)
    if needs[3]:
        grad_mask = unbroadcast(grad_s, mask.shape)
    return grad_q, grad_k, grad_v, grad_mask


def pair(grad, need_weights, v):
    """Return the gradients for the output and for the weights; None for what nobody has."""
    if not need_weights:
        return grad, None
    if grad[0] is None:  # only the weights have been used
        return np.zeros((*grad[1].shape[:-1], v.shape[-1]), grad[1].dtype), grad[1]
    return grad


# -- which keys are seen ---------------------------------------------------------------------------


def prepared(op, q, k, v, mask, window, grouped):
    """Return q, k, v and the mask: that of the window in it, the groups of heads apart."""
    if window is not None:
        mask = _within(op, mask, window, q.shape[-2], k.shape[-2])
    if grouped:
        q, k, v, mask = _in_groups(op, q, k, v, mask)
    if isinstance(q, np.ndarray):
        shapes = [x.shape[:-2] for x in (q, k, v)]
        stack = shapes[0]
        if not shapes[0] == shapes[1] == shapes[2]:
            stack = _stack(op, q, k, v)
        if len(stack) > 1 and stack[-1] == 0:
            raise ShapeError(f"{op}: there are 0 heads (q: {q.shape}, k: {k.shape}, v: {v.shape})")
        check_attention_mask(op, mask, q.dtype, (*stack, q.shape[-2], k.shape[-2]))
    return q, k, v, mask


def _within(op, mask, window, L, S):
    """Return a mask that lets query i see only keys j with abs(i - j) < window."""
    if isinstance(window, bool) or not isinstance(window, (int, np.integer)) or window < 1:
        raise ShapeError(f"{op}: window must be a positive number of keys, got {window!r}")
    near = np.abs(np.arange(L)[:, None] - np.arange(S)) < window
    return both(mask, near)


def both(mask, seen):
    """Return one mask for two: boolean, or additive with -inf where ``seen`` is False."""
    if mask is None:
        return seen
    return mask & seen if mask.dtype == bool else where(seen, mask, -np.inf)


def broadcast_stacks(op, q, k, v):
    """Repeat the leading axes of the inputs to one shape, without a copy."""
    if q.shape[:-2] == k.shape[:-2] == v.shape[:-2]:
        return q, k, v
    stack = _stack(op, q, k, v)
    return tuple(np.broadcast_to(x, stack + x.shape[-2:]) for x in (q, k, v))


def _stack(op, q, k, v):
    shapes = {"q": q.shape, "k": k.shape, "v": v.shape}
    return broadcast_shape(op, shapes, "the leading axes", last=2)


# -- groups of heads -------------------------------------------------------------------------------


def _in_groups(op, q, k, v, mask):
    """Give the h heads of queries two axes, (g, h/g), and those of keys and values (g, 1)."""
    shapes = f"(q: {q.shape}, k: {k.shape}, v: {v.shape})"
    if min(len(x.shape) for x in (q, k, v)) < 3:
        raise ShapeError(
            f"{op}: groups of heads need an axis of heads, the third from the end {shapes}"
        )
    h, g = q.shape[-3], k.shape[-3]
    if v.shape[-3] != g:
        raise ShapeError(f"{op}: k has {g} heads but v has {v.shape[-3]} {shapes}")
    if g == 0 or h % g:
        raise ShapeError(
            f"{op}: the {g} heads of k and v do not divide the {h} heads of q {shapes}"
        )
    if mask is not None and mask.ndim > 2:
        if mask.shape[-3] not in (1, h):
            raise ShapeError(f"{op}: mask has {mask.shape[-3]} heads but q has {h} {shapes}")
        mask = _split(mask, (g, h // g) if mask.shape[-3] == h else (1, 1))
    return _split(q, (g, h // g)), _split(k, (g, 1)), _split(v, (g, 1)), mask


def _split(x, heads):
    """Give the axis of heads, the third from the end, the lengths ``heads``; None stays None."""
    return None if x is None else x.reshape((*x.shape[:-3], *heads, *x.shape[-2:]))


def _together(x):
    """Make the fourth and the third axis from the end one again, if there are so many."""
    if x is None or len(x.shape) < 4:
        return x
    return x.reshape((*x.shape[:-4], x.shape[-4] * x.shape[-3], *x.shape[-2:]))


def _values(x):
    """Return the array of a Tensor, or the array itself."""
    return x if isinstance(x, np.ndarray) else x.data


def arrays(*xs):
    """Return each as an array; None stays None."""
    return [None if x is None else as_array(x) for x in xs]
