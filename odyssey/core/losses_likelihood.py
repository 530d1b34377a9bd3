"""Losses of distributions: how unlikely the target is under what was predicted."""

from __future__ import annotations

import math

import numpy as np

from odyssey.core._broadcast import unbroadcast
from odyssey.core._checks import as_array, check_one_dtype
from odyssey.core._losses import (
    REDUCTIONS,
    alike,
    check_reduction,
    factor,
    numbers,
    reduced,
    shares,
)
from odyssey.core.arithmetic import divide
from odyssey.core.elementwise import exp, log, where
from odyssey.errors import OdysseyError
from odyssey.tape import differentiable

__all__ = [
    "gaussian_nll_loss",
    "gaussian_nll_loss_backward",
    "kl_divergence",
    "kl_divergence_backward",
    "poisson_nll_loss",
    "poisson_nll_loss_backward",
]


@differentiable
@np.errstate(all="ignore")
def kl_divergence(x, target, log_target=False, reduction="mean"):
    r"""Return the Kullback-Leibler divergence of a prediction from the true distribution.

    Parameters
    ----------
    x : Tensor or ndarray, of any shape
        Logarithms of the predicted probabilities, floating-point.
    target : Tensor or ndarray, in the shape and dtype of ``x``
        The true probabilities.
    log_target : bool
        Whether ``target`` holds logarithms, too.
    reduction : {"mean", "sum", "none", "batchmean"}
        What to do with the terms of the elements. The divergence itself is their
        sum; "batchmean" divides that by the length of the first axis, "mean" by
        the number of all elements.

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
    Forward, and 0 where :math:`t = 0`:

    .. math:: \ell = t\,(\ln t - x)

    Backward: :math:`\partial x = -g t` and :math:`\partial t = g (\ln t + 1 - x)`,
    with 0 for the infinite :math:`\ln t + 1` at :math:`t = 0`; for
    :math:`u = \ln t` it is :math:`\partial u = g e^u (u + 1 - x)`.

    References
    ----------
    .. [1] S. Kullback, R. A. Leibler, "On Information and Sufficiency", 1951,
       doi:10.1214/aoms/1177729694.

    Examples
    --------
    >>> import odyssey as od
    >>> x = od.core.log(od.tensor([[0.5, 0.5]]))
    >>> round(od.core.kl_divergence(x, od.tensor([[1.0, 0.0]]), reduction="sum").item(), 4)
    0.6931
    """
    check_reduction("kl_divergence", reduction, (*REDUCTIONS, "batchmean"))
    x, target = alike("kl_divergence", x, target=target)
    if log_target:
        terms = np.exp(target) * (target - x)
    else:
        terms = np.where(target == 0, 0, target * np.log(target)) - target * x
    return reduced(terms, *_batchmean(reduction, x.shape))


def _batchmean(reduction, shape):
    """Return the reduction and what it divides by, None if all elements count."""
    return ("mean", shape[0] if shape else 1) if reduction == "batchmean" else (reduction, None)


@kl_divergence.backward_rule(wrt=("x", "target"))
def kl_divergence_backward(grad, x, target, log_target=False, reduction="mean", needs=(True, True)):
    """Return the gradients of :func:`kl_divergence` for ``x`` and ``target``."""
    reduction, rows = _batchmean(reduction, x.shape)
    share = shares(grad, x.size if rows is None else rows, reduction)
    t = numbers(target, x)
    grad_x = grad_target = None
    if needs[0]:
        grad_x = -share * (exp(t) if log_target else t)
    if needs[1] and log_target:
        grad_target = share * (exp(t) * (t + 1 - x))
    elif needs[1]:
        nothing = np.asarray(t) == 0
        grad_target = share * (where(nothing, 0, log(where(nothing, 1, t)) + 1) - x)
    return grad_x, grad_target


@differentiable
@np.errstate(all="ignore")
def poisson_nll_loss(x, target, log_input=True, full=False, eps=1e-8, reduction="mean"):
    r"""Return the negative log-likelihood of counts under Poisson distributions.

    Parameters
    ----------
    x : Tensor or ndarray, of any shape
        Logarithms of the expected counts, floating-point.
    target : Tensor or ndarray, in the shape of ``x``
        The counts: integers, or floats of the dtype of ``x``.
    log_input : bool
        Whether ``x`` holds logarithms; else the expected counts themselves.
    full : bool
        Whether to add Stirling's approximation of :math:`\ln t!`, which does not
        depend on ``x``, for counts above 1.
    eps : float
        Added to an expected count before its logarithm.
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
    Forward: :math:`\ell = e^x - t x`, or of expected counts
    :math:`\ell = x - t \ln(x + \varepsilon)`; in full also
    :math:`t \ln t - t + \tfrac12 \ln 2 \pi t`.

    Backward: :math:`\partial x = g (e^x - t)` or
    :math:`g (1 - t / (x + \varepsilon))`, and :math:`\partial t = -g x` or
    :math:`-g \ln(x + \varepsilon)`; in full also
    :math:`g (\ln t + 1 / 2t)`.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.poisson_nll_loss(od.tensor([0.0, 0.0]), od.tensor([1, 3]), reduction="none")
    tensor([1., 1.])
    """
    check_reduction("poisson_nll_loss", reduction)
    x, t = alike("poisson_nll_loss", x, target=target)
    losses = np.exp(x) - t * x if log_input else x - t * np.log(x + eps)
    if full:
        stirling = t * np.log(t) - t + np.log(2 * math.pi * t) / 2
        losses = losses + np.where(t > 1, stirling, 0)
    return reduced(losses, reduction)


@poisson_nll_loss.backward_rule(wrt=("x", "target"))
def poisson_nll_loss_backward(
    grad, x, target, log_input=True, full=False, eps=1e-8, reduction="mean", needs=(True, True)
):
    """Return the gradients of :func:`poisson_nll_loss` for ``x`` and ``target``."""
    t = numbers(target, x)
    share = shares(grad, x.size, reduction)
    grad_x = grad_target = None
    if needs[0]:
        grad_x = share * (exp(x) - t if log_input else 1 - divide(t, x + eps))
    if needs[1]:
        slope = -x if log_input else -log(x + eps)
        if full:
            many = np.asarray(t) > 1
            counts = where(many, t, 1)
            slope = slope + where(many, log(counts) + 0.5 / counts, 0)
        grad_target = share * slope
    return grad_x, grad_target


@differentiable
@np.errstate(all="ignore")
def gaussian_nll_loss(x, target, var, full=False, eps=1e-6, reduction="mean"):
    r"""Return the negative log-likelihood of numbers under normal distributions.

    Parameters
    ----------
    x : Tensor or ndarray, of any shape
        The expected numbers, floating-point.
    target : Tensor or ndarray, in the shape of ``x``
        The numbers: integers, or floats of the dtype of ``x``.
    var : Tensor or ndarray
        The variances, in the dtype of ``x``; broadcast to its shape.
    full : bool
        Whether to add the constant :math:`\tfrac12 \ln 2 \pi`.
    eps : float
        The least variance; a smaller one counts as this.
    reduction : {"mean", "sum", "none"}
        What to do with the losses of the elements. The mean of none is NaN.

    Returns
    -------
    Tensor or ndarray, shape () or that of ``x``
        In the dtype of ``x``.

    Raises
    ------
    ShapeError
        If the shapes do not fit.
    DTypeError
        If the dtypes do not fit.
    OdysseyError
        If a variance is negative, or the reduction unknown.

    Notes
    -----
    Forward, with :math:`d = x - t` and :math:`v = \max(\mathrm{var}, \varepsilon)`:

    .. math:: \ell = \tfrac12 \big(\ln v + d^2 / v\big)

    Backward: :math:`\partial x = g\,d / v`, :math:`\partial t = -\partial x` and
    :math:`\partial v = \tfrac12 g (1 - d^2 / v) / v`, which ``var`` gets also below
    :math:`\varepsilon`, so that it can grow again.

    References
    ----------
    .. [1] D. A. Nix, A. S. Weigend, "Estimating the Mean and Variance of the
       Target Probability Distribution", 1994, doi:10.1109/ICNN.1994.374138.

    Examples
    --------
    >>> import odyssey as od
    >>> x, target, var = od.tensor([1.0, 3.0]), od.tensor([1.0, 1.0]), od.tensor([1.0])
    >>> od.core.gaussian_nll_loss(x, target, var, reduction="none")
    tensor([0., 2.])
    """
    op = "gaussian_nll_loss"
    check_reduction(op, reduction)
    x, target = alike(op, x, target=target)
    var = as_array(var)
    check_one_dtype(op, x=x, var=var)
    v = np.maximum(factor(op, var, x, "var"), x.dtype.type(eps))
    if (var < 0).any():
        raise OdysseyError(f"{op}: var must hold variances but holds {var[var < 0].flat[0]}")
    losses = (np.log(v) + (x - target) ** 2 / v) / 2
    return reduced(losses + math.log(2 * math.pi) / 2 if full else losses, reduction)


@gaussian_nll_loss.backward_rule(wrt=("x", "target", "var"))
def gaussian_nll_loss_backward(
    grad, x, target, var, eps=1e-6, reduction="mean", needs=(True, True, True)
):
    """Return the gradients of :func:`gaussian_nll_loss` for ``x``, ``target`` and ``var``."""
    share = shares(grad, x.size, reduction)
    d = x - numbers(target, x)
    v = where(np.asarray(var) < eps, x.dtype.type(eps), var)
    score = divide(d, v)
    pull = share * score
    grad_var = None
    if needs[2]:
        grad_var = unbroadcast(share * (divide(1, v) - score * score) / 2, var.shape)
    return pull if needs[0] else None, -pull if needs[1] else None, grad_var
