"""GoogLeNet: windows of several sizes side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from odyssey import core, nn
from odyssey.models._parts import check_images, check_width, redraw, scaled
from odyssey.tensor import Tensor
from odyssey.utils.choices import pick

__all__ = ["GoogLeNet", "GoogLeNetOutput", "Inception", "auxiliary_loss", "googlenet"]

Generator = np.random.Generator | None

# Table 1, "#1×1", "#3×3 reduce", "#3×3", "#5×5 reduce", "#5×5" and "pool proj".
TABLE = {
    "inception3a": (64, 96, 128, 16, 32, 32),
    "inception3b": (128, 128, 192, 32, 96, 64),
    "inception4a": (192, 96, 208, 16, 48, 64),
    "inception4b": (160, 112, 224, 24, 64, 64),
    "inception4c": (128, 128, 256, 24, 64, 64),
    "inception4d": (112, 144, 288, 32, 64, 64),
    "inception4e": (256, 160, 320, 32, 128, 128),
    "inception5a": (256, 160, 320, 32, 128, 128),
    "inception5b": (384, 192, 384, 48, 128, 128),
}

SMALLEST = {"imagenet": 47, "cifar": 6}  # what the windows of all layers fit into
SMALLEST_WITH_AUXILIARY = {"imagenet": 79, "cifar": 10}  # their windows of 5×5 as well


class Inception(nn.Module):
    """Four branches beside each other, whose channels are joined: figure 2(b).

    1×1 convolutions make the channels fewer before the dear 3×3 and 5×5 ones.

    Parameters
    ----------
    before : int
        The channels of the input.
    filters : six int
        A row of table 1: of 1×1; before 3×3, of 3×3; before 5×5, of 5×5; after the maximum.
    rng : numpy.random.Generator, optional

    Examples
    --------
    >>> import odyssey as od
    >>> Inception(8, (4, 2, 5, 2, 3, 1))(od.ones((5, 8, 6, 6))).shape
    (5, 13, 6, 6)
    """

    def __init__(self, before: int, filters: Sequence[int], rng: Generator = None) -> None:
        ones, reduce3, threes, reduce5, fives, project = filters
        self.branch1 = nn.Sequential(nn.Conv2D(before, ones, 1, rng=rng), nn.ReLU())
        self.branch2 = nn.Sequential(
            nn.Conv2D(before, reduce3, 1, rng=rng),
            nn.ReLU(),
            nn.Conv2D(reduce3, threes, 3, padding=1, rng=rng),
            nn.ReLU(),
        )
        self.branch3 = nn.Sequential(
            nn.Conv2D(before, reduce5, 1, rng=rng),
            nn.ReLU(),
            nn.Conv2D(reduce5, fives, 5, padding=2, rng=rng),
            nn.ReLU(),
        )
        self.branch4 = nn.Sequential(
            nn.MaxPool2D(3, stride=1, padding=1), nn.Conv2D(before, project, 1, rng=rng), nn.ReLU()
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return the branches' channels, one after the other, in images of the same size."""
        branches = self.branch1, self.branch2, self.branch3, self.branch4
        return core.concatenate([branch(x) for branch in branches], axis=1)


class GoogLeNetOutput(NamedTuple):
    """What GoogLeNet with auxiliary classifiers returns while it is trained."""

    scores: Tensor
    auxiliary1: Tensor
    auxiliary2: Tensor


def auxiliary_loss(output: GoogLeNetOutput | Tensor, target: Tensor, weight: float = 0.3) -> Tensor:
    r"""Return the cross-entropy of the scores and, times ``weight``, of the auxiliary ones.

    The ``loss_fn`` to train GoogLeNet with its auxiliary classifiers; of scores alone it
    is the plain cross-entropy.

    Parameters
    ----------
    output : GoogLeNetOutput or Tensor
    target : Tensor of int, shape (N,)
    weight : float
        0.3 in the paper, section 5.
    """
    if isinstance(output, Tensor):
        return core.cross_entropy(output, target)
    main, first, second = (core.cross_entropy(scores, target) for scores in output)
    return main + weight * (first + second)


class GoogLeNet(nn.Module):
    r"""A network of nine inception modules.

    ==============  ============================================  ============  ==========
    layer           what it does                                  output        parameters
    ==============  ============================================  ============  ==========
    conv1           7×7 convolution, stride 2                     64×112×112    9,472
    \               3×3 maximum, stride 2; normalised             64×56×56
    conv2           1×1 convolution                               64×56×56      4,160
    conv3           3×3 convolution                               192×56×56     110,784
    \               normalised; 3×3 maximum, stride 2             192×28×28
    inception3a     module                                        256×28×28     163,696
    inception3b     module                                        480×28×28     388,736
    \               3×3 maximum, stride 2                         480×14×14
    inception4a     module, then the first auxiliary classifier   512×14×14     376,176
    inception4b     module                                        512×14×14     449,160
    inception4c     module                                        512×14×14     510,104
    inception4d     module, then the second auxiliary classifier  528×14×14     605,376
    inception4e     module                                        832×14×14     868,352
    \               3×3 maximum, stride 2                         832×7×7
    inception5a     module                                        832×7×7       1,043,456
    inception5b     module                                        1024×7×7      1,444,080
    \               mean over all pixels                          1024×1×1
    fc              linear                                        1000          1,025,000
    ==============  ============================================  ============  ==========

    with a rectifier after each convolution.

    Parameters
    ----------
    input_shape : (C, H, W)
        The shape of one image.
    classes : int
        The number of scores that come out.
    width : float
        Multiplies the numbers of channels and of hidden features.
    auxiliary : bool
        Whether to have the two classifiers in the middle that help to train the layers
        before them. Then a model in training mode returns a :class:`GoogLeNetOutput`, for
        :func:`auxiliary_loss`; in evaluation mode it returns scores alone, and leaves
        the two out.
    stem : {"imagenet", "cifar"}
        The first layers: those of the table, or for small images, from 6×6 pixels, conv1
        as 3×3 with stride 1 and no maximum before inception3a; not in the paper.
    dropout : float
        The probability to drop a feature before fc.
    rng : numpy.random.Generator, optional
        What the first weights are drawn from.

    Raises
    ------
    ShapeError
        If the images are too small for the windows.
    OdysseyError
        If another setting is unknown or out of range.

    Notes
    -----
    There are 6,998,552 parameters, and 13,378,280 with the auxiliary classifiers. Table 1
    counts them, without the classifiers, in units of 1024: its rows add up to 6798 K, or
    6.96 million, 0.5 % less. Six rows agree with their own filters within 1 %; 4c (463 K, by
    its filters 498 K), 5a (1072 K and 1019 K), 4d and 5b do within 7 %, and conv1, said to
    have 2.7 K, has 7·7·3·64 weights. The paper says nothing of first weights; here they are
    He's, :func:`odyssey.core.kaiming_normal`, and biases start from 0.

    References
    ----------
    .. [1] C. Szegedy et al., "Going deeper with convolutions", CVPR 2015, section 5, table 1
       and figure 3. https://arxiv.org/abs/1409.4842

    Examples
    --------
    >>> import odyssey as od
    >>> model = GoogLeNet((3, 32, 32), classes=10, width=1 / 16, stem="cifar")
    >>> model(od.ones((5, 3, 32, 32))).shape
    (5, 10)
    """

    def __init__(
        self,
        input_shape: Sequence[int] = (3, 224, 224),
        classes: int = 1000,
        width: float = 1.0,
        auxiliary: bool = False,
        stem: str = "imagenet",
        dropout: float = 0.4,
        rng: Generator = None,
    ) -> None:
        check_width("googlenet", width)
        pick("googlenet: stem", stem, SMALLEST)
        least = (SMALLEST_WITH_AUXILIARY if auxiliary else SMALLEST)[stem]
        hint = "; stem='cifar' takes smaller ones" if stem == "imagenet" else ""
        colours, rows, columns = check_images("googlenet", input_shape, least, hint)
        c1, c2, c3 = (scaled(channels, width) for channels in (64, 64, 192))
        if stem == "imagenet":
            self.conv1 = nn.Conv2D(colours, c1, 7, stride=2, padding=3, rng=rng)
            self.pool1: nn.Module | None = nn.MaxPool2D(3, stride=2, ceil_mode=True)
            self.pool2: nn.Module | None = nn.MaxPool2D(3, stride=2, ceil_mode=True)
            rows, columns = (-(-n // 2) // 4 for n in (rows, columns))
        else:
            self.conv1 = nn.Conv2D(colours, c1, 3, padding=1, rng=rng)
            self.pool1 = self.pool2 = None
        self.norm1 = nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75)
        self.conv2 = nn.Conv2D(c1, c2, 1, rng=rng)
        self.conv3 = nn.Conv2D(c2, c3, 3, padding=1, rng=rng)
        self.norm2 = nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75)

        before, joined = c3, {}
        for name, row in TABLE.items():
            filters = [scaled(channels, width) for channels in row]
            setattr(self, name, Inception(before, filters, rng))
            before = joined[name] = filters[0] + filters[2] + filters[4] + filters[5]
        self.pool3 = nn.MaxPool2D(3, stride=2, ceil_mode=True)
        self.pool4 = nn.MaxPool2D(3, stride=2, ceil_mode=True)

        self.auxiliary1: nn.Module | None = None
        self.auxiliary2: nn.Module | None = None
        if auxiliary:
            size = rows // 2, columns // 2
            for number, name in ((1, "inception4a"), (2, "inception4d")):
                classifier = _auxiliary(joined[name], size, classes, width, rng)
                setattr(self, f"auxiliary{number}", classifier)
        self.avgpool = nn.GlobalAvgPool2D()
        self.flatten = nn.Flatten()
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(before, classes, rng=rng)
        redraw(self, (nn.Conv2D, nn.Linear), lambda shape: core.kaiming_normal(shape, rng=rng))

    inception3a: Inception
    inception3b: Inception
    inception4a: Inception
    inception4b: Inception
    inception4c: Inception
    inception4d: Inception
    inception4e: Inception
    inception5a: Inception
    inception5b: Inception

    def forward(self, x: Tensor) -> Tensor | GoogLeNetOutput:
        """Return the scores of images; in training those of the auxiliary classifiers, too."""
        x = core.relu(self.conv1(x))
        x = self.norm1(x if self.pool1 is None else self.pool1(x))
        x = core.relu(self.conv3(core.relu(self.conv2(x))))
        x = self.norm2(x)
        x = x if self.pool2 is None else self.pool2(x)
        x = self.inception3b(self.inception3a(x))
        a = self.inception4a(self.pool3(x))
        b = self.inception4d(self.inception4c(self.inception4b(a)))
        x = self.inception4e(b)
        x = self.inception5b(self.inception5a(self.pool4(x)))
        scores = self.fc(self.dropout(self.flatten(self.avgpool(x))))
        if self.auxiliary1 is None or self.auxiliary2 is None or not self.training:
            return scores
        return GoogLeNetOutput(scores, self.auxiliary1(a), self.auxiliary2(b))


def _auxiliary(
    before: int, size: tuple[int, int], classes: int, width: float, rng: Generator
) -> nn.Sequential:
    """Return a classifier for the middle of the network, as section 5 lists its layers."""
    channels, hidden = scaled(128, width), scaled(1024, width)
    rows, columns = ((n - 5) // 3 + 1 for n in size)
    return nn.Sequential(
        {
            "pool": nn.AvgPool2D(5, stride=3),
            "conv": nn.Conv2D(before, channels, 1, rng=rng),
            "relu1": nn.ReLU(),
            "flatten": nn.Flatten(),
            "fc1": nn.Linear(channels * rows * columns, hidden, rng=rng),
            "relu2": nn.ReLU(),
            "dropout": nn.Dropout(0.7),
            "fc2": nn.Linear(hidden, classes, rng=rng),
        }
    )


def googlenet(
    input_shape: Sequence[int] = (3, 224, 224),
    classes: int = 1000,
    width: float = 1.0,
    auxiliary: bool = False,
    stem: str = "imagenet",
    dropout: float = 0.4,
    rng: Generator = None,
) -> GoogLeNet:
    """Return GoogLeNet; see :class:`GoogLeNet`."""
    return GoogLeNet(input_shape, classes, width, auxiliary, stem, dropout, rng)
