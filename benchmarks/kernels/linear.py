"""The affine map of a layer, ``x @ weight.T + bias``, and its three gradients."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks.case import BOTH, FORWARD, Case, Goal, Setting, kernel
from benchmarks.pair import pair

GOAL = Goal(least=0.97, means={FORWARD: 1.05, BOTH: 1.1})

# (rows, features in, features out)
SHAPES = [
    (4, 16, 16),
    (32, 400, 120),
    (32, 84, 10),
    (64, 784, 256),
    (64, 256, 256),
    (64, 256, 10),
    (1, 1024, 1024),
    (2048, 192, 768),
    (2048, 768, 192),
    (512, 1024, 1024),
    (4096, 512, 512),
    (131, 257, 101),
]


def cases(setting: Setting) -> Iterator[Case]:
    """Yield a case for each shape and direction."""
    for shape in setting.some(SHAPES, [(3, 5, 4)]):
        yield from layer(setting, *shape)


def layer(setting: Setting, rows: int, features_in: int, features_out: int) -> Iterator[Case]:
    """Yield one layer."""
    torch = setting.torch
    linear, linear_backward = kernel("linear"), kernel("linear_backward")
    everything = (True, True, True)

    def gradients(grad: Any, x: Any, weight: Any) -> Any:
        return grad @ weight, grad.T @ x, grad.sum(0)

    yield from pair(
        setting,
        f"({rows},{features_in})->{features_out}",
        [
            setting.normal(rows, features_in),
            setting.normal(features_out, features_in),
            setting.normal(features_out),
        ],
        linear,
        lambda grad, _, x, weight, bias: linear_backward(grad, x, weight, needs=everything),
        torch.nn.functional.linear,
        flops=2.0 * rows * features_in * features_out,
        flops_backward=4.0 * rows * features_in * features_out,
        ways={"addmm": lambda x, weight, bias: torch.addmm(bias, x, weight.t())},
        ways_both={
            "products": lambda grad, x, weight, bias: (
                torch.addmm(bias, x, weight.t()),
                gradients(grad, x, weight),
            )
        },
        truth=lambda x, weight, bias: x @ weight.T + bias,
        truth_both=lambda grad, x, weight, bias: (
            x @ weight.T + bias,
            gradients(grad, x, weight),
        ),
    )
