"""Softmax with cross-entropy, a loss for each row."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.case import Case, Goal, Setting, kernel
from benchmarks.pair import pair

GOAL = Goal(least=1.0)

SHAPES = [(32, 10), (64, 10), (128, 1000), (1024, 8192)]


def cases(setting: Setting) -> Iterator[Case]:
    """Yield a case for each shape and direction."""
    for rows, classes in setting.some(SHAPES, [(3, 5)]):
        yield from losses(setting, rows, classes)


def losses(setting: Setting, rows: int, classes: int) -> Iterator[Case]:
    """Yield the losses of a batch."""
    forward = kernel("softmax_cross_entropy")
    backward = kernel("softmax_cross_entropy_backward")
    labels = setting.rng.integers(0, classes, rows)
    theirs, their_labels = setting.torch.nn.functional.cross_entropy, setting.torch.tensor(labels)
    yield from pair(
        setting,
        f"({rows},{classes})",
        [setting.normal(rows, classes)],
        lambda x: forward(x, labels),
        lambda grad, result, x: backward(grad, x, labels, result[1]),
        lambda x: theirs(x, their_labels, reduction="none"),
    )
