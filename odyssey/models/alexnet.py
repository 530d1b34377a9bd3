"""AlexNet, the network that began the present age."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from odyssey import core, nn
from odyssey.models._parts import check_images, check_width, redraw, scaled
from odyssey.utils.choices import pick

__all__ = ["alexnet"]

SMALLEST = {"imagenet": 63, "cifar": 15}  # what the windows of all layers fit into


def alexnet(
    input_shape: Sequence[int] = (3, 224, 224),
    classes: int = 1000,
    width: float = 1.0,
    stem: str = "imagenet",
    dropout: float = 0.5,
    rng: np.random.Generator | None = None,
) -> nn.Sequential:
    r"""Return AlexNet, as the paper has it: convolutions in two groups, responses normalised.

    =======  ==================================  ==========  ==========
    layer    what it does                        output      parameters
    =======  ==================================  ==========  ==========
    conv1    11×11 convolution, stride 4         96×55×55    34,944
    pool1    normalised, 3×3 maximum, stride 2   96×27×27
    conv2    5×5 convolution, 2 groups           256×27×27   307,456
    pool2    normalised, 3×3 maximum, stride 2   256×13×13
    conv3    3×3 convolution                     384×13×13   885,120
    conv4    3×3 convolution, 2 groups           384×13×13   663,936
    conv5    3×3 convolution, 2 groups           256×13×13   442,624
    pool5    3×3 maximum, stride 2               256×6×6
    fc6      linear, from 9216                   4096        37,752,832
    fc7      linear                              4096        16,781,312
    fc8      linear                              1000        4,097,000
    =======  ==================================  ==========  ==========

    with a rectifier after each layer but the last; 60,965,224 parameters.

    Parameters
    ----------
    input_shape : (C, H, W)
        The shape of one image.
    classes : int
        The number of scores that come out.
    width : float
        Multiplies the numbers of channels and of hidden features.
    stem : {"imagenet", "cifar"}
        The first layer: the paper's, or for small images, from 15×15 pixels, 5×5 with
        stride 1. The paper's own network for CIFAR-10 is another one, of four layers
        with weights (section 3.3).
    dropout : float
        The probability to drop a feature before fc6 and fc7.
    rng : numpy.random.Generator, optional
        What the first weights are drawn from.

    Returns
    -------
    Sequential
        From (N, C, H, W) to (N, classes).

    Raises
    ------
    ShapeError
        If the images are too small for the windows.
    OdysseyError
        If another setting is out of range.

    Notes
    -----
    The paper speaks of 224×224 pixels and of 55×55 outputs of conv1, which do not fit
    together; a border of 2 pixels around the image makes them fit. The two groups are what
    two graphics cards had each for themselves. All weights start from
    :math:`N(0, 0.01^2)`; the biases of conv2, conv4, conv5, fc6 and fc7 from 1, so that
    the rectifiers let something through at first, and those of the others from 0 (section
    5). With another ``width`` the variance is divided by it, as sums have fewer terms. The
    normalisation divides by :math:`(2 + 10^{-4} \sum a^2)^{0.75}`, with a sum over 5
    channels; :class:`odyssey.nn.LocalResponseNorm` takes a mean, hence its alpha of 5e-4.

    References
    ----------
    .. [1] A. Krizhevsky, I. Sutskever, G. Hinton, "ImageNet classification with deep
       convolutional neural networks", NIPS 2012, section 3.5 and figure 2.
       https://doi.org/10.1145/3065386

    Examples
    --------
    >>> import odyssey as od
    >>> model = alexnet((3, 32, 32), classes=10, width=1 / 16, stem="cifar")
    >>> model(od.ones((5, 3, 32, 32))).shape
    (5, 10)
    """
    check_width("alexnet", width)
    stem = pick("alexnet: stem", stem, SMALLEST)
    hint = "; stem='cifar' takes 15×15" if stem == "imagenet" else ""
    channels, *size = check_images("alexnet", input_shape, SMALLEST[stem], hint)
    c1, c2, c3, c4, c5 = (scaled(c, width, multiple=2) for c in (96, 256, 384, 384, 256))
    hidden = scaled(4096, width)
    if stem == "imagenet":
        conv1 = nn.Conv2D(channels, c1, 11, stride=4, padding=2, rng=rng)
        size = [(n - 7) // 4 + 1 for n in size]
    else:
        conv1 = nn.Conv2D(channels, c1, 5, padding=2, rng=rng)
    for _ in range(3):  # pool1, pool2, pool5
        size = [(n - 3) // 2 + 1 for n in size]
    model = nn.Sequential(
        {
            "conv1": conv1,
            "relu1": nn.ReLU(),
            "norm1": nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0),
            "pool1": nn.MaxPool2D(3, stride=2),
            "conv2": nn.Conv2D(c1, c2, 5, padding=2, groups=2, rng=rng),
            "relu2": nn.ReLU(),
            "norm2": nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0),
            "pool2": nn.MaxPool2D(3, stride=2),
            "conv3": nn.Conv2D(c2, c3, 3, padding=1, rng=rng),
            "relu3": nn.ReLU(),
            "conv4": nn.Conv2D(c3, c4, 3, padding=1, groups=2, rng=rng),
            "relu4": nn.ReLU(),
            "conv5": nn.Conv2D(c4, c5, 3, padding=1, groups=2, rng=rng),
            "relu5": nn.ReLU(),
            "pool5": nn.MaxPool2D(3, stride=2),
            "flatten": nn.Flatten(),
            "drop6": nn.Dropout(dropout),
            "fc6": nn.Linear(c5 * size[0] * size[1], hidden, rng=rng),
            "relu6": nn.ReLU(),
            "drop7": nn.Dropout(dropout),
            "fc7": nn.Linear(hidden, hidden, rng=rng),
            "relu7": nn.ReLU(),
            "fc8": nn.Linear(hidden, classes, rng=rng),
        }
    )
    std = 0.01 / math.sqrt(width)
    for names, bias in (("conv1 conv3 fc8", 0.0), ("conv2 conv4 conv5 fc6 fc7", 1.0)):
        layers = [model[name] for name in names.split()]
        redraw(layers, nn.Module, lambda shape: core.normal(shape, std=std, rng=rng), bias)
    return model
