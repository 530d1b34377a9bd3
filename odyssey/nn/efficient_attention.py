"""Attention that costs less than the square of the length, or sees less."""

from __future__ import annotations

from typing import Any

import numpy as np

from odyssey import core
from odyssey.core.multi_head import check_padding
from odyssey.errors import OdysseyError
from odyssey.nn._settings import check_divides, check_eps, check_positive
from odyssey.nn.attention import MultiHeadAttention
from odyssey.nn.kv_cache import KVCache
from odyssey.nn.linear import Linear
from odyssey.nn.module import Module
from odyssey.tensor import Tensor

__all__ = ["LinearAttention", "SparseAttention"]


class LinearAttention(Module):
    r"""Attend with a product of features in the place of the softmax's exponential.

    As the product can be taken apart, keys and values are summed up once for all
    queries: the cost grows with the length, not with its square.

    Parameters
    ----------
    embed_dim : int
        E, the features of inputs and outputs.
    num_heads : int
        h, a divisor of ``embed_dim``; each head has D = E/h features.
    eps : float
        What is added to the sum of the weights.
    bias : bool
    dtype : dtype, optional
    rng : numpy.random.Generator, optional

    Attributes
    ----------
    in_proj : Linear
        The projections of queries, keys and values, one above the other.
    out_proj : Linear

    Raises
    ------
    ShapeError
        If a size is not a positive integer, or the heads do not divide the features.
    OdysseyError
        If ``eps`` is negative.

    Notes
    -----
    With :math:`\phi(x) = \mathrm{elu}(x) + 1`, for each head

    .. math::

       y_i = \frac{\phi(q_i) \sum_j \phi(k_j) v_j^\top}{\phi(q_i) \cdot \sum_j \phi(k_j) + \epsilon}

    over the keys j, or with ``causal`` over those up to i: running sums, of L·D² numbers
    a head.

    References
    ----------
    .. [1] A. Katharopoulos et al., "Transformers are RNNs: Fast autoregressive
       transformers with linear attention", ICML 2020, https://arxiv.org/abs/2006.16236

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.LinearAttention(8, num_heads=2)(od.randn(2, 5, 8), causal=True).shape
    (2, 5, 8)
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        eps: float = 1e-6,
        bias: bool = True,
        dtype: Any = None,
        rng: np.random.Generator | None = None,
    ) -> None:
        check_positive("LinearAttention", embed_dim=embed_dim, num_heads=num_heads)
        check_divides("LinearAttention", "num_heads", num_heads, embed_dim=embed_dim)
        check_eps("LinearAttention", eps)
        self.embed_dim, self.num_heads, self.eps = embed_dim, num_heads, eps
        self.in_proj = Linear(embed_dim, 3 * embed_dim, bias, dtype, rng)
        self.out_proj = Linear(embed_dim, embed_dim, bias, dtype, rng)

    def forward(self, x: Tensor, key_padding_mask: Any = None, causal: bool = False) -> Tensor:
        check_padding(key_padding_mask, x.shape[:-1])
        heads = (*x.shape[:-1], self.num_heads, self.embed_dim // self.num_heads)
        q, k, v = (
            core.swapaxes(part.reshape(heads), -2, -3)
            for part in core.split(self.in_proj(x), 3, -1)
        )
        q, k = core.elu(q) + 1, core.elu(k) + 1
        if key_padding_mask is not None:
            k = core.where(np.asarray(key_padding_mask)[..., None, :, None], 0, k)
        if causal:
            pairs = core.cumulative_sum(k[..., :, None] * v[..., None, :], -3)
            y = core.matmul(q[..., None, :], pairs)[..., 0, :]
            total = (q * core.cumulative_sum(k, -2)).sum(-1, keepdims=True)
        else:
            y = core.matmul(q, core.matmul(core.swapaxes(k, -1, -2), v))
            total = (q * k.sum(-2, keepdims=True)).sum(-1, keepdims=True)
        y = core.swapaxes(y / (total + self.eps), -2, -3)
        return self.out_proj(y.reshape(x.shape))

    def extra_repr(self) -> str:
        return f"{self.embed_dim}, {self.num_heads}, eps={self.eps}"


class SparseAttention(MultiHeadAttention):
    r"""See the neighbours, and of what is farther away every so-many-th.

    Parameters
    ----------
    embed_dim, num_heads
        As of :class:`MultiHeadAttention`, as are all settings by keyword.
    local : int
        Keys less than so far from a query are seen.
    stride : int
        Keys at the ends of stretches of this length are seen from everywhere.

    Raises
    ------
    ShapeError
        If a size is not a positive integer, or the heads do not divide the features.

    Notes
    -----
    Query i sees key j if :math:`|i - j| < \mathrm{local}`, or
    :math:`j \bmod \mathrm{stride} = \mathrm{stride} - 1`: the paper's fixed pattern with a
    sliding window. It is a mask: fewer keys mix, but none are skipped in computing.

    References
    ----------
    .. [1] R. Child et al., "Generating long sequences with sparse transformers", 2019,
       https://arxiv.org/abs/1904.10509

    Examples
    --------
    >>> import odyssey as od
    >>> layer = od.nn.SparseAttention(8, num_heads=2, local=2, stride=3)
    >>> y, weights = layer(od.randn(1, 6, 8), causal=True, need_weights=True)
    >>> (weights[0, 0].numpy() > 0).astype(int)
    array([[1, 0, 0, 0, 0, 0],
           [1, 1, 0, 0, 0, 0],
           [0, 1, 1, 0, 0, 0],
           [0, 0, 1, 1, 0, 0],
           [0, 0, 1, 1, 1, 0],
           [0, 0, 1, 0, 1, 1]])
    """

    def __init__(
        self, embed_dim: int, num_heads: int, local: int = 4, stride: int = 4, **settings: Any
    ) -> None:
        check_positive("SparseAttention", local=local, stride=stride)
        super().__init__(embed_dim, num_heads, **settings)
        self.local, self.stride = local, stride

    def forward(
        self,
        query: Tensor,
        key: Tensor | None = None,
        value: Tensor | None = None,
        mask: Any = None,
        key_padding_mask: Any = None,
        causal: bool = False,
        need_weights: bool = False,
        cache: KVCache | None = None,
    ) -> Any:
        if any(one is not None for one in (key, value, mask)):
            raise OdysseyError("SparseAttention: it takes one input, and has a mask of its own")
        before = 0 if cache is None else cache.length
        i = np.arange(before, before + query.shape[-2])[:, None]
        j = np.arange(before + query.shape[-2])
        seen = (abs(i - j) < self.local) | (j % self.stride == self.stride - 1)
        return super().forward(
            query, None, None, seen, key_padding_mask, causal, need_weights, cache
        )

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, local={self.local}, stride={self.stride}"
