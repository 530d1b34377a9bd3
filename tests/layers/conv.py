"""Convolutions, transposed, depthwise and separable ones: samples, bad settings, and PyTorch's."""

import numpy as np

import odyssey as od
from layers import Bad, Layer
from odyssey import nn
from odyssey.errors import OdysseyError, ShapeError

normal = np.random.default_rng(2).standard_normal
SIZES = {1: (11,), 2: (9, 8), 3: (6, 7, 5)}
MODES = ("zeros", "reflect", "replicate", "circular")


def conv(axes, *args, N=2, size=None, **settings):
    """Return the sample of a convolution with the same settings here and there."""
    return Layer(
        lambda: getattr(nn, f"Conv{axes}D")(*args, **settings),
        (normal((N, args[0], *(size or SIZES[axes]))),),
        lambda torch: getattr(torch.nn, f"Conv{axes}d")(*args, **settings),
    )


def transposed(axes, *args, N=2, output_size=None, **settings):
    return Layer(
        lambda: getattr(nn, f"ConvTranspose{axes}D")(*args, **settings),
        (normal((N, args[0], *[n - 2 for n in SIZES[axes]])),),
        lambda torch: getattr(torch.nn, f"ConvTranspose{axes}d")(*args, **settings),
        {} if output_size is None else {"output_size": output_size},
    )


def padded(axes, padding, flat, *args, **settings):
    """Return a sample whose sides are padded differently: PyTorch needs a layer for that."""
    return Layer(
        lambda: getattr(nn, f"Conv{axes}D")(*args, padding=padding, **settings),
        (normal((2, args[0], *SIZES[axes])),),
        lambda torch: torch.nn.Sequential(
            getattr(torch.nn, f"ConstantPad{axes}d")(flat, 0),
            getattr(torch.nn, f"Conv{axes}d")(*args, **settings),
        ),
        names={"weight": "1.weight", "bias": "1.bias"},
    )


def depthwise(channels, kernel_size, depth_multiplier=1, **settings):
    return Layer(
        lambda: nn.DepthwiseConv2D(
            channels, kernel_size, depth_multiplier=depth_multiplier, **settings
        ),
        (normal((2, channels, *SIZES[2])),),
        lambda torch: torch.nn.Conv2d(
            channels, channels * depth_multiplier, kernel_size, groups=channels, **settings
        ),
    )


def separable(channels, filters, kernel_size, depth_multiplier=1, bias=True, **settings):
    middle = channels * depth_multiplier
    return Layer(
        lambda: nn.SeparableConv2D(
            channels,
            filters,
            kernel_size,
            depth_multiplier=depth_multiplier,
            bias=bias,
            **settings,
        ),
        (normal((2, channels, *SIZES[2])),),
        lambda torch: torch.nn.Sequential(
            torch.nn.Conv2d(channels, middle, kernel_size, groups=channels, bias=False, **settings),
            torch.nn.Conv2d(middle, filters, 1, bias=bias),
        ),
        names={"depthwise_weight": "0.weight", "pointwise_weight": "1.weight", "bias": "1.bias"},
    )


def waiting(make, channels, axes, torch):
    """Return the sample of a layer that is not told the channels of its input."""
    return Layer(make, (normal((2, channels, *SIZES[axes])),), torch)


LAYERS = [
    *[conv(axes, 3, 4, 3) for axes in (1, 2, 3)],
    *[conv(axes, 3, 4, 1, bias=False) for axes in (1, 2, 3)],
    *[conv(axes, 4, 6, 3, stride=2, padding=1, groups=2) for axes in (1, 2, 3)],
    *[conv(axes, 2, 3, 2, padding="same", dilation=2) for axes in (1, 2, 3)],
    *[conv(axes, 2, 3, 3, padding="valid", stride=3) for axes in (1, 2, 3)],
    *[conv(axes, 2, 3, 3, padding=2, padding_mode=mode) for axes in (1, 2, 3) for mode in MODES],
    *[conv(axes, 4, 4, 3, groups=4, padding=1, N=0) for axes in (1, 2, 3)],
    conv(1, 1, 2, 5, stride=4, padding=3, dilation=2),
    conv(1, 6, 9, 2, groups=3, padding="same", padding_mode="reflect"),
    conv(2, 3, 5, (3, 2), stride=(1, 2), padding=(2, 0), dilation=(2, 1)),
    conv(2, 3, 5, (1, 4), padding="same", dilation=(1, 2), bias=False),
    conv(2, 4, 6, (2, 3), stride=(2, 1), padding=(1, 2), groups=2, padding_mode="circular"),
    conv(2, 3, 16, 3, padding=1, size=(16, 16), N=1),
    conv(2, 1, 6, 5, padding=2, size=(28, 28)),
    conv(3, 2, 4, (2, 3, 1), stride=(1, 2, 1), padding=(1, 0, 2), dilation=(2, 1, 1), groups=2),
    padded(1, ((1, 3),), (1, 3), 2, 3, 3, stride=2),
    padded(2, ((1, 0), (2, 3)), (2, 3, 1, 0), 2, 3, 3),
    padded(3, (1, (0, 2), 3), (3, 3, 0, 2, 1, 1), 2, 3, 3),
    *[transposed(axes, 3, 4, 3) for axes in (1, 2, 3)],
    *[transposed(axes, 3, 4, 2, bias=False, stride=2) for axes in (1, 2, 3)],
    *[
        transposed(axes, 4, 6, 3, stride=3, padding=1, output_padding=2, groups=2)
        for axes in (1, 2, 3)
    ],
    *[transposed(axes, 2, 3, 3, dilation=2, padding=2) for axes in (1, 2, 3)],
    *[transposed(axes, 2, 2, 3, N=0) for axes in (1, 2, 3)],
    transposed(1, 2, 3, 4, stride=2, padding=1, output_size=(19,)),
    transposed(2, 2, 3, (3, 2), stride=(2, 3), padding=(1, 0), output_padding=(1, 2)),
    transposed(2, 2, 3, 3, stride=2, padding=1, output_size=(14, 11)),
    transposed(2, 6, 3, (2, 3), stride=(3, 2), dilation=(2, 1), groups=3),
    transposed(3, 2, 4, (2, 3, 1), stride=(1, 2, 3), output_padding=(0, 1, 2), groups=2),
    transposed(3, 2, 2, 3, stride=2, output_size=(9, 12, 8)),
    Layer(
        lambda: nn.ConvTranspose2D(2, 3, 3, padding=((1, 0), (2, 1))),
        (normal((2, 2, 5, 6)),),
        lambda torch: torch.nn.Sequential(
            torch.nn.ConvTranspose2d(2, 3, 3), torch.nn.ZeroPad2d((-2, -1, -1, 0))
        ),
        names={"weight": "0.weight", "bias": "0.bias"},
    ),
    depthwise(3, 3),
    depthwise(4, (2, 3), stride=2, padding=(0, 2), bias=False),
    depthwise(3, 3, depth_multiplier=2, padding="same"),
    depthwise(2, 2, depth_multiplier=3, dilation=(2, 3)),
    separable(3, 5, 3),
    separable(3, 5, (3, 2), stride=(1, 2), padding=1, bias=False),
    separable(2, 4, 3, depth_multiplier=3, padding="same", dilation=2),
    waiting(lambda: nn.Conv1D(None, 4, 3), 2, 1, lambda torch: torch.nn.Conv1d(2, 4, 3)),
    waiting(
        lambda: nn.Conv2D(None, 4, 3, groups=2),
        6,
        2,
        lambda torch: torch.nn.Conv2d(6, 4, 3, groups=2),
    ),
    waiting(lambda: nn.Conv3D(None, 4, 3), 2, 3, lambda torch: torch.nn.Conv3d(2, 4, 3)),
    waiting(
        lambda: nn.ConvTranspose2D(None, 4, 3, groups=2),
        6,
        2,
        lambda torch: torch.nn.ConvTranspose2d(6, 4, 3, groups=2),
    ),
    waiting(
        lambda: nn.DepthwiseConv2D(None, 3),
        3,
        2,
        lambda torch: torch.nn.Conv2d(3, 3, 3, groups=3),
    ),
    Layer(
        lambda: nn.SeparableConv2D(None, 5, 3),
        separable(3, 5, 3).inputs,
        separable(3, 5, 3).torch,
        names=separable(3, 5, 3).names,
    ),
]
ALL = ("Conv1D", "Conv2D", "Conv3D", "ConvTranspose1D", "ConvTranspose2D", "ConvTranspose3D")
AXES = {"1D": r"3, \(N, C, L\)", "2D": r"4, \(N, C, H, W\)", "3D": r"5, \(N, C, D, H, W\)"}


def bad(name, args, match, error=ShapeError, **settings):
    return Bad(lambda: getattr(nn, name)(*args, **settings), error, f"^{name}: {match}")


def bad_input(name, args, shape, match, **kwargs):
    return Bad(
        lambda: getattr(nn, name)(*args)(od.ones(shape), **kwargs), ShapeError, f"^{name}: {match}"
    )


BAD = [
    *[bad(name, (0, 1, 3), "in_channels must be a positive integer, got 0") for name in ALL],
    *[bad(name, (1, 2.5, 3), "out_channels must be a positive integer, got 2.5") for name in ALL],
    *[bad(name, (4, 6, 3), "groups=3 does not divide in_channels=4", groups=3) for name in ALL],
    *[bad(name, (6, 4, 3), "groups=3 does not divide out_channels=4", groups=3) for name in ALL],
    *[bad(name, (2, 2, 3), "groups must be a positive integer, got 0", groups=0) for name in ALL],
    *[bad(name, (2, 2, 0), "kernel_size must be at least 1, got 0") for name in ALL],
    *[bad(name, (2, 2, (1,) * 4), "kernel_size must be one integer") for name in ALL],
    *[bad(name, (2, 2, 3), "stride must be at least 1, got 0", stride=0) for name in ALL],
    *[bad(name, (2, 2, 3), "dilation must be at least 1, got -1", dilation=-1) for name in ALL],
    *[bad(name, (2, 2, 3), "padding must be at least 0, got -1", padding=-1) for name in ALL],
    *[bad(name, (2, 2, 3), "padding must be 'same', 'valid'", padding="all") for name in ALL],
    *[bad(name, (2, 2, 3), "padding must be numbers", padding="same") for name in ALL[3:]],
    *[
        bad(name, (2, 2, 3), "output_padding must be less than the stride 2", **settings)
        for name in ALL[3:]
        for settings in ({"stride": 2, "output_padding": 2},)
    ],
    *[
        bad(name, (2, 2, 3), "output_padding must be at least 0", output_padding=-1)
        for name in ALL[3:]
    ],
    *[
        bad(
            name,
            (2, 2, 3),
            "padding_mode: expected one of zeros, reflect, replicate, circular, got 'mirror'",
            OdysseyError,
            padding_mode="mirror",
        )
        for name in ALL[:3]
    ],
    bad("DepthwiseConv2D", (0, 3), "channels must be a positive integer, got 0"),
    bad("DepthwiseConv2D", (2, 3), "depth_multiplier must be a positive", depth_multiplier=0),
    bad("DepthwiseConv2D", (2, 3), "padding must be at least 0", padding=(1, -1)),
    bad("SeparableConv2D", (0, 3, 3), "in_channels must be a positive integer, got 0"),
    bad("SeparableConv2D", (3, None, 3), "out_channels must be a positive integer, got None"),
    bad("SeparableConv2D", (3, 3, 3), "stride must be one integer or two", stride=(1, 2, 3)),
    # Of an input they say what it must be, whether or not they know its channels.
    *[
        bad_input(name, (channels, 2, 3), (5, 5), f"{op}: x has 2 axes but needs {AXES[name[-2:]]}")
        for channels in (None, 2)
        for name, op in zip(
            ALL,
            (
                *("conv1d", "conv2d", "conv3d"),
                *("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"),
            ),
            strict=True,
        )
    ],
    bad_input("DepthwiseConv2D", (2, 3), (2, 5, 5), "depthwise_conv2d: x has 3 axes but needs 4"),
    bad_input("SeparableConv2D", (2, 2, 3), (2, 5, 5), ".*: x has 3 axes but needs 4"),
    bad_input("Conv2D", (3, 2, 3), (1, 2, 5, 5), "conv2d: weight has 3 input channels but x has 2"),
    bad_input("Conv1D", (2, 2, 9), (1, 2, 5), "conv1d: the window is larger than the padded"),
    *[
        bad_input(
            "ConvTranspose2D",
            (2, 2, 3, 2),
            (1, 2, 5, 4),
            r"conv_transpose2d: output_size must lie in \(11, 9\)..\(12, 10\)",
            output_size=size,
        )
        for size in ((13, 9), (11, 8), 20)
    ],
]
