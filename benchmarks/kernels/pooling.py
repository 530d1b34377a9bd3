"""Pools: maxima and averages of windows, and of whole images."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.case import BOTH, FORWARD, Case, Goal, Setting, kernel
from benchmarks.pair import LAYOUTS, pair

GOAL = Goal(least=1.5, means={FORWARD: 1.5, BOTH: 1.5})

# (N, C, H = W, kernel, stride, padding)
SHAPES = [
    (32, 64, 32, 2, 2, 0),
    (32, 64, 56, 3, 2, 1),
    (32, 6, 28, 2, 2, 0),
    (4, 17, 31, 3, 1, 1),
    (1, 24, 56, 2, 2, 0),
]
WHOLE = [(32, 64, 32), (32, 512, 7)]


def cases(setting: Setting) -> Iterator[Case]:
    """Yield a case for each pool, shape and direction."""
    for shape in setting.some(SHAPES, [(2, 3, 6, 2, 2, 0)]):
        yield from maxima(setting, *shape)
        yield from averages(setting, *shape)
    for n, c, h in setting.some(WHOLE, [(2, 3, 5)]):
        yield from whole_images(setting, n, c, h)


def maxima(
    setting: Setting, n: int, c: int, h: int, size: int, stride: int, padding: int
) -> Iterator[Case]:
    """Yield one max pool; its forward keeps the places of the maxima."""
    pool, pool_backward = kernel("max_pool2d"), kernel("max_pool2d_backward")
    theirs = setting.torch.nn.functional.max_pool2d
    yield from pair(
        setting,
        f"max ({n},{c},{h}x{h}) {size}/{stride}",
        [setting.normal(n, c, h, h)],
        lambda x: pool(x, size, stride, padding),
        lambda grad, result, x: pool_backward(grad, result[1], x.shape, size, stride, padding),
        lambda x: theirs(x, size, stride, padding),
        images=(0,),
        layouts=LAYOUTS,
    )


def averages(
    setting: Setting, n: int, c: int, h: int, size: int, stride: int, padding: int
) -> Iterator[Case]:
    """Yield one average pool."""
    pool, pool_backward = kernel("avg_pool2d"), kernel("avg_pool2d_backward")
    theirs = setting.torch.nn.functional.avg_pool2d
    yield from pair(
        setting,
        f"average ({n},{c},{h}x{h}) {size}/{stride}",
        [setting.normal(n, c, h, h)],
        lambda x: pool(x, size, stride, padding),
        lambda grad, _, x: pool_backward(grad, x.shape, size, stride, padding),
        lambda x: theirs(x, size, stride, padding),
        images=(0,),
        layouts=LAYOUTS,
    )


def whole_images(setting: Setting, n: int, c: int, h: int) -> Iterator[Case]:
    """Yield one global average pool."""
    pool, pool_backward = kernel("global_avg_pool2d"), kernel("global_avg_pool2d_backward")
    theirs = setting.torch.nn.functional.adaptive_avg_pool2d
    yield from pair(
        setting,
        f"global ({n},{c},{h}x{h})",
        [setting.normal(n, c, h, h)],
        pool,
        lambda grad, _, x: pool_backward(grad, x.shape),
        lambda x: theirs(x, 1),
        images=(0,),
        layouts=LAYOUTS,
    )
