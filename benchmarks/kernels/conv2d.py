"""Two-dimensional convolutions: those of known networks, and odd ones.

The input of a network wants no gradient, so that the layers with 1 or 3
channels compute none, on either side.
"""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.case import BOTH, FORWARD, Case, Goal, Setting, kernel
from benchmarks.pair import LAYOUTS, hits, pair

GOAL = Goal(least=1.0, means={FORWARD: 1.4, BOTH: 1.4})

# (N, C, H, W, K, kernel, stride, dilation, groups)
SHAPES = [
    (32, 1, 28, 28, 6, 5, 1, 1, 1),
    (32, 6, 14, 14, 16, 5, 1, 1, 1),
    (32, 3, 32, 32, 64, 3, 1, 1, 1),
    (32, 64, 32, 32, 64, 3, 1, 1, 1),
    (32, 128, 16, 16, 128, 3, 1, 1, 1),
    (32, 256, 8, 8, 256, 3, 1, 1, 1),
    (32, 512, 4, 4, 512, 3, 1, 1, 1),
    (32, 64, 32, 32, 128, 3, 2, 1, 1),
    (32, 128, 16, 16, 256, 1, 1, 1, 1),
    (8, 64, 56, 56, 64, 3, 1, 1, 1),
    (1, 64, 56, 56, 64, 3, 1, 1, 1),
    (8, 3, 224, 224, 64, 7, 2, 1, 1),
    (4, 17, 31, 31, 23, 3, 1, 1, 1),
    (8, 64, 28, 28, 64, 3, 1, 2, 1),
    (8, 64, 28, 28, 128, 3, 1, 1, 4),
    (8, 32, 24, 40, 48, 3, 1, 1, 1),
]


def cases(setting: Setting) -> Iterator[Case]:
    """Yield a case for each shape and direction."""
    for shape in setting.some(SHAPES, [(2, 3, 6, 7, 4, 3, 1, 1, 1)]):
        yield from convolution(setting, *shape)


def convolution(
    setting: Setting,
    n: int,
    c: int,
    h: int,
    w: int,
    k: int,
    size: int,
    stride: int,
    dilation: int,
    groups: int,
) -> Iterator[Case]:
    """Yield one convolution, padded such that stride 1 keeps the size."""
    conv2d, conv2d_backward = kernel("conv2d"), kernel("conv2d_backward")
    theirs = setting.torch.nn.functional.conv2d
    padding = dilation * (size - 1) // 2
    settings = (stride, padding, dilation, groups)
    needs = (c > 4, True, True)
    rows, columns = (hits(length, size, stride, padding, dilation) for length in (h, w))
    flops = 2.0 * n * k * (c // groups) * rows * columns
    name = f"({n},{c},{h}x{w})->{k} {size}x{size}"
    for word, value in (("stride", stride), ("dilation", dilation), ("groups", groups)):
        name += f" {word} {value}" if value > 1 else ""
    yield from pair(
        setting,
        name,
        [setting.normal(n, c, h, w), setting.normal(k, c // groups, size, size), setting.normal(k)],
        lambda x, weight, bias: conv2d(x, weight, bias, *settings),
        lambda grad, _, x, weight, bias: conv2d_backward(grad, x, weight, *settings, needs),
        lambda x, weight, bias: theirs(x, weight, bias, *settings),
        flops=flops,
        flops_backward=flops * sum(needs[:2]),
        needs=needs,
        images=(0,),
        layouts=LAYOUTS,
    )
