"""Shrinkage: small elements become 0, or nearly so."""

from __future__ import annotations

import numpy as np

from odyssey.backend import kernel
from odyssey.core._activations import at_least, floating
from odyssey.core.activation import tanh
from odyssey.core.elementwise import where
from odyssey.tape import differentiable

__all__ = [
    "hard_shrink",
    "hard_shrink_backward",
    "soft_shrink",
    "soft_shrink_backward",
    "tanh_shrink",
    "tanh_shrink_backward",
]


@differentiable
def hard_shrink(x, lambd=0.5):
    r"""Set small elements to 0: :math:`y = x` if :math:`|x| > \lambda`, else 0.

    Parameters
    ----------
    x : Tensor or ndarray
        Floating-point, of any shape.
    lambd : float
        Not negative.

    Returns
    -------
    Tensor or ndarray
        In the shape and dtype of ``x``; NaN stays NaN.

    Raises
    ------
    DTypeError
        If ``x`` is not floating-point, or ``lambd`` no number.
    OdysseyError
        If ``lambd`` is negative.

    Notes
    -----
    Backward: :math:`\partial x = g` where :math:`|x| > \lambda`, else 0. It saves ``x``.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.hard_shrink(od.tensor([-2.0, 0.25, 1.0]))
    tensor([-2.,  0.,  1.])
    """
    x, lambd = floating("hard_shrink", x), at_least("hard_shrink", "lambd", lambd)
    return np.where(np.abs(x) <= lambd, 0, x)


@hard_shrink.backward_rule(wrt=("x",))
def hard_shrink_backward(grad, x, lambd=0.5):
    """Return the gradient of :func:`hard_shrink`."""
    return where(np.abs(np.asarray(x)) <= lambd, 0, grad)


@differentiable
def soft_shrink(x, lambd=0.5):
    r"""Move each element towards 0 by a margin: the proximal map of :math:`\lambda |x|`.

    Parameters
    ----------
    x : Tensor or ndarray
        Floating-point, of any shape.
    lambd : float
        Not negative.

    Returns
    -------
    Tensor or ndarray
        In the shape and dtype of ``x``; NaN stays NaN.

    Raises
    ------
    DTypeError
        If ``x`` is not floating-point, or ``lambd`` no number.
    OdysseyError
        If ``lambd`` is negative.

    Notes
    -----
    Forward: :math:`y = \mathrm{sign}(x) \max(|x| - \lambda, 0)`.

    Backward: :math:`\partial x = g` where :math:`|x| > \lambda`, else 0. It saves ``x``.

    References
    ----------
    .. [1] D. Donoho, "De-noising by soft-thresholding", IEEE Transactions on
       Information Theory 41, 1995, doi:10.1109/18.382009.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.soft_shrink(od.tensor([-2.0, 0.25, 1.0]))
    tensor([-1.5,  0. ,  0.5])
    """
    x, lambd = floating("soft_shrink", x), at_least("soft_shrink", "lambd", lambd)
    with np.errstate(all="ignore"):
        return np.where(np.abs(x) <= lambd, 0, x - np.copysign(x.dtype.type(lambd), x))


@soft_shrink.backward_rule(wrt=("x",))
def soft_shrink_backward(grad, x, lambd=0.5):
    """Return the gradient of :func:`soft_shrink`."""
    return where(np.abs(np.asarray(x)) <= lambd, 0, grad)


@differentiable
def tanh_shrink(x):
    r"""Take from each element its hyperbolic tangent: small numbers nearly vanish.

    Parameters
    ----------
    x : Tensor or ndarray
        Floating-point, of any shape.

    Returns
    -------
    Tensor or ndarray
        In the shape and dtype of ``x``.

    Raises
    ------
    DTypeError
        If ``x`` is not floating-point.

    Notes
    -----
    Forward: :math:`y = x - \tanh x`.

    Backward: :math:`\partial x = g \, \tanh^2 x`. It saves ``x``.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.tanh_shrink(od.tensor([-100.0, 0.0, 100.0]))
    tensor([-99.,   0.,  99.])
    """
    x = floating("tanh_shrink", x)
    with np.errstate(all="ignore"):
        return x - kernel("tanh")(x)


@tanh_shrink.backward_rule(wrt=("x",))
def tanh_shrink_backward(grad, x):
    """Return the gradient of :func:`tanh_shrink`."""
    t = tanh(x)
    return grad * (t * t)
