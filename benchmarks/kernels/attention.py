"""Scaled dot-product attention, full and causal."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.case import Case, Goal, Setting, kernel
from benchmarks.pair import pair

GOAL = Goal(least=1.0)

# (batch, heads, queries = keys, width of a head, causal)
SHAPES = [
    (4, 8, 64, 32, False),
    (4, 8, 256, 64, False),
    (4, 8, 256, 64, True),
    (1, 8, 1024, 64, False),
    (1, 8, 1024, 64, True),
]


def cases(setting: Setting) -> Iterator[Case]:
    """Yield a case for each shape and direction."""
    for shape in setting.some(SHAPES, [(1, 2, 5, 4, True)]):
        yield from attention(setting, *shape)


def attention(
    setting: Setting, batch: int, heads: int, length: int, width: int, causal: bool
) -> Iterator[Case]:
    """Yield one attention: two products forward, five backward, half of each if causal."""
    forward = kernel("scaled_dot_product_attention")
    backward = kernel("scaled_dot_product_attention_backward")
    theirs = setting.torch.nn.functional.scaled_dot_product_attention
    product = 2.0 * batch * heads * length * length * width / (2 if causal else 1)
    yield from pair(
        setting,
        f"({batch},{heads},{length},{width}){' causal' if causal else ''}",
        [setting.normal(batch, heads, length, width) for _ in range(3)],
        lambda q, k, v: forward(q, k, v, causal=causal),
        lambda grad, result, q, k, v: backward(grad, q, k, v, *result, causal=causal)[:3],
        lambda q, k, v: theirs(q, k, v, is_causal=causal),
        flops=2 * product,
        flops_backward=5 * product,
    )
