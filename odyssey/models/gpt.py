"""GPT: a transformer that writes on, one token after the other."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from odyssey import core, nn
from odyssey.errors import ShapeError
from odyssey.models._parts import redraw
from odyssey.nn._settings import check_positive
from odyssey.tensor import Tensor
from odyssey.utils.choices import pick

__all__ = ["GPT", "DecoderBlock", "gpt2"]

SIZES = {  # name: width, depth, heads
    "small": (768, 12, 12),
    "medium": (1024, 24, 16),
    "large": (1280, 36, 20),
    "xl": (1600, 48, 25),
}


class DecoderBlock(nn.Module):
    r"""Attention to what came before, then a perceptron for each token, both normalised before.

    .. math::

        x' &= x + \mathrm{Attention}(\mathrm{LN}(x)) \\
        x'' &= x' + \mathrm{MLP}(\mathrm{LN}(x'))

    Parameters
    ----------
    width, heads : int
        The features of a token, and how many heads share them.
    dropout : float
    rng : numpy.random.Generator, optional

    Examples
    --------
    >>> import odyssey as od
    >>> DecoderBlock(8, heads=2)(od.ones((5, 3, 8))).shape
    (5, 3, 8)
    """

    def __init__(
        self,
        width: int,
        heads: int,
        dropout: float = 0.0,
        rng: np.random.Generator | None = None,
    ) -> None:
        self.ln_1 = nn.LayerNorm(width)
        self.attn = nn.MultiHeadAttention(width, heads, dropout=dropout, rng=rng)
        self.dropout = nn.Dropout(dropout)
        self.ln_2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width, rng=rng),
            nn.GELU(approximate=True),
            nn.Linear(4 * width, width, rng=rng),
            nn.Dropout(dropout),
        )

    def forward(self, x: Tensor, cache: nn.KVCache | None = None) -> Tensor:
        """Return what the tokens have become, in the same shape."""
        x = x + self.dropout(self.attn(self.ln_1(x), causal=True, cache=cache))
        return x + self.mlp(self.ln_2(x))


class GPT(nn.Module):
    r"""The generative pre-trained transformer, in the form of GPT-2.

    =======  =========================================  ==============  ===========
    layer    what it does                               output, small   parameters
    =======  =========================================  ==============  ===========
    wte      a row for each token                       1024×768        38,597,376
    wpe      adds a row for each position               1024×768        786,432
    h        :class:`DecoderBlock`, 12 times            1024×768        85,054,464
    ln_f     normalises                                 1024×768        1,536
    \        linear, with the weight of wte             1024×50257
    =======  =========================================  ==============  ===========

    The scores at a position are those of the token that comes next, and depend on the
    tokens up to there only. :func:`odyssey.nn.generate` writes on with it.

    Parameters
    ----------
    input_shape : (L,)
        The context: how many tokens it can read at most.
    classes : int
        How many different tokens there are.
    width, depth, heads : int
        The features of a token, the number of blocks, and the heads in each. The
        perceptrons have four times as many hidden features.
    dropout : float
        The probability to drop, after the embeddings, in the attention and at the end of
        each branch; 0.1 in [1]_, section 4.1.
    rng : numpy.random.Generator, optional
        What the first weights are drawn from.

    Raises
    ------
    ShapeError
        If ``input_shape`` is not one number, or a setting is not a positive integer, or the
        heads do not divide the width.

    Notes
    -----
    ======  =====  =====  =====  ==============
    size    width  depth  heads  parameters
    ======  =====  =====  =====  ==============
    small   768    12     12     124,439,808
    medium  1024   24     16     354,823,168
    large   1280   36     20     774,030,080
    xl      1600   48     25     1,557,611,200
    ======  =====  =====  =====  ==============

    for 50,257 tokens and a context of 1024; table 2 of [2]_ gives 117, 345, 762 and 1542
    million, which its authors have since corrected. The first GPT normalised after each
    branch; GPT-2 does so before, and once more at the end. The weight of the last layer
    is that of wte. Weights start from :math:`N(0, 0.02^2)`, those of wpe from
    :math:`N(0, 0.01^2)`, biases from 0; those of the linear layer at the end of each of
    the 2·depth branches are divided by :math:`\sqrt{2 \cdot \text{depth}}`, so that their
    sum does not grow with the depth (section 2.3). GELU is the form with tanh.

    References
    ----------
    .. [1] A. Radford, K. Narasimhan, T. Salimans, I. Sutskever, "Improving language
       understanding by generative pre-training", 2018.
    .. [2] A. Radford, J. Wu, R. Child, D. Luan, D. Amodei, I. Sutskever, "Language models are
       unsupervised multitask learners", 2019, section 2.3 and table 2.

    Examples
    --------
    >>> import odyssey as od
    >>> model = GPT((16,), classes=11, width=12, depth=2, heads=3).eval()
    >>> tokens = od.tensor([[1, 5, 2], [0, 0, 7]])
    >>> model(tokens).shape
    (2, 3, 11)

    Writing on, token by token, and keeping what was computed:

    >>> od.nn.generate(model, tokens, max_new_tokens=4).shape
    (2, 7)
    """

    def __init__(
        self,
        input_shape: Sequence[int] = (1024,),
        classes: int = 50257,
        width: int = 768,
        depth: int = 12,
        heads: int = 12,
        dropout: float = 0.1,
        rng: np.random.Generator | None = None,
    ) -> None:
        shape = tuple(input_shape)
        if len(shape) != 1:
            raise ShapeError(
                f"gpt: input_shape must be (tokens,), got {shape}; it reads tokens, not images"
            )
        check_positive("gpt", context=shape[0], depth=depth)
        self.wte = nn.Embedding(classes, width, rng=rng)
        self.wpe = nn.LearnedPositionalEncoding(shape[0], width, dropout, rng=rng)
        self.h = [DecoderBlock(width, heads, dropout, rng) for _ in range(depth)]
        self.ln_f = nn.LayerNorm(width)
        self._start(rng)

    def _start(self, rng: np.random.Generator | None) -> None:
        def normal(std: float) -> Callable[[tuple[int, ...]], Tensor]:
            return lambda shape: core.normal(shape, std=std, rng=rng)

        redraw(self, (nn.Embedding, nn.Linear), normal(0.02))
        redraw(self.wpe, nn.LearnedPositionalEncoding, normal(0.01))
        for block in self.h:
            width = block.attn.embed_dim
            block.attn.in_proj_weight = nn.Parameter(normal(0.02)((3 * width, width)))
            last = [block.attn.out_proj, block.mlp[2]]
            redraw(last, nn.Linear, normal(0.02 / math.sqrt(2 * len(self.h))))

    def forward(self, tokens: Tensor, cache: list[nn.KVCache] | None = None) -> Tensor:
        """Return scores (N, L, classes) for the tokens that follow each of (N, L) tokens.

        With ``cache``, of :meth:`init_cache`, the tokens go on where the last ones ended.
        """
        x = self.wpe(self.wte(tokens), offset=0 if cache is None else cache[0].length)
        for number, block in enumerate(self.h):
            x = block(x, None if cache is None else cache[number])
        return core.linear(self.ln_f(x), self.wte.weight)

    def init_cache(self, batch: int) -> list[nn.KVCache]:
        """Return an empty cache for each block, for so many sequences side by side."""
        return [block.attn.init_cache(batch) for block in self.h]


def gpt2(
    input_shape: Sequence[int] = (1024,),
    classes: int = 50257,
    size: str = "small",
    width: int | None = None,
    depth: int | None = None,
    heads: int | None = None,
    dropout: float = 0.1,
    rng: np.random.Generator | None = None,
) -> GPT:
    """Return a GPT-2 of one of its four sizes; see :class:`GPT`.

    Parameters
    ----------
    input_shape, classes, dropout, rng
        As those of :class:`GPT`.
    size : {"small", "medium", "large", "xl"}
        A row of its table.
    width, depth, heads : int, optional
        What shall be other than in that row.
    """
    row = SIZES[pick("gpt: size", size, SIZES)]
    width = row[0] if width is None else width
    depth = row[1] if depth is None else depth
    heads = row[2] if heads is None else heads
    return GPT(input_shape, classes, width, depth, heads, dropout, rng)
