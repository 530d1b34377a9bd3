"""The tape: how an operation is declared, and what it records.

An operation is two plain functions and one declaration::

    @differentiable
    def relu(x):
        return kernel("relu")(x)

    @relu.backward_rule(wrt=("x",))
    def relu_backward(grad, out):
        return kernel("relu_backward")(grad, out)

**The parameter names are the contract.** A rule names what it needs, and the
tape keeps exactly that:

================  ==================================================================
``grad``          the gradient of the output (of a tuple, NamedTuple or list of outputs
                  a tuple, with None for those that were not used); always the first
                  parameter
an argument       what the forward was called with, as an array
``NAME_shape``    the shape of argument ``NAME``; the array itself is not kept
``NAME_dtype``    its dtype, likewise
``out``           the output as an array (never the Tensor: no reference cycles)
``needs``         a bool for each name of ``wrt``: whether its gradient is wanted
any other name    a value that the forward returned in :class:`Saved`
================  ==================================================================

The rule returns one gradient for each name of ``wrt``, in that argument's shape:
a list for a list argument, None where ``needs`` says that none is wanted.

The forward may have keyword-only parameters (a rule names them as plain ones), but
no ``*xs``: it takes a list. It returns an array, or a tuple, a NamedTuple or a list
of arrays, of which the caller gets the like with Tensors.

Both functions work on arrays by hand. On Tensors the forward also records a
:class:`Node`; ``odyssey.engine`` walks the nodes back.

Second derivatives
------------------
Under ``create_graph=True`` the rule gets Tensors that are connected to the
graph, and is recorded itself. A rule that calls a fused kernel cannot be: it
adds ``@op.backward_formula``, the same mathematics in operators. An operation whose
gradient has no gradient says why, ``backward_rule(wrt=..., once="...")``, and is
found by :func:`odyssey.testing.once_differentiable`.

What a call costs
-----------------
NumPy takes 0.3 microseconds for a small operation, so what is done around it
counts. A build compiles this file (``tape.pxd`` has the types), and a node holds
no more than somebody will ask for: ``docs/decisions/0011-lean-tape.md``.
"""

from __future__ import annotations

import functools
import itertools
import weakref
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import numpy as np

from odyssey.backend import Selection, current
from odyssey.errors import GradientError
from odyssey.grad_mode import is_grad_enabled
from odyssey.observe import Event, Switch, observers, show, switch
from odyssey.operation import Getter, Operation, Saved
from odyssey.places import Place, here, shown
from odyssey.tensor import Storage, Tensor, TensorBase, borrow, memory_of, wrap

__all__ = ["Node", "Saved", "differentiable", "not_differentiable", "record_places"]

Edge = Any
"""Where a gradient goes: a leaf Tensor; a Node, for its first output; (Node, output number)."""

_numbers = itertools.count()

_noting = False

_switch: Switch = switch

Rewriter = Callable[[Operation, tuple[Any, ...]], tuple[Any, ...]]

rewriting: ContextVar[Rewriter | None] = ContextVar("odyssey_rewriting", default=None)
"""What gives operations other arguments before they run, as ``odyssey.autocast`` does.

Whoever sets it adds to ``odyssey.observe.switch`` as long as it is set. Backward does
without: its arguments are those that the forward saw.
"""

_rewriter = rewriting.get  # bound once, as in grad_mode


def record_places(on: bool = True) -> None:
    """Note for each operation on the tape where in your code it was called.

    The error about a saved value that was written to then names that place. It is
    off by default, because a small operation takes nearly half as long again with it.

    Parameters
    ----------
    on : bool, default True
        For the whole process, until the next call.

    Examples
    --------
    >>> record_places()
    >>> record_places(False)
    """
    global _noting
    _noting = bool(on)


class Node:
    """One recorded operation: where its gradients go, and what its rule needs for them.

    Attributes
    ----------
    order : int
        Later operations have higher numbers, so that numbers are a topological
        order: an operation can only use what existed before it.
    operation : Operation
    selection : Selection
        The backend of the forward.
    edges : list
        For each name of ``wrt`` an :data:`Edge`, a list of them, or None.
    values, formula_values : list or None
        The arguments after ``grad`` of the rule and of the formula; None once
        backward has freed them.
    guards : list of Guard
        One for each saved tensor.
    shape, dtype
        What the gradient of the output, or of the first one, must look like.
    others : list of (shape, dtype), or None
        The same of further outputs.
    place : Place or None
        Where it was called, if it has guards and :func:`record_places` is on.
    retained : dict or None
        Output number to a weak reference to the Tensor that keeps its gradient.
    """

    __slots__ = (
        "dtype",
        "edges",
        "formula_values",
        "guards",
        "operation",
        "order",
        "others",
        "place",
        "retained",
        "selection",
        "shape",
        "values",
    )

    order: int
    operation: Operation
    selection: Selection
    edges: list[Any]
    values: list[Any] | None
    formula_values: list[Any] | None
    guards: list[Guard]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    others: list[tuple[tuple[int, ...], np.dtype[Any]]] | None
    place: Place | None
    retained: dict[int, weakref.ref[Tensor]] | None

    def retain(self, index: int, tensor: Tensor) -> None:
        """Keep the gradient of output ``index`` in ``tensor.grad``, if it lives till then."""
        self.retained = self.retained or {}
        self.retained[index] = weakref.ref(tensor)

    def output(self, index: int) -> tuple[tuple[int, ...], np.dtype[Any]]:
        """Return shape and dtype of one output."""
        if index == 0:
            return (self.shape, self.dtype)
        assert self.others is not None
        return self.others[index - 1]

    def free(self) -> None:
        """Let go of all that was saved, and of the nodes before."""
        self.values = self.formula_values = None
        self.guards = []
        self.edges = [None] * len(self.edges)

    def check_intact(self) -> None:
        """Raise if a saved value has been written to, or the graph was freed."""
        if self.values is None:
            raise GradientError(
                f"backward: the graph through {self.operation.name} was freed by an earlier "
                "backward; pass retain_graph=True to the first one to walk it twice"
            )
        for guard in self.guards:
            if guard.storage.version != guard.version:
                writer, place = guard.storage.written or ("a write", None)
                remedy = "" if self.place else " (record_places() notes where that was)"
                raise GradientError(
                    f"backward: {self.operation.name}{shown(self.place)} saved {guard.name}, which "
                    f"has been written to in place since, by {writer}{shown(place)} (version "
                    f"{guard.storage.version}, saved at {guard.version}); its gradient would be "
                    f"wrong. Write before the forward{remedy}, or to a copy"
                )

    def connected_values(self) -> list[Any]:
        """Return the rule's arguments with Tensors on the graph in the place of arrays."""
        operation = self.operation
        if operation.once is not None:
            raise GradientError(f"{operation.name}: no second derivative: {operation.once}")
        getters, values = operation.rule_getters, self.values
        if operation.formula is not None:
            getters, values = operation.formula_getters, self.formula_values
        edges = dict(zip(operation.wrt, self.edges, strict=True))
        assert values is not None  # check_intact came first
        return [self._connect(g, v, edges) for g, v in zip(getters, values, strict=True)]

    def _connect(self, getter: Getter, value: Any, edges: dict[int, Any]) -> Any:
        if getter.kind == "argument":
            edge = edges.get(getter.position)
            if isinstance(edge, list):
                return [connected(v, e) for v, e in zip(value, edge, strict=True)]
            return connected(value, edge)
        if getter.kind == "out":
            if isinstance(value, (tuple, list)):
                return _like(value, [connected(v, (self, i)) for i, v in enumerate(value)])
            return connected(value, self)
        if getter.kind == "saved" and getattr(value, "dtype", np.dtype(bool)).kind == "f":
            raise GradientError(
                f"{self.operation.name}: no second derivative: its backward uses the saved "
                f"value {getter.name!r}, which would count as a constant; it needs a "
                "backward_formula that computes it from the inputs"
            )
        return value


class Guard:
    """The memory of a value that a node saved, and its version then."""

    __slots__ = ("name", "storage", "version")

    storage: Storage
    version: int
    name: str


def connected(value: Any, edge: Edge | None) -> Any:
    """Return ``value`` as the Tensor that ``edge`` leads to, or as it is without one."""
    if edge is None or isinstance(edge, Tensor):
        return value if edge is None else edge
    tensor = Tensor(value)
    tensor._requires_grad = True
    tensor._node, tensor._index = edge if isinstance(edge, tuple) else (edge, 0)
    return tensor


def edge_of(tensor: TensorBase) -> Edge:
    """Return where the gradient of a tensor goes."""
    if tensor._node is None:
        return tensor
    return tensor._node if tensor._index == 0 else (tensor._node, tensor._index)


def _edge(value: Any) -> Any:
    """Return where the gradient of an argument goes; None if it wants none."""
    if isinstance(value, TensorBase):
        tensor = value
        return edge_of(tensor) if tensor._requires_grad else None
    if type(value) is list or type(value) is tuple:
        edges = [_edge(one) for one in value]
        return edges if _some(edges) else None
    return None


def _some(edges: list[Any]) -> bool:
    """Return whether there is an edge in a list."""
    for edge in edges:  # noqa: SIM110 (edges may be Tensors, whose truth is that of their value)
        if edge is not None:
            return True
    return False


def _unwrap(value: Any) -> Any:
    """Return an argument with arrays in the place of Tensors, also inside lists and tuples."""
    if isinstance(value, TensorBase):
        return value.data
    if type(value) is list:
        return [_unwrap(one) for one in value]
    if type(value) is tuple:
        return tuple([_unwrap(one) for one in value])
    return value


def _run(operation: Operation, args: tuple[Any, ...], with_saved: bool) -> Any:
    """Call the forward on arrays or Tensors; with Tensors, record it."""
    if _switch.blocks:
        rewrite = _rewriter()
        if rewrite is not None:
            args = rewrite(operation, args)
        if observers():
            return _run_observed(operation, args, with_saved)
    arrays = list(args)
    found = wanted = False
    for position, arg in enumerate(args):
        if isinstance(arg, TensorBase):
            tensor = arg
            arrays[position] = tensor.data
            found = True
            wanted = wanted or tensor._requires_grad
        elif type(arg) is list or type(arg) is tuple:
            arrays[position] = _unwrap(arg)
            for one in arg:
                if isinstance(one, TensorBase):
                    tensor = one
                    found = True
                    wanted = wanted or tensor._requires_grad
    if not found:
        arrays = list(args)  # whatever they are: the lists among them are not copied
    function = operation.function
    if len(arrays) == 2:  # the most frequent case, without a tuple to carry them
        out = function(arrays[0], arrays[1])
    else:
        out = function(*arrays)
    saved = None
    if type(out) is tuple and out and type(out[-1]) is Saved:
        saved = out[-1]
        out = out[0] if len(out) == 2 else out[:-1]
    result = out
    if found:
        if isinstance(out, (tuple, list)):
            result = _like(out, [_output(operation, array, args) for array in out])
        else:
            result = _output(operation, out, args)
        if wanted and operation.wrt and is_grad_enabled():
            _record(operation, args, arrays, out, saved, result)
    return (result, saved) if with_saved else result


def _run_observed(operation: Operation, args: tuple[Any, ...], with_saved: bool) -> Any:
    """Call the forward, and show that to those who observe."""

    def run(event: Event) -> Any:
        both = _run(operation, args, True)  # inside, nobody observes
        event.result, event.saved = both
        for one in event.outputs:
            if isinstance(one, TensorBase) and one._node is not None:
                event.node = one._node
                break
        return both if with_saved else both[0]

    return show(Event("forward", operation, operation.names, args), run)


def _like(outputs: Any, values: list[Any]) -> Any:
    """Return values as what the outputs of an operation came in: list, tuple or NamedTuple."""
    if type(outputs) is list:
        return values
    return tuple(values) if type(outputs) is tuple else type(outputs)._make(values)


def _output(operation: Operation, array: Any, args: tuple[Any, ...]) -> Tensor:
    """Return a Tensor over a result, which may read the memory of an argument."""
    tensor = wrap(array)
    lender: Any = _lender(tensor.data, tensor.data.base, args)
    if lender is not None:
        if operation.aliases:
            lender._alias(tensor)
        else:
            borrow(tensor, lender)
    return tensor


def _lender(array: np.ndarray, base: Any, args: Any) -> TensorBase | None:
    """Return the argument whose memory ``array`` reads; None if it has memory of its own."""
    for arg in args:
        if isinstance(arg, TensorBase):
            tensor = arg
            if array is tensor.data or (
                base is not None and (base is tensor.data or base is tensor.data.base)
            ):
                return arg
        elif type(arg) is list or type(arg) is tuple:
            lender = _lender(array, base, arg)
            if lender is not None:
                return lender
    return None


def _record(
    operation: Operation,
    args: tuple[Any, ...],
    arrays: list[Any],
    out: Any,
    saved: Saved | None,
    result: Any,
) -> None:
    """Make a node of a call, unless no argument of ``wrt`` wants a gradient."""
    edges = [_edge(args[position]) for position in operation.wrt]
    if not _some(edges):
        return
    node = Node.__new__(Node)
    node.order = next(_numbers)
    node.operation = operation
    node.selection = current()
    node.edges = edges
    node.retained = node.others = node.formula_values = node.place = None
    node.guards = []
    needs = operation.needs(edges) if operation.wants_needs else None
    try:
        node.values = _picked(operation.rule_getters, arrays, out, saved, needs)
        if operation.formula is not None:
            node.formula_values = _picked(operation.formula_getters, arrays, out, saved, needs)
    except AttributeError as error:
        raise GradientError(
            f"{operation.name}: its backward names {error.name!r}, which is neither an "
            "argument, NAME_shape, NAME_dtype, out, needs, nor a value in Saved(...)"
        ) from None
    for getter in operation.guarded:
        _guard(node, args[getter.position], getter.name)
    if operation.keeps_out:
        _guard(node, result, "its output")
    if _noting and node.guards:
        node.place = here()
    if isinstance(result, (tuple, list)):
        node.others = []  # also for one output in a tuple: its rule gets a tuple, too
        for index, tensor in enumerate(result):
            _connect_output(node, index, tensor)
    else:
        _connect_output(node, 0, result)


def _picked(
    getters: list[Getter], arrays: list[Any], out: Any, saved: Any, needs: Any
) -> list[Any]:
    """Return the values of the parameters of a rule."""
    return [getter.value(arrays, out, saved, needs) for getter in getters]


def _guard(node: Node, value: Any, name: str) -> None:
    """Note the version of a value that was saved."""
    if isinstance(value, TensorBase):
        guard = Guard.__new__(Guard)
        guard.storage = memory_of(value)
        guard.version = guard.storage.version
        guard.name = name
        node.guards.append(guard)
    elif isinstance(value, (tuple, list)):
        for one in value:
            _guard(node, one, name)


def _connect_output(node: Node, index: int, tensor: TensorBase) -> None:
    """Note what the gradient of an output must look like, and where the output came from."""
    dtype = tensor.data.dtype
    if index == 0:
        node.shape, node.dtype = tensor.data.shape, dtype
    else:
        assert node.others is not None
        node.others.append((tensor.data.shape, dtype))
    if dtype.kind == "f":  # indices and masks have no gradient
        tensor._requires_grad = True
        tensor._node = node
        tensor._index = index


def differentiable(function: Callable[..., Any]) -> Any:
    """Make an operation of a function over arrays.

    Called with arrays it is the function itself; called with Tensors it
    returns Tensors and records itself for backward. The result has

    - ``.backward_rule(wrt=names)``, a decorator that declares the backward; with
      ``once=reason`` one that has no derivative of its own;
    - ``.backward_formula``, a decorator for the same in operators, needed where
      the rule calls a fused kernel and second derivatives are wanted;
    - ``.with_saved(...)``, a call that also returns the :class:`Saved` values;
    - ``.operation``, the :class:`Operation` itself.

    See the module's docstring for the names that a rule may use.

    Examples
    --------
    >>> import numpy as np, odyssey as od
    >>> from odyssey.tape import differentiable
    >>> @differentiable
    ... def cube(x):
    ...     return x * x * x
    >>> @cube.backward_rule(wrt=("x",))
    ... def cube_backward(grad, x):
    ...     return 3 * grad * x * x
    >>> x = od.tensor(2.0, requires_grad=True)
    >>> cube(x).backward()
    >>> x.grad.item()
    12.0
    >>> cube_backward(np.float32(1), np.float32(2)).item()  # by hand, on arrays
    12.0
    """
    operation = Operation(function)

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if kwargs or len(args) != operation.count:
            args = operation.positional(args, kwargs)
        return _run(operation, args, False)

    def with_saved(*args: Any, **kwargs: Any) -> Any:
        return _run(operation, operation.positional(args, kwargs), True)

    def backward_rule(
        wrt: tuple[str, ...], once: str | None = None
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        def declare(rule: Callable[..., Any]) -> Callable[..., Any]:
            operation.set_rule(rule, wrt, once)
            return rule

        return declare

    def backward_formula(formula: Callable[..., Any]) -> Callable[..., Any]:
        operation.set_formula(formula)
        return formula

    public: Any = call
    public.operation = operation
    public.with_saved = with_saved
    public.backward_rule = backward_rule
    public.backward_formula = backward_formula
    return public


def not_differentiable(function: Callable[..., Any]) -> Any:
    """Make an operation that is never recorded: its result is a constant to backward.

    For comparisons, indices and counts. An operation that rounds, but stays with
    floats, is ``differentiable``, with the gradient zero (``core/_zeros.py``).
    """
    operation = Operation(function)

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        return _run(operation, operation.positional(args, kwargs), False)

    public: Any = call
    public.operation = operation
    return public
