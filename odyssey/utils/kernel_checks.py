"""What every kernel asks of its arguments, on both backends.

The reference kernels call these functions first. The compiled ones test the
same conditions in C and come here only to say what was wrong, so that both
backends refuse the same inputs in the same words.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from odyssey.errors import DTypeError, OdysseyError, RangeError, ShapeError
from odyssey.utils.broadcasting import broadcast_shape

__all__ = [
    "check_arrays",
    "check_axis",
    "check_broadcast",
    "check_copy",
    "check_cross_entropy",
    "check_cross_entropy_backward",
    "check_linear",
    "check_linear_backward",
    "check_matmul",
    "check_needs",
    "check_optimizer",
    "check_reduction",
    "check_same_shape",
    "check_step",
    "check_where",
]

FLOATS = (np.dtype(np.float16), np.dtype(np.float32), np.dtype(np.float64))


def _shapes(arrays: dict[str, np.ndarray]) -> str:
    return ", ".join(f"{name}: {array.shape}" for name, array in arrays.items())


def _sum_dtype(dtype: np.dtype) -> np.dtype:
    """Return the dtype in which kernels sum numbers of `dtype`."""
    return np.result_type(dtype, np.float32)


def _check_is_array(op: str, name: str, array: object) -> None:
    if not isinstance(array, np.ndarray):
        raise DTypeError(f"{op}: {name} must be a NumPy array, not {type(array).__name__}")


def check_arrays(op: str, objects: bool = False, **arrays: np.ndarray) -> None:
    """Raise unless all are ndarrays of one floating dtype.

    `objects` admits dtype object, that is exact numbers, too.
    """
    if len(arrays) == 1:  # the usual case, at once
        (array,) = arrays.values()
        if isinstance(array, np.ndarray) and array.dtype in FLOATS:
            return
    first: str | None = None
    for name, array in arrays.items():
        _check_is_array(op, name, array)
        if array.dtype not in FLOATS and not (objects and array.dtype == object):
            raise DTypeError(
                f"{op}: {name} has dtype {array.dtype}; expected float16, float32 or float64"
            )
        first = first or name
        if array.dtype != arrays[first].dtype:
            raise DTypeError(
                f"{op}: {first} has dtype {arrays[first].dtype} but {name} has dtype {array.dtype}"
            )


def check_same_shape(op: str, **arrays: np.ndarray) -> None:
    """Raise unless all arrays have the shape of the first."""
    first = next(iter(arrays))
    for name, array in arrays.items():
        if array.shape != arrays[first].shape:
            raise ShapeError(f"{op}: {name} does not have the shape of {first} ({_shapes(arrays)})")


def check_axis(op: str, x: np.ndarray, axis: int) -> int:
    """Return `axis` counted from the front, or raise."""
    try:
        number = operator.index(axis)
    except TypeError:
        raise DTypeError(f"{op}: axis must be an integer, not {type(axis).__name__}") from None
    if not -x.ndim <= number < x.ndim:
        raise RangeError(
            f"{op}: axis {number} is out of range for x with {x.ndim} axes (x: {x.shape})"
        )
    return number % x.ndim


def check_reduction(
    op: str, x: np.ndarray, axis: int | tuple[int, ...] | None, objects: bool = False
) -> tuple[int, ...]:
    """Return the axes to reduce, counted from the front, or raise."""
    check_arrays(op, objects, x=x)
    if axis is None:
        return tuple(range(x.ndim))
    axes = tuple(check_axis(op, x, one) for one in (axis if isinstance(axis, tuple) else (axis,)))
    if len(set(axes)) < len(axes):
        raise ShapeError(f"{op}: axis {axis} names an axis twice (x: {x.shape})")
    return axes


def check_broadcast(op: str, objects: bool = False, **arrays: np.ndarray) -> tuple[int, ...]:
    """Return the shape to which arrays of one floating dtype broadcast, or raise."""
    check_arrays(op, objects, **arrays)
    return _broadcast_shape(op, arrays)


def _broadcast_shape(op: str, arrays: dict[str, np.ndarray]) -> tuple[int, ...]:
    return broadcast_shape(op, {name: array.shape for name, array in arrays.items()})


def check_where(
    condition: np.ndarray, x: np.ndarray, y: np.ndarray, objects: bool = False
) -> tuple[int, ...]:
    """Return the shape of the result of where, or raise."""
    _check_is_array("where", "condition", condition)
    if condition.dtype != bool:
        raise DTypeError(f"where: condition has dtype {condition.dtype}; expected bool")
    check_arrays("where", objects, x=x, y=y)
    return _broadcast_shape("where", {"condition": condition, "x": x, "y": y})


def check_matmul(a: np.ndarray, b: np.ndarray, objects: bool = False) -> None:
    """Raise unless a (..., M, K) and b (..., K, N) can be multiplied."""
    check_arrays("matmul", objects, a=a, b=b)
    shapes = _shapes({"a": a, "b": b})
    for name, array in (("a", a), ("b", b)):
        if array.ndim < 2:
            raise ShapeError(
                f"matmul: {name} has {array.ndim} axes but needs at least 2 ({shapes})"
            )
    if a.ndim != b.ndim:
        raise ShapeError(f"matmul: a has {a.ndim} axes but b has {b.ndim} ({shapes})")
    if a.shape[-1] != b.shape[-2]:
        raise ShapeError(
            f"matmul: a has {a.shape[-1]} columns but b has {b.shape[-2]} rows ({shapes})"
        )
    if a.shape[:-2] != b.shape[:-2]:
        raise ShapeError(
            f"matmul: a has batch axes {a.shape[:-2]} but b has {b.shape[:-2]} ({shapes})"
        )


def check_linear(
    x: np.ndarray, weight: np.ndarray, bias: np.ndarray | None, objects: bool = False
) -> None:
    """Raise unless x is (..., I), weight (O, I) and bias, if any, (O,)."""
    given = {} if bias is None else {"bias": bias}
    check_arrays("linear", objects, x=x, weight=weight, **given)
    _check_features("linear", x, weight)
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ShapeError(
            f"linear: bias must have shape {weight.shape[:1]} but has {bias.shape} "
            f"(weight: {weight.shape})"
        )


def check_linear_backward(
    grad: np.ndarray, x: np.ndarray, weight: np.ndarray, objects: bool = False
) -> None:
    """Raise unless grad has the shape that x (..., I) and weight (O, I) give."""
    op = "linear_backward"
    check_arrays(op, objects, grad=grad, x=x, weight=weight)
    _check_features(op, x, weight)
    expected = (*x.shape[:-1], weight.shape[0])
    if grad.shape != expected:
        raise ShapeError(
            f"{op}: grad has shape {grad.shape}; expected {expected} "
            f"({_shapes({'x': x, 'weight': weight})})"
        )


def _check_features(op: str, x: np.ndarray, weight: np.ndarray) -> None:
    shapes = _shapes({"x": x, "weight": weight})
    if x.ndim == 0 or weight.ndim != 2:
        raise ShapeError(f"{op}: x needs at least 1 axis and weight 2 ({shapes})")
    if x.shape[-1] != weight.shape[1]:
        raise ShapeError(
            f"{op}: x has {x.shape[-1]} features but weight expects {weight.shape[1]} ({shapes})"
        )


def check_needs(op: str, needs: Any, count: int) -> tuple[bool, ...]:
    """Return ``needs`` as a tuple of ``count`` bools, or raise."""
    if not isinstance(needs, (tuple, list)) or len(needs) != count:
        raise ShapeError(f"{op}: needs must hold {count} truth values, got {needs!r}")
    return tuple(map(bool, needs))


def _check_labels(op: str, x: np.ndarray, labels: np.ndarray) -> None:
    _check_is_array(op, "labels", labels)
    if labels.dtype.kind not in "iu":
        raise DTypeError(f"{op}: labels has dtype {labels.dtype}; expected an integer dtype")
    if x.ndim != 2:
        raise ShapeError(f"{op}: x has {x.ndim} axes but needs 2, (rows, classes) (x: {x.shape})")
    if labels.shape != x.shape[:1]:
        raise ShapeError(
            f"{op}: x has {x.shape[0]} rows but labels has shape {labels.shape} (x: {x.shape})"
        )
    for n in np.flatnonzero((labels < 0) | (labels >= x.shape[1]))[:1]:
        raise ShapeError(
            f"{op}: labels[{n}] is {labels[n]} but x has {x.shape[1]} classes (x: {x.shape})"
        )


def check_cross_entropy(x: np.ndarray, labels: np.ndarray, objects: bool = False) -> None:
    """Raise unless x is (N, C) and labels (N,) holds integers in [0, C)."""
    op = "softmax_cross_entropy"
    check_arrays(op, objects, x=x)
    _check_labels(op, x, labels)


def check_cross_entropy_backward(
    grad: np.ndarray,
    x: np.ndarray,
    labels: np.ndarray,
    log_total: np.ndarray,
    objects: bool = False,
) -> None:
    """Raise unless the arguments fit those of the forward function and what it returned."""
    op = "softmax_cross_entropy_backward"
    check_arrays(op, objects, grad=grad, x=x)
    _check_labels(op, x, labels)
    _check_is_array(op, "log_total", log_total)
    if log_total.dtype != _sum_dtype(x.dtype):
        raise DTypeError(
            f"{op}: log_total has dtype {log_total.dtype}; "
            f"expected {_sum_dtype(x.dtype)} for x of {x.dtype}"
        )
    for name, array in (("grad", grad), ("log_total", log_total)):
        if array.shape != labels.shape:
            raise ShapeError(
                f"{op}: {name} has shape {array.shape} but x has {x.shape[0]} rows (x: {x.shape})"
            )


def check_optimizer(op: str, objects: bool, params: Any, grads: Any, **states: Any) -> None:
    """Raise unless grads and states fit params, and what is updated in place can be written."""
    for name, arrays in {"params": params, "grads": grads, **states}.items():
        if not isinstance(arrays, (list, tuple)):
            raise DTypeError(
                f"{op}: {name} must be a list of NumPy arrays, not {type(arrays).__name__}"
            )
        if len(arrays) != len(params):
            raise ShapeError(
                f"{op}: {name} must have an array for each of the {len(params)} params, "
                f"got {len(arrays)}"
            )
    for i, (param, grad) in enumerate(zip(params, grads, strict=True)):
        state = {f"{name}[{i}]": arrays[i] for name, arrays in states.items()}
        check_arrays(op, objects, **{f"params[{i}]": param, f"grads[{i}]": grad})
        for name, array in state.items():
            _check_is_array(op, name, array)
            if array.dtype != _sum_dtype(param.dtype):
                raise DTypeError(
                    f"{op}: {name} has dtype {array.dtype}; "
                    f"expected {_sum_dtype(param.dtype)} for params[{i}] of {param.dtype}"
                )
        check_same_shape(op, **{f"params[{i}]": param, f"grads[{i}]": grad}, **state)
        for name, array in {f"params[{i}]": param, **state}.items():
            if not array.flags.writeable:
                raise ValueError(f"{op}: {name} is read-only, but it is updated in place")


def check_step(op: str, step: int) -> None:
    """Raise unless `step` counts from 1."""
    try:
        number = operator.index(step)
    except TypeError:
        raise DTypeError(f"{op}: step must be an integer, not {type(step).__name__}") from None
    if number < 1:
        raise ValueError(f"{op}: step is {number} but counts from 1")


def check_convert(x: np.ndarray, dtype: str) -> None:
    """Raise unless x is an array of floats, or of exact objects, and there is such a dtype."""
    _check_is_array("convert", "x", x)
    if x.dtype.kind not in "fO":
        raise DTypeError(f"convert: x must be float16, float32 or float64 but has dtype {x.dtype}")
    if dtype not in ("float16", "float32", "float64"):
        raise DTypeError(f"convert: dtype must be 'float16', 'float32' or 'float64', got {dtype!r}")


def check_copy(x: np.ndarray, order: str) -> None:
    """Raise unless x is an array, and for channels-last a batch of images."""
    _check_is_array("copy", "x", x)
    if order not in ("C", "channels_last"):
        raise OdysseyError(f"copy: order must be 'C' or 'channels_last', got {order!r}")
    if order == "channels_last" and x.ndim != 4:
        raise ShapeError(
            f"copy: channels_last needs 4 axes (N, C, H, W), but x has {x.ndim} (x: {x.shape})"
        )
