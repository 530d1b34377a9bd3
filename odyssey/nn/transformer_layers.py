"""One layer of a transformer: of its encoder, and of its decoder."""

from __future__ import annotations

from typing import Any

import numpy as np

from odyssey import core
from odyssey.nn._settings import check_positive
from odyssey.nn.attention import MultiHeadAttention
from odyssey.nn.feed_forward import Activation, activation_of
from odyssey.nn.kv_cache import KVCache
from odyssey.nn.linear import Linear
from odyssey.nn.module import Module
from odyssey.nn.normalization import LayerNorm
from odyssey.nn.positional import RotaryEmbedding
from odyssey.tensor import Tensor
from odyssey.utils.kernel_checks_pooling import check_probability

__all__ = ["TransformerDecoderLayer", "TransformerEncoderLayer"]


class _TransformerLayer(Module):
    """What both layers have: attention to themselves, and two linear maps."""

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int,
        dropout: float,
        activation: Activation,
        layer_norm_eps: float,
        norm_first: bool,
        bias: bool,
        dtype: Any,
        rng: np.random.Generator | None,
        **attention: Any,
    ) -> None:
        name = type(self).__name__
        check_positive(name, d_model=d_model, nhead=nhead, dim_feedforward=dim_feedforward)
        check_probability(name, dropout)
        self.activation = activation_of(name, activation)
        self.dropout, self.norm_first = dropout, norm_first
        self.self_attn = MultiHeadAttention(
            d_model, nhead, dropout=dropout, bias=bias, dtype=dtype, rng=rng, **attention
        )
        self.linear1 = Linear(d_model, dim_feedforward, bias, dtype, rng)
        self.linear2 = Linear(dim_feedforward, d_model, bias, dtype, rng)
        self.norm1 = LayerNorm(d_model, layer_norm_eps, bias=bias, dtype=dtype)
        self.norm2 = LayerNorm(d_model, layer_norm_eps, bias=bias, dtype=dtype)

    def _dropped(self, x: Tensor) -> Tensor:
        return core.dropout(x, self.dropout, self.training)

    def _around(self, x: Tensor, norm: Module, block: Any) -> Tensor:
        """Add what a block makes of x: normalised before the block, or the sum after it."""
        if self.norm_first:
            return x + self._dropped(block(norm(x)))
        return norm(x + self._dropped(block(x)))

    def _feed_forward(self, x: Tensor) -> Tensor:
        return self.linear2(self._dropped(self.activation(self.linear1(x))))

    def extra_repr(self) -> str:
        name = getattr(self.activation, "__name__", "?")
        return f"activation={name}, dropout={self.dropout}, norm_first={self.norm_first}"


class TransformerEncoderLayer(_TransformerLayer):
    r"""Attention of a sequence to itself, then two linear maps, each around a short cut.

    With ``causal``, and ``cache`` to generate, it is the layer of a GPT as well.

    Parameters
    ----------
    d_model : int
        E, the features.
    nhead : int
        The heads of attention, a divisor of ``d_model``.
    dim_feedforward : int
        The features between the two linear maps.
    dropout : float
        The probability to drop: in attention, between the linear maps, and after each
        of the two blocks.
    activation : str or callable
        "relu", "gelu" or another of :mod:`odyssey.core`; or a function.
    layer_norm_eps : float
    norm_first : bool
        Normalise before each block (pre-norm [2]_), or the sum after it, as the paper did.
    bias : bool
    num_kv_heads, window, rope : optional
        As of :class:`MultiHeadAttention`.
    dtype : dtype, optional
    rng : numpy.random.Generator, optional

    Attributes
    ----------
    self_attn : MultiHeadAttention
    linear1, linear2 : Linear
    norm1, norm2 : LayerNorm

    Raises
    ------
    ShapeError
        If a size is not a positive integer, or the heads do not divide the features.
    OdysseyError
        If ``dropout`` or ``layer_norm_eps`` is out of range, or ``activation`` unknown.

    Notes
    -----
    With a for attention and f for the linear maps, d for dropout and n for
    normalisation [1]_; pre-norm is the second line:

    .. math::

       h &= n(x + d(a(x))), & \quad y &= n(h + d(f(h))) \\
       h &= x + d(a(n(x))), & \quad y &= h + d(f(n(h)))

    Settings and state are those of PyTorch's layer with ``batch_first``.

    References
    ----------
    .. [1] A. Vaswani et al., "Attention is all you need", NeurIPS 2017,
       https://arxiv.org/abs/1706.03762
    .. [2] R. Xiong et al., "On layer normalization in the transformer architecture",
       ICML 2020, https://arxiv.org/abs/2002.04745

    Examples
    --------
    >>> import odyssey as od
    >>> layer = od.nn.TransformerEncoderLayer(8, nhead=2, dim_feedforward=16)
    >>> layer(od.randn(2, 5, 8), causal=True).shape
    (2, 5, 8)
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = "relu",
        layer_norm_eps: float = 1e-5,
        norm_first: bool = False,
        bias: bool = True,
        num_kv_heads: int | None = None,
        window: int | None = None,
        rope: RotaryEmbedding | None = None,
        dtype: Any = None,
        rng: np.random.Generator | None = None,
    ) -> None:
        super().__init__(
            d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, norm_first,
            bias, dtype, rng, num_kv_heads=num_kv_heads, window=window, rope=rope,
        )  # fmt: skip

    def forward(
        self,
        x: Tensor,
        mask: Any = None,
        key_padding_mask: Any = None,
        causal: bool = False,
        cache: KVCache | None = None,
    ) -> Tensor:
        def attend(x: Tensor) -> Tensor:
            return self.self_attn(
                x, mask=mask, key_padding_mask=key_padding_mask, causal=causal, cache=cache
            )

        x = self._around(x, self.norm1, attend)
        return self._around(x, self.norm2, self._feed_forward)

    def init_cache(self, batch: int) -> KVCache:
        """Return an empty cache for so many sequences."""
        return self.self_attn.init_cache(batch)


class TransformerDecoderLayer(_TransformerLayer):
    r"""Attention to itself, attention to what an encoder has read, then two linear maps.

    Parameters
    ----------
    d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, norm_first, bias
        As of :class:`TransformerEncoderLayer`.
    dtype : dtype, optional
    rng : numpy.random.Generator, optional

    Attributes
    ----------
    self_attn, multihead_attn : MultiHeadAttention
        To itself, and to the encoder's output.
    linear1, linear2 : Linear
    norm1, norm2, norm3 : LayerNorm

    Raises
    ------
    ShapeError
        If a size is not a positive integer, or the heads do not divide the features.
    OdysseyError
        If ``dropout`` or ``layer_norm_eps`` is out of range, or ``activation`` unknown.

    Notes
    -----
    Each of the three blocks stands around a short cut, as in
    :class:`TransformerEncoderLayer` [1]_. Settings and state are those of PyTorch's
    layer with ``batch_first``.

    References
    ----------
    .. [1] A. Vaswani et al., "Attention is all you need", NeurIPS 2017,
       https://arxiv.org/abs/1706.03762

    Examples
    --------
    >>> import odyssey as od
    >>> layer = od.nn.TransformerDecoderLayer(8, nhead=2, dim_feedforward=16)
    >>> layer(od.randn(2, 5, 8), od.randn(2, 7, 8), causal=True).shape
    (2, 5, 8)
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = "relu",
        layer_norm_eps: float = 1e-5,
        norm_first: bool = False,
        bias: bool = True,
        dtype: Any = None,
        rng: np.random.Generator | None = None,
    ) -> None:
        super().__init__(
            d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, norm_first,
            bias, dtype, rng,
        )  # fmt: skip
        self.multihead_attn = MultiHeadAttention(
            d_model, nhead, dropout=dropout, bias=bias, dtype=dtype, rng=rng
        )
        self.norm3 = LayerNorm(d_model, layer_norm_eps, bias=bias, dtype=dtype)

    def forward(
        self,
        x: Tensor,
        memory: Tensor,
        mask: Any = None,
        memory_mask: Any = None,
        key_padding_mask: Any = None,
        memory_key_padding_mask: Any = None,
        causal: bool = False,
        cache: tuple[KVCache, KVCache] | None = None,
    ) -> Tensor:
        own, others = (None, None) if cache is None else cache

        def attend(x: Tensor) -> Tensor:
            return self.self_attn(
                x, mask=mask, key_padding_mask=key_padding_mask, causal=causal, cache=own
            )

        def look_up(x: Tensor) -> Tensor:
            return self.multihead_attn(
                x, memory, mask=memory_mask, key_padding_mask=memory_key_padding_mask, cache=others
            )

        x = self._around(x, self.norm1, attend)
        x = self._around(x, self.norm2, look_up)
        return self._around(x, self.norm3, self._feed_forward)

    def init_cache(self, batch: int) -> tuple[KVCache, KVCache]:
        """Return two empty caches for so many sequences: their own, and the encoder's output's."""
        return self.self_attn.init_cache(batch), self.multihead_attn.init_cache(batch)
