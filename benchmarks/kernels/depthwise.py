"""Depthwise convolutions: a filter of its own for each channel, little work for each number."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.case import BOTH, FORWARD, Case, Goal, Setting, kernel
from benchmarks.pair import LAYOUTS, hits, pair

GOAL = Goal(least=1.0, means={FORWARD: 1.3, BOTH: 1.3})

# (N, C, H = W, kernel, stride, multiplier)
SHAPES = [
    (32, 64, 32, 3, 1, 1),
    (32, 256, 16, 3, 1, 1),
    (32, 512, 8, 3, 1, 1),
    (8, 32, 112, 3, 1, 1),
    (8, 64, 112, 3, 2, 1),
    (32, 64, 32, 5, 1, 1),
    (8, 32, 56, 3, 1, 2),
    (4, 37, 29, 3, 1, 1),
    (1, 512, 14, 3, 1, 1),
    (16, 13, 40, 3, 1, 1),
    (8, 96, 28, 7, 1, 1),
]


def cases(setting: Setting) -> Iterator[Case]:
    """Yield a case for each shape and direction."""
    for shape in setting.some(SHAPES, [(2, 3, 6, 3, 1, 1)]):
        yield from convolution(setting, *shape)


def convolution(
    setting: Setting, n: int, c: int, h: int, size: int, stride: int, multiplier: int
) -> Iterator[Case]:
    """Yield one depthwise convolution, padded such that stride 1 keeps the size."""
    depthwise, depthwise_backward = kernel("depthwise_conv2d"), kernel("depthwise_conv2d_backward")
    theirs = setting.torch.nn.functional.conv2d
    padding, k = (size - 1) // 2, c * multiplier
    flops = 2.0 * n * k * hits(h, size, stride, padding) ** 2
    name = f"({n},{c},{h}x{h}) {size}x{size}"
    name += f" stride {stride}" if stride > 1 else ""
    name += f" multiplier {multiplier}" if multiplier > 1 else ""
    yield from pair(
        setting,
        name,
        [setting.normal(n, c, h, h), setting.normal(k, 1, size, size), setting.normal(k)],
        lambda x, weight, bias: depthwise(x, weight, bias, stride, padding),
        lambda grad, _, x, weight, bias: depthwise_backward(grad, x, weight, stride, padding),
        lambda x, weight, bias: theirs(x, weight, bias, stride, padding, 1, c),
        flops=flops,
        flops_backward=2 * flops,
        images=(0,),
        layouts=LAYOUTS,
    )
