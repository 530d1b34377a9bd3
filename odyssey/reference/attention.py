"""Scaled dot-product attention and its gradient, one query at a time."""

from __future__ import annotations

import numpy as np

from odyssey.utils.kernel_checks_attention import check_attention, check_attention_backward

__all__ = ["scaled_dot_product_attention", "scaled_dot_product_attention_backward"]


def _visible_keys(
    i: int, S: int, mask: np.ndarray | None, causal: bool
) -> tuple[np.ndarray, np.ndarray | int]:
    """Return the numbers of the keys that query i may see, and what is added to their scores.

    ``mask`` is that of one head, of shape (L, S). A key at -inf is not seen.

    Examples
    --------
    >>> import numpy as np
    >>> _visible_keys(1, 4, mask=None, causal=True)
    (array([0, 1]), 0)
    >>> _visible_keys(0, 3, mask=np.array([[0.5, -np.inf, 2.0]]), causal=False)
    (array([0, 2]), array([0.5, 2. ]))
    """
    seen = np.arange(min(i + 1, S) if causal else S)
    if mask is None:
        return seen, 0
    row = mask[i][seen]
    if mask.dtype == bool:
        return seen[row], 0
    return seen[row != -np.inf], row[row != -np.inf]


@np.errstate(all="ignore")
def scaled_dot_product_attention(
    q: np.ndarray,
    k: np.ndarray,
    v: np.ndarray,
    mask: np.ndarray | None = None,
    causal: bool = False,
    scale: float | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    r"""Average values, weighted by how well their keys fit each query.

    Shapes: L queries and S keys of E features, S values of V features; equal
    axes in front of them number independent heads.

    Parameters
    ----------
    q : ndarray, shape (..., L, E)
        Queries; float16, float32 or float64.
    k : ndarray, shape (..., S, E)
        Keys, of the dtype of ``q`` and with the same leading axes.
    v : ndarray, shape (..., S, V)
        Values, likewise.
    mask : ndarray, broadcastable to (..., L, S), or None
        Boolean: True where a query may see a key. Of the dtype of ``q``: added
        to the scores; -inf hides a key.
    causal : bool
        Query i sees the keys 0 to i only, whatever L and S are. Together with
        a mask a key must pass both.
    scale : float or None
        What the dot products are multiplied by; None is :math:`1 / \sqrt E`.

    Returns
    -------
    out : ndarray, shape (..., L, V), dtype of ``q``
    logsumexp : ndarray, shape (..., L)
        What the backward function needs besides the inputs and ``out``; the
        dtype of ``q``, but float32 for float16.

    Raises
    ------
    DTypeError
        If ``q``, ``k`` and ``v`` are not arrays of one floating dtype, or the
        mask has another than that or bool.
    ShapeError
        If the shapes do not fit, or E is 0.
    OdysseyError
        If ``scale`` is not finite.

    Notes
    -----
    With c for ``scale`` and :math:`b_{ij}` for an additive mask, each sum over
    the keys j that query i may see:

    .. math::

       s_{ij} = c \, q_i \cdot k_j + b_{ij}, \qquad
       p_{ij} = \frac{e^{s_{ij}}}{\sum_{j'} e^{s_{ij'}}}, \qquad
       y_i = \sum_j p_{ij} \, v_j

    This is :math:`\mathrm{softmax}(Q K^\top / \sqrt{E}) \, V` [1]_, read row by
    row: a row of scores is all that is ever held, and the largest is taken away
    before the exponential. A hidden key is as good as absent, whatever it and
    its value hold. A query that sees no key gets zeros, and its logsumexp,
    :math:`\log \sum_j e^{s_{ij}}`, is -inf.

    Cost: L·S·(E + V) multiply-adds per head. float16 is computed in float32
    and rounded once.

    References
    ----------
    .. [1] A. Vaswani et al., "Attention is all you need", NeurIPS 2017, section
       3.2.1, https://arxiv.org/abs/1706.03762

    Examples
    --------
    Weights of 1/4 and 3/4, from scores that differ by log 3:

    >>> import numpy as np
    >>> q, k = np.array([[1.0]]), np.log(np.array([[1.0], [3.0]]))
    >>> out, logsumexp = scaled_dot_product_attention(q, k, np.array([[0.0], [8.0]]))
    >>> out.round(6), logsumexp.round(4)
    (array([[6.]]), array([1.3863]))
    """
    scale = check_attention(q, k, v, mask, scale)
    heads, L, S = q.shape[:-2], q.shape[-2], k.shape[-2]
    sums = np.result_type(q, np.float32)
    if mask is not None:
        mask = np.broadcast_to(mask, (*heads, L, S))
    out = np.zeros((*heads, L, v.shape[-1]), dtype=q.dtype)
    logsumexp = np.full((*heads, L), -np.inf, dtype=sums)
    for h in np.ndindex(heads):
        queries, keys, values = q[h].astype(sums), k[h].astype(sums), v[h].astype(sums)
        for i in range(L):
            j, bias = _visible_keys(i, S, None if mask is None else mask[h], causal)
            if j.size == 0:
                continue
            s = scale * (keys[j] @ queries[i]) + bias
            m = s.max()
            e = np.exp(s - m)
            total = e.sum()
            out[h][i] = e @ values[j] / total
            logsumexp[h][i] = m + np.log(total)
    return out, logsumexp


@np.errstate(all="ignore")
def scaled_dot_product_attention_backward(
    grad: np.ndarray,
    q: np.ndarray,
    k: np.ndarray,
    v: np.ndarray,
    out: np.ndarray,
    logsumexp: np.ndarray,
    mask: np.ndarray | None = None,
    causal: bool = False,
    scale: float | None = None,
    needs: tuple[bool, bool, bool, bool] = (True, True, True, False),
) -> tuple[np.ndarray | None, np.ndarray | None, np.ndarray | None, np.ndarray | None]:
    r"""Gradient of attention with respect to queries, keys, values and additive mask.

    Shapes: L queries and S keys of E features, S values of V features.

    Parameters
    ----------
    grad : ndarray, shape (..., L, V), dtype of ``q``
        Gradient of the loss with respect to ``out``.
    q, k, v, mask, causal, scale
        What the forward function was given.
    out : ndarray, shape (..., L, V), dtype of ``q``
    logsumexp : ndarray, shape (..., L)
        What it returned.
    needs : tuple of four bool
        Whether the gradients of ``q``, ``k``, ``v`` and ``mask`` are wanted.

    Returns
    -------
    grad_q, grad_k, grad_v : ndarray or None
        In the shapes of ``q``, ``k`` and ``v``; None where not wanted.
    grad_mask : ndarray, shape (..., L, S), or None
        In the full shape of the scores, also for a mask that was broadcast.

    Raises
    ------
    DTypeError, ShapeError, OdysseyError
        If the arguments do not fit each other.

    Notes
    -----
    The probabilities come back from the scores, without another sum:
    :math:`p_{ij} = e^{s_{ij} - \ell_i}`, :math:`\ell_i` being the logsumexp.
    Then backwards through the three steps of the forward function:

    - :math:`y_i = \sum_j p_{ij} v_j` gives
      :math:`\bar v_j = \sum_i p_{ij} \bar y_i` and
      :math:`\bar p_{ij} = \bar y_i \cdot v_j`.
    - The softmax gives
      :math:`\bar s_{ij} = p_{ij} (\bar p_{ij} - \sum_{j'} p_{ij'} \bar p_{ij'})`.
      The sum needs no second look at the row [1]_:
      :math:`\sum_{j} p_{ij} \, \bar y_i \cdot v_{j} = \bar y_i \cdot y_i =: \delta_i`.
    - :math:`s_{ij} = c \, q_i \cdot k_j + b_{ij}` gives
      :math:`\bar q_i = c \sum_j \bar s_{ij} k_j`,
      :math:`\bar k_j = c \sum_i \bar s_{ij} q_i` and
      :math:`\bar b_{ij} = \bar s_{ij}`.

    A hidden key has no part in these sums.

    References
    ----------
    .. [1] T. Dao et al., "FlashAttention: Fast and memory-efficient exact
       attention with IO-awareness", NeurIPS 2022, appendix B.2,
       https://arxiv.org/abs/2205.14135

    Examples
    --------
    Weights of 1/4 and 3/4 again: the second value counts three times as much,
    and the scores' gradients, -1.5 and 1.5, are balanced.

    >>> import numpy as np
    >>> q, k = np.array([[1.0]]), np.log(np.array([[1.0], [3.0]]))
    >>> v = np.array([[0.0], [8.0]])
    >>> out, logsumexp = scaled_dot_product_attention(q, k, v)
    >>> grads = scaled_dot_product_attention_backward(np.array([[1.0]]), q, k, v, out, logsumexp)
    >>> grads[1].round(6), grads[2].round(6)
    (array([[-1.5],
           [ 1.5]]), array([[0.25],
           [0.75]]))
    """
    scale = check_attention_backward(grad, q, k, v, out, logsumexp, mask, scale, needs)
    heads, L, S = q.shape[:-2], q.shape[-2], k.shape[-2]
    sums = np.result_type(q, np.float32)
    if mask is not None:
        mask = np.broadcast_to(mask, (*heads, L, S))
    grad_q, grad_k, grad_v = (np.zeros(x.shape, dtype=sums) for x in (q, k, v))
    grad_s = np.zeros((*heads, L, S) if needs[3] else (*heads, 0, 0), dtype=sums)
    for h in np.ndindex(heads):
        queries, keys, values = q[h].astype(sums), k[h].astype(sums), v[h].astype(sums)
        for i in range(L):
            j, bias = _visible_keys(i, S, None if mask is None else mask[h], causal)
            if j.size == 0:
                continue
            s = scale * (keys[j] @ queries[i]) + bias
            p = np.exp(s - logsumexp[h][i])
            g = grad[h][i].astype(sums)
            delta = g @ out[h][i].astype(sums)
            ds = p * (values[j] @ g - delta)
            grad_q[h][i] = scale * (ds @ keys[j])
            grad_k[h][j] += scale * np.outer(ds, queries[i])
            grad_v[h][j] += np.outer(p, g)
            if needs[3]:
                grad_s[h][i, j] = ds
    grads = (grad_q, grad_k, grad_v, grad_s)
    gq, gk, gv, gs = (
        x.astype(q.dtype, copy=False) if needed else None
        for x, needed in zip(grads, needs, strict=True)
    )
    return gq, gk, gv, gs
