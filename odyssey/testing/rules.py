"""check_backward: a backward rule called by hand, against what the tape makes of it."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from odyssey.engine import gradients
from odyssey.tensor import Tensor

__all__ = ["check_backward"]


def check_backward(op: Any, *args: Any, seed: int = 0, **kwargs: Any) -> None:
    """Check that an operation's rule, called by hand on arrays, gives what the tape gives.

    Parameters
    ----------
    op : operation
        Declared with ``@differentiable`` and a ``backward_rule``.
    *args, **kwargs
        Of the forward; float64 arrays in the place of Tensors.
    seed : int
        Of the random cotangent.

    Raises
    ------
    AssertionError
        If a gradient differs.

    Examples
    --------
    >>> import numpy as np, odyssey as od
    >>> check_backward(od.core.multiply, np.array([1.0, 2.0]), np.array([[3.0], [4.0]]))
    """
    operation = op.operation
    bound = operation.signature.bind(*args, **kwargs)
    bound.apply_defaults()
    given = dict(bound.arguments)
    wrt = [operation.names[i] for i in operation.wrt]
    out, saved = op.with_saved(**given)
    rng = np.random.default_rng(seed)
    several = isinstance(out, (tuple, list))
    # What is no float has no gradient.
    v = [rng.standard_normal(y.shape) if y.dtype.kind == "f" else None for y in _listed(out)]
    needs = tuple(any(map(_is_input, _listed(given[name]))) for name in wrt)
    known = {**given, "out": out, "needs": needs, **(vars(saved) if saved else {})}
    for name, value in given.items():
        listed = isinstance(value, (list, tuple))
        known[f"{name}_shape"] = [np.shape(x) for x in value] if listed else np.shape(value)
        known[f"{name}_dtype"] = getattr(value, "dtype", None)
    names = list(inspect.signature(operation.rule).parameters)[1:]
    by_hand = operation.rule(tuple(v) if several else v[0], *(known[name] for name in names))
    by_hand = by_hand if isinstance(by_hand, tuple) else (by_hand,)

    tensors = {name: _as_inputs(given[name]) for name in wrt}
    outs = op(**{**given, **tensors})
    outs = [y for y in _listed(outs) if y.dtype.kind == "f"]
    v = [one for one in v if one is not None]
    for name, hand, needed in zip(wrt, by_hand, needs, strict=True):
        what = f"{operation.rule.__name__}: the gradient for {name}"
        if not needed:
            assert hand is None, f"{what} is not wanted, but by hand it is given"
            continue
        recorded = gradients(outs, _listed(tensors[name]), v, retain_graph=True)
        for mine, tape in zip(_listed(hand), recorded, strict=True):
            same = tape is not None and np.array_equal(mine, tape.data, equal_nan=True)
            assert same, f"{what} is another by hand than from the tape"


def _is_input(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"


def _as_inputs(value: Any) -> Any:
    """Return floating arrays as Tensors to differentiate by, and the rest as it is."""
    if isinstance(value, (list, tuple)):
        return [_as_inputs(x) for x in value]
    return Tensor(value, requires_grad=True) if _is_input(value) else value


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]
