"""Statistics: variance, quantiles, and the sum of exponentials without overflow."""

from __future__ import annotations

import math

import numpy as np

from odyssey.core._axes import joined, narrowed, parted, widened
from odyssey.core._checks import as_array, check_float, normalize_axes
from odyssey.core.arithmetic import divide
from odyssey.core.elementwise import exp, where
from odyssey.core.indexing import put
from odyssey.core.shape import reshape
from odyssey.errors import ShapeError
from odyssey.tape import differentiable

__all__ = [
    "logsumexp",
    "logsumexp_backward",
    "median",
    "median_backward",
    "percentile",
    "percentile_backward",
    "quantile",
    "quantile_backward",
    "std",
    "std_backward",
    "var",
    "var_backward",
]


def _with_axes(values, x_shape, axes):
    """Return reduced values with length 1 along the axes that were reduced away."""
    return reshape(values, tuple([1 if i in axes else n for i, n in enumerate(x_shape)]))


def _degrees(x_shape, axes, correction):
    return max(math.prod(x_shape[i] for i in axes) - correction, 0)


@differentiable
def var(x, axis=None, correction=0, keepdims=False):
    r"""Return the variance of the elements along axes.

    Parameters
    ----------
    x : Tensor or ndarray
    axis : int, tuple of int or None
        The axes to take together; None for all.
    correction : int or float
        What to take off the number n of elements in the divisor: 1 makes an
        unbiased estimate of a sample.
    keepdims : bool
        Keep the axes, with length 1.

    Returns
    -------
    Tensor or ndarray
        In the dtype of ``x``, half precision computed in float32; NaN where there
        is nothing.

    Raises
    ------
    ShapeError
        If an axis is out of range, repeated or not an integer.
    DTypeError
        If ``x`` is not floating-point.

    Notes
    -----
    With c the correction and :math:`\bar x` the mean:

    .. math:: y = \frac{1}{n - c} \sum_i (x_i - \bar x)^2

    Backward; what an element does to the mean cancels:

    .. math:: \partial x_i = \frac{2 g}{n - c} (x_i - \bar x)

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.var(od.tensor([1.0, 2.0, 3.0, 4.0]))
    tensor(1.25)
    """
    x = as_array(x)
    check_float("var", x=x)
    axes = normalize_axes("var", axis, x.ndim)
    return narrowed(_variance(widened(x), axes, correction, keepdims), x.dtype)


def _variance(x, axes, correction, keepdims):
    with np.errstate(all="ignore"):
        mean = np.sum(x, axes, keepdims=True) / math.prod(x.shape[i] for i in axes)
        total = np.sum(np.square(x - mean), axes, keepdims=keepdims)
        return np.asarray(total / x.dtype.type(_degrees(x.shape, axes, correction)))


def _deviations(x, axes):
    """Return what each element is from the mean along axes."""
    return x - x.mean(axis=axes, keepdims=True)


@var.backward_rule(wrt=("x",))
@np.errstate(all="ignore")
def var_backward(grad, x, axis=None, correction=0):
    """Return the gradient of :func:`var`."""
    axes = normalize_axes("var", axis, len(x.shape))
    factor = divide(2.0, np.asarray(_degrees(x.shape, axes, correction), np.float64)).item()
    grad = _with_axes(widened(grad), x.shape, axes)
    return narrowed(grad * factor * _deviations(widened(x), axes), x.dtype)


@differentiable
def std(x, axis=None, correction=0, keepdims=False):
    r"""Return the standard deviation along axes, the root of :func:`var`.

    Parameters, results and errors are those of :func:`var`.

    Notes
    -----
    .. math:: y = \sqrt{\frac{1}{n - c} \sum_i (x_i - \bar x)^2}

    Backward, and 0 where y is 0:

    .. math:: \partial x_i = \frac{g}{(n - c)\, y} (x_i - \bar x)

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.std(od.tensor([1.0, 3.0]), correction=1)
    tensor(1.4142135)
    """
    x = as_array(x)
    check_float("std", x=x)
    axes = normalize_axes("std", axis, x.ndim)
    with np.errstate(all="ignore"):
        out = np.sqrt(_variance(widened(x), axes, correction, keepdims))
    return narrowed(out, x.dtype)


@std.backward_rule(wrt=("x",))
@np.errstate(all="ignore")
def std_backward(grad, x, out, axis=None, correction=0):
    """Return the gradient of :func:`std`."""
    axes = normalize_axes("std", axis, len(x.shape))
    grad, out = (_with_axes(widened(a), x.shape, axes) for a in (grad, out))
    # Where all elements are equal, the deviations are 0; any divisor but 0 will do.
    divisor = where(np.asarray(out) == 0, 1, out) * _degrees(x.shape, axes, correction)
    return narrowed(divide(grad, divisor) * _deviations(widened(x), axes), x.dtype)


@differentiable
def quantile(x, q, axis=None, keepdims=False):
    r"""Return the value below which the part q of the elements lies.

    Parameters
    ----------
    x : Tensor or ndarray
    q : float or array of float
        From 0, the smallest element, to 1, the largest. No gradient flows to it.
    axis : int, tuple of int or None
        The axes to take together; None for all.
    keepdims : bool
        Keep the axes, with length 1.

    Returns
    -------
    Tensor or ndarray
        In the dtype of ``x``; of several q in the shape of q, followed by the rest
        of the shape of ``x``. NaN where a NaN is among the elements.

    Raises
    ------
    ShapeError
        If an axis is out of range, repeated or not an integer, if there is no
        element, or if q is not between 0 and 1.
    DTypeError
        If ``x`` is not floating-point.

    Notes
    -----
    Of the sorted elements :math:`x_{(0)} \dots x_{(n-1)}`, between the two
    neighbours of :math:`p = q (n - 1)`, with :math:`k = \lfloor p \rfloor`:

    .. math:: y = (1 - p + k)\, x_{(k)} + (p - k)\, x_{(k+1)}

    Backward: those two elements get :math:`g` in these parts; of equal ones, those
    that a stable sort puts at k and k + 1.

    References
    ----------
    .. [1] R. J. Hyndman, Y. Fan, "Sample quantiles in statistical packages", The
       American Statistician 50(4), 1996, https://doi.org/10.2307/2684934
       (definition 7).

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.quantile(od.tensor([1.0, 5.0, 2.0]), [0.5, 0.75])
    tensor([2. , 3.5])
    """
    return _quantile("quantile", x, q, axis, keepdims)


def _quantile(op, x, q, axis, keepdims):
    x = as_array(x)
    check_float(op, x=x)
    axes, q = normalize_axes(op, axis, x.ndim), np.asarray(q, np.float64)
    if not np.all((q >= 0) & (q <= 1)):
        bounds = "0 and 100" if op == "percentile" else "0 and 1"
        raise ShapeError(f"{op}: q must lie between {bounds}")
    rows = joined(x, axes)
    if rows.shape[-1] == 0:
        raise ShapeError(f"{op}: x of shape {x.shape} has no element along axis {axis}")
    wide = widened(rows)
    with np.errstate(all="ignore"):
        # Weight 0 picks nothing, not even an infinity.
        lower, upper = (
            np.where(weight == 0, 0, wide[index] * weight.astype(wide.dtype))
            for index, weight in _picks(rows, q)
        )
        out = np.where(np.isnan(rows).any(-1), np.nan, np.moveaxis(lower + upper, -1, 0))
    kept = [1 if i in axes else n for i, n in enumerate(x.shape)]
    rest = tuple(kept if keepdims else rows.shape[:-1])
    return out.reshape(q.shape + rest).astype(x.dtype)


def _picks(rows, q):
    """Return for both neighbours of each quantile: their index in the rows, and their weight."""
    order = np.argsort(rows, -1, kind="stable")
    place = q.ravel() * (rows.shape[-1] - 1)
    lower = np.floor(place).astype(np.int64)
    upper = np.minimum(lower + 1, rows.shape[-1] - 1)
    leading = tuple(np.indices((*rows.shape[:-1], q.size), sparse=True)[:-1])
    return [
        ((*leading, order[..., lower]), 1 - (place - lower)),
        ((*leading, order[..., upper]), place - lower),
    ]


@quantile.backward_rule(wrt=("x",))
def quantile_backward(grad, x, q, axis=None):
    """Return the gradient of :func:`quantile`."""
    x, q = np.asarray(x), np.asarray(q, np.float64)  # from here on, only where things lie matters
    axes = normalize_axes("quantile", axis, x.ndim)
    rows = joined(x, axes)
    grad = grad.reshape((q.size, *rows.shape[:-1]))
    grad = grad.transpose((*range(1, rows.ndim), 0))
    parts = [
        put(grad * weight.astype(x.dtype), index, rows.shape) for index, weight in _picks(rows, q)
    ]
    return parted(parts[0] + parts[1], x.shape, axes)


@differentiable
def percentile(x, q, axis=None, keepdims=False):
    r"""Return the :func:`quantile` of :math:`q / 100`, for q from 0 to 100.

    Parameters, results and errors are those of :func:`quantile`.

    Notes
    -----
    Backward: that of :func:`quantile`.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.percentile(od.tensor([1.0, 5.0, 2.0]), 75)
    tensor(3.5)
    """
    return _quantile("percentile", x, np.asarray(q, np.float64) / 100, axis, keepdims)


@percentile.backward_rule(wrt=("x",))
def percentile_backward(grad, x, q, axis=None):
    """Return the gradient of :func:`percentile`."""
    return quantile_backward(grad, x, np.asarray(q, np.float64) / 100, axis)


@differentiable
def median(x, axis=None, keepdims=False):
    r"""Return the middle element along axes, :math:`x_{(n-1)/2}` of those sorted.

    Of an even number it is the mean of the two in the middle.

    Parameters, results and errors are those of :func:`quantile`.

    Notes
    -----
    Backward: that of :func:`quantile` for :math:`q = 1/2`: g for the middle
    element, g/2 for each of two.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.median(od.tensor([[1.0, 5.0, 2.0], [4.0, 0.0, 9.0]]), axis=1)
    tensor([2., 4.])
    """
    return _quantile("median", x, 0.5, axis, keepdims)


@median.backward_rule(wrt=("x",))
def median_backward(grad, x, axis=None):
    """Return the gradient of :func:`median`."""
    return quantile_backward(grad, x, 0.5, axis)


@differentiable
def logsumexp(x, axis=None, keepdims=False):
    r"""Return :math:`\ln \sum_i e^{x_i}` along axes, without overflow.

    Parameters
    ----------
    x : Tensor or ndarray
    axis : int, tuple of int or None
        The axes to add along; None for all.
    keepdims : bool
        Keep the axes, with length 1.

    Returns
    -------
    Tensor or ndarray
        In the dtype of ``x``; minus infinity where there is nothing.

    Raises
    ------
    ShapeError
        If an axis is out of range, repeated or not an integer.
    DTypeError
        If ``x`` is not floating-point.

    Notes
    -----
    Forward, with m the largest element:

    .. math:: y = m + \ln \sum_i e^{x_i - m}

    Backward, the softmax: :math:`\partial x_i = g\, e^{x_i - y}`; where all elements
    are minus infinity it is 0.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.logsumexp(od.tensor([1e4, 1e4]))
    tensor(10000.693)
    """
    x = as_array(x)
    check_float("logsumexp", x=x)
    axes = normalize_axes("logsumexp", axis, x.ndim)
    wide = widened(x)
    with np.errstate(all="ignore"):
        largest = np.max(wide, axes, keepdims=True, initial=-np.inf)
        largest = np.where(np.isfinite(largest), largest, 0)
        total = np.log(np.sum(np.exp(wide - largest), axes, keepdims=True)) + largest
    return narrowed(total if keepdims else total.squeeze(axes), x.dtype)


@logsumexp.backward_rule(wrt=("x",))
@np.errstate(all="ignore")
def logsumexp_backward(grad, x, out, axis=None):
    """Return the gradient of :func:`logsumexp`."""
    axes = normalize_axes("logsumexp", axis, len(x.shape))
    x, dtype = widened(x), x.dtype
    if dtype == np.float16:  # an exponential of what was rounded would be far off
        out = logsumexp(x, axes)
    grad, out = (_with_axes(widened(a), x.shape, axes) for a in (grad, out))
    return narrowed(grad * exp(x - where(np.asarray(out) == -np.inf, 0, out)), dtype)
