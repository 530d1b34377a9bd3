"""ViT, the vision transformer: an image is a sentence of patches."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from odyssey import core, nn
from odyssey.errors import ShapeError
from odyssey.models._parts import check_images, redraw
from odyssey.nn._settings import check_positive
from odyssey.tensor import Tensor
from odyssey.utils.choices import pick

__all__ = ["ViT", "vit"]

SIZES = {  # name: width D, depth L, heads
    "tiny": (192, 12, 3),
    "small": (384, 12, 6),
    "base": (768, 12, 12),
    "large": (1024, 24, 16),
    "huge": (1280, 32, 16),
}


class EncoderBlock(nn.Module):
    r"""Attention between all patches, then a perceptron for each, both normalised before.

    .. math::

        z' &= z + \mathrm{MSA}(\mathrm{LN}(z)) \\
        z'' &= z' + \mathrm{MLP}(\mathrm{LN}(z'))

    Parameters
    ----------
    width, heads : int
        D, and how many heads share it.
    dropout : float
    rng : numpy.random.Generator, optional

    Examples
    --------
    >>> import odyssey as od
    >>> EncoderBlock(8, heads=2)(od.ones((5, 3, 8))).shape
    (5, 3, 8)
    """

    def __init__(
        self,
        width: int,
        heads: int,
        dropout: float = 0.0,
        rng: np.random.Generator | None = None,
    ) -> None:
        self.ln1 = nn.LayerNorm(width, eps=1e-6)
        self.attention = nn.MultiHeadAttention(width, heads, rng=rng)
        self.dropout = nn.Dropout(dropout)
        self.ln2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width, rng=rng),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(4 * width, width, rng=rng),
            nn.Dropout(dropout),
        )

    def forward(self, z: Tensor) -> Tensor:
        """Return what the patches have become, in the same shape."""
        z = z + self.dropout(self.attention(self.ln1(z)))  # equation 2
        return z + self.mlp(self.ln2(z))  # equation 3


class ViT(nn.Module):
    r"""A transformer's encoder over the patches of an image.

    ==========  =========================================  =============
    layer       what it does                               output, B/16
    ==========  =========================================  =============
    patches     a linear map of each 16×16 patch           196×768
    \           a class token before them, positions       197×768
    blocks      :class:`EncoderBlock`, 12 times            197×768
    ln          the class token, normalised                768
    head        linear                                     1000
    ==========  =========================================  =============

    Parameters
    ----------
    input_shape : (C, H, W)
        The shape of one image.
    classes : int
        The number of scores that come out.
    patch : int
        P, the side of a patch; it divides H and W.
    width, depth, heads : int
        D, the number of blocks, and the heads in each. The perceptrons have 4·D hidden
        features.
    dropout : float
        The probability to drop, after each linear layer but those that make queries, keys
        and values, and after the positions are added; 0.1 in the paper for ImageNet alone.
    rng : numpy.random.Generator, optional
        What the first weights are drawn from.

    Raises
    ------
    ShapeError
        If P does not divide the image, or the heads do not divide D.

    Notes
    -----
    ======  =====  =====  =====  ===================
    size    width  depth  heads  parameters, P = 16
    ======  =====  =====  =====  ===================
    tiny    192    12     3      5,717,416
    small   384    12     6      22,050,664
    base    768    12     12     86,567,656
    large   1024   24     16     304,326,632
    huge    1280   32     16     632,199,400
    ======  =====  =====  =====  ===================

    Base, large and huge are those of table 1 (huge with P = 14: 632,045,800 parameters),
    tiny and small those of [2]_. As in the authors' code, linear layers start as Glorot
    and Bengio's, the biases of the perceptrons from :math:`N(0, 10^{-12})`, the patches'
    weights as LeCun's, positions from :math:`N(0, 0.02^2)`, and other biases, the class
    token and the head from zeros: all scores are 0 at first.

    References
    ----------
    .. [1] A. Dosovitskiy et al., "An image is worth 16x16 words: transformers for image
       recognition at scale", ICLR 2021, section 3.1 and table 1.
       https://arxiv.org/abs/2010.11929
    .. [2] H. Touvron et al., "Training data-efficient image transformers & distillation
       through attention", ICML 2021, table 1. https://arxiv.org/abs/2012.12877

    Examples
    --------
    >>> import odyssey as od
    >>> model = ViT((3, 32, 32), classes=10, patch=8, width=12, depth=2, heads=3)
    >>> model(od.ones((5, 3, 32, 32))).shape
    (5, 10)
    """

    def __init__(
        self,
        input_shape: Sequence[int] = (3, 224, 224),
        classes: int = 1000,
        patch: int = 16,
        width: int = 768,
        depth: int = 12,
        heads: int = 12,
        dropout: float = 0.0,
        rng: np.random.Generator | None = None,
    ) -> None:
        colours, rows, columns = check_images("vit", input_shape)
        check_positive("vit", patch=patch, depth=depth)
        if rows % patch or columns % patch:
            raise ShapeError(
                f"vit: patch={patch} does not divide images of {rows}×{columns} pixels"
            )
        count = (rows // patch) * (columns // patch)
        self.class_token = nn.Parameter(core.zeros((1, 1, width)))
        self.positions = nn.Parameter(core.normal((1, count + 1, width), std=0.02, rng=rng))
        # A convolution without overlaps: the same linear map of each patch.
        self.patches = nn.Conv2D(colours, width, patch, stride=patch, rng=rng)
        self.dropout = nn.Dropout(dropout)
        self.blocks = [EncoderBlock(width, heads, dropout, rng) for _ in range(depth)]
        self.ln = nn.LayerNorm(width, eps=1e-6)
        self.head = nn.Linear(width, classes, rng=rng)
        self._start(rng)

    def _start(self, rng: np.random.Generator | None) -> None:
        redraw(self.patches, nn.Conv2D, lambda shape: core.lecun_normal(shape, rng=rng))
        for block in self.blocks:
            redraw(block, nn.Linear, lambda shape: core.xavier_uniform(shape, rng=rng))
            for layer in (block.mlp[0], block.mlp[3]):
                layer.bias = nn.Parameter(core.normal(layer.bias.shape, std=1e-6, rng=rng))
            # Queries, keys and values stand in one weight, but each is a layer of its own.
            width = block.attention.embed_dim
            bound = math.sqrt(6 / (2 * width))
            drawn = core.uniform((3 * width, width), -bound, bound, rng=rng)
            block.attention.in_proj_weight = nn.Parameter(drawn)
        redraw(self.head, nn.Linear, core.zeros)

    def forward(self, x: Tensor) -> Tensor:
        """Return the scores of images."""
        x = core.swapaxes(core.flatten(self.patches(x), 2), 1, 2)  # N × patches × D
        token = core.broadcast_to(self.class_token, (x.shape[0], 1, x.shape[2]))
        z = self.dropout(core.concatenate([token, x], axis=1) + self.positions)  # equation 1
        for block in self.blocks:
            z = block(z)
        return self.head(self.ln(z[:, 0]))  # equation 4


def vit(
    input_shape: Sequence[int] = (3, 224, 224),
    classes: int = 1000,
    size: str = "base",
    patch: int = 16,
    width: int | None = None,
    depth: int | None = None,
    heads: int | None = None,
    dropout: float = 0.0,
    rng: np.random.Generator | None = None,
) -> ViT:
    """Return a vision transformer of one of the known sizes; see :class:`ViT`.

    Parameters
    ----------
    input_shape, classes, patch, dropout, rng
        As those of :class:`ViT`.
    size : {"tiny", "small", "base", "large", "huge"}
        A row of its table.
    width, depth, heads : int, optional
        What shall be other than in that row.
    """
    row = SIZES[pick("vit: size", size, SIZES)]
    width = row[0] if width is None else width
    depth = row[1] if depth is None else depth
    heads = row[2] if heads is None else heads
    return ViT(input_shape, classes, patch, width, depth, heads, dropout, rng)
