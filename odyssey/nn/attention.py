"""Attention by several heads as a layer."""

from __future__ import annotations

from typing import Any

import numpy as np

from odyssey import core
from odyssey.core._attention import both
from odyssey.core.multi_head import check_padding, merged
from odyssey.errors import OdysseyError, ShapeError
from odyssey.grad_mode import no_grad
from odyssey.nn._settings import check_divides, check_positive
from odyssey.nn.kv_cache import KVCache
from odyssey.nn.linear import Linear
from odyssey.nn.module import Module
from odyssey.nn.positional import RotaryEmbedding
from odyssey.tensor import Parameter, Tensor
from odyssey.utils.kernel_checks_pooling import check_probability

__all__ = ["MultiHeadAttention"]


class MultiHeadAttention(Module):
    r"""Let several heads attend, each to its own projections, and mix what they find.

    The formula is that of :func:`odyssey.core.multi_head_attention`. Inputs are batch
    first, (N, L, E). Called with one input the layer attends to itself, with two to the
    second; the third, if there is one, has the values.

    Parameters
    ----------
    embed_dim : int
        E, the features of queries and outputs.
    num_heads : int
        h, a divisor of ``embed_dim``; each head has D = E/h features.
    kdim, vdim : int, optional
        The features of keys and values; by default ``embed_dim``.
    num_kv_heads : int, optional
        g, a divisor of ``num_heads``: fewer heads of keys and values, each for a group
        of h/g heads of queries [2]_; 1 is multi-query attention. By default h.
    dropout : float
        The probability to drop a probability while training.
    bias : bool
        Whether the projections have biases.
    window : int, optional
        Only keys less than so far away are seen.
    rope : RotaryEmbedding, optional
        Turns queries and keys by their positions, before they meet.
    dtype : dtype, optional
    rng : numpy.random.Generator, optional
        The projections start as in PyTorch: those of the inputs from
        :func:`odyssey.core.xavier_uniform`, that of the output as in
        :class:`Linear`, biases at 0.

    Attributes
    ----------
    in_proj_weight : Parameter, shape ((h + 2g) D, E)
        The projections of queries, keys and values, one above the other. Where ``kdim``
        or ``vdim`` differ there are ``q_proj_weight``, ``k_proj_weight`` and
        ``v_proj_weight`` instead.
    in_proj_bias : Parameter or None, shape ((h + 2g) D,)
    out_proj : Linear

    Raises
    ------
    ShapeError
        If a size is not a positive integer, or heads do not divide what they should.
    OdysseyError
        If ``dropout`` is out of range.

    Notes
    -----
    A boolean mask says True where a query *may* attend, as everywhere in odyssey;
    PyTorch's ``nn.MultiheadAttention`` has it the other way round. ``key_padding_mask``
    is True where a key is padding, in both. Weights are given for all heads, and
    not averaged.

    With ``cache`` a sequence is read piece by piece: the layer attends causally to what
    the cache holds and to the new tokens, which it adds; the outputs are those of the
    whole sequence. A second input is projected once, in the first call, and its keys
    stay. No gradients are recorded then.

    References
    ----------
    .. [1] A. Vaswani et al., "Attention is all you need", NeurIPS 2017, section
       3.2.2, https://arxiv.org/abs/1706.03762
    .. [2] J. Ainslie et al., "GQA: Training generalized multi-query transformer
       models from multi-head checkpoints", 2023, https://arxiv.org/abs/2305.13245

    Examples
    --------
    >>> import odyssey as od
    >>> layer = od.nn.MultiHeadAttention(8, num_heads=2)
    >>> x, memory = od.randn(2, 5, 8), od.randn(2, 7, 8)
    >>> layer(x, causal=True).shape, layer(x, memory).shape
    ((2, 5, 8), (2, 5, 8))
    >>> y, weights = layer(x, memory, need_weights=True)
    >>> weights.shape
    (2, 2, 5, 7)
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        kdim: int | None = None,
        vdim: int | None = None,
        num_kv_heads: int | None = None,
        dropout: float = 0.0,
        bias: bool = True,
        window: int | None = None,
        rope: RotaryEmbedding | None = None,
        dtype: Any = None,
        rng: np.random.Generator | None = None,
    ) -> None:
        name = type(self).__name__
        groups = num_heads if num_kv_heads is None else num_kv_heads
        kdim, vdim = (embed_dim if n is None else n for n in (kdim, vdim))
        check_positive(name, embed_dim=embed_dim, num_heads=num_heads, num_kv_heads=groups)
        check_positive(name, kdim=kdim, vdim=vdim, window=1 if window is None else window)
        check_divides(name, "num_heads", num_heads, embed_dim=embed_dim)
        check_divides(name, "num_kv_heads", groups, num_heads=num_heads)
        check_probability(name, dropout)
        self.embed_dim, self.num_heads, self.num_kv_heads = embed_dim, num_heads, groups
        self.kdim, self.vdim, self.dropout, self.window = kdim, vdim, dropout, window
        width = embed_dim // num_heads * groups
        if rope is not None and rope.features != embed_dim // num_heads:
            raise ShapeError(
                f"{name}: rope turns {rope.features} features, but a head has "
                f"{embed_dim // num_heads}"
            )
        self.rope = rope
        self._cuts = [embed_dim, embed_dim + width]
        if kdim == vdim == embed_dim:
            self.in_proj_weight = _drawn((embed_dim + 2 * width, embed_dim), dtype, rng)
        else:
            self.q_proj_weight = _drawn((embed_dim, embed_dim), dtype, rng)
            self.k_proj_weight = _drawn((width, kdim), dtype, rng)
            self.v_proj_weight = _drawn((width, vdim), dtype, rng)
        self.in_proj_bias = None
        if bias:
            self.in_proj_bias = Parameter(core.zeros(embed_dim + 2 * width, dtype))
        self.out_proj = Linear(embed_dim, embed_dim, bias, dtype, rng)
        if self.out_proj.bias is not None:
            self.out_proj.bias.data[...] = 0

    in_proj_weight: Parameter | None = None
    in_proj_bias: Parameter | None

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
        if cache is not None:
            with no_grad():
                return self._continue(
                    query, key, value, mask, key_padding_mask, need_weights, cache
                )
        key = query if key is None else key
        q, k, v = self._heads(query, key, key if value is None else value)
        if self.rope is not None:
            q, k = self.rope(q), self.rope(k)
        return self._attend(q, k, v, mask, key_padding_mask, causal, self.window, need_weights)

    def init_cache(self, batch: int) -> KVCache:
        """Return an empty cache for so many sequences."""
        return KVCache(batch)

    # -- projections ----------------------------------------------------------------------

    def _heads(self, query: Tensor, key: Tensor, value: Tensor) -> list[Tensor]:
        """Return queries, keys and values as (..., heads, L, D); with as few products as can be."""
        weight, bias = self.in_proj_weight, self.in_proj_bias
        if weight is not None and query is key is value:
            found = core.split(core.linear(query, weight, bias), self._cuts, -1)
        elif weight is not None and key is value:
            cut = self._cuts[:1]
            (wq, wkv), (bq, bkv) = core.split(weight, cut), self._biases(cut)
            pair = core.linear(key, wkv, bkv)
            found = [core.linear(query, wq, bq), *core.split(pair, 2, -1)]
        else:
            weights = self._weights()
            found = [
                core.linear(x, w, b)
                for x, w, b in zip(
                    (query, key, value), weights, self._biases(self._cuts), strict=True
                )
            ]
        heads = self.num_heads, self.num_kv_heads, self.num_kv_heads
        return [_apart(x, count) for x, count in zip(found, heads, strict=True)]

    def _weights(self) -> list[Tensor]:
        if self.in_proj_weight is not None:
            return core.split(self.in_proj_weight, self._cuts)
        return [self.q_proj_weight, self.k_proj_weight, self.v_proj_weight]

    def _biases(self, cuts: list[int]) -> list[Tensor | None]:
        if self.in_proj_bias is None:
            return [None] * (len(cuts) + 1)
        return core.split(self.in_proj_bias, cuts)

    # -- attention ------------------------------------------------------------------------

    def _attend(
        self,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        mask: Any,
        padding: Any,
        causal: bool,
        window: int | None,
        need_weights: bool,
    ) -> Any:
        check_padding(padding, (*k.shape[:-3], k.shape[-2]))
        found = core.scaled_dot_product_attention(
            q,
            k,
            v,
            mask=merged(_plain(mask), padding),
            causal=causal,
            dropout_p=self.dropout if self.training else 0.0,
            enable_gqa=self.num_kv_heads != self.num_heads,
            window=window,
            need_weights=need_weights,
        )
        heads, weights = found if need_weights else (found, None)
        heads = core.swapaxes(heads, -2, -3)
        out = self.out_proj(heads.reshape((*heads.shape[:-2], self.embed_dim)))
        return (out, weights) if need_weights else out

    def _continue(
        self,
        query: Tensor,
        key: Tensor | None,
        value: Tensor | None,
        mask: Any,
        padding: Any,
        need_weights: bool,
        cache: KVCache,
    ) -> Any:
        """Attend to what the cache holds, and in self-attention to the new tokens."""
        if key is not None:
            if self.rope is not None or self.window is not None:
                raise OdysseyError(
                    f"{type(self).__name__}: a cache of a second input knows no positions; it "
                    "goes with neither rope nor window"
                )
            if cache.length == 0:
                q, k, v = self._heads(query, key, key if value is None else value)
                k, v = cache.extend(k, v)
            else:
                weight, bias = self._weights()[0], self._biases(self._cuts)[0]
                q = _apart(core.linear(query, weight, bias), self.num_heads)
                k, v = cache.contents()
            return self._attend(q, k, v, mask, padding, False, None, need_weights)
        offset = cache.length
        q, k, v = self._heads(query, query, query)
        if self.rope is not None:
            q, k = self.rope(q, offset), self.rope(k, offset)
        k, v = cache.extend(k, v)
        if offset == 0:  # the kernel hides what comes later, without a mask
            return self._attend(q, k, v, mask, padding, True, self.window, need_weights)
        mask = _plain(mask)
        if q.shape[-2] > 1 or self.window is not None:
            seen = core.create_causal_mask(
                q.shape[-2], keys=cache.length, offset=offset, window=self.window
            )
            mask = both(mask, seen)
        return self._attend(q, k, v, mask, padding, False, None, need_weights)

    def extra_repr(self) -> str:
        told = [f"{self.embed_dim}, {self.num_heads}"]
        for name, usual in (
            ("kdim", self.embed_dim),
            ("vdim", self.embed_dim),
            ("num_kv_heads", self.num_heads),
            ("dropout", 0.0),
            ("window", None),
        ):
            if getattr(self, name) != usual:
                told.append(f"{name}={getattr(self, name)}")
        if self.in_proj_bias is None:
            told.append("bias=False")
        return ", ".join(told)


def _drawn(shape: tuple[int, int], dtype: Any, rng: np.random.Generator | None) -> Parameter:
    return Parameter(core.xavier_uniform(shape, 1.0, dtype, rng))


def _apart(x: Tensor, heads: int) -> Tensor:
    """Return (..., L, h·D) as (..., h, L, D)."""
    return core.swapaxes(x.reshape((*x.shape[:-1], heads, x.shape[-1] // heads)), -2, -3)


def _plain(mask: Any) -> Any:
    """Return a boolean mask as an array; an additive one may have a gradient."""
    return mask.data if isinstance(mask, Tensor) and mask.dtype == bool else mask
