"""MobileNet: convolutions taken apart, for small machines."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from odyssey import core, nn
from odyssey.models._parts import check_images, check_width, redraw, scaled
from odyssey.tensor import Tensor
from odyssey.utils.choices import pick

__all__ = ["DepthwiseSeparable", "mobilenet"]

BLOCKS = (  # table 1: the channels that come out of each block, and its stride
    (64, 1),
    (128, 2),
    (128, 1),
    (256, 2),
    (256, 1),
    (512, 2),
    (512, 1),
    (512, 1),
    (512, 1),
    (512, 1),
    (512, 1),
    (1024, 2),
    (1024, 1),
)


class DepthwiseSeparable(nn.Module):
    r"""Filter each channel by itself, then mix the channels: figure 3, right.

    A 3×3 convolution from M to N channels multiplies 9·M·N times a pixel, this one
    :math:`9 M + M N` times: 8 to 9 times less.

    Parameters
    ----------
    before, channels : int
        The channels of the input and of the output.
    stride : int
        Of the 3×3 filters.
    rng : numpy.random.Generator, optional

    Examples
    --------
    >>> import odyssey as od
    >>> DepthwiseSeparable(4, 8, stride=2)(od.ones((5, 4, 6, 6))).shape
    (5, 8, 3, 3)
    """

    def __init__(
        self, before: int, channels: int, stride: int = 1, rng: np.random.Generator | None = None
    ) -> None:
        self.depthwise = nn.DepthwiseConv2D(before, 3, stride, padding=1, bias=False, rng=rng)
        self.bn1 = nn.BatchNorm2D(before)
        self.pointwise = nn.Conv2D(before, channels, 1, bias=False, rng=rng)
        self.bn2 = nn.BatchNorm2D(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Return images of N channels, smaller by the stride."""
        x = core.relu(self.bn1(self.depthwise(x)))
        return core.relu(self.bn2(self.pointwise(x)))


def mobilenet(
    input_shape: Sequence[int] = (3, 224, 224),
    classes: int = 1000,
    width: float = 1.0,
    stem: str = "imagenet",
    rng: np.random.Generator | None = None,
) -> nn.Sequential:
    r"""Return MobileNet (the first of that name).

    ============  ===============================  =============
    layer         what it does                     output
    ============  ===============================  =============
    conv          3×3 convolution, stride 2        32×112×112
    block1        separable                        64×112×112
    block2        separable, stride 2              128×56×56
    block3        separable                        128×56×56
    block4        separable, stride 2              256×28×28
    block5        separable                        256×28×28
    block6        separable, stride 2              512×14×14
    block7 to 11  separable                        512×14×14
    block12       separable, stride 2              1024×7×7
    block13       separable                        1024×7×7
    pool          mean over all pixels             1024×1×1
    fc            linear                           1000
    ============  ===============================  =============

    where each convolution, depthwise and pointwise ones as well, is followed by a
    normalisation and a rectifier; 4,231,976 parameters.

    Parameters
    ----------
    input_shape : (C, H, W)
        The shape of one image. The paper's resolution multiplier ρ is no more than a
        smaller image.
    classes : int
        The number of scores that come out.
    width : float
        The paper's width multiplier α, of all numbers of channels; 0.75, 0.5 and 0.25
        are the usual ones.
    stem : {"imagenet", "cifar"}
        The stride of the first convolution: 2, or 1 for small images, which the paper
        does not speak of.
    rng : numpy.random.Generator, optional
        What the first weights are drawn from.

    Returns
    -------
    Sequential
        From (N, C, H, W) to (N, classes).

    Raises
    ------
    OdysseyError
        If a setting is unknown or out of range.

    Notes
    -----
    The paper's table 1 gives block13 a stride of 2, with 7×7 pixels before and after it:
    it is 1. The paper rounds its number of parameters to 4.2 million, and says nothing of
    first weights; here they are He's, :func:`odyssey.core.kaiming_normal`.

    References
    ----------
    .. [1] A. Howard et al., "MobileNets: efficient convolutional neural networks for mobile
       vision applications", 2017, section 3 and table 1. https://arxiv.org/abs/1704.04861

    Examples
    --------
    >>> import odyssey as od
    >>> model = mobilenet((3, 32, 32), classes=10, width=1 / 8)
    >>> model(od.ones((5, 3, 32, 32))).shape
    (5, 10)
    """
    check_width("mobilenet", width)
    pick("mobilenet: stem", stem, ("imagenet", "cifar"))
    colours, *_ = check_images("mobilenet", input_shape)
    before = scaled(32, width)
    stride = 2 if stem == "imagenet" else 1
    layers: dict[str, nn.Module] = {
        "conv": nn.Conv2D(colours, before, 3, stride, padding=1, bias=False, rng=rng),
        "bn": nn.BatchNorm2D(before),
        "relu": nn.ReLU(),
    }
    for number, (channels, stride) in enumerate(BLOCKS, start=1):
        after = scaled(channels, width)
        layers[f"block{number}"] = DepthwiseSeparable(before, after, stride, rng)
        before = after
    layers["pool"] = nn.GlobalAvgPool2D()
    layers["flatten"] = nn.Flatten()
    layers["fc"] = nn.Linear(before, classes, rng=rng)
    model = nn.Sequential(layers)
    kinds = (nn.Conv2D, nn.DepthwiseConv2D)
    redraw(model, kinds, lambda shape: core.kaiming_normal(shape, rng=rng))
    return model
