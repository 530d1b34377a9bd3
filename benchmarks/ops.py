"""What one recorded operation costs beyond its kernel: small operations on the tape.

Everything that users have is in place: validation, dispatch, broadcasting, the
version counter. The arrays are so small that arithmetic takes no time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import odyssey as od
from benchmarks.case import BOTH, FORWARD, Case, Goal, Setting

GOAL = Goal(least=1 / 0.75)

Step = Callable[..., Any]


def cases(setting: Setting) -> Iterator[Case]:
    """Yield single operations, then a chain of ten, then a layer."""
    x, y = setting.normal(8), setting.normal(8)
    yield from both_directions(setting, "multiply, 8 numbers", x, lambda x, y: x * y, y)
    yield from both_directions(setting, "add, 8 numbers", x, lambda x, y: x + y, y)
    yield from both_directions(setting, "10 multiplies, 8 numbers", x, chain, y)
    matrix, row = setting.normal(4, 8), setting.normal(8)
    yield from both_directions(setting, "add a row, 4x8", matrix, lambda x, y: x + y, row)
    right = setting.normal(8, 4)
    yield from both_directions(setting, "matmul, 4x8 by 8x4", matrix, product, right)
    yield from both_directions(setting, "sum, 4x8", matrix, lambda x: x.sum())
    yield from both_directions(setting, "getitem, 4x8", matrix, lambda x: x[1])
    yield from both_directions(setting, "reshape, 4x8", matrix, lambda x: x.reshape(8, 4))
    yield from linear(setting)


def chain(x: Any, y: Any) -> Any:
    """Multiply ten times."""
    for _ in range(10):
        x = x * y
    return x


def product(x: Any, y: Any) -> Any:
    """Multiply matrices."""
    return x @ y


def both_directions(
    setting: Setting, name: str, array: Any, function: Step, *others: Any
) -> Iterator[Case]:
    """Yield a function of one array that wants a gradient, and others that want none."""
    mine, theirs = od.tensor(array, requires_grad=True), setting.tensor(array.copy(), grad=True)
    my_others = [od.from_numpy(other) for other in others]
    their_others = [setting.tensor(other) for other in others]
    yield from recorded(
        setting,
        name,
        lambda: function(mine, *my_others),
        lambda: function(theirs, *their_others),
        [mine],
        [theirs],
    )


def linear(setting: Setting) -> Iterator[Case]:
    """Yield ``Linear(16, 16)`` on 4 rows."""
    x = setting.normal(4, 16)
    layer = od.nn.Linear(16, 16)
    for parameter in layer.parameters():
        parameter.data = parameter.numpy().astype(setting.dtype)
    torch = setting.torch
    their_layer = torch.nn.Linear(16, 16, dtype=getattr(torch, setting.dtype.name))
    with torch.no_grad():
        for mine, theirs in zip(layer.parameters(), their_layer.parameters(), strict=True):
            theirs.copy_(torch.from_numpy(mine.numpy()))
    my_x, their_x = od.from_numpy(x), setting.tensor(x)
    yield from recorded(
        setting,
        "Linear(16, 16), 4 rows",
        lambda: layer(my_x),
        lambda: their_layer(their_x),
        list(layer.parameters()),
        list(their_layer.parameters()),
    )


def recorded(
    setting: Setting,
    name: str,
    mine: Step,
    theirs: Step,
    my_leaves: list[Any],
    their_leaves: list[Any],
) -> Iterator[Case]:
    """Yield the forward with its record, and forward and backward into ``grad``.

    PyTorch's two doors to its backward are both tried.
    """
    torch = setting.torch
    grad = setting.normal(*theirs().shape)
    their_grad = setting.tensor(grad)

    def mine_both() -> Any:
        for leaf in my_leaves:
            leaf.grad = None
        out = mine()
        out.backward(grad)
        return out, [leaf.grad for leaf in my_leaves]

    def theirs_both() -> Any:
        for leaf in their_leaves:
            leaf.grad = None
        out = theirs()
        out.backward(their_grad)
        return out, [leaf.grad for leaf in their_leaves]

    def theirs_grad() -> Any:
        out = theirs()
        return out, torch.autograd.grad(out, their_leaves, their_grad)

    yield Case(name, mine, {"": theirs}, FORWARD, recorded=True)
    yield Case(name, mine_both, {"backward": theirs_both, "autograd.grad": theirs_grad}, BOTH)
