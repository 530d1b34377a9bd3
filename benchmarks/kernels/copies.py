"""Copies from one memory layout to another: transposition, channels first and last."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from benchmarks.case import FORWARD, Case, Goal, Setting
from odyssey import fast

GOAL = Goal(least=1.0, means={FORWARD: 1.3})

# A shape, and the order in which its axes shall lie in memory.
COPIES: list[tuple[str, tuple[int, ...], tuple[int, ...]]] = [
    ("transpose", (100, 100), (1, 0)),
    ("transpose", (1000, 1000), (1, 0)),
    ("transpose", (4000, 2500), (1, 0)),
    ("transpose", (4001, 2503), (1, 0)),
    ("transpose", (4096, 4096), (1, 0)),
    ("last axis first", (128, 128, 128), (2, 0, 1)),
    ("swap last axes", (64, 128, 96), (0, 2, 1)),
    ("swap heads", (8, 256, 12, 64), (0, 2, 1, 3)),
    ("NHWC to NCHW", (32, 32, 32, 64), (0, 3, 1, 2)),
    ("NHWC to NCHW", (32, 56, 56, 64), (0, 3, 1, 2)),
    ("NHWC to NCHW", (64, 224, 224, 3), (0, 3, 1, 2)),
    ("every second", (2000, 1000), (0, 1)),
    ("every second, transpose", (2000, 1000), (1, 0)),
    ("as it is", (10**4,), (0,)),
    ("as it is", (10**6,), (0,)),
    ("as it is", (10**7,), (0,)),
]

# Batches of images that become channels-last.
IMAGES: list[tuple[int, ...]] = [
    (32, 64, 32, 32),
    (32, 64, 56, 56),
    (32, 512, 7, 7),
    (64, 3, 224, 224),
]


def cases(setting: Setting) -> Iterator[Case]:
    """Yield a case for each copy."""
    for name, shape, order in setting.some(COPIES, [("transpose", (4, 5), (1, 0))]):
        yield permuted(setting, name, shape, order)
    for shape in setting.some(IMAGES, [(2, 3, 4, 5)]):
        yield channels_last(setting, shape)


def permuted(setting: Setting, name: str, shape: tuple[int, ...], order: tuple[int, ...]) -> Case:
    """Return the case of one copy to C order."""
    x = setting.normal(*shape)
    t = setting.tensor(x)
    if name.startswith("every second"):
        x, t = x[:, ::2], t[:, ::2]
    view, their_view = x.transpose(order), t.permute(order)
    if name == "as it is":
        ways = {"clone": their_view.clone}
    else:
        ways = {"contiguous": their_view.contiguous}
    kernel = _kernel()
    return _copy(name, x, lambda: kernel(view), ways, lambda: view.astype(np.float64))


def channels_last(setting: Setting, shape: tuple[int, ...]) -> Case:
    """Return the case of one copy of images from C order to channels-last."""
    x = setting.normal(*shape)
    t = setting.tensor(x)
    order = setting.torch.channels_last
    ways = {
        "channels_last": lambda: t.contiguous(memory_format=order),
        "permute": lambda: t.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2),
    }
    name, kernel = "NCHW to NHWC", _kernel()
    return _copy(name, x, lambda: kernel(x, "channels_last"), ways, lambda: x.astype(np.float64))


def _kernel() -> Any:
    return fast.KERNELS.get("copy", np.array)


def _copy(
    name: str,
    x: np.ndarray,
    mine: Callable[[], Any],
    ways: dict[str, Callable[[], Any]],
    truth: Callable[[], Any],
) -> Case:
    what = f"{name} {'x'.join(map(str, x.shape))}"
    moved = float(x.nbytes)
    return Case(what, mine, ways, FORWARD, truth, reads=moved, writes=moved)
