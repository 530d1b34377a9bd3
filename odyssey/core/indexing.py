"""Indexing: take a part of an array; backward puts its gradient back in place."""

from __future__ import annotations

import numpy as np

from odyssey.core._checks import as_array
from odyssey.errors import RangeError, ShapeError
from odyssey.tape import differentiable

__all__ = ["getitem", "getitem_backward", "put", "put_backward"]


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
