"""Products of vectors, matrices and axes: dot, outer, tensordot and their kin."""

from __future__ import annotations

import operator
import string

import numpy as np

from odyssey.core._broadcast import unbroadcast
from odyssey.core._checks import as_array, check_broadcast, normalize_axes, normalize_axis
from odyssey.core.einstein import einsum
from odyssey.core.shape import expand_dims
from odyssey.errors import ShapeError
from odyssey.tape import differentiable

__all__ = [
    "cross",
    "cross_backward",
    "dot",
    "dot_backward",
    "inner",
    "inner_backward",
    "kron",
    "kron_backward",
    "outer",
    "outer_backward",
    "tensordot",
    "tensordot_backward",
    "vecdot",
    "vecdot_backward",
]


@differentiable
def tensordot(a, b, axes=2):
    r"""Multiply two arrays and add up along pairs of axes.

    Parameters
    ----------
    a, b : Tensor or ndarray
    axes : int or pair of sequences of int
        A number n pairs the last n axes of ``a`` with the first n of ``b``;
        otherwise axis ``axes[0][i]`` of ``a`` goes with axis ``axes[1][i]`` of ``b``.

    Returns
    -------
    Tensor or ndarray
        Of shape: the other axes of ``a``, then those of ``b``.

    Raises
    ------
    ShapeError
        If an axis is out of range or named twice, the sequences differ in
        length, or the lengths of two paired axes differ.

    Notes
    -----
    With i for the paired axes, p and q for the others:

    .. math:: y_{pq} = \sum_i a_{pi}\, b_{iq}

    Backward: :math:`\partial a_{pi} = \sum_q g_{pq} b_{iq}` and
    :math:`\partial b_{iq} = \sum_p a_{pi} g_{pq}`.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.tensordot(od.ones((2, 3)), od.ones((3, 4)), 1).shape
    (2, 4)
    >>> od.core.tensordot(od.ones((2, 3)), od.ones((3, 2)), ([0, 1], [1, 0]))
    tensor(6.)
    """
    a, b = as_array(a), as_array(b)
    return einsum(_paired("tensordot", a.shape, b.shape, axes), a, b)


def _paired(op, a_shape, b_shape, axes):
    """Return the subscripts of a product over pairs of axes."""
    ndims = (len(a_shape), len(b_shape))
    if isinstance(axes, (tuple, list)):
        if len(axes) != 2:
            raise ShapeError(f"{op}: axes must be a number or a pair, got {axes!r}")
        left, right = (
            normalize_axes(op, list(one) if np.ndim(one) else one, ndim)
            for one, ndim in zip(axes, ndims, strict=True)
        )
    else:
        count = operator.index(axes)
        if not 0 <= count <= min(ndims):
            raise ShapeError(f"{op}: axes {count} is out of range (a: {a_shape}, b: {b_shape})")
        left, right = range(ndims[0] - count, ndims[0]), range(count)
    if len(left) != len(right) or any(
        a_shape[i] != b_shape[j] for i, j in zip(left, right, strict=True)
    ):
        raise ShapeError(
            f"{op}: axes {tuple(left)} of a and {tuple(right)} of b have different lengths "
            f"(a: {a_shape}, b: {b_shape})"
        )
    if sum(ndims) > len(string.ascii_letters):
        raise ShapeError(f"{op}: {sum(ndims)} axes are too many")
    a_names = string.ascii_letters[: ndims[0]]
    names = list(string.ascii_letters[ndims[0] : sum(ndims)])
    for i, j in zip(left, right, strict=True):
        names[j] = a_names[i]
    b_names = "".join(names)
    out = [a for a in a_names if a not in b_names] + [b for b in names if b not in a_names]
    return f"{a_names},{b_names}->{''.join(out)}"


def _product_gradients(grad, subscripts, a, b, needs):
    """Return the gradients of a product of two operands that has no letter twice in one."""
    operands, out = subscripts.split("->")
    left, right = operands.split(",")
    return (
        einsum(f"{out},{right}->{left}", grad, b) if needs[0] else None,
        einsum(f"{left},{out}->{right}", a, grad) if needs[1] else None,
    )


@tensordot.backward_rule(wrt=("a", "b"))
def tensordot_backward(grad, a, b, axes=2, needs=(True, True)):
    """Return the gradients of :func:`tensordot` for ``a`` and ``b``."""
    subscripts = _paired("tensordot", np.shape(a), np.shape(b), axes)
    return _product_gradients(grad, subscripts, a, b, needs)


def _dot_axes(a_shape, b_shape):
    """Return which axes the dot product pairs: none with a number."""
    if not a_shape or not b_shape:
        return 0
    return (-1,), (-2 if len(b_shape) > 1 else 0,)


@differentiable
def dot(a, b):
    r"""Return the dot product :math:`\sum_i a_i b_i`; of more axes, NumPy's generalisation.

    Parameters
    ----------
    a : Tensor or ndarray, shape (..., K)
    b : Tensor or ndarray, shape (K,) or (..., K, N)
        A number on either side multiplies.

    Returns
    -------
    Tensor or ndarray
        The axes of ``a`` but the last, then those of ``b`` but the last but one:
        of two matrices their product.

    Raises
    ------
    ShapeError
        If the two axes differ in length.

    Notes
    -----
    Backward: :math:`\partial a_i = g\, b_i` and :math:`\partial b_i = g\, a_i`,
    summed over all that an element went into.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.dot(od.tensor([1.0, 2.0]), od.tensor([10.0, 1.0]))
    tensor(12.)
    """
    a, b = as_array(a), as_array(b)
    return einsum(_paired("dot", a.shape, b.shape, _dot_axes(a.shape, b.shape)), a, b)


@dot.backward_rule(wrt=("a", "b"))
def dot_backward(grad, a, b, needs=(True, True)):
    """Return the gradients of :func:`dot` for ``a`` and ``b``."""
    shapes = np.shape(a), np.shape(b)
    return _product_gradients(grad, _paired("dot", *shapes, _dot_axes(*shapes)), a, b, needs)


def _inner_axes(a_shape, b_shape):
    return ((-1,), (-1,)) if a_shape and b_shape else 0


@differentiable
def inner(a, b):
    r"""Add up products along the last axes: :math:`y_{pq} = \sum_i a_{pi}\, b_{qi}`.

    Parameters
    ----------
    a, b : Tensor or ndarray, shapes (..., K)
        A number on either side multiplies.

    Returns
    -------
    Tensor or ndarray
        Of shape: the other axes of ``a``, then those of ``b``.

    Raises
    ------
    ShapeError
        If the last axes differ in length.

    Notes
    -----
    Backward: :math:`\partial a_{pi} = \sum_q g_{pq} b_{qi}` and
    :math:`\partial b_{qi} = \sum_p g_{pq} a_{pi}`.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.inner(od.tensor([[1.0, 2.0], [3.0, 4.0]]), od.tensor([1.0, 10.0]))
    tensor([21., 43.])
    """
    a, b = as_array(a), as_array(b)
    return einsum(_paired("inner", a.shape, b.shape, _inner_axes(a.shape, b.shape)), a, b)


@inner.backward_rule(wrt=("a", "b"))
def inner_backward(grad, a, b, needs=(True, True)):
    """Return the gradients of :func:`inner` for ``a`` and ``b``."""
    shapes = np.shape(a), np.shape(b)
    return _product_gradients(grad, _paired("inner", *shapes, _inner_axes(*shapes)), a, b, needs)


@differentiable
def outer(a, b):
    r"""Multiply each element of one vector by each of another: :math:`y_{ij} = a_i b_j`.

    Parameters
    ----------
    a, b : Tensor or ndarray, shapes (M,) and (N,)
        What has more axes is flattened.

    Returns
    -------
    Tensor or ndarray, shape (M, N)

    Notes
    -----
    Backward: :math:`\partial a_i = \sum_j g_{ij} b_j` and
    :math:`\partial b_j = \sum_i g_{ij} a_i`.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.outer(od.tensor([1.0, 2.0]), od.tensor([1.0, 10.0]))
    tensor([[ 1., 10.],
            [ 2., 20.]])
    """
    with np.errstate(all="ignore"):
        return np.outer(a, b)


@outer.backward_rule(wrt=("a", "b"))
def outer_backward(grad, a, b, needs=(True, True)):
    """Return the gradients of :func:`outer` for ``a`` and ``b``."""
    a, b = (one if hasattr(one, "shape") else np.asarray(one) for one in (a, b))
    return (
        einsum("ij,j->i", grad, b.reshape((-1,))).reshape(a.shape) if needs[0] else None,
        einsum("ij,i->j", grad, a.reshape((-1,))).reshape(b.shape) if needs[1] else None,
    )


@differentiable
def vecdot(x1, x2, axis=-1):
    r"""Add up products of corresponding elements along an axis: :math:`\sum_i x_i y_i`.

    Parameters
    ----------
    x1, x2 : Tensor or ndarray
        Of shapes that broadcast; the axis must have one length in both.
    axis : int
        Of the shape that they broadcast to.

    Returns
    -------
    Tensor or ndarray
        Of that shape without the axis; half precision is summed in float32.

    Raises
    ------
    ShapeError
        If the shapes do not broadcast or the axis is out of range.

    Notes
    -----
    Backward: :math:`\partial x_i = g\, y_i` and :math:`\partial y_i = g\, x_i`.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.vecdot(od.tensor([[1.0, 2.0], [3.0, 4.0]]), od.tensor([1.0, 10.0]))
    tensor([21., 43.])
    """
    x1, x2 = as_array(x1), as_array(x2)
    shape = check_broadcast("vecdot", x1=x1, x2=x2)
    axis = normalize_axis("vecdot", axis, len(shape)) - len(shape)
    lengths = [x.shape[axis] if x.ndim >= -axis else 1 for x in (x1, x2)]
    if lengths[0] != lengths[1]:
        raise ShapeError(
            f"vecdot: axis {axis} has lengths {lengths[0]} and {lengths[1]} "
            f"(x1: {x1.shape}, x2: {x2.shape})"
        )
    full = [np.broadcast_to(x, shape).swapaxes(axis, -1) for x in (x1, x2)]
    out = einsum("...i,...i->...", *full)
    return out if axis == -1 else np.expand_dims(out, -1).swapaxes(axis, -1).squeeze(axis)


@vecdot.backward_rule(wrt=("x1", "x2"))
@np.errstate(all="ignore")
def vecdot_backward(grad, x1, x2, axis=-1, needs=(True, True)):
    """Return the gradients of :func:`vecdot` for ``x1`` and ``x2``."""
    grad = expand_dims(grad, axis)
    return (
        unbroadcast(grad * x2, np.shape(x1)) if needs[0] else None,
        unbroadcast(grad * x1, np.shape(x2)) if needs[1] else None,
    )


@differentiable
def cross(x1, x2, axis=-1):
    r"""Return the cross product :math:`x \times y` of vectors of three elements.

    Parameters
    ----------
    x1, x2 : Tensor or ndarray
        Of shapes that broadcast.
    axis : int
        That of the three elements, in the shape that they broadcast to.

    Returns
    -------
    Tensor or ndarray

    Raises
    ------
    ShapeError
        If the shapes do not broadcast, the axis is out of range or its length is
        not 3.

    Notes
    -----
    .. math:: (x \times y)_1 = x_2 y_3 - x_3 y_2, \quad \text{and so on in a circle}

    Backward: :math:`\partial x = y \times g` and :math:`\partial y = g \times x`.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.cross(od.tensor([1.0, 0.0, 0.0]), od.tensor([0.0, 1.0, 0.0]))
    tensor([0., 0., 1.])
    """
    x1, x2 = as_array(x1), as_array(x2)
    shape = check_broadcast("cross", x1=x1, x2=x2)
    axis = normalize_axis("cross", axis, len(shape))
    if shape[axis] != 3:
        raise ShapeError(f"cross: axis {axis} must have length 3 (x1: {x1.shape}, x2: {x2.shape})")
    with np.errstate(all="ignore"):
        return np.cross(np.broadcast_to(x1, shape), np.broadcast_to(x2, shape), axis=axis)


@cross.backward_rule(wrt=("x1", "x2"))
def cross_backward(grad, x1, x2, axis=-1, needs=(True, True)):
    """Return the gradients of :func:`cross` for ``x1`` and ``x2``."""
    return (
        unbroadcast(cross(x2, grad, axis), np.shape(x1)) if needs[0] else None,
        unbroadcast(cross(grad, x1, axis), np.shape(x2)) if needs[1] else None,
    )


@differentiable
def kron(a, b):
    r"""Return the Kronecker product: each element of ``a``, times all of ``b`` in its place.

    Parameters
    ----------
    a : Tensor or ndarray, shape (M, N), or any other
    b : Tensor or ndarray, shape (P, Q), or any other
        The one with fewer axes gets leading ones of length 1.

    Returns
    -------
    Tensor or ndarray, shape (M·P, N·Q)

    Notes
    -----
    .. math:: y_{iP + p,\; jQ + q} = a_{ij}\, b_{pq}

    Backward: :math:`\partial a_{ij} = \sum_{pq} g_{iP+p,\,jQ+q}\, b_{pq}`, and
    likewise for b.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.kron(od.tensor([1.0, 10.0]), od.tensor([1.0, 2.0]))
    tensor([ 1.,  2., 10., 20.])
    """
    with np.errstate(all="ignore"):
        return np.kron(a, b)


@kron.backward_rule(wrt=("a", "b"))
def kron_backward(grad, a, b, needs=(True, True)):
    """Return the gradients of :func:`kron` for ``a`` and ``b``."""
    shapes = np.shape(a), np.shape(b)
    ndim = len(grad.shape)
    M, P = ((1,) * (ndim - len(shape)) + tuple(shape) for shape in shapes)
    both = grad.reshape(tuple([n for pair in zip(M, P, strict=True) for n in pair]))
    letters = string.ascii_letters[: 2 * ndim]
    left, right = letters[::2], letters[1::2]
    grads = _product_gradients(
        both, f"{left},{right}->{letters}", _shaped(a, M), _shaped(b, P), needs
    )
    return tuple([g if g is None else g.reshape(s) for g, s in zip(grads, shapes, strict=True)])


def _shaped(x, shape):
    return x.reshape(shape) if hasattr(x, "shape") else np.reshape(x, shape)
