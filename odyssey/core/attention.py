"""Attention: averages of values, weighted by how well keys fit queries."""

from __future__ import annotations

from odyssey.core._attention import arrays, attend, attend_backward, attend_backward_formula, pair
from odyssey.core._checks import check_one_dtype
from odyssey.tape import Saved, differentiable
from odyssey.utils.kernel_checks_attention import attention_scale, check_attention_shapes

__all__ = ["scaled_dot_product_attention", "scaled_dot_product_attention_backward"]

OP = "scaled_dot_product_attention"


@differentiable
def scaled_dot_product_attention(
    q,
    k,
    v,
    mask=None,
    causal=False,
    scale=None,
    dropout_p=0.0,
    seed=None,
    enable_gqa=False,
    window=None,
    need_weights=False,
):
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
    dropout_p : float
        The probability to drop a probability; those that stay are divided by
        1 - ``dropout_p``. A layer in evaluation mode passes 0.
    seed : int, optional
        Where the random bits come from, as for :func:`dropout`, whose bits for
        an array of shape (..., L, S) they are.
    enable_gqa : bool
        Let the third axis from the end, that of the heads, be shorter in ``k`` and
        ``v``: h heads of queries share g heads of keys and values, head i the
        head ⌊i g / h⌋ (grouped queries [4]_; one head for all if g is 1).
    window : int or None
        Only keys less than so far away are seen: abs(i - j) < window; with
        ``causal`` the query's own and the window - 1 before it.
    need_weights : bool
        Whether the probabilities are returned, too; those before any are dropped.

    Returns
    -------
    y : Tensor or ndarray, shape (..., L, V)
        In the dtype of ``q``; float16 is computed in float32.
    weights : Tensor or ndarray, shape (..., L, S)
        Only with ``need_weights``.

    Raises
    ------
    ShapeError
        If the shapes do not fit or broadcast, E is 0, there are no heads
        (four axes or more, the third from the end of length 0), heads do not
        form groups, or ``window`` is no positive integer.
    DTypeError
        If the inputs are not of one floating dtype, or ``mask`` of another
        than that or bool.
    OdysseyError
        If ``scale`` is not finite, or ``dropout_p`` or ``seed`` out of range.

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
    scores of 1e4 in float32, to three digits. With ``dropout_p`` or
    ``need_weights`` the probabilities are computed as they are written above, and
    saved; dropping multiplies them by bits, forward and backward, and hidden values
    have to be finite, because 0 times them counts.

    References
    ----------
    .. [1] A. Vaswani et al., "Attention is all you need", NeurIPS 2017, section
       3.2.1, https://arxiv.org/abs/1706.03762
    .. [2] M. Milakov, N. Gimelshein, "Online normalizer calculation for
       softmax", 2018, https://arxiv.org/abs/1805.02867
    .. [3] T. Dao, "FlashAttention-2: Faster attention with better parallelism
       and work partitioning", 2023, https://arxiv.org/abs/2307.08691
    .. [4] J. Ainslie et al., "GQA: Training generalized multi-query transformer
       models from multi-head checkpoints", 2023, https://arxiv.org/abs/2305.13245

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
    q, k, v, mask = arrays(q, k, v, mask)
    check_one_dtype(OP, q=q, k=k, v=v)
    check_attention_shapes(OP, q.shape, k.shape, v.shape)
    scale = attention_scale(OP, scale, q.shape[-1])
    out, p, logsumexp, used_seed = attend(
        OP, q, k, v, mask, causal, scale, dropout_p, seed, enable_gqa, window, need_weights
    )
    saved = Saved(p=p, logsumexp=logsumexp, used_seed=used_seed)
    return (out, p) if need_weights else out, saved


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
    p=None,
    used_seed=None,
    dropout_p=0.0,
    enable_gqa=False,
    window=None,
    need_weights=False,
    needs=(True, True, True, False),
):
    """Return the gradients of :func:`scaled_dot_product_attention` for its four arrays."""
    scale = attention_scale(OP, scale, q.shape[-1])
    grad, grad_weights = pair(grad, need_weights, v)
    return attend_backward(
        OP, grad, grad_weights, q, k, v, out, p, logsumexp, used_seed, mask, causal,
        scale, dropout_p, enable_gqa, window, needs,
    )  # fmt: skip


@scaled_dot_product_attention.backward_formula
def scaled_dot_product_attention_backward_formula(
    grad,
    q,
    k,
    v,
    used_seed,
    mask=None,
    causal=False,
    scale=None,
    dropout_p=0.0,
    enable_gqa=False,
    window=None,
    need_weights=False,
    needs=(True, True, True, False),
):
    """Return the same in operators, with all L×S probabilities at hand."""
    scale = attention_scale(OP, scale, q.shape[-1])
    grad, grad_weights = pair(grad, need_weights, v)
    return attend_backward_formula(
        OP, grad, grad_weights, q, k, v, used_seed, mask, causal, scale, dropout_p,
        enable_gqa, window, needs,
    )  # fmt: skip
