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
``grad``          the gradient of the output (a tuple of them for several outputs,
                  None for those that were not used); always the first parameter
an argument       what the forward was called with, as an array
``NAME_shape``    the shape of argument ``NAME``; the array itself is not kept
``NAME_dtype``    its dtype, likewise
``out``           the output as an array (never the Tensor: no reference cycles)
``needs``         a bool for each name of ``wrt``: whether its gradient is wanted
any other name    a value that the forward returned in :class:`Saved`
================  ==================================================================

The rule returns one gradient for each name of ``wrt``, in that argument's shape:
a list for a list argument, None where ``needs`` says that none is wanted.

Both functions work on arrays by hand. On Tensors the forward also records a
:class:`Node`; ``odyssey.engine`` walks the nodes back.

Second derivatives
------------------
Under ``create_graph=True`` the rule gets Tensors that are connected to the
graph, and is recorded itself. A rule that calls a fused kernel cannot be: it
adds ``@op.backward_formula``, the same mathematics in operators.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import operator
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from odyssey import backend
from odyssey.errors import GradientError
from odyssey.grad_mode import enable_grad, is_grad_enabled, no_grad
from odyssey.tensor import Storage, Tensor

__all__ = [
    "Node",
    "Operation",
    "Saved",
    "differentiable",
    "enable_grad",
    "is_grad_enabled",
    "no_grad",
    "not_differentiable",
]

Edge = tuple[Any, int]
"""Where a gradient goes: (leaf Tensor, 0) or (Node, number of its output)."""

Pick = Callable[[Any, Any, Any, Any], Any]
"""From (arrays, out, saved, needs) to the value of one rule parameter."""


class Saved:
    """Values that a forward computed and its backward will need, by name.

    Examples
    --------
    >>> Saved(indices=3).indices
    3
    """

    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)

    def __repr__(self) -> str:
        return f"Saved({', '.join(self.__dict__)})"


class Operation:
    """The declaration of one operation: its forward, its rule, and how names become values.

    Names are bound to positions once, here; recording a node then only picks.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.signature = inspect.signature(function)
        parameters = self.signature.parameters.values()
        self.name = function.__name__
        self.function = function
        self.names = [p.name for p in parameters]
        self.required = sum(p.default is p.empty for p in parameters)
        self.defaults = tuple(p.default for p in parameters if p.default is not p.empty)
        self.rule: Callable[..., Any] | None = None
        self.formula: Callable[..., Any] | None = None
        self.wrt: tuple[int, ...] = ()
        self.rule_getters: list[Getter] = []
        self.formula_getters: list[Getter] = []

    def positional(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        """Return the arguments in the order of the signature, defaults filled in."""
        if kwargs or not self.required <= len(args) <= len(self.names):
            bound = self.signature.bind(*args, **kwargs)
            bound.apply_defaults()
            return tuple(bound.arguments.values())
        return args + self.defaults[len(args) - self.required :]

    def bind(self, rule: Callable[..., Any]) -> list[Getter]:
        """Return how to get each parameter of ``rule`` after ``grad``."""
        first, *names = inspect.signature(rule).parameters
        if first != "grad":
            raise GradientError(
                f"{rule.__name__}: the first parameter must be 'grad', not {first!r}"
            )
        return [Getter(self, name) for name in names]

    def __repr__(self) -> str:
        return f"<operation {self.name}>"


class Getter:
    """Where the value of one rule parameter comes from."""

    __slots__ = ("get", "kind", "name", "position")

    def __init__(self, operation: Operation, name: str) -> None:
        base, _, suffix = name.rpartition("_")
        self.name = name
        self.position = -1  # of the argument that is kept; -1 where none is
        self.get: Pick
        if name in operation.names:
            self.kind = "argument"
            self.position = operation.names.index(name)
            self.get = _pick_argument(self.position)
        elif suffix in ("shape", "dtype") and base in operation.names:
            self.kind = "metadata"
            what = _shape_of if suffix == "shape" else _dtype_of
            self.get = _pick_argument(operation.names.index(base), what)
        elif name == "out":
            self.kind = "out"
            self.get = lambda arrays, out, saved, needs: out
        elif name == "needs":
            self.kind = "needs"
            self.get = lambda arrays, out, saved, needs: needs
        else:
            self.kind = "saved"
            self.get = _pick_saved(name)


def _pick_argument(position: int, what: Callable[[Any], Any] | None = None) -> Pick:
    if what is None:
        return lambda arrays, out, saved, needs: arrays[position]
    return lambda arrays, out, saved, needs: what(arrays[position])


def _pick_saved(name: str) -> Pick:
    get = operator.attrgetter(name)
    return lambda arrays, out, saved, needs: get(saved)


def _shape_of(value: Any) -> Any:
    return [np.shape(v) for v in value] if isinstance(value, (list, tuple)) else np.shape(value)


def _dtype_of(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_dtype_of(v) for v in value]
    return getattr(value, "dtype", None)  # a Python number has none: it takes its partner's


class Node:
    """One recorded operation: where its gradients go, and what its rule needs for them.

    Attributes
    ----------
    order : int
        Later operations have higher numbers, so that numbers are a topological
        order: an operation can only use what existed before it.
    edges : list
        For each name of ``wrt`` an :data:`Edge`, a list of them, or None.
    values : list or None
        The rule's arguments after ``grad``; None once backward has freed them.
    guards : list of (Storage, int, str)
        The memory of saved tensors and its version when it was saved.
    outputs : list of (shape, dtype)
        What gradients of the outputs must look like.
    """

    __slots__ = (
        "edges",
        "formula_values",
        "guards",
        "operation",
        "order",
        "outputs",
        "retained",
        "selection",
        "values",
    )

    numbers = itertools.count()

    def __init__(
        self, operation: Operation, args: tuple[Any, ...], edges: list[Any], selection: Any
    ) -> None:
        self.order = next(Node.numbers)
        self.operation = operation
        self.selection = selection
        self.edges = edges
        self.guards: list[tuple[Storage, int, str]] = [
            (tensor._storage, tensor._storage.version, getter.name)
            for getter in operation.rule_getters + operation.formula_getters
            if getter.position >= 0
            for tensor in _tensors_in(args[getter.position])
        ]
        self.retained: dict[int, weakref.ref[Tensor]] | None = None

    def save(self, arrays: list[Any], out: Any, saved: Any, outputs: list[Tensor]) -> None:
        """Keep what the rule and the formula name, and connect the outputs to this node."""
        needs = tuple(edge is not None for edge in self.edges)
        operation = self.operation
        try:
            self.values: list[Any] | None = [
                getter.get(arrays, out, saved, needs) for getter in operation.rule_getters
            ]
            self.formula_values: list[Any] | None = [
                getter.get(arrays, out, saved, needs) for getter in operation.formula_getters
            ]
        except AttributeError as error:
            raise GradientError(
                f"{operation.name}: its backward names {error.name!r}, which is neither an "
                "argument, NAME_shape, NAME_dtype, out, needs, nor a value in Saved(...)"
            ) from None
        self.outputs = [(tensor.data.shape, tensor.data.dtype) for tensor in outputs]
        if any(getter.kind == "out" for getter in operation.rule_getters):
            self.guards += [(t._storage, t._storage.version, "its output") for t in outputs]
        for index, tensor in enumerate(outputs):
            if tensor.data.dtype.kind == "f":  # indices and masks have no gradient
                tensor._requires_grad = True
                tensor._node = self
                tensor._index = index

    def retain(self, index: int, tensor: Tensor) -> None:
        """Keep the gradient of output ``index`` in ``tensor.grad``, if it lives till then."""
        self.retained = self.retained or {}
        self.retained[index] = weakref.ref(tensor)

    def check_intact(self) -> None:
        """Raise if a saved value has been written to, or the graph was freed."""
        if self.values is None:
            raise GradientError(
                f"backward: the graph through {self.operation.name} was freed by an earlier "
                "backward; pass retain_graph=True to the first one to walk it twice"
            )
        for storage, version, name in self.guards:
            if storage.version != version:
                raise GradientError(
                    f"backward: {self.operation.name} saved {name}, which has been written to "
                    f"in place since (version {storage.version}, saved at {version}); its "
                    "gradient would be wrong. Write before the forward, or to a copy"
                )

    def connected_values(self) -> list[Any]:
        """Return the rule's arguments with Tensors on the graph in the place of arrays."""
        operation = self.operation
        getters, values = operation.rule_getters, self.values
        if operation.formula is not None:
            getters, values = operation.formula_getters, self.formula_values
        edge_of = dict(zip(operation.wrt, self.edges, strict=True))
        assert values is not None
        return [self._connect(g, v, edge_of) for g, v in zip(getters, values, strict=True)]

    def _connect(self, getter: Getter, value: Any, edge_of: dict[int, Any]) -> Any:
        if getter.kind == "argument":
            edge = edge_of.get(getter.position)
            if isinstance(edge, list):
                return [connected(v, e) for v, e in zip(value, edge, strict=True)]
            return connected(value, edge)
        if getter.kind == "out":
            if isinstance(value, tuple):
                return tuple(connected(v, (self, i)) for i, v in enumerate(value))
            return connected(value, (self, 0))
        if getter.kind == "saved" and getattr(value, "dtype", np.dtype(bool)).kind == "f":
            raise GradientError(
                f"{self.operation.name}: no second derivative: its backward uses the saved "
                f"value {getter.name!r}, which would count as a constant; it needs a "
                "backward_formula that computes it from the inputs"
            )
        return value


def connected(value: Any, edge: Edge | None) -> Any:
    """Return ``value`` as the Tensor that ``edge`` leads to, or as it is without one."""
    if edge is None:
        return value
    target, index = edge
    if isinstance(target, Tensor):
        return target
    tensor = Tensor(value)
    tensor._requires_grad = True
    tensor._node, tensor._index = target, index
    return tensor


def _tensors_in(value: Any) -> tuple[Tensor, ...] | list[Tensor]:
    if isinstance(value, Tensor):
        return (value,)
    if type(value) is list or type(value) is tuple:
        return [v for v in value if isinstance(v, Tensor)]
    return ()


def _unwrap(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.data
    if type(value) is list or type(value) is tuple:
        return type(value)(map(_unwrap, value))
    return value


def _edge(value: Any) -> Any:
    """Return where the gradient of an argument goes; None if it wants none."""
    if isinstance(value, Tensor):
        if not value._requires_grad:
            return None
        return (value if value._node is None else value._node, value._index)
    if type(value) is list or type(value) is tuple:
        edges = [_edge(v) for v in value]
        return edges if any(edges) else None
    return None


def _split(result: Any) -> tuple[Any, Saved | None]:
    """Return what a forward gives to its caller, and what to its backward."""
    if type(result) is tuple and result and type(result[-1]) is Saved:
        return (result[0] if len(result) == 2 else result[:-1]), result[-1]
    return result, None


def _run(operation: Operation, args: tuple[Any, ...]) -> tuple[Any, Saved | None]:
    """Call the forward on arrays or Tensors; with Tensors, record it."""
    tensors = [t for arg in args for t in _tensors_in(arg)]
    if not tensors:
        return _split(operation.function(*args))
    arrays = [_unwrap(arg) for arg in args]
    node = None
    if operation.wrt and is_grad_enabled() and any(t._requires_grad for t in tensors):
        edges = [_edge(args[i]) for i in operation.wrt]
        if any(edges):
            node = Node(operation, args, edges, backend.current())
    out, saved = _split(operation.function(*arrays))
    results = out if type(out) is tuple else (out,)
    outputs = [Tensor(array) for array in results]
    for tensor in outputs:
        base = tensor.data.base
        for source in tensors:
            if tensor.data is source.data or (
                base is not None and (base is source.data or base is source.data.base)
            ):
                tensor._borrow(source)
                break
    if node is not None:
        node.save(arrays, out, saved, outputs)
    return (tuple(outputs) if type(out) is tuple else outputs[0]), saved


def differentiable(function: Callable[..., Any]) -> Any:
    """Make an operation of a function over arrays.

    Called with arrays it is the function itself; called with Tensors it
    returns Tensors and records itself for backward. The result has

    - ``.backward_rule(wrt=names)``, a decorator that declares the backward;
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
        return _run(operation, operation.positional(args, kwargs))[0]

    def with_saved(*args: Any, **kwargs: Any) -> Any:
        return _run(operation, operation.positional(args, kwargs))

    def backward_rule(wrt: tuple[str, ...]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        def declare(rule: Callable[..., Any]) -> Callable[..., Any]:
            unknown = [name for name in wrt if name not in operation.names]
            if unknown:
                raise GradientError(f"{operation.name}: wrt names no argument {unknown[0]!r}")
            operation.wrt = tuple(operation.names.index(name) for name in wrt)
            operation.rule_getters = operation.bind(rule)
            operation.rule = rule
            return rule

        return declare

    def backward_formula(formula: Callable[..., Any]) -> Callable[..., Any]:
        operation.formula_getters = operation.bind(formula)
        operation.formula = formula
        return formula

    public: Any = call
    public.operation = operation
    public.with_saved = with_saved
    public.backward_rule = backward_rule
    public.backward_formula = backward_formula
    return public


def not_differentiable(function: Callable[..., Any]) -> Any:
    """Make an operation that is never recorded: its result is a constant to backward.

    For comparisons, indices and roundings, whose derivative is zero wherever
    it exists.
    """
    operation = Operation(function)

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        return _run(operation, operation.positional(args, kwargs))[0]

    public: Any = call
    public.operation = operation
    return public
