"""Layers in training: forward and backward, gradients of all parameters and of the input.

Both sides have the same weights, under the same names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

import odyssey as od
from benchmarks.case import BOTH, Case, Goal, Setting
from odyssey import nn

__all__ = ["GOAL", "Layer", "cases", "layers"]

GOAL = Goal(least=1.0)


@dataclass(frozen=True)
class Layer:
    """A layer, and the same one of PyTorch's."""

    name: str
    mine: Callable[[], nn.Module]
    theirs: Callable[[Any], Any]
    """Takes ``torch.nn``; its state has our names."""
    shape: tuple[int, ...]
    """Of the input."""
    random: bool = False
    """Whether results are drawn, so that the two sides cannot be compared."""


def layers(quick: bool = False) -> list[Layer]:
    """Return the layers that the project wants to be fast: a table."""
    N, L, width, heads = (2, 4, 8, 2) if quick else (32, 64, 256, 8)
    return [
        *[
            encoder_layer((N, L, width), (width, heads, 4 * width, dropout, activation))
            for activation in ("relu", "gelu")
            for dropout in (0.0, 0.1)
        ],
        Layer(
            f"MultiHeadAttention {width}, batch {N}, {L} steps",
            lambda: nn.MultiHeadAttention(width, heads),
            lambda theirs: self_attention(
                theirs.MultiheadAttention(width, heads, batch_first=True)
            ),
            (N, L, width),
        ),
    ]


def encoder_layer(shape: tuple[int, ...], sizes: tuple[Any, ...]) -> Layer:
    """Return an encoder's layer; sizes are features, heads, those hidden, dropout, activation."""
    *_, dropout, activation = sizes
    return Layer(
        f"TransformerEncoderLayer {shape[2]}, batch {shape[0]}, {shape[1]} steps, {activation}, "
        f"dropout {dropout}",
        lambda: nn.TransformerEncoderLayer(*sizes),
        lambda theirs: theirs.TransformerEncoderLayer(*sizes, batch_first=True),
        shape,
        dropout > 0,
    )


def self_attention(layer: Any) -> Any:
    """Let PyTorch's attention be called with one input, and return one output."""
    forward = layer.forward
    layer.forward = lambda x: forward(x, x, x, need_weights=False)[0]
    return layer


def cases(setting: Setting) -> Iterator[Case]:
    """Yield a case for each layer."""
    for layer in layers(setting.quick):
        yield layer_case(setting, layer)


def layer_case(setting: Setting, layer: Layer) -> Case:
    """Return the case of one forward and backward pass, in training mode."""
    torch = setting.torch
    x = setting.normal(*layer.shape)
    mine = layer.mine().to(setting.dtype)
    theirs = layer.theirs(torch.nn)
    state = {name: torch.tensor(array) for name, array in mine.state_dict().items()}
    theirs.to(getattr(torch, setting.dtype.name)).load_state_dict(state)
    grad = setting.normal(*first(mine(od.from_numpy(x))).shape)

    def truth() -> Any:
        double = layer.theirs(torch.nn).double()
        double.load_state_dict(theirs.state_dict())
        wide = (array.astype(np.float64) for array in (x, grad))
        return their_pass(torch, double, *wide)()

    return Case(
        layer.name,
        my_pass(mine, x, grad),
        {"": their_pass(torch, theirs, x, grad)},
        BOTH,
        None if layer.random else truth,
        independent=False,
    )


def first(output: Any) -> Any:
    """Return an output, or the first of several: a recurrent layer returns its state, too."""
    return output[0] if isinstance(output, tuple) else output


def my_pass(layer: nn.Module, x: np.ndarray, grad: np.ndarray) -> Callable[[], Any]:
    """Return a function that goes forward and back, and returns output and gradients."""
    tensor = od.tensor(x, requires_grad=True)

    def run() -> Any:
        layer.zero_grad()
        tensor.grad = None
        y = first(layer(tensor))
        y.backward(grad)
        return y, tensor.grad, grads(layer)

    return run


def their_pass(torch: Any, layer: Any, x: np.ndarray, grad: np.ndarray) -> Callable[[], Any]:
    """Return the same with PyTorch."""
    tensor, cotangent = torch.tensor(x, requires_grad=True), torch.from_numpy(grad)

    def run() -> Any:
        layer.zero_grad()
        tensor.grad = None
        y = first(layer(tensor))
        y.backward(cotangent)
        return y.detach(), tensor.grad, grads(layer)

    return run


def grads(layer: Any) -> tuple[Any, ...]:
    """Return the gradients of the parameters, in the order of their names."""
    found = dict(layer.named_parameters())
    return tuple(found[name].grad for name in sorted(found))
