"""Along one axis, element after element: cumulative sums and products, differences."""

from __future__ import annotations

import operator

import numpy as np

from odyssey.core._axes import at, narrowed, widened
from odyssey.core._broadcast import unbroadcast
from odyssey.core._checks import as_array, normalize_axis
from odyssey.core.shape import concatenate
from odyssey.errors import ShapeError
from odyssey.tape import Saved, differentiable

__all__ = [
    "cumulative_prod",
    "cumulative_prod_backward",
    "cumulative_sum",
    "cumulative_sum_backward",
    "diff",
    "diff_backward",
]


def _axis(op, axis, ndim):
    """Return the axis to walk along; None is the only one."""
    if axis is None and ndim != 1:
        raise ShapeError(f"{op}: x has {ndim} axes; say along which axis")
    return normalize_axis(op, 0 if axis is None else axis, ndim)


def _accumulated(ufunc, x, axis, dtype, include_initial):
    """Run a ufunc over all that came before; half precision in float32."""
    dtype = _default(x.dtype) if dtype is None else np.dtype(dtype)
    half = dtype == np.float16
    with np.errstate(all="ignore"):
        out = ufunc.accumulate(x, axis, np.float32 if half else dtype)
        if include_initial:
            shape = (*x.shape[:axis], 1, *x.shape[axis + 1 :])
            first = np.full(shape, ufunc.identity, out.dtype)
            out = np.concatenate([first, out], axis)
        return out.astype(np.float16) if half else out


def _default(dtype):
    """Return the dtype that NumPy adds up a dtype in: small integers in the largest."""
    return np.sum(np.empty(0, dtype)).dtype


@differentiable
def cumulative_sum(x, axis=None, dtype=None, include_initial=False):
    r"""Add up along an axis what came so far: :math:`y_k = \sum_{i \le k} x_i`.

    Parameters
    ----------
    x : Tensor or ndarray
    axis : int or None
        The axis to walk along; None if there is but one.
    dtype : dtype, optional
        To add up in; by default that of ``x``, for small integers NumPy's wider one.
    include_initial : bool
        Begin with a 0, which makes the result one longer.

    Returns
    -------
    Tensor or ndarray
        In the shape of ``x``; half precision is added up in float32.

    Raises
    ------
    ShapeError
        If the axis is out of range, or None where there are several.

    Notes
    -----
    Backward: :math:`x_i` is in every sum from the i-th on,

    .. math:: \partial x_i = \sum_{k \ge i} g_k

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.cumulative_sum(od.tensor([1.0, 2.0, 3.0]), include_initial=True)
    tensor([0., 1., 3., 6.])
    """
    x = as_array(x)
    axis = _axis("cumulative_sum", axis, x.ndim)
    return _accumulated(np.add, x, axis, dtype, include_initial)


@cumulative_sum.backward_rule(wrt=("x",))
def cumulative_sum_backward(grad, axis=None, include_initial=False):
    """Return the gradient of :func:`cumulative_sum`."""
    axis = _axis("cumulative_sum", axis, len(grad.shape))
    back = at(axis, slice(None, 0 if include_initial else None, -1))
    return cumulative_sum(grad[back], axis)[at(axis, slice(None, None, -1))]


@differentiable
def cumulative_prod(x, axis=None, dtype=None, include_initial=False):
    r"""Multiply along an axis what came so far: :math:`y_k = \prod_{i \le k} x_i`.

    Parameters and errors are those of :func:`cumulative_sum`; with
    ``include_initial`` the result begins with a 1.

    Returns
    -------
    Tensor or ndarray
        In the shape of ``x``; half precision is multiplied in float32.

    Notes
    -----
    Backward: the product of all others, for each result that :math:`x_i` is in,

    .. math:: \partial x_i = \Big(\prod_{j < i} x_j\Big) s_i, \qquad
        s_i = \sum_{k \ge i} g_k \prod_{i < j \le k} x_j = g_i + x_{i+1}\, s_{i+1}

    Nothing is divided by x, so that it holds at zeros, too.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.cumulative_prod(od.tensor([[1.0, 2.0, 3.0]]), axis=1)
    tensor([[1., 2., 6.]])
    """
    x = as_array(x)
    axis = _axis("cumulative_prod", axis, x.ndim)
    return _accumulated(np.multiply, x, axis, dtype, include_initial)


@cumulative_prod.backward_rule(wrt=("x",))
@np.errstate(all="ignore")
def cumulative_prod_backward(grad, x, axis=None, include_initial=False):
    """Return the gradient of :func:`cumulative_prod`."""
    axis = _axis("cumulative_prod", axis, len(x.shape))
    grad, rows = (widened(a).swapaxes(axis, -1) for a in (grad, x))
    before = cumulative_prod(rows, -1, include_initial=True)[..., :-1]
    after = _chain(rows, grad[..., 1:] if include_initial else grad, True)
    return narrowed((before * after).swapaxes(axis, -1), x.dtype)


@differentiable
def _chain(decay, x, reverse):
    r"""Return :math:`s_i = x_i + a_i s_{i-1}` along the last axis, a being the decay.

    In reverse it is :math:`s_i = x_i + a_{i+1} s_{i+1}`: each is the other's adjoint for x.
    """
    out = np.array(x)
    length = x.shape[-1]
    with np.errstate(all="ignore"):
        for i in range(1, length):
            if reverse:
                j = length - 1 - i
                out[..., j] += decay[..., j + 1] * out[..., j + 1]
            else:
                out[..., i] += decay[..., i] * out[..., i - 1]
    return out


@_chain.backward_rule(wrt=("decay", "x"))
def _chain_backward(grad, decay, out, reverse):
    grad_x = _chain(decay, grad, not reverse)
    after, before = (out, grad_x) if reverse else (grad_x, out)
    first = after[..., :1] * 0  # nothing comes before the first, nor after the last
    return concatenate([first, after[..., 1:] * before[..., :-1]], -1), grad_x


@differentiable
def diff(x, axis=-1, n=1, prepend=None, append=None):
    r"""Subtract neighbours along an axis, n times: :math:`y_i = x_{i+1} - x_i`.

    Parameters
    ----------
    x : Tensor or ndarray
    axis : int
    n : int
        How many times; each makes the axis one shorter. 0 gives ``x`` as it is.
    prepend, append : Tensor, ndarray, number or None
        What to put before and after ``x`` along the axis first. A number counts
        as one element; other axes broadcast to those of ``x``.

    Returns
    -------
    Tensor or ndarray
        In the dtype of ``x``; of bools, whether neighbours differ.

    Raises
    ------
    ShapeError
        If the axis is out of range, ``n`` is negative, or what is put before or
        after does not fit.

    Notes
    -----
    Backward: :math:`\partial x_i = g_{i-1} - g_i`, which is minus the difference
    of g between two zeros.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.diff(od.tensor([1.0, 4.0, 9.0]))
    tensor([3., 5.])
    >>> od.core.diff(od.tensor([1.0, 4.0, 9.0]), prepend=0)
    tensor([1., 3., 5.])
    """
    x = as_array(x)
    axis = normalize_axis("diff", axis, x.ndim)
    if operator.index(n) < 0:
        raise ShapeError(f"diff: n must not be negative, got {n}")
    if n == 0:
        return x, Saved(before=0, after=0)
    ends = [_end(name, end, x, axis) for name, end in (("prepend", prepend), ("append", append))]
    with np.errstate(all="ignore"):
        out = np.diff(np.concatenate([ends[0], x, ends[1]], axis), n, axis)
    return out, Saved(before=ends[0].shape[axis], after=ends[1].shape[axis])


def _end(name, end, x, axis):
    """Return what to put before or after ``x``: of its shape, but for the length of the axis."""
    if end is None:
        return x[at(axis, slice(0, 0))]
    end = np.asarray(end, None if np.ndim(end) else x.dtype)
    length = end.shape[axis] if end.ndim == x.ndim else 1
    try:
        return np.broadcast_to(end, (*x.shape[:axis], length, *x.shape[axis + 1 :]))
    except ValueError:
        raise ShapeError(
            f"diff: {name} of shape {end.shape} does not fit x of shape {x.shape} along axis {axis}"
        ) from None


@diff.backward_rule(wrt=("x", "prepend", "append"))
def diff_backward(
    grad, x_shape, prepend_shape, append_shape, before, after,
    axis=-1, n=1, needs=(True, True, True),
):  # fmt: skip
    """Return the gradients of :func:`diff` for ``x``, ``prepend`` and ``append``.

    ``before`` and ``after`` are how many elements those two put there.
    """
    shapes = (x_shape, prepend_shape, append_shape)
    if n == 0:
        grads = (grad, *[np.zeros(shape, grad.dtype) for shape in shapes[1:]])
        return tuple([g if needed else None for g, needed in zip(grads, needs, strict=True)])
    axis = axis % len(x_shape)
    stop = before + x_shape[axis]
    if n < stop + after:
        for _ in range(n):
            grad = -diff(grad, axis, 1, 0, 0)
    else:  # nothing was left to subtract
        grad = np.zeros((*x_shape[:axis], stop + after, *x_shape[axis + 1 :]), grad.dtype)
    parts = (slice(before, stop), slice(0, before), slice(stop, None))
    return tuple([
        unbroadcast(grad[at(axis, part)], shape) if needed else None
        for part, shape, needed in zip(parts, shapes, needs, strict=True)
    ])  # fmt: skip
