"""Attention: averages of values, weighted by how well keys fit queries."""

from __future__ import annotations

import numpy as np

from odyssey.backend import kernel
from odyssey.core._broadcast import unbroadcast
from odyssey.core._checks import as_array, check_one_dtype
from odyssey.core.elementwise import exp, where
from odyssey.core.matrix import matmul, swapaxes
from odyssey.errors import ShapeError
from odyssey.tape import Saved, differentiable
from odyssey.utils.broadcasting import broadcast_shape
from odyssey.utils.kernel_checks_attention import (
    attention_scale,
    check_attention_mask,
    check_attention_shapes,
)

__all__ = ["scaled_dot_product_attention", "scaled_dot_product_attention_backward"]

OP = "scaled_dot_product_attention"


@differentiable
def scaled_dot_product_attention(q, k, v, mask=None, causal=False, scale=None):
    r"""Average values, weighted by how well their keys fit each query.

    Shapes: L queries and S keys of E features, S values of V features; leading
    axes (batch, heads, ...) broadcast.

    Parameters
    ----------
    q : Tensor or ndarray, shape (..., L, E)
        Queries, floating-point.
    k : Tensor or ndarray, shape (..., S, E)
        Keys.
    v : Tensor or ndarray, shape (..., S, V)
        Values. The three share one dtype.
    mask : Tensor or ndarray, broadcastable to (..., L, S), or None
        Boolean: True where a query may attend to a key. In the dtype of ``q``:
        added to the scores; -inf hides a key. A mask that broadcasts is never
        repeated in memory.
    causal : bool
        Query i attends to the keys 0 to i only, counted from the first of each
        also where L and S differ. Together with a mask a key must pass both.
    scale : float or None
        What the dot products are multiplied by; None is :math:`1 / \sqrt E`,
        which keeps the variance of the scores at that of the inputs.

    Returns
    -------
    Tensor or ndarray, shape (..., L, V)
        In the dtype of ``q``; float16 is computed in float32.

    Raises
    ------
    ShapeError
        If the shapes do not fit or broadcast, E is 0, or there are no heads
        (four axes or more, the third from the end of length 0).
    DTypeError
        If the inputs are not of one floating dtype, or ``mask`` of another
        than that or bool.
    OdysseyError
        If ``scale`` is not finite.

    Notes
    -----
    Forward, with c for ``scale`` and :math:`b_{ij}` for an additive mask, every
    sum over the keys j that query i may attend to [1]_:

    .. math::

       s_{ij} = c \, q_i \cdot k_j + b_{ij}, \qquad
       p_{ij} = e^{s_{ij} - \ell_i}, \qquad
       \ell_i = \ln \sum_j e^{s_{ij}}, \qquad
       y_i = \sum_j p_{ij} \, v_j

    Backward, with :math:`\delta_i = g_i \cdot y_i`: a score matters as far as
    its value is better for the loss than the average that it is part of,

    .. math::

       \partial s_{ij} = p_{ij} (g_i \cdot v_j - \delta_i), \qquad
       \partial v_j = \sum_i p_{ij} \, g_i, \qquad
       \partial q_i = c \sum_j \partial s_{ij} \, k_j, \qquad
       \partial k_j = c \sum_i \partial s_{ij} \, q_i

    and :math:`\partial b_{ij} = \partial s_{ij}`, each summed over axes that
    were broadcast. A hidden key is as good as absent: nothing that it or its
    value holds changes a result, and both get zero gradients from there. A
    query that sees no key (or S = 0) gives zeros and zero gradients.

    Cost: L·S·(E + V) multiply-adds a head, half of that if causal. Saves
    ``q``, ``k``, ``v``, ``mask``, the output and one number a query,
    :math:`\ell_i`; the L×S probabilities are never stored: forward keeps a
    running maximum and sum [2]_, backward makes them again block by block [3]_.
    Probabilities made again from :math:`\ell_i` are as exact as that is: with
    scores of 1e4 in float32, to three digits.

    References
    ----------
    .. [1] A. Vaswani et al., "Attention is all you need", NeurIPS 2017, section
       3.2.1, https://arxiv.org/abs/1706.03762
    .. [2] M. Milakov, N. Gimelshein, "Online normalizer calculation for
       softmax", 2018, https://arxiv.org/abs/1805.02867
    .. [3] T. Dao, "FlashAttention-2: Faster attention with better parallelism
       and work partitioning", 2023, https://arxiv.org/abs/2307.08691

    Examples
    --------
    The second query fits the second key best; a causal first query sees only
    the first:

    >>> import odyssey as od
    >>> q = k = od.tensor([[1.0, 0.0], [0.0, 2.0]])
    >>> v = od.tensor([[0.0], [10.0]])
    >>> attend = od.core.scaled_dot_product_attention
    >>> attend(q, k, v).numpy().round(2)
    array([[3.3 ],
           [9.44]], dtype=float32)
    >>> attend(q, k, v, causal=True).numpy().round(2)
    array([[0.  ],
           [9.44]], dtype=float32)
    """
    q, k, v = as_array(q), as_array(k), as_array(v)
    mask = None if mask is None else as_array(mask)
    check_one_dtype(OP, q=q, k=k, v=v)
    check_attention_shapes(OP, q.shape, k.shape, v.shape)
    q, k, v = _broadcast_stacks(q, k, v)
    check_attention_mask(OP, mask, q.dtype, (*q.shape[:-1], k.shape[-2]))
    scale = attention_scale(OP, scale, q.shape[-1])
    out, logsumexp = kernel(OP)(q, k, v, mask, causal, scale)
    return out, Saved(logsumexp=logsumexp)


def _broadcast_stacks(q, k, v):
    """Repeat the leading axes of the inputs to one shape, without a copy."""
    if q.shape[:-2] == k.shape[:-2] == v.shape[:-2]:
        stack = q.shape[:-2]
    else:
        shapes = {"q": q.shape, "k": k.shape, "v": v.shape}
        stack = broadcast_shape(OP, shapes, "the leading axes", last=2)
        q, k, v = (np.broadcast_to(x, stack + x.shape[-2:]) for x in (q, k, v))
    if len(stack) > 1 and stack[-1] == 0:
        raise ShapeError(f"{OP}: there are 0 heads (q: {q.shape}, k: {k.shape}, v: {v.shape})")
    return q, k, v


@scaled_dot_product_attention.backward_rule(wrt=("q", "k", "v", "mask"))
def scaled_dot_product_attention_backward(
    grad,
    q,
    k,
    v,
    out,
    logsumexp,
    mask=None,
    causal=False,
    scale=None,
    needs=(True, True, True, False),
):
    """Return the gradients of :func:`scaled_dot_product_attention` for its four arrays."""
    shapes = [None if x is None else x.shape for x in (q, k, v, mask)]
    q, k, v = _broadcast_stacks(q, k, v)
    grads = kernel(f"{OP}_backward")(
        grad, q, k, v, out, logsumexp, mask, causal, scale, tuple(needs)
    )
    return tuple(
        None if g is None else unbroadcast(g, shape) for g, shape in zip(grads, shapes, strict=True)
    )


@scaled_dot_product_attention.backward_formula
def scaled_dot_product_attention_backward_formula(
    grad, q, k, v, mask=None, causal=False, scale=None, needs=(True, True, True, False)
):
    """Return the same in operators, with all L×S probabilities at hand."""
    scale = attention_scale(OP, scale, q.shape[-1])
    p = attention_weights(q, k, mask, causal, scale)
    return backward_from_weights(grad, None, q, k, v, p, mask, scale, needs)


def attention_weights(q, k, mask, causal, scale):
    """Return the probabilities p of :func:`scaled_dot_product_attention`, (..., L, S)."""
    scores = scale * matmul(q, swapaxes(k, -1, -2))
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


def backward_from_weights(grad, grad_weights, q, k, v, p, mask, scale, needs):
    """Return the gradients for q, k, v and mask, with all probabilities p at hand.

    ``grad_weights`` is the gradient of the loss for p, or None.
    """
    grad_p = matmul(grad, swapaxes(v, -1, -2))
    if grad_weights is not None:
        grad_p = grad_p + grad_weights
    grad_s = p * (grad_p - (p * grad_p).sum(axis=-1, keepdims=True))
    grad_q = grad_k = grad_v = grad_mask = None
    if needs[0]:
        grad_q = unbroadcast(scale * matmul(grad_s, k), q.shape)
    if needs[1]:
        grad_k = unbroadcast(scale * matmul(swapaxes(grad_s, -1, -2), q), k.shape)
    if needs[2]:
        grad_v = unbroadcast(matmul(swapaxes(p, -1, -2), grad), v.shape)
    if needs[3]:
        grad_mask = unbroadcast(grad_s, mask.shape)
    return grad_q, grad_k, grad_v, grad_mask


def _values(x):
    """Return the array of a Tensor, or the array itself."""
    return x if isinstance(x, np.ndarray) else x.data
