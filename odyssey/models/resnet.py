"""ResNet: layers that learn what to add to their input."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from odyssey import core, nn
from odyssey.models._parts import check_images, check_width, redraw, scaled
from odyssey.tensor import Tensor
from odyssey.utils.choices import pick

__all__ = ["BasicBlock", "Bottleneck", "ResNet", "resnet18", "resnet34", "resnet50"]

Generator = np.random.Generator | None


class BasicBlock(nn.Module):
    r"""Two 3×3 convolutions beside a shortcut: :math:`y = \max(0, F(x) + x)`.

    Parameters
    ----------
    before, channels : int
        The channels of the input and of the output.
    stride : int
        Of the first convolution.
    option : {"A", "B"}
        The shortcut where the shape changes; see :class:`ResNet`.
    rng : numpy.random.Generator, optional

    Examples
    --------
    >>> import odyssey as od
    >>> BasicBlock(4, 8, stride=2)(od.ones((5, 4, 6, 6))).shape
    (5, 8, 3, 3)
    """

    expansion = 1
    """Channels of the output for each of the 3×3 convolution."""

    def __init__(
        self, before: int, channels: int, stride: int = 1, option: str = "B", rng: Generator = None
    ) -> None:
        self.conv1 = nn.Conv2D(before, channels, 3, stride, padding=1, bias=False, rng=rng)
        self.bn1 = nn.BatchNorm2D(channels)
        self.conv2 = nn.Conv2D(channels, channels, 3, padding=1, bias=False, rng=rng)
        self.bn2 = nn.BatchNorm2D(channels)
        self.downsample = _shortcut(before, channels, stride, option, rng)

    def forward(self, x: Tensor) -> Tensor:
        """Return images of the block's channels, smaller by the stride."""
        y = core.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return core.relu(y + (x if self.downsample is None else self.downsample(x)))


class Bottleneck(nn.Module):
    r"""A 3×3 convolution between two of 1×1, which make the channels fewer and more again.

    Parameters
    ----------
    before, channels : int
        The channels of the input, and of the 3×3 convolution; the output has four
        times as many.
    stride : int
        Of the 3×3 convolution. The paper has it in the first 1×1 one, which then leaves out
        three pixels of four.
    option : {"A", "B"}
        The shortcut where the shape changes; see :class:`ResNet`.
    rng : numpy.random.Generator, optional

    Examples
    --------
    >>> import odyssey as od
    >>> Bottleneck(4, 2, stride=2)(od.ones((5, 4, 6, 6))).shape
    (5, 8, 3, 3)
    """

    expansion = 4
    """Channels of the output for each of the 3×3 convolution."""

    def __init__(
        self, before: int, channels: int, stride: int = 1, option: str = "B", rng: Generator = None
    ) -> None:
        after = channels * self.expansion
        self.conv1 = nn.Conv2D(before, channels, 1, bias=False, rng=rng)
        self.bn1 = nn.BatchNorm2D(channels)
        self.conv2 = nn.Conv2D(channels, channels, 3, stride, padding=1, bias=False, rng=rng)
        self.bn2 = nn.BatchNorm2D(channels)
        self.conv3 = nn.Conv2D(channels, after, 1, bias=False, rng=rng)
        self.bn3 = nn.BatchNorm2D(after)
        self.downsample = _shortcut(before, after, stride, option, rng)

    def forward(self, x: Tensor) -> Tensor:
        """Return images of the block's channels, smaller by the stride."""
        y = core.relu(self.bn1(self.conv1(x)))
        y = core.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return core.relu(y + (x if self.downsample is None else self.downsample(x)))


class PaddedIdentity(nn.Module):
    """Take every ``stride``-th pixel, and append channels of zeros: option A."""

    def __init__(self, stride: int, extra: int) -> None:
        self.stride, self.extra = stride, extra

    def forward(self, x: Tensor) -> Tensor:
        """Return images with more channels, smaller by the stride."""
        x = x[:, :, :: self.stride, :: self.stride]
        return core.pad(x, ((0, 0), (0, self.extra), (0, 0), (0, 0)))

    def extra_repr(self) -> str:
        """Return the settings."""
        return f"stride={self.stride}, extra={self.extra}"


def _shortcut(
    before: int, after: int, stride: int, option: str, rng: Generator
) -> nn.Module | None:
    """Return what the input goes through on its way past a block; None for nothing."""
    if stride == 1 and before == after:
        return None
    if option == "A":
        return PaddedIdentity(stride, after - before)
    return nn.Sequential(
        nn.Conv2D(before, after, 1, stride, bias=False, rng=rng), nn.BatchNorm2D(after)
    )


class ResNet(nn.Module):
    r"""A residual network: blocks of convolutions, each of which adds to its input.

    =======  ===========================  ================  ==================  ===============
    layer    what it does                 18 layers         50 layers           output
    =======  ===========================  ================  ==================  ===============
    conv1    7×7 convolution, stride 2    64                64                  112×112
    maxpool  3×3 maximum, stride 2                                              56×56
    layer1   blocks                       64, 2 times       64, 3 times         56×56
    layer2   blocks, stride 2             128, 2 times      128, 4 times        28×28
    layer3   blocks, stride 2             256, 2 times      256, 6 times        14×14
    layer4   blocks, stride 2             512, 2 times      512, 3 times        7×7
    avgpool  mean over all pixels                                               1×1
    fc       linear                       from 512          from 2048           1000
    =======  ===========================  ================  ==================  ===============

    This is table 1; blocks of 50 layers are of :class:`Bottleneck`, whose outputs have four
    times the channels. Each convolution is normalised, and has a rectifier after that.

    Parameters
    ----------
    block : type
        :class:`BasicBlock` or :class:`Bottleneck`.
    depths : sequence of int
        The blocks of each of the four stages.
    input_shape : (C, H, W)
        The shape of one image.
    classes : int
        The number of scores that come out.
    width : float
        Multiplies the numbers of channels.
    stem : {"imagenet", "cifar"}
        The first layers: those of the table, or for small images one 3×3 convolution with
        stride 1, and no maximum. The paper's own networks for CIFAR-10 have that stem,
        and three stages of 16, 32 and 64 channels (section 4.2).
    shortcut : {"B", "A"}
        How the input goes past a block that changes the shape (section 3.3): through a
        1×1 convolution, or as it is, with zeros for the channels that there were not,
        which needs no parameters. Elsewhere it goes unchanged.
    rng : numpy.random.Generator, optional
        What the first weights are drawn from.

    Raises
    ------
    OdysseyError
        If a setting is unknown or out of range.

    Notes
    -----
    ========  ===================  ==========
    model     block                parameters
    ========  ===================  ==========
    resnet18  basic, 2 2 2 2       11,689,512
    resnet34  basic, 3 4 6 3       21,797,672
    resnet50  bottleneck, 3 4 6 3  25,557,032
    ========  ===================  ==========

    Convolutions start from :math:`N(0, 2 / n_\text{out})`, which keeps the variance of
    gradients through rectifiers [2]_; normalisations from 1 and 0. The state has
    torchvision's names.

    References
    ----------
    .. [1] K. He, X. Zhang, S. Ren, J. Sun, "Deep residual learning for image recognition",
       CVPR 2016, section 3 and table 1. https://arxiv.org/abs/1512.03385
    .. [2] K. He, X. Zhang, S. Ren, J. Sun, "Delving deep into rectifiers", ICCV 2015,
       section 2.2. https://arxiv.org/abs/1502.01852

    Examples
    --------
    >>> import odyssey as od
    >>> model = resnet18((3, 32, 32), classes=10, width=1 / 16, stem="cifar")
    >>> model(od.ones((5, 3, 32, 32))).shape
    (5, 10)
    """

    def __init__(
        self,
        block: type[BasicBlock] | type[Bottleneck] = BasicBlock,
        depths: Sequence[int] = (2, 2, 2, 2),
        input_shape: Sequence[int] = (3, 224, 224),
        classes: int = 1000,
        width: float = 1.0,
        stem: str = "imagenet",
        shortcut: str = "B",
        rng: Generator = None,
    ) -> None:
        check_width("resnet", width)
        pick("resnet: stem", stem, ("imagenet", "cifar"))
        pick("resnet: shortcut", shortcut, ("B", "A"))
        colours, *_ = check_images("resnet", input_shape)
        first = scaled(64, width)
        if stem == "imagenet":
            self.conv1 = nn.Conv2D(colours, first, 7, stride=2, padding=3, bias=False, rng=rng)
        else:
            self.conv1 = nn.Conv2D(colours, first, 3, padding=1, bias=False, rng=rng)
        self.bn1 = nn.BatchNorm2D(first)
        self.maxpool = nn.MaxPool2D(3, stride=2, padding=1) if stem == "imagenet" else None

        def stage(before: int, channels: int, depth: int, stride: int) -> nn.Sequential:
            after = channels * block.expansion
            blocks = [block(before, channels, stride, shortcut, rng)]
            blocks += [block(after, channels, 1, shortcut, rng) for _ in range(depth - 1)]
            return nn.Sequential(*blocks)

        c1, c2, c3, c4 = (scaled(channels, width) for channels in (64, 128, 256, 512))
        self.layer1 = stage(first, c1, depths[0], stride=1)
        self.layer2 = stage(c1 * block.expansion, c2, depths[1], stride=2)
        self.layer3 = stage(c2 * block.expansion, c3, depths[2], stride=2)
        self.layer4 = stage(c3 * block.expansion, c4, depths[3], stride=2)
        self.avgpool = nn.GlobalAvgPool2D()
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(c4 * block.expansion, classes, rng=rng)
        redraw(self, nn.Conv2D, lambda shape: core.kaiming_normal(shape, "fan_out", rng=rng))

    def forward(self, x: Tensor) -> Tensor:
        """Return the scores of images."""
        x = core.relu(self.bn1(self.conv1(x)))
        if self.maxpool is not None:
            x = self.maxpool(x)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(self.flatten(self.avgpool(x)))


def resnet18(
    input_shape: Sequence[int] = (3, 224, 224),
    classes: int = 1000,
    width: float = 1.0,
    stem: str = "imagenet",
    shortcut: str = "B",
    rng: Generator = None,
) -> ResNet:
    """Return the residual network with 18 layers of weights; see :class:`ResNet`."""
    return ResNet(BasicBlock, (2, 2, 2, 2), input_shape, classes, width, stem, shortcut, rng)


def resnet34(
    input_shape: Sequence[int] = (3, 224, 224),
    classes: int = 1000,
    width: float = 1.0,
    stem: str = "imagenet",
    shortcut: str = "B",
    rng: Generator = None,
) -> ResNet:
    """Return the residual network with 34 layers of weights; see :class:`ResNet`."""
    return ResNet(BasicBlock, (3, 4, 6, 3), input_shape, classes, width, stem, shortcut, rng)


def resnet50(
    input_shape: Sequence[int] = (3, 224, 224),
    classes: int = 1000,
    width: float = 1.0,
    stem: str = "imagenet",
    shortcut: str = "B",
    rng: Generator = None,
) -> ResNet:
    """Return the residual network with 50 layers of weights; see :class:`ResNet`."""
    return ResNet(Bottleneck, (3, 4, 6, 3), input_shape, classes, width, stem, shortcut, rng)
