"""Backward: walk the tape from a result to its leaves, newest operation first.

The nodes that have received a gradient wait in a heap ordered by age. The
newest is always complete: whatever could still send it a gradient is newer and
has been walked. So there is no recursion and no separate sorting pass, and a
chain of 100,000 operations needs no more stack than one.

Gradients travel as plain arrays. Under ``create_graph`` they travel as Tensors,
the rules record themselves, and the result can be differentiated again.
"""

from __future__ import annotations

import heapq
from typing import Any

import numpy as np

from odyssey import backend
from odyssey.errors import GradientError, ShapeError
from odyssey.grad_mode import enable_grad, no_grad
from odyssey.tape import Edge, Node
from odyssey.tensor import Tensor

__all__ = ["backward", "gradients"]


def backward(
    root: Tensor,
    grad: Tensor | np.ndarray | None = None,
    *,
    retain_graph: bool | None = None,
    create_graph: bool = False,
) -> None:
    """Add gradients to every leaf below ``root``; see :meth:`odyssey.Tensor.backward`."""
    walk = _Walk(create_graph, retain_graph)
    walk.start([root], [grad])
    walk.run()


def gradients(
    roots: list[Tensor],
    inputs: list[Tensor],
    grads: list[Any] | None = None,
    *,
    retain_graph: bool | None = None,
    create_graph: bool = False,
) -> list[Tensor | None]:
    """Return the gradient of ``roots`` for each of ``inputs``; touch no ``.grad``.

    Inputs may be leaves or results; an input that the roots do not depend on
    gets None. Branches of the graph that lead to no input are not walked.
    """
    walk = _Walk(create_graph, retain_graph)
    walk.capture(roots, inputs)
    walk.start(roots, grads or [None] * len(roots))
    walk.run()
    return [walk.captured.get(_key(_edge_of(x))) for x in inputs]


def _edge_of(tensor: Tensor) -> Edge:
    return (tensor if tensor._node is None else tensor._node, tensor._index)


def _key(edge: Edge) -> tuple[int, int]:
    return (id(edge[0]), edge[1])


class _Walk:
    """One walk back over the tape."""

    def __init__(self, create_graph: bool, retain_graph: bool | None) -> None:
        self.create_graph = create_graph
        self.retain_graph = create_graph if retain_graph is None else retain_graph
        self.heap: list[tuple[int, Node]] = []  # (-order, node)
        self.received: dict[Node, list[Any]] = {}  # a gradient, or None, for each output
        self.captured: dict[tuple[int, int], Any] = {}
        self.wanted: set[tuple[int, int]] | None = None  # None: every leaf
        self.useful: set[Node] | None = None  # None: every node
        self.passed: set[Node] | None = None  # those whose rule must run; None: every node

    def start(self, roots: list[Tensor], grads: list[Any]) -> None:
        """Give each root its gradient."""
        for root, grad in zip(roots, grads, strict=True):
            if not root._requires_grad:
                raise GradientError(
                    "backward: this tensor requires no gradient: nothing that made it does, "
                    "or it was made under no_grad()"
                )
            seed = self._seed(root, grad)
            self.send(_edge_of(root), seed, exclusive=False)

    def _seed(self, root: Tensor, grad: Any) -> Any:
        if grad is None:
            if root.data.size != 1:
                raise GradientError(
                    "backward: grad is needed for a tensor of more than one element "
                    f"(shape {root.shape})"
                )
            grad = np.ones_like(root.data)
        if np.shape(grad) != root.data.shape:
            raise ShapeError(
                f"backward: grad has shape {np.shape(grad)} but the tensor has {root.shape}"
            )
        if self.create_graph:
            return grad if isinstance(grad, Tensor) else Tensor(np.asarray(grad, root.dtype))
        return np.asarray(grad.data if isinstance(grad, Tensor) else grad, root.dtype)

    def capture(self, roots: list[Tensor], inputs: list[Tensor]) -> None:
        """Keep to the paths that lead to ``inputs``, and collect their gradients."""
        self.wanted = {_key(_edge_of(x)) for x in inputs}
        ends = {x._node for x in inputs if x._node is not None}
        nodes = {root._node for root in roots if root._node is not None}
        pending = list(nodes)
        reached = {_key(_edge_of(root)) for root in roots}
        freed: list[Node] = []
        while pending:
            node = pending.pop()
            if node.values is None:
                freed.append(node)  # where it led is gone with its values
            for target, index in _flat(node.edges):
                reached.add(_key((target, index)))
                if isinstance(target, Node) and target not in nodes:
                    nodes.add(target)
                    pending.append(target)
        for node in freed:
            # An input may itself stand on what was freed, if nothing below it is asked for.
            if node not in ends or not self.wanted <= reached:
                node.check_intact()
        self.passed = set()
        self.useful = set(ends)
        for node in sorted(nodes, key=lambda node: node.order):  # inputs before users
            if any(self._leads_somewhere(edge) for edge in _flat(node.edges)):
                self.passed.add(node)
                self.useful.add(node)

    def _leads_somewhere(self, edge: Edge) -> bool:
        assert self.wanted is not None and self.useful is not None
        return edge[0] in self.useful if isinstance(edge[0], Node) else _key(edge) in self.wanted

    def send(self, edge: Edge, grad: Any, exclusive: bool) -> None:
        """Add ``grad`` to what a node or leaf has received.

        ``exclusive`` says that nobody else holds the array, so that a leaf may
        keep it.
        """
        target, index = edge
        if isinstance(target, Tensor):
            if self.wanted is None:
                self._keep(target, grad, exclusive)
            elif _key(edge) in self.wanted:
                self._collect(_key(edge), grad)
            return
        if self.useful is not None and target not in self.useful:
            return
        slots = self.received.get(target)
        if slots is None:
            slots = self.received[target] = [None] * len(target.outputs)
            heapq.heappush(self.heap, (-target.order, target))
        slots[index] = grad if slots[index] is None else _as_array(slots[index] + grad)

    def _collect(self, key: tuple[int, int], grad: Any) -> None:
        grad = grad if isinstance(grad, Tensor) else Tensor(grad)
        self.captured[key] = grad if key not in self.captured else self.captured[key] + grad

    def _keep(self, leaf: Tensor, grad: Any, exclusive: bool) -> None:
        """Add a gradient to ``leaf.grad``, which is C-contiguous and the leaf's alone."""
        if self.create_graph:
            leaf.grad = grad if leaf.grad is None else leaf.grad + grad
        elif leaf.grad is None:
            owned = exclusive and grad.base is None and grad.flags.c_contiguous
            leaf.grad = Tensor(grad if owned else np.array(grad, order="C"))
        elif leaf.grad._requires_grad or leaf.grad._borrowed:
            leaf.grad = Tensor(leaf.grad.data + grad)
        else:
            leaf.grad._before_write("backward")
            leaf.grad.data += grad

    def run(self) -> None:
        """Walk until no node is waiting."""
        with enable_grad() if self.create_graph else no_grad():
            while self.heap:
                _, node = heapq.heappop(self.heap)
                grads = self.received.pop(node)
                if node.retained:
                    self._retain(node, grads)
                if self.wanted is not None:
                    for index, grad in enumerate(grads):
                        if (id(node), index) in self.wanted and grad is not None:
                            self._collect((id(node), index), grad)
                if self.passed is None or node in self.passed:
                    self._through(node, grads)

    def _through(self, node: Node, grads: list[Any]) -> None:
        """Run one rule and send its gradients on."""
        node.check_intact()
        grad = grads[0] if len(grads) == 1 else tuple(grads)
        results = self._call_rule(node, grad)
        edges = node.edges
        if not self.retain_graph:
            node.values = node.formula_values = None
            node.guards = []
            node.edges = [None] * len(edges)
        sent: list[Any] = [grad]
        for position, (edge, result) in enumerate(zip(edges, results, strict=True)):
            pairs = zip(edge, result, strict=True) if isinstance(edge, list) else [(edge, result)]
            for one_edge, one_grad in pairs:
                if one_edge is None or one_grad is None:
                    continue
                one_grad = _fitted(node, position, one_edge, one_grad)
                exclusive = not any(one_grad is other for other in sent)
                sent.append(one_grad)
                self.send(one_edge, one_grad, exclusive)

    def _call_rule(self, node: Node, grad: Any) -> tuple[Any, ...]:
        """Run the rule, or its formula under ``create_graph``, on the backend of the forward."""
        rule, values = node.operation.rule, node.values
        if self.create_graph:
            rule, values = node.operation.formula or rule, node.connected_values()
        assert rule is not None and values is not None
        if node.selection is backend.current():
            results = rule(grad, *values)
        else:
            with backend.selected(node.selection):
                results = rule(grad, *values)
        return results if type(results) is tuple else (results,)

    def _retain(self, node: Node, grads: list[Any]) -> None:
        assert node.retained is not None
        for index, ref in node.retained.items():
            tensor, grad = ref(), grads[index]
            if tensor is not None and grad is not None:
                kept = grad if isinstance(grad, Tensor) else Tensor(np.array(grad, order="C"))
                tensor.grad = kept if tensor.grad is None else tensor.grad + kept


def _flat(edges: list[Any]) -> list[Edge]:
    """Return the edges of a node, those of list arguments included, without the Nones."""
    flat: list[Edge] = []
    for edge in edges:
        flat += [e for e in edge if e is not None] if isinstance(edge, list) else []
        if isinstance(edge, tuple):
            flat.append(edge)
    return flat


def _as_array(grad: Any) -> Any:
    """Return NumPy's scalars, which come of arrays without axes, as arrays again."""
    return np.asarray(grad) if isinstance(grad, np.generic) else grad


def _fitted(node: Node, position: int, edge: Edge, grad: Any) -> Any:
    """Return ``grad`` in the dtype of its target, or raise if its shape is another."""
    target, index = edge
    shape, dtype = (
        target.outputs[index]
        if isinstance(target, Node)
        else (target.data.shape, target.data.dtype)
    )
    grad = _as_array(grad)
    if grad.shape != shape:
        operation = node.operation
        argument = operation.names[operation.wrt[position]]
        raise GradientError(
            f"{operation.name}_backward: the gradient for {argument} has shape {grad.shape} "
            f"but {argument} has {shape}"
        )
    return grad if grad.dtype == dtype else grad.astype(dtype)
