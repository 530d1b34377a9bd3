"""What the recurrent kernels ask of their arguments, on both backends.

Like :mod:`odyssey.utils.kernel_checks`: the reference calls these functions
first, the compiled kernels only to say what was wrong.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from odyssey.errors import DTypeError, OdysseyError, RangeError, ShapeError
from odyssey.utils.kernel_checks import check_arrays

__all__ = [
    "check_gru",
    "check_gru_backward",
    "check_lengths",
    "check_lstm",
    "check_lstm_backward",
    "check_nonlinearity",
    "check_rnn",
    "check_rnn_backward",
]


def check_lengths(op: str, lengths: Any, T: int, N: int) -> Any:
    """Return the lengths of N sequences as contiguous int64, None as it is; raise if they are bad.

    Examples
    --------
    >>> check_lengths("lstm", np.array([3, 1]), T=3, N=2)
    array([3, 1])
    """
    if lengths is None:
        return None
    if not isinstance(lengths, np.ndarray):
        raise DTypeError(f"{op}: lengths must be a NumPy array, not {type(lengths).__name__}")
    if lengths.dtype != np.int64:
        raise DTypeError(f"{op}: lengths has dtype {lengths.dtype}; expected int64")
    if lengths.shape != (N,):
        raise ShapeError(
            f"{op}: lengths has shape {lengths.shape}; expected {(N,)}, one for each sequence"
        )
    if N and not 0 <= int(lengths.min()) <= int(lengths.max()) <= T:
        raise RangeError(
            f"{op}: lengths reach from {lengths.min()} to {lengths.max()} but there are {T} steps"
        )
    return np.require(lengths, np.int64, ("C", "A"))


def check_nonlinearity(op: str, nonlinearity: Any) -> str:
    """Return the nonlinearity, or raise.

    Examples
    --------
    >>> check_nonlinearity("rnn", "relu")
    'relu'
    """
    if nonlinearity not in ("tanh", "relu"):
        raise OdysseyError(f"{op}: nonlinearity must be 'tanh' or 'relu', got {nonlinearity!r}")
    return str(nonlinearity)


def _check_shapes(op: str, weight: tuple[int, ...], expected: dict[str, Any]) -> None:
    for name, (array, shape) in expected.items():
        if array.shape != shape:
            raise ShapeError(
                f"{op}: {name} has shape {array.shape}; expected {shape} for weight {weight}"
            )


def _sizes(op: str, gates: int, weight: Any, sequence: Any, share: int, name: str) -> Any:
    """Return T, N, H; raise unless weight is (gates·H, H) and the sequence (T, N, share·H)."""
    if weight.ndim != 2 or weight.shape[0] != gates * weight.shape[1]:
        expected = f"({gates}H, H)" if gates > 1 else "(H, H)"
        raise ShapeError(f"{op}: weight has shape {weight.shape}; expected {expected}")
    H = weight.shape[1]
    if sequence.ndim != 3 or sequence.shape[2] != share * H:
        raise ShapeError(
            f"{op}: {name} has shape {sequence.shape}; expected (T, N, {share * H}) "
            f"for weight {weight.shape}"
        )
    return (*sequence.shape[:2], H)


def check_lstm(op: str, gates: Any, weight: Any, h0: Any, c0: Any, lengths: Any) -> Any:
    """Return the checked lengths; raise unless the arguments of lstm fit each other."""
    check_arrays(op, gates=gates, weight=weight, h0=h0, c0=c0)
    T, N, H = _sizes(op, 4, weight, gates, 4, "gates")
    _check_shapes(op, weight.shape, {"h0": (h0, (N, H)), "c0": (c0, (N, H))})
    return check_lengths(op, lengths, T, N)


def check_gru(op: str, gates: Any, weight: Any, bias: Any, h0: Any, lengths: Any) -> Any:
    """Return the checked lengths; raise unless the arguments of gru fit each other."""
    biases = {} if bias is None else {"bias": bias}
    check_arrays(op, gates=gates, weight=weight, **biases, h0=h0)
    T, N, H = _sizes(op, 3, weight, gates, 3, "gates")
    shapes = {name: (array, (H,)) for name, array in biases.items()}
    _check_shapes(op, weight.shape, {**shapes, "h0": (h0, (N, H))})
    return check_lengths(op, lengths, T, N)


def check_rnn(op: str, gates: Any, weight: Any, h0: Any, lengths: Any) -> Any:
    """Return the checked lengths; raise unless the arguments of rnn fit each other."""
    check_arrays(op, gates=gates, weight=weight, h0=h0)
    T, N, H = _sizes(op, 1, weight, gates, 1, "gates")
    _check_shapes(op, weight.shape, {"h0": (h0, (N, H))})
    return check_lengths(op, lengths, T, N)


def _check_backward(
    op: str, count: int, /, weight: Any, grad: Any, lengths: Any, **others: Any
) -> Any:
    """Return the checked lengths.

    ``others`` are pairs of an array and how many times H it has along its last axis; 0
    stands for a state, (N, H).
    """
    check_arrays(op, grad=grad, weight=weight, **{name: one for name, (one, _) in others.items()})
    T, N, H = _sizes(op, count, weight, grad, 1, "grad")
    expected = {
        name: (array, (T, N, share * H) if share else (N, H))
        for name, (array, share) in others.items()
    }
    _check_shapes(op, weight.shape, expected)
    return check_lengths(op, lengths, T, N)


def check_lstm_backward(
    grad: Any, grad_h: Any, grad_c: Any, weight: Any, c0: Any, gates: Any, cells: Any, lengths: Any
) -> Any:
    """Return the checked lengths; raise unless the arguments of lstm_backward fit each other."""
    states = {"grad_h": (grad_h, 0), "grad_c": (grad_c, 0), "c0": (c0, 0)}
    return _check_backward(
        "lstm_backward", 4, weight, grad, lengths, **states, gates=(gates, 4), cells=(cells, 1)
    )


def check_gru_backward(
    grad: Any, grad_h: Any, weight: Any, h0: Any, out: Any, gates: Any, lengths: Any
) -> Any:
    """Return the checked lengths; raise unless the arguments of gru_backward fit each other."""
    states = {"grad_h": (grad_h, 0), "h0": (h0, 0)}
    return _check_backward(
        "gru_backward", 3, weight, grad, lengths, **states, out=(out, 1), gates=(gates, 4)
    )


def check_rnn_backward(grad: Any, grad_h: Any, weight: Any, out: Any, lengths: Any) -> Any:
    """Return the checked lengths; raise unless the arguments of rnn_backward fit each other."""
    return _check_backward(
        "rnn_backward", 1, weight, grad, lengths, grad_h=(grad_h, 0), out=(out, 1)
    )
