"""Numerical safety: what is not finite, how large gradients are, and keeping them in bounds."""

from __future__ import annotations

import math

import numpy as np

from odyssey.core._checks import as_array, check_float
from odyssey.errors import OdysseyError

__all__ = [
    "check_gradients",
    "check_numerics",
    "check_range",
    "clip_grad_norm_",
    "clip_grad_value_",
    "count_inf",
    "count_nan",
    "gradient_norm",
    "has_inf",
    "has_nan",
]


def has_nan(x):
    """Tell whether any element of an array, of any shape, is NaN.

    Examples
    --------
    >>> has_nan(np.array([1.0, np.nan])), has_nan(np.arange(3))
    (True, False)
    """
    return count_nan(x) > 0


def has_inf(x):
    """Tell whether any element of an array, of any shape, is infinite.

    Examples
    --------
    >>> has_inf(np.array([1.0, -np.inf]))
    True
    """
    return count_inf(x) > 0


def count_nan(x):
    """Return how many elements of an array are NaN.

    Examples
    --------
    >>> count_nan(np.array([np.nan, 1.0, np.nan]))
    2
    """
    return int(np.count_nonzero(np.isnan(as_array(x))))


def count_inf(x):
    """Return how many elements of an array are infinite, of either sign.

    Examples
    --------
    >>> count_inf(np.array([np.inf, 1.0, -np.inf]))
    2
    """
    return int(np.count_nonzero(np.isinf(as_array(x))))


def check_numerics(x, name="x"):
    """Return ``x`` if all of its elements are finite.

    Parameters
    ----------
    x : Tensor or ndarray
        Of any shape and dtype.
    name : str
        What the error calls it.

    Raises
    ------
    OdysseyError
        If not: with how many are NaN and infinite, and where the first one stands.

    Examples
    --------
    >>> check_numerics(np.array([[1.0, 2.0], [np.nan, np.inf]]), "weight")
    Traceback (most recent call last):
        ...
    odyssey.errors.OdysseyError: check_numerics: weight of shape (2, 2) has 1 NaN and 1 infinite \
of 4 elements, the first at (1, 0)
    """
    values = as_array(x)
    bad = ~np.isfinite(values)
    if bad.any():
        first = tuple(int(i) for i in np.argwhere(bad)[0])
        raise OdysseyError(
            f"check_numerics: {name} of shape {values.shape} has {count_nan(values)} NaN and "
            f"{count_inf(values)} infinite of {values.size} elements, the first at {first}"
        )
    return x


def check_range(x, least=-math.inf, largest=math.inf, name="x"):
    """Return ``x`` if ``least`` <= every element <= ``largest``; NaN is outside.

    Raises
    ------
    OdysseyError
        If not, with the smallest and largest element.

    Examples
    --------
    >>> check_range(np.array([0.5, 2.0]), 0, 1, "p")
    Traceback (most recent call last):
        ...
    odyssey.errors.OdysseyError: check_range: p must lie in [0, 1] but has elements from 0.5 to 2.0
    """
    values = as_array(x)
    if not ((values >= least) & (values <= largest)).all():
        raise OdysseyError(
            f"check_range: {name} must lie in [{least}, {largest}] but has elements from "
            f"{values.min()} to {values.max()}"
        )
    return x


def gradient_norm(parameters, ord=2.0):
    r"""Return the norm of all gradients of the parameters, as of one long vector.

    Parameters
    ----------
    parameters : iterable of Tensor
        Those without a gradient count as zero.
    ord : float
        p of the norm; ``inf`` is the largest absolute value.

    Returns
    -------
    float
        :math:`\bigl(\sum_i |g_i|^p\bigr)^{1/p}`, summed in float64.

    Examples
    --------
    >>> import odyssey as od
    >>> w = od.tensor([3.0, 4.0], requires_grad=True)
    >>> (w * w).sum().backward()
    >>> gradient_norm([w])
    10.0
    """
    norms = [np.linalg.norm(g.ravel().astype(np.float64), ord) for g in _gradients(parameters)]
    return float(np.linalg.norm(norms, ord)) if norms else 0.0


def check_gradients(parameters, largest=1e3, smallest=1e-7):
    """Return the norm of all gradients, if it neither explodes nor vanishes.

    Parameters
    ----------
    parameters : iterable of Tensor
    largest, smallest : float
        Bounds of the norm.

    Raises
    ------
    OdysseyError
        If the norm is not finite or out of bounds.

    Examples
    --------
    >>> import odyssey as od
    >>> w = od.tensor([3e4], requires_grad=True)
    >>> (w * w).sum().backward()
    >>> check_gradients([w])
    Traceback (most recent call last):
        ...
    odyssey.errors.OdysseyError: check_gradients: the gradients explode: their norm is 60000.0, \
more than 1000.0
    """
    norm = gradient_norm(parameters)
    if not math.isfinite(norm):
        raise OdysseyError(f"check_gradients: the norm of the gradients is {norm}")
    if norm > largest:
        raise OdysseyError(
            f"check_gradients: the gradients explode: their norm is {norm}, more than {largest}"
        )
    if norm < smallest:
        raise OdysseyError(
            f"check_gradients: the gradients vanish: their norm is {norm}, less than {smallest}"
        )
    return norm


def clip_grad_value_(parameters, limit):
    """Bring every element of every gradient into [-limit, limit], in place.

    Parameters
    ----------
    parameters : iterable of Tensor
    limit : float
        Not negative.

    Examples
    --------
    >>> import odyssey as od
    >>> w = od.tensor([3.0, -0.1], requires_grad=True)
    >>> (w * w).sum().backward()
    >>> clip_grad_value_([w], 1.0)
    >>> w.grad
    tensor([ 1. , -0.2])
    """
    if not limit >= 0:
        raise OdysseyError(f"clip_grad_value_: limit must not be negative, got {limit}")
    for g in _gradients(parameters):
        np.clip(g, -limit, limit, out=g)


def clip_grad_norm_(parameters, largest, ord=2.0, skip_nonfinite=False):
    r"""Scale all gradients so that their norm is at most ``largest``, in place.

    Parameters
    ----------
    parameters : iterable of Tensor
    largest : float
        Bound c of the norm, positive.
    ord : float
        p of the norm, see :func:`gradient_norm`.
    skip_nonfinite : bool
        Whether gradients whose norm is not finite are left as they are; else they
        are an error.

    Returns
    -------
    float
        The norm n before: gradients become :math:`g \min(1, c / n)`.

    Raises
    ------
    OdysseyError
        If the norm is not finite, or ``largest`` not positive.

    References
    ----------
    .. [1] R. Pascanu, T. Mikolov, Y. Bengio, "On the difficulty of training
       recurrent neural networks", ICML 2013, section 3.2,
       https://arxiv.org/abs/1211.5063.

    Examples
    --------
    >>> import odyssey as od
    >>> w = od.tensor([3.0, 4.0], requires_grad=True)
    >>> (w * w).sum().backward()
    >>> clip_grad_norm_([w], 1.0)
    10.0
    >>> w.grad
    tensor([0.6, 0.8])
    """
    if not largest > 0:
        raise OdysseyError(f"clip_grad_norm_: largest must be positive, got {largest}")
    parameters = list(parameters)
    norm = gradient_norm(parameters, ord)
    if not math.isfinite(norm):
        if skip_nonfinite:
            return norm
        raise OdysseyError(f"clip_grad_norm_: the norm of the gradients is {norm}")
    if norm > largest:
        for g in _gradients(parameters):
            np.multiply(g, largest / norm, out=g, casting="same_kind")
    return norm


def _gradients(parameters):
    """Return the arrays of the gradients that there are."""
    found = [p.grad for p in parameters]
    arrays = [g.data for g in found if g is not None]
    for g in arrays:
        check_float("gradients", x=g)
    return arrays
