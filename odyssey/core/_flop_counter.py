"""Counting floating-point operations while a program runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from odyssey.core._flops import FLOPS
from odyssey.engine import gradients
from odyssey.grad_mode import enable_grad, no_grad
from odyssey.observe import Event, observe
from odyssey.tape import Node
from odyssey.tensor import Tensor

__all__ = ["FlopCounter", "flops"]

BIASES = ("bias", "bias_ih", "bias_hh", "bq", "bk", "bv", "bo")


def flops(
    function: Callable[..., Any], /, *inputs: Any, backward: bool = False, **kwargs: Any
) -> int:
    """Count the floating-point operations of a call.

    Parameters
    ----------
    function : Module or callable
        It is called, in the mode in which it is.
    *inputs, **kwargs
        What it is called with; arrays become Tensors.
    backward : bool, default False
        Also count a backward from all results, for every parameter and input that
        requires a gradient. No ``grad`` is changed.

    Returns
    -------
    int

    See Also
    --------
    odyssey.nn.summary : the same for each layer, and more.

    Notes
    -----
    A multiply-add is 2, a division or root 4, a transcendental function 8; what only
    moves numbers is 0. The file ``odyssey/core/_flops.py`` has a formula for each
    operation. Work that is done on arrays beside operations is not seen.

    Examples
    --------
    >>> import odyssey as od
    >>> layer = od.nn.Linear(3, 5)
    >>> flops(layer, od.ones((2, 3)))  # 2 rows, 5 outputs, 3 multiply-adds and a bias
    70
    >>> flops(lambda a, b: a @ b, od.ones((2, 3)), od.ones((3, 5)))
    60
    """
    counter = FlopCounter()
    tensors = [Tensor(x) if isinstance(x, np.ndarray) else x for x in inputs]
    with enable_grad() if backward else no_grad(), observe(counter):
        results = _tensors(function(*tensors, **kwargs))
        roots = [one for one in results if one.requires_grad] if backward else []
        if roots:
            seeds = [np.ones(root.shape, root.dtype) for root in roots]
            gradients(roots, _leaves(roots), seeds)
    return counter.forward + counter.backward


def _tensors(value: Any) -> list[Tensor]:
    """Return the Tensors of a result, also of lists, tuples and dicts."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [t for one in value for t in _tensors(one)] if isinstance(value, (list, tuple)) else []


def _leaves(roots: list[Tensor]) -> list[Tensor]:
    """Return the leaves of the graph behind some results."""
    leaves: dict[int, Tensor] = {}
    pending: list[Any] = [root if root._node is None else root._node for root in roots]
    seen: set[int] = set()
    while pending:
        edge = pending.pop()
        if isinstance(edge, list):
            pending += edge
        elif isinstance(edge, Tensor):
            leaves[id(edge)] = edge
        elif edge is not None:
            node = edge[0] if isinstance(edge, tuple) else edge
            if isinstance(node, Node) and node.order not in seen:
                seen.add(node.order)
                pending += node.edges
    return list(leaves.values())


class FlopCounter:
    """Count the floating-point operations of the events of :func:`odyssey.observe.observe`.

    Parameters
    ----------
    callback : callable, optional
        Called with each event and its number.

    Attributes
    ----------
    forward, backward : int
        The sums so far.

    Examples
    --------
    >>> import odyssey as od
    >>> from odyssey.observe import observe
    >>> w = od.ones((3, 5), requires_grad=True)
    >>> counter = FlopCounter()
    >>> with observe(counter):
    ...     (od.ones((2, 3)) @ w).sum().backward()
    >>> counter.forward, counter.backward
    (70, 70)
    """

    def __init__(self, callback: Callable[[Event, int], Any] | None = None) -> None:
        self.callback = callback
        self.forward = self.backward = 0
        self._of_nodes: dict[int, int] = {}  # by their order, which no other node has

    def __call__(self, event: Event) -> None:
        """Add what an operation took."""
        if event.phase == "forward":
            number = self._of_forward(event)
            self.forward += number
        else:
            number = self._of_backward(event)
            self.backward += number
        if self.callback is not None:
            self.callback(event, number)

    def _of_forward(self, event: Event) -> int:
        outputs = event.outputs
        rule = FLOPS.get(event.name)
        if rule is None or not outputs:
            number = sum(out.size for out in outputs)
        else:
            number = int(rule(outputs[0], **event.arguments))
        if event.node is not None:
            self._of_nodes[event.node.order] = number
        return number

    def _of_backward(self, event: Event) -> int:
        """Return the forward's number for each gradient, biases aside; see the table's docstring.

        If the forward was not seen: the elements of the gradients.
        """
        operation = event.operation
        names = [operation.names[position] for position in operation.wrt]
        found = [
            grad
            for name, grad in zip(names, event.result, strict=True)
            if grad is not None and name not in BIASES
        ]
        number = self._of_nodes.get(event.node.order)
        if number is None:
            return sum(getattr(grad, "size", 0) for grad in found)
        return number * len(found)
