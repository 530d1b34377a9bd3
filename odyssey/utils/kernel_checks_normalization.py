"""What the normalisation kernels ask of their arguments, on both backends."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from odyssey.errors import DTypeError, OdysseyError, ShapeError
from odyssey.utils.kernel_checks import check_arrays, check_needs

__all__ = [
    "check_channel_norm",
    "check_channel_norm_backward",
    "check_groups",
    "check_moments",
    "check_row_norm",
    "check_row_norm_backward",
]


def check_row_norm(op: str, x: np.ndarray, **weights: np.ndarray | None) -> None:
    """Raise unless x is (N, C), and the weights that are given (C,)."""
    check_arrays(op, x=x)
    if x.ndim != 2:
        raise ShapeError(f"{op}: x has {x.ndim} axes but needs 2, (rows, features) (x: {x.shape})")
    _check_weights(op, x, **weights)


def check_row_norm_backward(
    op: str,
    needs: Any,
    count: int,
    grad: np.ndarray,
    x: np.ndarray,
    weight: np.ndarray | None,
    **moments: np.ndarray,
) -> tuple[bool, ...]:
    """Return ``needs`` if the arguments fit those of the forward function and its results."""
    check_row_norm(op, x, weight=weight)
    _check_grad(op, grad, x)
    check_moments(op, x, x.shape[:1], **moments)
    return check_needs(op, needs, count)


def check_channel_norm(op: str, x: np.ndarray, **weights: np.ndarray | None) -> None:
    """Raise unless x is (N, C, ...), and the weights that are given (C,)."""
    check_arrays(op, x=x)
    if x.ndim < 2:
        raise ShapeError(f"{op}: x has {x.ndim} axes but needs at least 2, (N, C, ...)")
    _check_weights(op, x, **weights)


def check_channel_norm_backward(
    op: str,
    needs: Any,
    grad: np.ndarray,
    x: np.ndarray,
    weight: np.ndarray | None,
) -> tuple[bool, ...]:
    """Return ``needs`` if the arguments fit those of the forward function."""
    check_channel_norm(op, x, weight=weight)
    _check_grad(op, grad, x)
    return check_needs(op, needs, 3)


def check_groups(op: str, x: np.ndarray, groups: int) -> int:
    """Return ``groups`` if it is an integer that divides the channels of x, or raise."""
    try:
        number = operator.index(groups)
    except TypeError:
        raise DTypeError(f"{op}: groups must be an integer, not {type(groups).__name__}") from None
    if number < 1:
        raise OdysseyError(f"{op}: groups must be at least 1, got {number}")
    if x.shape[1] % number:
        raise ShapeError(
            f"{op}: groups={number} does not divide the {x.shape[1]} channels of x (x: {x.shape})"
        )
    return number


def check_moments(op: str, x: np.ndarray, shape: tuple[int, ...], **moments: np.ndarray) -> None:
    """Raise unless means, variances and the like have a shape, and the dtype of sums over x."""
    expected = np.result_type(x.dtype, np.float32)
    for name, array in moments.items():
        if not isinstance(array, np.ndarray):
            raise DTypeError(f"{op}: {name} must be a NumPy array, not {type(array).__name__}")
        if array.dtype != expected:
            raise DTypeError(
                f"{op}: {name} has dtype {array.dtype}; expected {expected} for x of {x.dtype}"
            )
        if array.shape != shape:
            raise ShapeError(
                f"{op}: {name} must have shape {shape} but has {array.shape} (x: {x.shape})"
            )


def _check_weights(op: str, x: np.ndarray, **weights: np.ndarray | None) -> None:
    given = {name: array for name, array in weights.items() if array is not None}
    check_arrays(op, False, x=x, **given)
    for name, array in given.items():
        if array.shape != x.shape[1:2]:
            raise ShapeError(
                f"{op}: {name} must have shape {x.shape[1:2]} but has {array.shape} (x: {x.shape})"
            )


def _check_grad(op: str, grad: np.ndarray, x: np.ndarray) -> None:
    check_arrays(op, x=x, grad=grad)
    if grad.shape != x.shape:
        raise ShapeError(f"{op}: grad must have shape {x.shape} but has {grad.shape}")
