"""Positions in a sequence, as layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from odyssey import core
from odyssey.errors import OdysseyError, RangeError, ShapeError
from odyssey.nn._settings import check_positive
from odyssey.nn.buffer import Buffer
from odyssey.nn.module import Module
from odyssey.tensor import Parameter, Tensor
from odyssey.utils.defaults import get_default_dtype
from odyssey.utils.kernel_checks_pooling import check_probability

__all__ = [
    "ALiBi",
    "LearnedPositionalEncoding",
    "RotaryEmbedding",
    "SinusoidalPositionalEncoding",
]


def check_base(layer: str, base: Any) -> None:
    """Raise unless ``base`` is a positive, finite number."""
    if isinstance(base, bool) or not isinstance(base, (int, float)) or not 0 < base < np.inf:
        raise OdysseyError(f"{layer}: base must be positive and finite, got {base!r}")


def check_sequence(layer: str, x: Tensor, features: int) -> None:
    """Raise unless x is a sequence of so many features."""
    if x.ndim < 2 or x.shape[-1] != features:
        raise ShapeError(f"{layer}: x must have shape (..., L, {features}), but has {x.shape}")


class SinusoidalPositionalEncoding(Module):
    """Add sines and cosines of the position, and drop some of the sum.

    Waves and formula are those of :func:`odyssey.core.sinusoidal_positions`. Nothing is
    learned, and no length is the longest: the table of waves grows with what is seen.

    Parameters
    ----------
    embed_dim : int
        E.
    dropout : float
        The probability to drop an element while training.
    base : float
        The longest wave is almost 2π times as long.
    dtype : dtype, optional

    Raises
    ------
    ShapeError
        If ``embed_dim`` is not a positive integer.
    OdysseyError
        If ``dropout`` or ``base`` is out of range.

    References
    ----------
    .. [1] A. Vaswani et al., "Attention is all you need", NeurIPS 2017, section 3.5,
       https://arxiv.org/abs/1706.03762

    Examples
    --------
    >>> import odyssey as od
    >>> layer = od.nn.SinusoidalPositionalEncoding(4)
    >>> layer(od.zeros((1, 2, 4))).numpy().round(4)
    array([[[0.    , 1.    , 0.    , 1.    ],
            [0.8415, 0.5403, 0.01  , 1.    ]]], dtype=float32)

    A piece of a sequence is told where it begins:

    >>> x = od.randn(1, 5, 4)
    >>> bool((layer(x[:, 3:], offset=3) == layer(x)[:, 3:]).all())
    True
    """

    def __init__(
        self, embed_dim: int, dropout: float = 0.0, base: float = 10000.0, dtype: Any = None
    ) -> None:
        check_positive("SinusoidalPositionalEncoding", embed_dim=embed_dim)
        check_probability("SinusoidalPositionalEncoding", dropout)
        check_base("SinusoidalPositionalEncoding", base)
        self.embed_dim, self.dropout, self.base = embed_dim, dropout, base
        dtype = get_default_dtype() if dtype is None else dtype
        self.table = Buffer(np.zeros((0, embed_dim), dtype), persistent=False)

    def forward(self, x: Tensor, offset: int = 0) -> Tensor:
        check_sequence("SinusoidalPositionalEncoding", x, self.embed_dim)
        end = offset + x.shape[-2]
        if len(self.table) < end:
            waves = core.sinusoidal_positions(np.arange(2 * end), self.embed_dim, self.base)
            self.table = Buffer(waves.astype(self.table.dtype), persistent=False)
        return core.dropout(x + self.table.data[offset:end], self.dropout, self.training)

    def extra_repr(self) -> str:
        return f"{self.embed_dim}, dropout={self.dropout}, base={self.base}"


class LearnedPositionalEncoding(Module):
    r"""Add a learned row for each position, and drop some of the sum: :math:`y_m = x_m + w_m`.

    Parameters
    ----------
    max_len : int
        The longest sequence.
    embed_dim : int
        E.
    dropout : float
        The probability to drop an element while training.
    dtype : dtype, optional
    rng : numpy.random.Generator, optional
        The rows are drawn from :math:`N(0, 0.02^2)`, as in GPT-2.

    Attributes
    ----------
    weight : Parameter, shape (max_len, embed_dim)

    Raises
    ------
    ShapeError
        If a size is not a positive integer.
    OdysseyError
        If ``dropout`` is out of range; a RangeError if a sequence is too long.

    References
    ----------
    .. [1] A. Radford et al., "Language models are unsupervised multitask learners", 2019.

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.LearnedPositionalEncoding(16, 4)(od.zeros((2, 3, 4))).shape
    (2, 3, 4)
    """

    def __init__(
        self,
        max_len: int,
        embed_dim: int,
        dropout: float = 0.0,
        dtype: Any = None,
        rng: np.random.Generator | None = None,
    ) -> None:
        check_positive("LearnedPositionalEncoding", max_len=max_len, embed_dim=embed_dim)
        check_probability("LearnedPositionalEncoding", dropout)
        self.dropout = dropout
        self.weight = Parameter(core.normal((max_len, embed_dim), 0.0, 0.02, dtype, rng))

    def forward(self, x: Tensor, offset: int = 0) -> Tensor:
        max_len, embed_dim = self.weight.shape
        check_sequence("LearnedPositionalEncoding", x, embed_dim)
        end = offset + x.shape[-2]
        if end > max_len:
            raise RangeError(
                f"LearnedPositionalEncoding: a sequence of {end} tokens, but there are rows for "
                f"{max_len}"
            )
        return core.dropout(x + self.weight[offset:end], self.dropout, self.training)

    def extra_repr(self) -> str:
        max_len, embed_dim = self.weight.shape
        return f"{max_len}, {embed_dim}, dropout={self.dropout}"


class RotaryEmbedding(Module):
    """Turn the features of queries and keys by their positions; see :func:`odyssey.core.rotary`.

    Parameters
    ----------
    features : int
        D, of a head; even.
    base : float
        The slowest pair takes almost 2π times so many positions to come round.
    interleaved : bool
        Pair neighbours, as the paper does; False pairs the two halves.

    Raises
    ------
    ShapeError
        If ``features`` is not a positive, even integer.
    OdysseyError
        If ``base`` is not positive and finite.

    References
    ----------
    .. [1] J. Su et al., "RoFormer: Enhanced transformer with rotary position
       embedding", 2021, https://arxiv.org/abs/2104.09864

    Examples
    --------
    >>> import odyssey as od
    >>> rope = od.nn.RotaryEmbedding(4)
    >>> layer = od.nn.MultiHeadAttention(8, num_heads=2, rope=rope)
    >>> layer(od.randn(1, 5, 8), causal=True).shape
    (1, 5, 8)
    """

    def __init__(self, features: int, base: float = 10000.0, interleaved: bool = True) -> None:
        check_positive("RotaryEmbedding", features=features)
        if features % 2:
            raise ShapeError(f"RotaryEmbedding: features must be even, got {features}")
        check_base("RotaryEmbedding", base)
        self.features, self.base, self.interleaved = features, base, interleaved

    def forward(self, x: Tensor, offset: int = 0) -> Tensor:
        check_sequence("RotaryEmbedding", x, self.features)
        positions = np.arange(offset, offset + x.shape[-2])
        return core.rotary(x, positions, self.base, self.interleaved)

    def extra_repr(self) -> str:
        return f"{self.features}, base={self.base}, interleaved={self.interleaved}"


class ALiBi(Module):
    r"""Return a mask that takes from a score what the distance of its key costs.

    .. math:: b_{hij} = -s_h \, |i + \mathrm{offset} - j|

    with the slopes s of :func:`odyssey.core.alibi_slopes`. It is an additive mask for
    attention, and all that such a model knows of positions.

    Parameters
    ----------
    num_heads : int
    dtype : dtype, optional

    Attributes
    ----------
    slopes : Buffer, shape (num_heads,)
        Not part of the state.

    Raises
    ------
    ShapeError
        If ``num_heads`` is not a positive integer.

    References
    ----------
    .. [1] O. Press, N. Smith, M. Lewis, "Train short, test long: Attention with linear
       biases enables input length extrapolation", ICLR 2022,
       https://arxiv.org/abs/2108.12409

    Examples
    --------
    >>> import odyssey as od
    >>> layer, alibi = od.nn.MultiHeadAttention(8, num_heads=4), od.nn.ALiBi(4)
    >>> layer(od.randn(1, 5, 8), mask=alibi(5), causal=True).shape
    (1, 5, 8)
    >>> alibi(2)[0]
    tensor([[-0.  , -0.25],
            [-0.25, -0.  ]])
    """

    def __init__(self, num_heads: int, dtype: Any = None) -> None:
        check_positive("ALiBi", num_heads=num_heads)
        dtype = get_default_dtype() if dtype is None else dtype
        self.slopes = Buffer(core.alibi_slopes(num_heads).astype(dtype), persistent=False)

    def forward(self, length: int, keys: int | None = None, offset: int = 0) -> Tensor:
        """Return the mask (num_heads, length, keys); ``offset`` keys came before the queries."""
        keys = offset + length if keys is None else keys
        distance = np.abs(np.arange(length)[:, None] + offset - np.arange(keys))
        return Tensor(-self.slopes.data[:, None, None] * distance.astype(self.slopes.dtype))

    def extra_repr(self) -> str:
        return f"{len(self.slopes)}"
