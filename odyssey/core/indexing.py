"""Indexing: take a part of an array, or all its parts; backward puts the gradients in place."""

from __future__ import annotations

import itertools

import numpy as np

from odyssey.core._checks import as_array, normalize_axis
from odyssey.core.shape import concatenate, stack
from odyssey.errors import RangeError, ShapeError
from odyssey.tape import differentiable

__all__ = [
    "getitem",
    "getitem_backward",
    "put",
    "put_backward",
    "split",
    "split_backward",
    "unstack",
    "unstack_backward",
]


def is_basic(index):
    """Tell whether ``index`` selects a rectangle: integers, slices, ``...`` and None only."""
    if type(index) is int or type(index) is slice:  # nearly always
        return True
    parts = index if isinstance(index, tuple) else (index,)
    return all(
        part is None or part is Ellipsis or isinstance(part, (int, slice, np.integer))
        for part in parts
    ) and not any(isinstance(part, bool) for part in parts)


@differentiable
def getitem(x, index):
    r"""Return ``x[index]``, by NumPy's rules.

    Parameters
    ----------
    x : Tensor or ndarray
    index : int, slice, Ellipsis, None, integer or bool array, or a tuple of them

    Returns
    -------
    Tensor or ndarray
        Of a tensor and a basic index (no arrays) an alias: a write to it is
        seen in ``x``.

    Raises
    ------
    RangeError
        If the index is out of range or has too many parts.

    Notes
    -----
    Backward: zeros in the shape of ``x``, with :math:`g` added at ``index``;
    an element that was taken twice gets both gradients.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.getitem(od.tensor([[1.0, 2.0], [3.0, 4.0]]), (slice(None), 0))
    tensor([1., 3.])
    """
    x = as_array(x)
    try:
        part = x[index]
        if not isinstance(part, np.ndarray) and is_basic(index):
            # Integers for all axes give a scalar; with "..." they give a view without axes.
            part = x[(*index, ...) if isinstance(index, tuple) else (index, ...)]
    except IndexError as error:
        raise RangeError(f"getitem: x of shape {x.shape}: {error}") from None
    return part


getitem.operation.aliases = True


@getitem.backward_rule(wrt=("x",))
def getitem_backward(grad, index, x_shape):
    """Return the gradient of :func:`getitem`."""
    return put(grad, index, x_shape)


@differentiable
def put(values, index, shape):
    r"""Add values into zeros, :math:`y_{i_k} \mathrel{+}= v_k`: the adjoint of :func:`getitem`.

    Parameters
    ----------
    values : Tensor or ndarray
        In the shape of ``zeros(shape)[index]``.
    index : as in :func:`getitem`
    shape : tuple of int

    Returns
    -------
    Tensor or ndarray
        In ``shape`` and the dtype of ``values``; where an index occurs twice,
        the values add up.

    Raises
    ------
    ShapeError
        If the values do not fit the index; a RangeError if that is out of range.

    Notes
    -----
    Backward: ``grad[index]``.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.put(od.tensor([1.0, 2.0, 5.0]), [0, 2, 2], (4,))
    tensor([1., 0., 7., 0.])
    """
    values = as_array(values)
    basic = is_basic(index)
    # Half precision is added up in float32: its own sums stop growing at 2048 ones.
    sums = np.float32 if values.dtype == np.float16 and not basic else values.dtype
    out = np.zeros(shape, sums)
    try:
        if basic:
            out[index] = values  # a rectangle has no element twice
        else:
            np.add.at(out, index, values)
    except (IndexError, ValueError) as error:
        kind = RangeError if isinstance(error, IndexError) else ShapeError
        raise kind(
            f"put: values of shape {values.shape} do not fit index into shape {shape}: {error}"
        ) from None
    with np.errstate(over="ignore"):
        return out.astype(values.dtype, copy=False)


@put.backward_rule(wrt=("values",))
def put_backward(grad, index):
    """Return the gradient of :func:`put`."""
    return getitem(grad, index)


def _bounds(n, indices_or_sections):
    """Return where the parts of an axis of length n begin, and n."""
    given = as_array(indices_or_sections)
    if given.size and given.dtype.kind not in "iu":
        raise ShapeError(
            f"split: indices_or_sections must hold integers, got {indices_or_sections!r}"
        )
    if given.ndim == 0:
        count = given.item()
        if count < 1 or n % count:
            raise ShapeError(f"split: an axis of {n} elements does not make {count} equal parts")
        return [n // count * i for i in range(count + 1)]
    cuts = [slice(i).indices(n)[1] for i in given.ravel().tolist()]  # counted from the front
    if cuts != sorted(cuts):
        raise ShapeError(f"split: indices_or_sections must ascend, got {indices_or_sections!r}")
    return [0, *cuts, n]


@differentiable
def split(x, indices_or_sections, axis=0):
    r"""Cut an array into parts along an axis: the inverse of :func:`concatenate`.

    Parameters
    ----------
    x : Tensor or ndarray
    indices_or_sections : int or sequence of int
        The number of equal parts; or :math:`i_1, i_2, ...`, where to cut: the
        parts are :math:`x_{0:i_1}, x_{i_1:i_2}, ...` as slices.
    axis : int

    Returns
    -------
    list of Tensor or ndarray

    Raises
    ------
    ShapeError
        If the axis is out of range or does not make equal parts, or the cuts do not ascend.

    Notes
    -----
    Backward: each part of ``x`` gets the gradient of its part, :math:`0` if that was not used.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.split(od.arange(6), [1, 3])
    [tensor([0]), tensor([1, 2]), tensor([3, 4, 5])]
    """
    x = as_array(x)
    axis = normalize_axis("split", axis, x.ndim)
    bounds = _bounds(x.shape[axis], indices_or_sections)
    before = (slice(None),) * axis
    return [x[(*before, slice(*pair))] for pair in itertools.pairwise(bounds)]


@split.backward_rule(wrt=("x",))
def split_backward(grad, x_shape, x_dtype, indices_or_sections, axis=0):
    """Return the gradient of :func:`split` for the gradients of its parts, a tuple."""
    axis = axis % len(x_shape)
    pairs = itertools.pairwise(_bounds(x_shape[axis], indices_or_sections))
    shapes = [(*x_shape[:axis], stop - start, *x_shape[axis + 1 :]) for start, stop in pairs]
    return concatenate(_filled(grad, shapes, x_dtype), axis)


def _filled(grads, shapes, dtype):
    """Return gradients, zeros in the place of those that are missing."""
    return [
        np.zeros(shape, dtype) if grad is None else grad
        for grad, shape in zip(grads, shapes, strict=True)
    ]


@differentiable
def unstack(x, axis=0):
    r"""Return the slices :math:`x_0, x_1, ...` along an axis: the inverse of :func:`stack`.

    Parameters
    ----------
    x : Tensor or ndarray
    axis : int
        The axis, which the results lack.

    Returns
    -------
    tuple of Tensor or ndarray
        As many as the axis is long.

    Raises
    ------
    ShapeError
        If the axis is out of range.

    Notes
    -----
    Backward: each slice of ``x`` gets the gradient of its result, :math:`0` if that was not used.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.unstack(od.tensor([[1.0, 2.0], [3.0, 4.0]]))
    (tensor([1., 2.]), tensor([3., 4.]))
    """
    x = as_array(x)
    axis = normalize_axis("unstack", axis, x.ndim)
    return tuple([x[(slice(None),) * axis + (i, ...)] for i in range(x.shape[axis])])


@unstack.backward_rule(wrt=("x",))
def unstack_backward(grad, x_shape, x_dtype, axis=0):
    """Return the gradient of :func:`unstack` for the gradients of its slices, a tuple."""
    axis = axis % len(x_shape)
    shape = x_shape[:axis] + x_shape[axis + 1 :]
    return stack(_filled(grad, [shape] * x_shape[axis], x_dtype), axis)
