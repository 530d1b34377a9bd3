"""Drawings of the tape: the operations behind a tensor, and what they keep for backward."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from odyssey.errors import GradientError
from odyssey.tape import Node
from odyssey.tensor import Parameter, Tensor
from odyssey.utils.diagram import Box, Diagram, shape_text

__all__ = ["plot_graph"]


def plot_graph(
    tensor: Tensor,
    names: Mapping[str, Tensor] | None = None,
    path: str | os.PathLike[str] | None = None,
) -> Diagram:
    """Draw the graph that the tape has recorded behind a tensor.

    Parameters
    ----------
    tensor : Tensor
        A result that requires a gradient.
    names : mapping of str to Tensor, optional
        What to call the leaves: ``dict(model.named_parameters())``.
    path : path-like, optional
        An ``.svg`` file to write.

    Returns
    -------
    Diagram
        It shows itself in a notebook, and has ``svg`` and ``save(path)``.

    Raises
    ------
    GradientError
        If nothing was recorded.
    FormatError
        If ``path`` does not end in ``.svg``.

    Notes
    -----
    Green boxes are the leaves, which get gradients; rounded ones the operations, with
    what each of them keeps for its backward. Beside an arrow stands the shape of what
    goes along it, and so that of the gradient that comes back. Constants are not on
    the tape, and not drawn.

    Examples
    --------
    >>> import odyssey as od
    >>> w = od.ones((3, 2), requires_grad=True)
    >>> loss = (od.ones((4, 3)) @ w).tanh().sum()
    >>> diagram = od.plot_graph(loss, {"w": w})
    >>> [(box.title, box.label) for box in diagram.boxes]
    [('w', '3×2'), ('matmul', '4×2'), ('tanh', '4×2'), ('sum', 'scalar'), ('result', '')]
    >>> diagram.boxes[2].lines
    ['keeps out']
    """
    if not tensor.requires_grad:
        raise GradientError(
            "plot_graph: this tensor requires no gradient: there is no graph behind it"
        )
    known = {id(value): name for name, value in (names or {}).items()}
    diagram, numbers = Diagram(), {}
    start = tensor if tensor._node is None else tensor._node
    for one in _in_order(start):
        numbers[id(one)] = len(diagram.boxes)
        if isinstance(one, Node):
            diagram.boxes.append(_operation(one))
            for edge in _flat(one.edges):
                arrow = (numbers[id(_target(edge))], numbers[id(one)])
                if arrow not in diagram.arrows:
                    diagram.arrows.append(arrow)
        else:
            kind = "parameter" if isinstance(one, Parameter) else "tensor"
            title = known.get(id(one), kind)
            diagram.boxes.append(Box(title, label=shape_text(one.shape), kind="parameter"))
    diagram.boxes.append(Box(known.get(id(tensor), "result"), kind="value"))
    diagram.arrows.append((numbers[id(start)], len(diagram.boxes) - 1))
    if path is not None:
        diagram.save(path)
    return diagram


def _target(edge: Any) -> Any:
    """Return the node or leaf of an edge."""
    return edge[0] if isinstance(edge, tuple) else edge


def _flat(edges: Any) -> list[Any]:
    """Return the edges of a node, those of list arguments included, without the Nones."""
    if isinstance(edges, list):
        return [one for edge in edges for one in _flat(edge)]
    return [] if edges is None else [edges]


def _in_order(start: Any) -> list[Any]:
    """Return nodes and leaves, inputs before users; a leaf stands before its first user."""
    nodes: dict[int, Any] = {}
    pending = [start] if isinstance(start, Node) else []
    while pending:
        node = pending.pop()
        if id(node) not in nodes:
            nodes[id(node)] = node
            pending += [t for t in map(_target, _flat(node.edges)) if isinstance(t, Node)]
    found: dict[int, Any] = {} if nodes else {id(start): start}
    for node in sorted(nodes.values(), key=lambda node: node.order):
        for target in map(_target, _flat(node.edges)):
            found.setdefault(id(target), target)
        found[id(node)] = node
    return list(found.values())


def _operation(node: Node) -> Box:
    """Return the box of a node: what it keeps, and the shapes of its outputs."""
    outputs = [node.shape, *(shape for shape, _ in node.others or [])]
    getters = node.operation.rule_getters
    kept = [one.name for one in getters if one.kind in ("argument", "out", "saved")]
    kept = [
        name
        for name, value in zip([one.name for one in getters], node.values or [], strict=False)
        if name in kept and _has_array(value)
    ]
    lines = [f"keeps {', '.join(kept)}"] if kept else []
    if node.values is None:
        lines = ["freed by backward"]
    label = ", ".join(map(shape_text, outputs))
    return Box(node.operation.name, lines, label, "operation")


def _has_array(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(map(_has_array, value))
    return hasattr(value, "shape")
