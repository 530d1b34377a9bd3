"""Backward: walk the tape from a result to its leaves, newest operation first.

The nodes that have received a gradient wait in a heap ordered by age. The
newest is always complete: whatever could still send it a gradient is newer and
has been walked. So there is no recursion and no separate sorting pass, and a
chain of 100,000 operations needs no more stack than one.

Gradients travel as plain arrays. Under ``create_graph`` they travel as Tensors,
the rules record themselves, and the result can be differentiated again.

A build compiles this file; ``engine.pxd`` has the types.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import Any

import numpy as np

from odyssey import backend
from odyssey.errors import GradientError, ShapeError
from odyssey.grad_mode import recording
from odyssey.observe import Event, Switch, observers, show, switch
from odyssey.tape import Edge, Node, edge_of, rewriting
from odyssey.tensor import Tensor, TensorBase, wrap

__all__ = ["backward", "gradients"]

ndarray = np.ndarray

_switch: Switch = switch


def backward(
    root: Tensor,
    grad: Tensor | np.ndarray | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
) -> None:
    """Add the gradient of this tensor to ``grad`` of every leaf that it came from.

    Parameters
    ----------
    grad : Tensor or ndarray, optional
        The gradient of the final result with respect to this tensor, in
        its shape. A one-element tensor does without: it is 1.
    retain_graph : bool, optional
        Keep what the graph has saved, for another backward. By default it
        is freed as it is used, unless ``create_graph``.
    create_graph : bool, default False
        Record the backward itself, so that it can be differentiated.

    Raises
    ------
    GradientError
        If the tensor requires no gradient, if ``grad`` is missing, if the
        graph was freed by an earlier backward, or if a saved value has
        been written to since.
    ShapeError
        If ``grad`` has another shape than the tensor.
    """
    walk = _Walk(create_graph, retain_graph)
    walk.start(root, grad)
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
    for root, grad in zip(roots, grads or [None] * len(roots), strict=True):
        walk.start(root, grad)
    walk.run()
    return [walk.captured.get(_key(edge_of(x))) for x in inputs]


def _key(edge: Edge) -> tuple[int, int]:
    return (id(edge[0]), edge[1]) if isinstance(edge, tuple) else (id(edge), 0)


class _Walk:
    """One walk back over the tape.

    Attributes
    ----------
    create_graph, retain_graph : bool
    heap : list of (int, Node)
        The nodes that have received a gradient, by minus their age.
    received : dict of Node to gradient
        What they have received; a list for a node of several outputs, None for
        those of them that were not used.
    captured : dict
        The gradients that were asked for, by :func:`_key`.
    wanted : set or None
        The keys of what was asked for; None for every leaf.
    useful, passed : set of Node, or None
        The nodes that lead to it, and those whose rule must run; None for all.
    """

    __slots__ = (
        "captured",
        "create_graph",
        "heap",
        "passed",
        "received",
        "retain_graph",
        "useful",
        "wanted",
    )

    def __init__(self, create_graph: bool, retain_graph: bool | None) -> None:
        self.create_graph = bool(create_graph)
        self.retain_graph = create_graph if retain_graph is None else retain_graph
        self.heap: list[tuple[int, Node]] = []
        self.received: dict[Node, Any] = {}
        self.captured: dict[tuple[int, int], Any] = {}
        self.wanted: set[tuple[int, int]] | None = None
        self.useful: set[Node] | None = None
        self.passed: set[Node] | None = None

    # -- before the walk ------------------------------------------------------------------

    def start(self, root: Tensor, grad: Any) -> None:
        """Give a root its gradient."""
        if not root._requires_grad:
            raise GradientError(
                "backward: this tensor requires no gradient: nothing that made it does, "
                "or it was made under no_grad()"
            )
        self.send(edge_of(root), self._seed(root, grad), False)

    def _seed(self, root: Tensor, grad: Any) -> Any:
        data = root.data
        if grad is None:
            if data.size != 1:
                raise GradientError(
                    "backward: grad is needed for a tensor of more than one element "
                    f"(shape {data.shape})"
                )
            grad = np.ones_like(data)
        shape = grad.shape if type(grad) is ndarray else np.shape(grad)
        if shape != data.shape:
            raise ShapeError(f"backward: grad has shape {shape} but the tensor has {data.shape}")
        if self.create_graph:
            return grad if isinstance(grad, Tensor) else Tensor(np.asarray(grad, data.dtype))
        grad = grad.data if isinstance(grad, Tensor) else grad
        if type(grad) is ndarray and grad.dtype is data.dtype:
            return grad
        return np.asarray(grad, data.dtype)

    def capture(self, roots: list[Tensor], inputs: list[Tensor]) -> None:
        """Keep to the paths that lead to ``inputs``, and collect their gradients."""
        wanted = self.wanted = {_key(edge_of(x)) for x in inputs}
        ends = {x._node for x in inputs if x._node is not None}
        nodes = {root._node for root in roots if root._node is not None}
        pending = list(nodes)
        reached = {_key(edge_of(root)) for root in roots}
        freed: list[Node] = []
        while pending:
            node = pending.pop()
            if node.values is None:
                freed.append(node)  # where it led is gone with its values
            for edge in _flat(node.edges):
                reached.add(_key(edge))
                target = edge[0] if isinstance(edge, tuple) else edge
                if isinstance(target, Node) and target not in nodes:
                    nodes.add(target)
                    pending.append(target)
        for node in freed:
            # An input may itself stand on what was freed, if nothing below it is asked for.
            if node not in ends or not wanted <= reached:
                node.check_intact()
        passed = self.passed = set()
        useful = self.useful = set(ends)
        for node in sorted(nodes, key=lambda node: node.order):  # inputs before users
            for edge in _flat(node.edges):
                target = edge[0] if isinstance(edge, tuple) else edge
                if target in useful if isinstance(target, Node) else _key(edge) in wanted:
                    passed.add(node)
                    useful.add(node)

    # -- the walk -------------------------------------------------------------------------

    def run(self) -> None:
        """Walk until no node is waiting.

        Gradients at poles are infinite or NaN without NumPy's warnings, as in forward.
        """
        with np.errstate(all="ignore"):
            if recording.get() is self.create_graph and rewriting.get() is None:
                self._run()
                return
            token = recording.set(self.create_graph)
            rewriter = rewriting.set(None)
            try:
                self._run()
            finally:
                rewriting.reset(rewriter)
                recording.reset(token)

    def _run(self) -> None:
        while self.heap:
            _, node = heappop(self.heap)
            grad = self.received.pop(node)
            if node.retained is not None:
                self._retain(node, grad)
            if self.wanted is not None:
                for index, one in enumerate([grad] if node.others is None else grad):
                    if (id(node), index) in self.wanted and one is not None:
                        self._collect((id(node), index), one)
            if self.passed is None or node in self.passed:
                self._through(node, grad if node.others is None else tuple(grad))

    def send(self, edge: Edge, grad: Any, exclusive: bool) -> None:
        """Add ``grad`` to what a node or leaf has received.

        ``exclusive`` says that nobody else holds the array, so that a leaf may
        keep it.
        """
        if isinstance(edge, TensorBase):
            if self.wanted is None:
                self._keep(edge, grad, exclusive)
            elif _key(edge) in self.wanted:
                self._collect(_key(edge), grad)
            return
        target, index = edge if isinstance(edge, tuple) else (edge, 0)
        if self.useful is not None and target not in self.useful:
            return
        before = self.received.get(target)
        if before is None:
            heappush(self.heap, (-target.order, target))
        if target.others is None:
            self.received[target] = grad if before is None else _as_array(before + grad)
            return
        if before is None:
            before = self.received[target] = [None] * (1 + len(target.others))
        before[index] = grad if before[index] is None else _as_array(before[index] + grad)

    def _collect(self, key: tuple[int, int], grad: Any) -> None:
        grad = grad if isinstance(grad, Tensor) else Tensor(grad)
        self.captured[key] = grad if key not in self.captured else self.captured[key] + grad

    def _keep(self, leaf: TensorBase, grad: Any, exclusive: bool) -> None:
        """Add a gradient to ``leaf.grad``, which is C-contiguous and the leaf's alone."""
        kept = leaf.grad
        if self.create_graph:
            grad = grad if isinstance(grad, TensorBase) else wrap(grad)  # zeros of a rule
            leaf.grad = grad if kept is None else kept + grad
        elif kept is None:
            owned = exclusive and _owns_memory(grad) and grad.flags.c_contiguous
            leaf.grad = wrap(grad if owned else np.array(grad, order="C"))
        elif kept._requires_grad or kept._borrowed:
            leaf.grad = wrap(kept.data + grad)
        else:
            kept._before_write("backward")
            kept.data += grad

    def _through(self, node: Node, grad: Any) -> None:
        """Run one rule and send its gradients on."""
        node.check_intact()
        values = node.values
        results = self._call_rule(node, grad)
        edges = node.edges
        if not self.retain_graph:
            node.free()
        if len(results) != len(edges):
            raise GradientError(
                f"{node.operation.name}_backward: expected one gradient for each name of wrt, "
                f"{len(edges)}, got {len(results)}"
            )
        held = (grad, results, values)
        for position, edge in enumerate(edges):
            result = results[position]
            if type(edge) is list:
                for one_edge, one in zip(edge, result, strict=True):
                    self._pass(node, position, one_edge, one, held)
            else:
                self._pass(node, position, edge, result, held)

    def _pass(self, node: Node, position: int, edge: Edge, grad: Any, held: Any) -> None:
        """Send one of the gradients that a rule returned, if it is wanted."""
        if edge is None or grad is None:
            return
        grad = _fitted(node, position, edge, grad)
        # Once among the results: nobody else has it. What was saved is not to be written to.
        self.send(edge, grad, isinstance(edge, TensorBase) and _occurrences(grad, held) <= 1)

    def _call_rule(self, node: Node, grad: Any) -> tuple[Any, ...]:
        """Run the rule, or its formula under ``create_graph``, on the backend of the forward."""
        if _switch.blocks and observers():
            return self._call_observed(node, grad)
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

    def _call_observed(self, node: Node, grad: Any) -> tuple[Any, ...]:
        """Run the rule, and show that to those who observe."""
        operation, values = node.operation, node.values
        getters = operation.rule_getters
        if self.create_graph and operation.formula is not None:
            getters, values = operation.formula_getters, node.formula_values
        assert values is not None  # check_intact came first

        def run(event: Event) -> Any:
            event.result = self._call_rule(node, grad)  # inside, nobody observes
            return event.result

        names = ["grad", *[getter.name for getter in getters]]
        return show(Event("backward", operation, names, (grad, *values), node), run)

    def _retain(self, node: Node, grad: Any) -> None:
        assert node.retained is not None
        for index, ref in node.retained.items():
            tensor, one = ref(), grad if node.others is None else grad[index]
            if tensor is not None and one is not None:
                kept = one if isinstance(one, Tensor) else Tensor(np.array(one, order="C"))
                tensor.grad = kept if tensor.grad is None else tensor.grad + kept


def _flat(edges: list[Any]) -> list[Edge]:
    """Return the edges of a node, those of list arguments included, without the Nones."""
    flat: list[Edge] = []
    for edge in edges:
        flat += _flat(edge) if isinstance(edge, list) else [] if edge is None else [edge]
    return flat


def _as_array(grad: Any) -> Any:
    """Return NumPy's scalars, which come of arrays without axes, as arrays again."""
    return np.asarray(grad) if isinstance(grad, np.generic) else grad


def _owns_memory(array: np.ndarray) -> bool:
    """Return whether an array's memory is its own, and not a part of what another object holds."""
    return array.base is None


def _occurrences(array: Any, values: Any) -> int:
    """Return how often ``array`` is among values, also inside lists and tuples of them."""
    count = 0
    for value in values:
        if value is array:
            count += 1
        elif type(value) is list or type(value) is tuple:
            count += _occurrences(array, value)
    return count


def _fitted(node: Node, position: int, edge: Edge, grad: Any) -> Any:
    """Return ``grad`` in the dtype of its target, or raise if its shape is another."""
    if isinstance(edge, TensorBase):
        leaf = edge
        shape, dtype = leaf.data.shape, leaf.data.dtype
    elif isinstance(edge, Node):
        target = edge
        shape, dtype = target.shape, target.dtype
    else:
        shape, dtype = edge[0].output(edge[1])
    if type(grad) is not ndarray:
        grad = _as_array(grad)
    if grad.shape != shape:
        operation = node.operation
        argument = operation.names[operation.wrt[position]]
        raise GradientError(
            f"{operation.name}_backward: the gradient for {argument} has shape {grad.shape} "
            f"but {argument} has {shape}"
        )
    return grad if grad.dtype is dtype or grad.dtype == dtype else grad.astype(dtype)
