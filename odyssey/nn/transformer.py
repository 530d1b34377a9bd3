"""Transformers: stacks of encoder layers, of decoder layers, and one of each."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

import numpy as np

from odyssey import core
from odyssey.nn._settings import check_positive
from odyssey.nn.container import ModuleList
from odyssey.nn.feed_forward import Activation
from odyssey.nn.module import Module
from odyssey.nn.normalization import LayerNorm
from odyssey.nn.transformer_layers import TransformerDecoderLayer, TransformerEncoderLayer
from odyssey.tensor import Tensor

__all__ = ["Transformer", "TransformerDecoder", "TransformerEncoder"]


class _Stack(Module):
    """Copies of one layer, one after the other, and a normalisation of what comes out."""

    def __init__(self, layer: Module, num_layers: int, norm: Module | None) -> None:
        check_positive(type(self).__name__, num_layers=num_layers)
        self.layers = ModuleList([copy.deepcopy(layer) for _ in range(num_layers)])
        self.norm = norm

    def _through(self, x: Tensor, cache: Any, *args: Any) -> Tensor:
        for number, layer in enumerate(self.layers):
            x = layer(x, *args, cache=None if cache is None else cache[number])
        return x if self.norm is None else self.norm(x)

    def init_cache(self, batch: int) -> list[Any]:
        """Return an empty cache for so many sequences, for each layer."""
        layers: Iterable[Any] = self.layers
        return [layer.init_cache(batch) for layer in layers]


class TransformerEncoder(_Stack):
    """A stack of encoder layers; causal, it is the body of a GPT.

    Parameters
    ----------
    encoder_layer : TransformerEncoderLayer
        What the layers are copies of; they start with its values.
    num_layers : int
    norm : Module, optional
        What comes after the last layer; pre-norm layers need one.

    Attributes
    ----------
    layers : ModuleList

    Raises
    ------
    ShapeError
        If ``num_layers`` is not a positive integer.

    Examples
    --------
    >>> import odyssey as od
    >>> layer = od.nn.TransformerEncoderLayer(8, nhead=2, dim_feedforward=16)
    >>> od.nn.TransformerEncoder(layer, num_layers=3)(od.randn(2, 5, 8)).shape
    (2, 5, 8)
    """

    def __init__(
        self, encoder_layer: TransformerEncoderLayer, num_layers: int, norm: Module | None = None
    ) -> None:
        super().__init__(encoder_layer, num_layers, norm)

    def forward(
        self,
        x: Tensor,
        mask: Any = None,
        key_padding_mask: Any = None,
        causal: bool = False,
        cache: list[Any] | None = None,
    ) -> Tensor:
        return self._through(x, cache, mask, key_padding_mask, causal)


class TransformerDecoder(_Stack):
    """A stack of decoder layers.

    Parameters
    ----------
    decoder_layer : TransformerDecoderLayer
        What the layers are copies of; they start with its values.
    num_layers : int
    norm : Module, optional
        What comes after the last layer; pre-norm layers need one.

    Attributes
    ----------
    layers : ModuleList

    Raises
    ------
    ShapeError
        If ``num_layers`` is not a positive integer.

    Examples
    --------
    >>> import odyssey as od
    >>> layer = od.nn.TransformerDecoderLayer(8, nhead=2, dim_feedforward=16)
    >>> decoder = od.nn.TransformerDecoder(layer, num_layers=3)
    >>> decoder(od.randn(2, 5, 8), od.randn(2, 7, 8), causal=True).shape
    (2, 5, 8)
    """

    def __init__(
        self, decoder_layer: TransformerDecoderLayer, num_layers: int, norm: Module | None = None
    ) -> None:
        super().__init__(decoder_layer, num_layers, norm)

    def forward(
        self,
        x: Tensor,
        memory: Tensor,
        mask: Any = None,
        memory_mask: Any = None,
        key_padding_mask: Any = None,
        memory_key_padding_mask: Any = None,
        causal: bool = False,
        cache: list[Any] | None = None,
    ) -> Tensor:
        return self._through(
            x, cache, memory, mask, memory_mask, key_padding_mask, memory_key_padding_mask, causal
        )


class Transformer(Module):
    """Read one sequence and write another: an encoder and a decoder.

    Parameters
    ----------
    d_model, nhead : int
    num_encoder_layers, num_decoder_layers : int
    dim_feedforward, dropout, activation, layer_norm_eps, norm_first, bias
        As of :class:`TransformerEncoderLayer`.
    dtype : dtype, optional
    rng : numpy.random.Generator, optional
        All matrices are drawn anew from :func:`odyssey.core.xavier_uniform`.

    Attributes
    ----------
    encoder : TransformerEncoder
    decoder : TransformerDecoder
        Each with a LayerNorm at the end.

    Raises
    ------
    ShapeError
        If a size is not a positive integer, or the heads do not divide the features.
    OdysseyError
        If ``dropout`` or ``layer_norm_eps`` is out of range, or ``activation`` unknown.

    Notes
    -----
    Boolean masks say True where a query *may* attend, which PyTorch's have the other
    way round; padding masks are True at padding. To write token by token, call
    ``encoder`` once, and ``decoder`` with a cache.

    References
    ----------
    .. [1] A. Vaswani et al., "Attention is all you need", NeurIPS 2017,
       https://arxiv.org/abs/1706.03762

    Examples
    --------
    >>> import odyssey as od
    >>> model = od.nn.Transformer(8, 2, 1, 1, dim_feedforward=16)
    >>> model(od.randn(2, 7, 8), od.randn(2, 5, 8), causal=True).shape
    (2, 5, 8)
    """

    def __init__(
        self,
        d_model: int = 512,
        nhead: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = "relu",
        layer_norm_eps: float = 1e-5,
        norm_first: bool = False,
        bias: bool = True,
        dtype: Any = None,
        rng: np.random.Generator | None = None,
    ) -> None:
        check_positive("Transformer", d_model=d_model, nhead=nhead)
        settings: dict[str, Any] = {
            "dim_feedforward": dim_feedforward,
            "dropout": dropout,
            "activation": activation,
            "layer_norm_eps": layer_norm_eps,
            "norm_first": norm_first,
            "bias": bias,
            "dtype": dtype,
            "rng": rng,
        }

        def norm() -> LayerNorm:
            return LayerNorm(d_model, layer_norm_eps, bias=bias, dtype=dtype)

        reads = TransformerEncoderLayer(d_model, nhead, **settings)
        writes = TransformerDecoderLayer(d_model, nhead, **settings)
        self.encoder = TransformerEncoder(reads, num_encoder_layers, norm())
        self.decoder = TransformerDecoder(writes, num_decoder_layers, norm())
        for parameter in self.parameters():
            if parameter.ndim > 1:
                drawn = core.xavier_uniform(parameter.shape, 1.0, parameter.dtype, rng)
                parameter.data[...] = drawn.data

    def forward(
        self,
        src: Tensor,
        tgt: Tensor,
        src_mask: Any = None,
        tgt_mask: Any = None,
        memory_mask: Any = None,
        src_key_padding_mask: Any = None,
        tgt_key_padding_mask: Any = None,
        memory_key_padding_mask: Any = None,
        causal: bool = False,
    ) -> Tensor:
        memory = self.encoder(src, src_mask, src_key_padding_mask)
        return self.decoder(
            tgt,
            memory,
            tgt_mask,
            memory_mask,
            tgt_key_padding_mask,
            memory_key_padding_mask,
            causal,
        )
