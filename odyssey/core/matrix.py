"""Matrices: product and transposition."""

from __future__ import annotations

import numpy as np

from odyssey.backend import kernel
from odyssey.core._broadcast import unbroadcast
from odyssey.core._checks import as_array, normalize_axes, normalize_axis
from odyssey.core._floats import has_kernel
from odyssey.errors import ShapeError
from odyssey.tape import differentiable
from odyssey.utils.broadcasting import broadcast_shape

__all__ = [
    "matmul",
    "matmul_backward",
    "swapaxes",
    "swapaxes_backward",
    "transpose",
    "transpose_backward",
]


@differentiable
def matmul(a, b):
    r"""Multiply matrices, or stacks of them.

    Shapes: M rows, N columns, K summed over; leading axes broadcast.

    Parameters
    ----------
    a : Tensor or ndarray, shape (..., M, K) or (K,)
    b : Tensor or ndarray, shape (..., K, N) or (K,)
        A vector counts as one row on the left, one column on the right, and
        that axis is missing from the result. Transposed operands are read in
        place.

    Returns
    -------
    Tensor or ndarray, shape (..., M, N)
        In the promoted dtype; float16 is summed in float32.

    Raises
    ------
    ShapeError
        If an operand is a scalar, if the inner lengths differ, or if the
        leading axes do not broadcast.

    Notes
    -----
    Forward, for each matrix of the stack:

    .. math:: c_{ij} = \sum_k a_{ik}\, b_{kj}

    Backward, because :math:`a_{ik}` meets the whole row k of b and
    :math:`b_{kj}` the whole column k of a:

    .. math:: \partial a = g\, b^\top, \qquad \partial b = a^\top g

    each summed over leading axes that were broadcast. Cost: M·K·N
    multiply-adds a matrix; saves ``a`` and ``b``. Integers are multiplied by
    NumPy; only the floating-point kernels exist twice.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.matmul(od.tensor([[1.0, 2.0], [3.0, 4.0]]), od.tensor([1.0, 10.0]))
    tensor([21., 43.])
    """
    a, b = as_array(a), as_array(b)
    if a.ndim == b.ndim == 2 and a.dtype is b.dtype and has_kernel(a):
        return kernel("matmul")(a, b)  # nothing to convert or to repeat; it checks the lengths
    if a.ndim == 0 or b.ndim == 0:
        raise ShapeError(
            f"matmul: the operands need at least one axis (a: {a.shape}, b: {b.shape}); "
            "multiply by a number with *"
        )
    inner = b.shape[-2] if b.ndim > 1 else b.shape[0]
    if a.shape[-1] != inner:
        raise ShapeError(
            f"matmul: a has {a.shape[-1]} columns but b has {inner} rows "
            f"(a: {a.shape}, b: {b.shape})"
        )
    if a.dtype is not b.dtype or not a.dtype.isnative:
        dtype = np.result_type(a, b)
        a, b = a.astype(dtype, copy=False), b.astype(dtype, copy=False)
    if a.dtype.kind not in "fO":
        return np.matmul(a, b)
    left = a.reshape(1, -1) if a.ndim == 1 else a
    right = b.reshape(-1, 1) if b.ndim == 1 else b
    if left.shape[:-2] != right.shape[:-2]:
        left, right = _broadcast_stacks(left, right)
    out = kernel("matmul")(left, right)
    if a.ndim == 1:
        out = out[..., 0, :]
    return out[..., 0] if b.ndim == 1 else out


def _broadcast_stacks(a, b):
    """Repeat the leading axes of ``a`` and ``b`` to one shape, without a copy."""
    stack = broadcast_shape("matmul", {"a": a.shape, "b": b.shape}, "the leading axes", last=2)
    return (
        np.broadcast_to(a, stack + a.shape[-2:]),
        np.broadcast_to(b, stack + b.shape[-2:]),
    )


@matmul.backward_rule(wrt=("a", "b"))
def matmul_backward(grad, a, b, needs=(True, True)):
    """Return the gradients of :func:`matmul` for ``a`` and ``b``."""
    a_shape, b_shape = np.shape(a), np.shape(b)
    # A vector becomes the matrix that it counted as, so that one formula serves all.
    if len(b_shape) == 1:
        b, grad = b.reshape((-1, 1)), grad.reshape((*grad.shape, 1))
    if len(a_shape) == 1:
        a, grad = a.reshape((1, -1)), grad.reshape((*grad.shape[:-1], 1, grad.shape[-1]))
    grad_a = grad_b = None
    if needs[0]:
        grad_a = matmul(grad, swapaxes(b, -1, -2))
        grad_a = unbroadcast(grad_a, a.shape).reshape(a_shape)
    if needs[1]:
        grad_b = matmul(swapaxes(a, -1, -2), grad)
        grad_b = unbroadcast(grad_b, b.shape).reshape(b_shape)
    return grad_a, grad_b


@differentiable
def swapaxes(x, axis1, axis2):
    r"""Exchange two axes, without a copy.

    Parameters
    ----------
    x : Tensor or ndarray
    axis1, axis2 : int

    Returns
    -------
    Tensor or ndarray

    Raises
    ------
    ShapeError
        If an axis is out of range.

    Notes
    -----
    Backward: :math:`g` with the same axes exchanged.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.swapaxes(od.zeros((2, 3, 4)), 0, 2).shape
    (4, 3, 2)
    """
    x = as_array(x)
    return np.swapaxes(
        x,
        normalize_axis("swapaxes", axis1, x.ndim, "axis1"),
        normalize_axis("swapaxes", axis2, x.ndim, "axis2"),
    )


@swapaxes.backward_rule(wrt=("x",))
def swapaxes_backward(grad, axis1, axis2):
    """Return the gradient of :func:`swapaxes`."""
    return swapaxes(grad, axis1, axis2)


@differentiable
def transpose(x, axes=None):
    r"""Put the axes in another order, without a copy.

    Parameters
    ----------
    x : Tensor or ndarray
    axes : tuple of int or None
        Axis i of the result is axis ``axes[i]`` of ``x``; None reverses them.

    Returns
    -------
    Tensor or ndarray

    Raises
    ------
    ShapeError
        If ``axes`` is not a permutation of the axes.

    Notes
    -----
    Backward: :math:`g` under the inverse permutation.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.transpose(od.zeros((2, 3, 4)), (1, 2, 0)).shape
    (3, 4, 2)
    """
    x = as_array(x)
    return np.transpose(x, permutation("transpose", axes, x.ndim))


def permutation(op, axes, ndim):
    """Return all axes in the order that they are named in; None reverses them."""
    if axes is None:
        return tuple(reversed(range(ndim)))
    normal = normalize_axes(op, axes, ndim)
    if len(normal) != ndim:
        raise ShapeError(f"{op}: axes {axes} names {len(normal)} of {ndim} axes")
    return normal


@transpose.backward_rule(wrt=("x",))
def transpose_backward(grad, axes=None):
    """Return the gradient of :func:`transpose`."""
    inverse = np.argsort(permutation("transpose", axes, len(grad.shape)))
    return transpose(grad, tuple(inverse.tolist()))
