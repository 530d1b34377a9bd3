"""Losses of numbers: squared, absolute, and between the two."""

from __future__ import annotations

import math

import numpy as np

from odyssey.core._losses import alike, check_reduction, numbers, reduced, shares
from odyssey.core.activation import tanh
from odyssey.core.elementwise import where
from odyssey.errors import OdysseyError
from odyssey.tape import differentiable

__all__ = [
    "huber_loss",
    "huber_loss_backward",
    "l1_loss",
    "l1_loss_backward",
    "log_cosh_loss",
    "log_cosh_loss_backward",
    "mean_squared_error",
    "mean_squared_error_backward",
    "smooth_l1_loss",
    "smooth_l1_loss_backward",
]


def _residual(op, x, target, reduction):
    """Return the distance from the target, after the checks."""
    check_reduction(op, reduction)
    x, target = alike(op, x, target=target)
    return x - target


def _opposite(grad, needs):
    """Return the gradients of a function of ``x - target``."""
    return grad if needs[0] else None, -grad if needs[1] else None


def _clipped(d, limit):
    """Return ``d`` between ``-limit`` and ``limit``; flat outside."""
    values = np.asarray(d)
    return where(np.absolute(values) <= limit, d, np.copysign(np.asarray(limit, d.dtype), values))


def _check_positive(op, name, value, least_excluded=True):
    if not (value > 0 or (value == 0 and not least_excluded)):
        what = "positive" if least_excluded else "positive or 0"
        raise OdysseyError(f"{op}: {name} must be {what}, got {value!r}")


@differentiable
@np.errstate(all="ignore")
def mean_squared_error(x, target, reduction="mean"):
    r"""Return the squared distance from the target, :math:`d^2` with :math:`d = x - t`.

    Parameters
    ----------
    x : Tensor or ndarray, of any shape
        Floating-point predictions.
    target : Tensor or ndarray, in the shape of ``x``
        Integers, or floats of the dtype of ``x``.
    reduction : {"mean", "sum", "none"}
        What to do with the losses of the elements. The mean of none is NaN.

    Returns
    -------
    Tensor or ndarray, shape () or that of ``x``
        In the dtype of ``x``.

    Raises
    ------
    ShapeError
        If the shapes differ: a loss does not broadcast.
    DTypeError
        If the dtypes do not fit.
    OdysseyError
        If the reduction is unknown.

    Notes
    -----
    Backward: :math:`\partial x = 2 g d`, :math:`\partial t = -2 g d`, with
    :math:`g` divided by the number of elements under the mean.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.mean_squared_error(od.tensor([1.0, 5.0]), od.tensor([2.0, 2.0]))
    tensor(5.)
    """
    d = _residual("mean_squared_error", x, target, reduction)
    return reduced(d * d, reduction)


@mean_squared_error.backward_rule(wrt=("x", "target"))
def mean_squared_error_backward(grad, x, target, reduction="mean", needs=(True, True)):
    """Return the gradients of :func:`mean_squared_error` for ``x`` and ``target``."""
    d = x - numbers(target, x)
    return _opposite(shares(2 * grad, d.size, reduction) * d, needs)


@differentiable
@np.errstate(all="ignore")
def l1_loss(x, target, reduction="mean"):
    r"""Return the absolute distance from the target, :math:`|d|` with :math:`d = x - t`.

    Parameters, result, shapes and errors are those of :func:`mean_squared_error`.

    Notes
    -----
    Backward: :math:`\partial x = g\,\mathrm{sign}(d)`, which is 0 at :math:`d = 0`,
    and :math:`\partial t = -\partial x`.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.l1_loss(od.tensor([1.0, 5.0]), od.tensor([2.0, 2.0]))
    tensor(2.)
    """
    return reduced(np.abs(_residual("l1_loss", x, target, reduction)), reduction)


@l1_loss.backward_rule(wrt=("x", "target"))
def l1_loss_backward(grad, x, target, reduction="mean", needs=(True, True)):
    """Return the gradients of :func:`l1_loss` for ``x`` and ``target``."""
    d = np.asarray(x) - np.asarray(numbers(target, x))  # the sign has no derivative
    return _opposite(shares(grad, d.size, reduction) * np.sign(d), needs)


@differentiable
@np.errstate(all="ignore")
def huber_loss(x, target, delta=1.0, reduction="mean"):
    r"""Return a loss that is squared near the target and absolute far from it.

    Parameters, result, shapes and errors are those of :func:`mean_squared_error`, and

    Parameters
    ----------
    delta : float
        The distance at which one goes over to the other.

    Notes
    -----
    Forward, with :math:`d = x - t`:

    .. math:: \ell = \begin{cases} d^2 / 2 & |d| \le \delta \\
              \delta\,(|d| - \delta / 2) & \text{otherwise} \end{cases}

    Backward: :math:`\partial x = g \min(\max(d, -\delta), \delta)` and
    :math:`\partial t = -\partial x`: no outlier pulls harder than :math:`\delta`.

    References
    ----------
    .. [1] P. J. Huber, "Robust Estimation of a Location Parameter", 1964,
       doi:10.1214/aoms/1177703732.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.huber_loss(od.tensor([1.0, 5.0]), od.tensor([2.0, 2.0]), reduction="none")
    tensor([0.5, 2.5])
    """
    _check_positive("huber_loss", "delta", delta)
    d = np.abs(_residual("huber_loss", x, target, reduction))
    return reduced(np.where(d <= delta, d * d / 2, delta * (d - delta / 2)), reduction)


@huber_loss.backward_rule(wrt=("x", "target"))
def huber_loss_backward(grad, x, target, delta=1.0, reduction="mean", needs=(True, True)):
    """Return the gradients of :func:`huber_loss` for ``x`` and ``target``."""
    d = x - numbers(target, x)
    return _opposite(shares(grad, d.size, reduction) * _clipped(d, delta), needs)


@differentiable
@np.errstate(all="ignore")
def smooth_l1_loss(x, target, beta=1.0, reduction="mean"):
    r"""Return the absolute distance from the target, rounded off at its tip.

    This is :func:`huber_loss` divided by its ``delta``, and :func:`l1_loss` for
    :math:`\beta = 0`.

    Parameters, result, shapes and errors are those of :func:`mean_squared_error`, and

    Parameters
    ----------
    beta : float
        The distance below which the loss is squared.

    Notes
    -----
    Forward, with :math:`d = x - t`:

    .. math:: \ell = \begin{cases} d^2 / 2\beta & |d| < \beta \\
              |d| - \beta / 2 & \text{otherwise} \end{cases}

    Backward: :math:`\partial x = g \min(\max(d / \beta, -1), 1)` and
    :math:`\partial t = -\partial x`.

    References
    ----------
    .. [1] R. Girshick, "Fast R-CNN", ICCV 2015, https://arxiv.org/abs/1504.08083.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.smooth_l1_loss(od.tensor([1.0, 5.0]), od.tensor([2.0, 2.0]), reduction="none")
    tensor([0.5, 2.5])
    """
    _check_positive("smooth_l1_loss", "beta", beta, least_excluded=False)
    d = np.abs(_residual("smooth_l1_loss", x, target, reduction))
    if beta:
        d = np.where(d < beta, d * d / (2 * beta), d - beta / 2)
    return reduced(d, reduction)


@smooth_l1_loss.backward_rule(wrt=("x", "target"))
def smooth_l1_loss_backward(grad, x, target, beta=1.0, reduction="mean", needs=(True, True)):
    """Return the gradients of :func:`smooth_l1_loss` for ``x`` and ``target``."""
    if not beta:
        return l1_loss_backward(grad, x, target, reduction, needs)
    d = x - numbers(target, x)
    return _opposite(shares(grad, d.size, reduction) * _clipped(d / beta, 1), needs)


@differentiable
@np.errstate(all="ignore")
def log_cosh_loss(x, target, reduction="mean"):
    r"""Return :math:`\ln \cosh(x - t)`: about squared near the target, absolute far from it.

    Parameters, result, shapes and errors are those of :func:`mean_squared_error`.

    Notes
    -----
    Forward, with :math:`d = |x - t|`: as :math:`\ln(1 + 2 \sinh^2(d / 2))` near the
    target, which keeps the digits of a small loss, else as
    :math:`d + \ln(1 + e^{-2d}) - \ln 2`, which does not overflow.

    Backward: :math:`\partial x = g \tanh(x - t)`, :math:`\partial t = -\partial x`.
    Unlike :func:`huber_loss` it has all derivatives everywhere.

    Examples
    --------
    >>> import odyssey as od
    >>> loss = od.core.log_cosh_loss(od.tensor([3.0, 1000.0]), od.tensor([3.0, 0.0]), "sum")
    >>> round(loss.item(), 2)
    999.31
    """
    d = np.abs(_residual("log_cosh_loss", x, target, reduction))
    near = np.log1p(2 * np.sinh(d / 2) ** 2)
    return reduced(np.where(d < 1, near, d + np.log1p(np.exp(-2 * d)) - math.log(2)), reduction)


@log_cosh_loss.backward_rule(wrt=("x", "target"))
def log_cosh_loss_backward(grad, x, target, reduction="mean", needs=(True, True)):
    """Return the gradients of :func:`log_cosh_loss` for ``x`` and ``target``."""
    d = x - numbers(target, x)
    return _opposite(shares(grad, d.size, reduction) * tanh(d), needs)
