"""Sets and counts: the values that occur, how often, and between which edges."""

from __future__ import annotations

import operator
from typing import Any, NamedTuple

import numpy as np

from odyssey.core._checks import as_array
from odyssey.core.indexing import getitem
from odyssey.errors import DTypeError, OdysseyError, RangeError, ShapeError
from odyssey.tape import differentiable, not_differentiable

__all__ = [
    "bincount",
    "bincount_backward",
    "histogram",
    "isin",
    "unique",
    "unique_all",
    "unique_counts",
    "unique_inverse",
    "unique_values",
]


class UniqueAll(NamedTuple):
    """The result of :func:`unique_all`."""

    values: Any
    indices: Any
    inverse_indices: Any
    counts: Any


class UniqueCounts(NamedTuple):
    """The result of :func:`unique_counts`."""

    values: Any
    counts: Any


class UniqueInverse(NamedTuple):
    """The result of :func:`unique_inverse`."""

    values: Any
    inverse_indices: Any


@not_differentiable
def unique_all(x):
    r"""Return the different values :math:`u_k` of an array, where they are, and how many of each.

    Parameters
    ----------
    x : Tensor or ndarray

    Returns
    -------
    values : Tensor or ndarray, shape (K,)
        Ascending; each NaN counts as a value of its own.
    indices : Tensor or ndarray of int64, shape (K,)
        Where each occurs first in the flattened array.
    inverse_indices : Tensor or ndarray of int64, shape of ``x``
        Which value each element has: ``values[inverse_indices]`` is ``x``.
    counts : Tensor or ndarray of int64, shape (K,)

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.unique_all(od.tensor([3, 1, 3])).counts
    tensor([1, 2])
    """
    x = as_array(x)
    found = np.unique(x.ravel(), True, True, True, equal_nan=False)
    values, indices, inverse, counts = found
    return UniqueAll(values, indices, inverse.reshape(x.shape), counts)


@not_differentiable
def unique_counts(x):
    r"""Return the different values :math:`u_k` of an array, and how many of each.

    Parameters and results are those of :func:`unique_all`.

    Examples
    --------
    >>> import odyssey as od
    >>> values, counts = od.core.unique_counts(od.tensor([3, 1, 3]))
    >>> values, counts
    (tensor([1, 3]), tensor([1, 2]))
    """
    return UniqueCounts(*np.unique(as_array(x), return_counts=True, equal_nan=False))


@not_differentiable
def unique_inverse(x):
    r"""Return the different values :math:`u_k` of an array, and which one each element has.

    Parameters and results are those of :func:`unique_all`.

    Examples
    --------
    >>> import odyssey as od
    >>> values, inverse = od.core.unique_inverse(od.tensor([3, 1, 3]))
    >>> values[inverse]
    tensor([3, 1, 3])
    """
    x = as_array(x)
    values, inverse = np.unique(x.ravel(), return_inverse=True, equal_nan=False)
    return UniqueInverse(values, inverse.reshape(x.shape))


@not_differentiable
def unique_values(x):
    r"""Return the different values :math:`u_k` of an array.

    Parameters and results are those of :func:`unique_all`.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.unique_values(od.tensor([3, 1, 3]))
    tensor([1, 3])
    """
    return np.unique(as_array(x), equal_nan=False)


@not_differentiable
def unique(x, return_index=False, return_inverse=False, return_counts=False):
    r"""Return the different values :math:`u_k` of an array, as ``numpy.unique`` does.

    Parameters
    ----------
    x : Tensor or ndarray
    return_index, return_inverse, return_counts : bool
        Whether to return the further results of :func:`unique_all`, too.

    Returns
    -------
    Tensor or ndarray, or a tuple of them
        The values ascend; all NaN count as one, the last (other than in
        :func:`unique_values`).

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.unique(od.tensor([3.0, 1.0, 3.0]))
    tensor([1., 3.])
    """
    x = as_array(x)
    found = np.unique(x.ravel(), return_index, return_inverse, return_counts)
    if not return_inverse:
        return found
    place = 2 if return_index else 1
    return (*found[:place], found[place].reshape(x.shape), *found[place + 1 :])


@not_differentiable
def isin(x1, x2, invert=False):
    r"""Tell for each element of ``x1`` whether it occurs in ``x2``, :math:`a_i \in \{b_j\}`.

    Parameters
    ----------
    x1 : Tensor or ndarray
    x2 : Tensor or ndarray, of any shape
    invert : bool
        Whether to tell the opposite.

    Returns
    -------
    Tensor or ndarray of bool, shape of ``x1``
        NaN is equal to nothing.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.isin(od.tensor([1, 2, 3]), od.tensor([3, 1]))
    tensor([ True, False,  True])
    """
    return np.isin(as_array(x1), as_array(x2), invert=invert)


@differentiable
def bincount(x, weights=None, minlength=0):
    r"""Count how often each number from 0 on occurs: :math:`c_k = \sum_{i: x_i = k} w_i`.

    Parameters
    ----------
    x : Tensor or ndarray of int, shape (n,)
        Numbers from 0 on.
    weights : Tensor or ndarray, shape (n,), optional
        :math:`w`; by default ones.
    minlength : int
        The least length of the result.

    Returns
    -------
    Tensor or ndarray, shape (max(x) + 1,)
        Of int64, or of the dtype of the weights.

    Raises
    ------
    DTypeError
        If ``x`` does not hold integers.
    ShapeError
        If the shapes do not fit; a RangeError if a number is negative.

    Notes
    -----
    Backward: :math:`\partial w_i = g_{x_i}`.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.bincount(od.tensor([0, 2, 2]))
    tensor([1, 0, 2])
    """
    x = as_array(x)
    if x.dtype.kind not in "iu":
        raise DTypeError(f"bincount: x must hold integers, but its dtype is {x.dtype}")
    weights = None if weights is None else as_array(weights)
    if x.ndim != 1 or (weights is not None and weights.shape != x.shape):
        given = "" if weights is None else f", weights: {weights.shape}"
        raise ShapeError(f"bincount: x must have 1 axis, weights its shape (x: {x.shape}{given})")
    if x.size and x.min() < 0:
        raise RangeError(f"bincount: x must hold numbers from 0 on, but holds {x.min()}")
    try:
        length = operator.index(minlength)
    except TypeError:
        length = -1
    if length < 0:
        raise ShapeError(f"bincount: minlength must be an integer from 0 on, got {minlength!r}")
    counts = np.bincount(x.astype(np.intp), weights, length)
    return counts if weights is None else counts.astype(weights.dtype, copy=False)


@bincount.backward_rule(wrt=("weights",))
def bincount_backward(grad, x, needs=(True,)):
    """Return the gradient of :func:`bincount`."""
    return getitem(grad, np.asarray(x, np.intp)) if needs[0] else None


class Histogram(NamedTuple):
    """The result of :func:`histogram`."""

    counts: Any
    edges: Any


@not_differentiable
def histogram(x, bins=10, range=None):
    r"""Count the elements in each bin, :math:`c_k = |\{i: e_k \le x_i < e_{k+1}\}|`.

    Parameters
    ----------
    x : Tensor or ndarray
    bins : int, or Tensor or ndarray of ascending edges, shape (K + 1,)
        The number of bins of one width, or :math:`e`.
    range : (lowest, highest), optional
        Where bins of one width begin and end; by default at the smallest and
        the largest element. What lies outside is not counted.

    Returns
    -------
    counts : Tensor or ndarray of int64, shape (K,)
        An element on the last edge counts for the last bin.
    edges : Tensor or ndarray, shape (K + 1,)

    Raises
    ------
    OdysseyError
        If there is no such bin or range: numbers below 1, edges that do not
        ascend, a range without finite ends.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.histogram(od.tensor([0.0, 0.1, 0.9, 2.0]), 2).counts
    tensor([3, 1])
    """
    try:
        return Histogram(*np.histogram(as_array(x), bins, range))
    except (ValueError, TypeError) as error:
        raise OdysseyError(f"histogram: bins {bins!r}, range {range!r}: {error}") from None
