"""Questions of elements, logic and bits; their results are constants to backward."""

from __future__ import annotations

import numpy as np

from odyssey.core._pointwise import guarded, pointwise
from odyssey.tape import not_differentiable

__all__ = [
    "allclose",
    "array_equal",
    "bitwise_and",
    "bitwise_invert",
    "bitwise_left_shift",
    "bitwise_or",
    "bitwise_right_shift",
    "bitwise_xor",
    "isclose",
    "isfinite",
    "isinf",
    "isnan",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
]


@pointwise("isfinite([1.0, float('inf'), float('nan')]) = [ True, False, False]", gives="bool")
def isfinite(x):
    r"""Tell which elements are numbers with :math:`|x| < \infty`."""
    return np.isfinite(x)


@pointwise("isinf([1.0, float('inf'), float('nan')]) = [False,  True, False]", gives="bool")
def isinf(x):
    r"""Tell which elements are infinite: :math:`|x| = \infty`."""
    return np.isinf(x)


@pointwise("isnan([1.0, float('inf'), float('nan')]) = [False, False,  True]", gives="bool")
def isnan(x):
    r"""Tell which elements are NaN, the only ones with :math:`x \ne x`."""
    return np.isnan(x)


@pointwise("logical_and([True, True], [True, False]) = [ True, False]", gives="bool")
def logical_and(x, y):
    r"""Tell where both hold: :math:`x \wedge y`. Numbers hold where they are not 0."""
    return np.logical_and(x, y)


@pointwise("logical_or([True, False], [False, False]) = [ True, False]", gives="bool")
def logical_or(x, y):
    r"""Tell where at least one holds: :math:`x \vee y`. Numbers hold where they are not 0."""
    return np.logical_or(x, y)


@pointwise("logical_xor([True, True], [True, False]) = [False,  True]", gives="bool")
def logical_xor(x, y):
    r"""Tell where exactly one holds: :math:`x \oplus y`. Numbers hold where they are not 0."""
    return np.logical_xor(x, y)


@pointwise("logical_not([True, False]) = [False,  True]", gives="bool")
def logical_not(x):
    r"""Tell where it does not hold: :math:`\neg x`. Numbers hold where they are not 0."""
    return np.logical_not(x)


@pointwise("bitwise_and([6, 5], 3) = [2, 1]", gives="same")
def bitwise_and(x, y):
    r"""Keep the bits that both integers (or bools) have: :math:`x \mathbin{\&} y`."""
    return np.bitwise_and(x, y)


@pointwise("bitwise_or([6, 5], 3) = [7, 7]", gives="same")
def bitwise_or(x, y):
    r"""Join the bits of two integers (or bools): :math:`x \mathbin{|} y`."""
    return np.bitwise_or(x, y)


@pointwise("bitwise_xor([6, 5], 3) = [5, 6]", gives="same")
def bitwise_xor(x, y):
    r"""Keep the bits that one of two integers (or bools) has: :math:`x \oplus y`."""
    return np.bitwise_xor(x, y)


@pointwise("bitwise_invert([0, 5]) = [-1, -6]", gives="same")
def bitwise_invert(x):
    r"""Turn every bit of an integer, :math:`-x - 1` if it is signed; of a bool, negate it."""
    return np.bitwise_not(x)


@pointwise("bitwise_left_shift([1, 5], 2) = [ 4, 20]", gives="same")
def bitwise_left_shift(x, y):
    r"""Move the bits of an integer to the left: :math:`x \cdot 2^y` without what falls out."""
    return np.left_shift(x, y)


@pointwise("bitwise_right_shift([16, -5], 2) = [ 4, -2]", gives="same")
def bitwise_right_shift(x, y):
    r"""Move the bits of an integer to the right: :math:`\lfloor x / 2^y \rfloor`."""
    return np.right_shift(x, y)


@not_differentiable
def isclose(x, y, rtol=1e-5, atol=1e-8, equal_nan=False):
    r"""Tell where :math:`|x - y| \le a + r\,|y|`, or both are the same infinity.

    Parameters
    ----------
    x, y : Tensor, ndarray or number
        Of shapes that broadcast; y is the one to trust.
    rtol, atol : float
        r, relative to y, and a, which alone decides where y is 0.
    equal_nan : bool, default False
        Whether NaN is close to NaN.

    Returns
    -------
    Tensor or ndarray of bool
        In the broadcast shape.

    Raises
    ------
    ShapeError
        If the shapes do not broadcast.
    DTypeError
        If they are no numbers.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.isclose(od.tensor([1.0, 1.0, 0.0]), od.tensor([1.000001, 1.1, 1e-9]))
    tensor([ True, False,  True])
    """
    return guarded("isclose", lambda x, y: np.isclose(x, y, rtol, atol, equal_nan), x=x, y=y)


@not_differentiable
def allclose(x, y, rtol=1e-5, atol=1e-8, equal_nan=False):
    r"""Tell whether :math:`|x - y| \le a + r\,|y|` for all elements.

    Parameters and errors are those of :func:`isclose`.

    Returns
    -------
    Tensor or ndarray of bool
        Of shape (); true of no elements.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.allclose(od.tensor([1.0, 2.0]), od.tensor([1.000001, 2.0]))
    tensor(True)
    """
    close = guarded("allclose", lambda x, y: np.isclose(x, y, rtol, atol, equal_nan), x=x, y=y)
    return np.asarray(close.all())


@not_differentiable
def array_equal(x, y, equal_nan=False):
    r"""Tell whether two arrays have one shape and :math:`x_i = y_i` everywhere.

    Parameters
    ----------
    x, y : Tensor, ndarray or number
        Of any shapes; those that differ are not equal, even if they broadcast.
    equal_nan : bool, default False
        Whether NaN is equal to NaN.

    Returns
    -------
    Tensor or ndarray of bool
        Of shape ().

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.array_equal(od.tensor([1, 2]), od.tensor([1.0, 2.0]))
    tensor(True)
    >>> od.core.array_equal(od.tensor([1, 1]), 1)
    tensor(False)
    """
    return np.asarray(np.array_equal(x, y, equal_nan))
