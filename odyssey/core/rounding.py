"""Rounding: floor, ceil, round, sign; constant between their steps, so their gradient is zero."""

from __future__ import annotations

import numpy as np

from odyssey.core._broadcast import unbroadcast
from odyssey.core._checks import as_array
from odyssey.core._copies import copied
from odyssey.core._pointwise import guarded, pointwise
from odyssey.core._zeros import zero_rule
from odyssey.core.elementwise import where
from odyssey.errors import DTypeError
from odyssey.tape import differentiable

__all__ = [
    "ceil",
    "ceil_backward",
    "copysign",
    "copysign_backward",
    "floor",
    "floor_backward",
    "frac",
    "frac_backward",
    "nextafter",
    "round",
    "round_backward",
    "sign",
    "sign_backward",
    "signbit",
    "trunc",
    "trunc_backward",
]

ZERO = r":math:`\partial x = 0`, the derivative wherever there is one"


def _rounded(function, x):
    """Apply a rounding function; integers are round already (NumPy 2.0 makes floats of them)."""
    x = as_array(x)
    return copied(x) if x.dtype.kind in "iub" else function(x)


@pointwise("floor([1.5, -1.5]) = [ 1., -2.]", ZERO, gives="same")
def floor(x):
    r"""Round down: the largest integer :math:`\lfloor x \rfloor \le x` for each element."""
    return _rounded(np.floor, x)


@pointwise("ceil([1.5, -1.5]) = [ 2., -1.]", ZERO, gives="same")
def ceil(x):
    r"""Round up: the smallest integer :math:`\lceil x \rceil \ge x` for each element."""
    return _rounded(np.ceil, x)


@pointwise("trunc([1.5, -1.5]) = [ 1., -1.]", ZERO, gives="same")
def trunc(x):
    r"""Round towards zero: :math:`\mathrm{sign}(x) \lfloor |x| \rfloor` of each element."""
    return _rounded(np.trunc, x)


@pointwise("sign([1.5, -0.0, -1.5]) = [ 1.,  0., -1.]", ZERO, gives="same")
def sign(x):
    r"""Return :math:`x / |x|` of each element: 1, -1, or 0 for both zeros; NaN of NaN."""
    return np.sign(x)


floor_backward = zero_rule(floor)
ceil_backward = zero_rule(ceil)
trunc_backward = zero_rule(trunc)
sign_backward = zero_rule(sign)


@differentiable
def round(x, decimals=0):
    r"""Round to the nearest multiple of :math:`10^{-d}` for d ``decimals``, halves to the even one.

    Parameters
    ----------
    x : Tensor or ndarray
        Of any shape.
    decimals : int, default 0
        Digits after the point; negative ones stand before it.

    Returns
    -------
    Tensor or ndarray
        In the shape and dtype of ``x``.

    Raises
    ------
    DTypeError
        If ``x`` is no array of numbers, or ``decimals`` no integer.

    Notes
    -----
    Backward: :math:`\partial x = 0`, the derivative wherever there is one.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.round(od.tensor([0.5, 1.5, -2.7]))
    tensor([ 0.,  2., -3.])
    >>> od.core.round(od.tensor([0.125, 17.0]), 1)
    tensor([ 0.1, 17. ])
    """
    if not isinstance(decimals, (int, np.integer)):
        raise DTypeError(f"round: decimals must be an integer, got {decimals!r}")
    x = as_array(x)
    if x.dtype.kind in "iub" and decimals == 0:
        return copied(x)
    return guarded("round", lambda x: np.round(x, decimals), x=x)


round_backward = zero_rule(round)


@pointwise("frac([1.5, -1.25]) = [ 0.5 , -0.25]", r":math:`\partial x = g`", gives="same")
def frac(x):
    r"""Return what :func:`trunc` takes away: :math:`x - \mathrm{trunc}(x)`, with the sign of x."""
    return x - np.trunc(x)


@frac.backward_rule(wrt=("x",))
def frac_backward(grad):
    """Return the gradient of :func:`frac`."""
    return grad


@pointwise(
    "copysign([1.0, -2.0], -0.0) = [-1., -2.]",
    r""":math:`\partial x = g` where x and the result have one sign, else :math:`-g`, and
0 at x = 0, as that of :func:`abs` is; :math:`\partial y = 0`""",
)
def copysign(x, y):
    r"""Give each x the sign of y: :math:`|x|\,\mathrm{sign}(y)`, where -0 counts as negative."""
    return np.copysign(x, y)


@copysign.backward_rule(wrt=("x", "y"))
def copysign_backward(grad, x, y, needs=(True, True)):
    """Return the gradients of :func:`copysign` for ``x`` and ``y``."""
    grad_x = None
    if needs[0]:
        turned = np.signbit(np.asarray(x)) != np.signbit(np.asarray(y))
        grad_x = where(np.asarray(x) == 0, 0, where(turned, -grad, grad))
        grad_x = unbroadcast(grad_x, np.shape(x))
    return grad_x, np.zeros(np.shape(y), grad.dtype) if needs[1] else None


@pointwise("signbit([1.0, -1.0, -0.0]) = [False,  True,  True]", gives="bool")
def signbit(x):
    r"""Tell which elements carry a minus: :math:`x < 0`, and -0 and negative NaN, too."""
    return np.signbit(x)


@pointwise("nextafter([1.0, 0.0], 2) = [1.0000001e+00, 1.4012985e-45]")
def nextafter(x, y):
    r"""Return the number next to each :math:`x` in its dtype, in the direction of :math:`y`.

    It measures rounding and has no gradient.
    """
    return np.nextafter(x, y)
