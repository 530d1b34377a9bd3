"""VGG: nothing but 3×3 convolutions, and many of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from odyssey import core, nn
from odyssey.models._parts import check_images, check_width, redraw, scaled
from odyssey.tensor import Tensor

__all__ = ["VGG", "vgg11", "vgg13", "vgg16", "vgg19"]

CHANNELS = (64, 128, 256, 512, 512)  # of the five stages, each of which ends with a maximum

# Table 1: the convolutions of each stage.
A = (1, 1, 2, 2, 2)
B = (2, 2, 2, 2, 2)
D = (2, 2, 3, 3, 3)
E = (2, 2, 4, 4, 4)


class VGG(nn.Module):
    r"""A deep stack of 3×3 convolutions and three linear layers.

    ===========  ======================  ============
    stage        what it does            output
    ===========  ======================  ============
    features     convolutions to 64      64×224×224
    \            2×2 maximum             64×112×112
    \            convolutions to 128     128×112×112
    \            2×2 maximum             128×56×56
    \            convolutions to 256     256×56×56
    \            2×2 maximum             256×28×28
    \            convolutions to 512     512×28×28
    \            2×2 maximum             512×14×14
    \            convolutions to 512     512×14×14
    \            2×2 maximum             512×7×7
    classifier   linear, from 25,088     4096
    \            linear                  4096
    \            linear                  1000
    ===========  ======================  ============

    with a rectifier after each layer but the last. Two 3×3 convolutions see 5×5 pixels
    and three see 7×7, with fewer weights than one such window, and more rectifiers.

    Parameters
    ----------
    depths : sequence of int
        The convolutions of each of the five stages.
    input_shape : (C, H, W)
        The shape of one image, of at least 32×32 pixels. Below 224×224 the first
        linear layer has fewer inputs: 512 for 32×32.
    classes : int
        The number of scores that come out.
    width : float
        Multiplies the numbers of channels and of hidden features.
    batch_norm : bool
        Whether to normalise after each convolution, which the paper, being older, did not.
    dropout : float
        The probability to drop a hidden feature of the classifier.
    rng : numpy.random.Generator, optional
        What the first weights are drawn from.

    Raises
    ------
    ShapeError
        If the images are too small.

    Notes
    -----
    ========  ================  ==============  ====================
    model     column, table 1   parameters      with ``batch_norm``
    ========  ================  ==============  ====================
    vgg11     A                 132,863,336     132,868,840
    vgg13     B                 133,047,848     133,053,736
    vgg16     D                 138,357,544     138,365,992
    vgg19     E                 143,667,240     143,678,248
    ========  ================  ==============  ====================

    Weights start as Glorot and Bengio's (:func:`odyssey.core.xavier_uniform`), biases from
    0: with these, as the paper notes in section 3.1, the deeper networks need not be started
    from a shallow one that was trained before. The state has torchvision's names.

    References
    ----------
    .. [1] K. Simonyan, A. Zisserman, "Very deep convolutional networks for large-scale
       image recognition", ICLR 2015, section 2 and table 1.
       https://arxiv.org/abs/1409.1556

    Examples
    --------
    >>> import odyssey as od
    >>> model = vgg11((3, 32, 32), classes=10, width=1 / 16)
    >>> model(od.ones((5, 3, 32, 32))).shape
    (5, 10)
    """

    def __init__(
        self,
        depths: Sequence[int] = D,
        input_shape: Sequence[int] = (3, 224, 224),
        classes: int = 1000,
        width: float = 1.0,
        batch_norm: bool = False,
        dropout: float = 0.5,
        rng: np.random.Generator | None = None,
    ) -> None:
        check_width("vgg", width)
        before, rows, columns = check_images("vgg", input_shape, 2 ** len(CHANNELS))
        layers: list[nn.Module] = []
        for depth, stage in zip(depths, CHANNELS, strict=True):
            channels = scaled(stage, width)
            for _ in range(depth):
                layers.append(nn.Conv2D(before, channels, 3, padding=1, rng=rng))
                if batch_norm:
                    layers.append(nn.BatchNorm2D(channels))
                layers.append(nn.ReLU())
                before = channels
            layers.append(nn.MaxPool2D(2))
            rows, columns = rows // 2, columns // 2
        self.features = nn.Sequential(*layers)
        self.flatten = nn.Flatten()
        hidden = scaled(4096, width)
        self.classifier = nn.Sequential(
            nn.Linear(before * rows * columns, hidden, rng=rng),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, hidden, rng=rng),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, classes, rng=rng),
        )
        redraw(self, (nn.Conv2D, nn.Linear), lambda shape: core.xavier_uniform(shape, rng=rng))

    def forward(self, x: Tensor) -> Tensor:
        """Return the scores of images."""
        return self.classifier(self.flatten(self.features(x)))


def vgg11(
    input_shape: Sequence[int] = (3, 224, 224),
    classes: int = 1000,
    width: float = 1.0,
    batch_norm: bool = False,
    dropout: float = 0.5,
    rng: np.random.Generator | None = None,
) -> VGG:
    """Return the network of column A, with 11 layers of weights; see :class:`VGG`."""
    return VGG(A, input_shape, classes, width, batch_norm, dropout, rng)


def vgg13(
    input_shape: Sequence[int] = (3, 224, 224),
    classes: int = 1000,
    width: float = 1.0,
    batch_norm: bool = False,
    dropout: float = 0.5,
    rng: np.random.Generator | None = None,
) -> VGG:
    """Return the network of column B, with 13 layers of weights; see :class:`VGG`."""
    return VGG(B, input_shape, classes, width, batch_norm, dropout, rng)


def vgg16(
    input_shape: Sequence[int] = (3, 224, 224),
    classes: int = 1000,
    width: float = 1.0,
    batch_norm: bool = False,
    dropout: float = 0.5,
    rng: np.random.Generator | None = None,
) -> VGG:
    """Return the network of column D, with 16 layers of weights; see :class:`VGG`."""
    return VGG(D, input_shape, classes, width, batch_norm, dropout, rng)


def vgg19(
    input_shape: Sequence[int] = (3, 224, 224),
    classes: int = 1000,
    width: float = 1.0,
    batch_norm: bool = False,
    dropout: float = 0.5,
    rng: np.random.Generator | None = None,
) -> VGG:
    """Return the network of column E, with 19 layers of weights; see :class:`VGG`."""
    return VGG(E, input_shape, classes, width, batch_norm, dropout, rng)
