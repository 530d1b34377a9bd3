"""Losses of classes: from log-probabilities, from probabilities and from scores."""

from __future__ import annotations

import math

import numpy as np

from odyssey.core._checks import as_array
from odyssey.core._losses import (
    alike,
    check_classes,
    check_labels,
    check_reduction,
    class_axis,
    counted,
    factor,
    label_counts,
    numbers,
    reduced,
    shares,
    truth,
)
from odyssey.core.activation import sigmoid
from odyssey.core.activations_smooth import softplus
from odyssey.core.arithmetic import divide, power
from odyssey.core.elementwise import log, where
from odyssey.core.shape import expand_dims
from odyssey.errors import OdysseyError
from odyssey.tape import differentiable

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_backward",
    "binary_cross_entropy_with_logits",
    "binary_cross_entropy_with_logits_backward",
    "focal_loss",
    "focal_loss_backward",
    "nll_loss",
    "nll_loss_backward",
]


@differentiable
@np.errstate(all="ignore")
def nll_loss(x, target, weight=None, ignore_index=-100, reduction="mean"):
    r"""Return the negative log-likelihood of the right classes, from log-probabilities.

    After :func:`log_softmax` this is :func:`cross_entropy`.

    Parameters, shapes, reductions and errors are those of :func:`cross_entropy`,
    but ``x`` are logarithms of probabilities, and ``target`` always class numbers.

    Notes
    -----
    Forward: :math:`\ell_n = -w_{t_n} x_{n t_n}`. Backward:
    :math:`\partial x_{nc} = -g_n w_{t_n} [c = t_n]`.

    Examples
    --------
    >>> import odyssey as od
    >>> x = od.core.log(od.tensor([[0.5, 0.5], [1.0, 0.0]]))
    >>> round(od.core.nll_loss(x, od.tensor([1, 0]), reduction="sum").item(), 4)
    0.6931
    """
    x, target = as_array(x), as_array(target)
    check_reduction("nll_loss", reduction)
    check_classes("nll_loss", x, target, weight)
    counts, divisor = label_counts("nll_loss", x, target, weight, ignore_index)
    axis = class_axis(x.ndim)
    labels = target if counts is None else np.where(target == ignore_index, 0, target)
    check_labels("nll_loss", labels, x.shape[axis])
    picked = np.take_along_axis(x, np.expand_dims(labels, axis), axis)
    losses = counted(-picked.reshape(target.shape), counts)
    return reduced(losses, reduction, None if counts is None else divisor)


@nll_loss.backward_rule(wrt=("x",))
def nll_loss_backward(
    grad, x_shape, x_dtype, target, weight=None, ignore_index=-100, reduction="mean"
):
    """Return the gradient of :func:`nll_loss` for ``x``."""
    axis = class_axis(len(x_shape))
    picked = truth(target, x_shape, x_dtype)
    counts, divisor = label_counts("nll_loss", picked, target, weight, ignore_index)
    if counts is not None:
        picked = picked * np.expand_dims(counts, axis).astype(x_dtype)
    share = shares(-grad, divisor, reduction)
    return (expand_dims(share, axis) if reduction == "none" else share) * picked


@differentiable
@np.errstate(all="ignore")
def binary_cross_entropy(x, target, weight=None, reduction="mean"):
    r"""Return the negative log-probability of yes-or-no answers, from probabilities.

    From scores take :func:`binary_cross_entropy_with_logits`, which keeps its
    digits where a probability would be rounded to 0 or 1.

    Parameters
    ----------
    x : Tensor or ndarray, of any shape
        Probabilities of yes, in [0, 1].
    target : Tensor or ndarray, in the shape of ``x``
        1 for yes and 0 for no, or probabilities between; integers, or floats of
        the dtype of ``x``.
    weight : Tensor or ndarray, optional
        What each element counts, a constant that broadcasts to ``x``. The mean
        still divides by the number of elements.
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
        If an element of ``x`` is no probability, or the reduction unknown.

    Notes
    -----
    Forward; logarithms below -100 count as -100, so that a wrong certainty costs
    much and not infinitely much:

    .. math:: \ell = -w\,\big(t \ln x + (1 - t) \ln(1 - x)\big)

    Backward: :math:`\partial x = g w (x - t) / \max(x (1 - x), 10^{-12})` and
    :math:`\partial t = g w \big(\ln(1 - x) - \ln x\big)`.

    Examples
    --------
    >>> import odyssey as od
    >>> x, yes = od.tensor([0.5, 1.0, 0.0]), od.tensor([1, 1, 1])
    >>> loss = od.core.binary_cross_entropy(x, yes, reduction="none")
    >>> [round(one, 4) for one in loss.tolist()]
    [0.6931, -0.0, 100.0]
    """
    check_reduction("binary_cross_entropy", reduction)
    x, target = alike("binary_cross_entropy", x, target=target)
    outside = (x < 0) | (x > 1)
    if outside.any():
        raise OdysseyError(
            "binary_cross_entropy: x must hold probabilities in [0, 1] but holds "
            f"{x[outside].flat[0]}; for scores there is binary_cross_entropy_with_logits"
        )
    yes, no = np.maximum(np.log(x), -100), np.maximum(np.log1p(-x), -100)
    losses = -(target * yes + (1 - target) * no)
    return reduced(losses * factor("binary_cross_entropy", weight, x), reduction)


def _log(x):
    """Return the logarithm of ``x``, but never less than -100; there it is flat."""
    small = np.asarray(x) <= math.exp(-100)
    return where(small, -100, log(where(small, 1, x)))


@binary_cross_entropy.backward_rule(wrt=("x", "target"))
def binary_cross_entropy_backward(
    grad, x, target, weight=None, reduction="mean", needs=(True, True)
):
    """Return the gradients of :func:`binary_cross_entropy` for ``x`` and ``target``."""
    grad_x = grad_target = None
    share = shares(grad, x.size, reduction) * factor("binary_cross_entropy", weight, x)
    if needs[0]:
        least = max(1e-12, float(np.finfo(x.dtype).tiny))
        variance = x * (1 - x)
        variance = where(np.asarray(variance) < least, least, variance)
        grad_x = share * divide(x - numbers(target, x), variance)
    if needs[1]:
        grad_target = share * (_log(1 - x) - _log(x))
    return grad_x, grad_target


@differentiable
@np.errstate(all="ignore")
def binary_cross_entropy_with_logits(x, target, weight=None, pos_weight=None, reduction="mean"):
    r"""Return the negative log-probability of yes-or-no answers, from scores.

    Sigmoid and :func:`binary_cross_entropy` in one, stable for scores of any size.

    Parameters, shapes, reductions and errors are those of
    :func:`binary_cross_entropy`, but ``x`` are scores (logits), and

    Parameters
    ----------
    pos_weight : Tensor or ndarray, optional
        What yes counts beside no, a constant that broadcasts to ``x``: more than
        1 favours recall, less favours precision.

    Notes
    -----
    Forward, with :math:`s = \ln(1 + e^{-x})` and the weight p of yes:

    .. math:: \ell = w\,\big((1 - t)\,x + (1 + (p - 1)\,t)\,s\big)

    Backward, with the sigmoid :math:`\sigma` of x:
    :math:`\partial x = g w \big(\sigma\,(1 + (p - 1)\,t) - p\,t\big)`, which is
    :math:`g w (\sigma - t)` for :math:`p = 1`, and
    :math:`\partial t = g w \big((p - 1)\,s - x\big)`.

    Examples
    --------
    >>> import odyssey as od
    >>> x, yes = od.tensor([0.0, 1000.0, -1000.0]), od.tensor([1, 1, 1])
    >>> loss = od.core.binary_cross_entropy_with_logits(x, yes, reduction="none")
    >>> [round(one, 4) for one in loss.tolist()]
    [0.6931, 0.0, 1000.0]
    """
    op = "binary_cross_entropy_with_logits"
    check_reduction(op, reduction)
    x, target = alike(op, x, target=target)
    p = factor(op, pos_weight, x, "pos_weight")
    losses = (1 - target) * x + (1 + (p - 1) * target) * np.logaddexp(0, -x)
    return reduced(losses * factor(op, weight, x), reduction)


@binary_cross_entropy_with_logits.backward_rule(wrt=("x", "target"))
def binary_cross_entropy_with_logits_backward(
    grad, x, target, weight=None, pos_weight=None, reduction="mean", needs=(True, True)
):
    """Return the gradients of :func:`binary_cross_entropy_with_logits`."""
    op = "binary_cross_entropy_with_logits"
    grad_x = grad_target = None
    share = shares(grad, x.size, reduction) * factor(op, weight, x)
    p = factor(op, pos_weight, x, "pos_weight")
    if needs[0]:
        t = numbers(target, x)
        grad_x = share * (sigmoid(x) * (1 + (p - 1) * t) - p * t)
    if needs[1]:
        grad_target = share * ((p - 1) * softplus(-x) - x)
    return grad_x, grad_target


@differentiable
@np.errstate(all="ignore")
def focal_loss(x, target, alpha=0.25, gamma=2.0, reduction="mean"):
    r"""Return a binary cross-entropy that cares less for what is right already.

    Parameters, shapes, reductions and errors are those of
    :func:`binary_cross_entropy_with_logits`, without its weights; ``target`` is a
    constant.

    Parameters
    ----------
    alpha : float or None
        What yes counts, and no the rest to 1; None counts both alike, as 1.
    gamma : float
        How fast an easy example is forgotten; 0 forgets none.

    Notes
    -----
    Forward, with :math:`p = \sigma(x)`, the probability of error
    :math:`q = p + t - 2pt`, the cross-entropy c, and
    :math:`a = \alpha t + (1 - \alpha)(1 - t)`:

    .. math:: \ell = a\, q^\gamma\, c

    Backward: :math:`\partial x = g a \big(q^\gamma (p - t) +
    \gamma q^{\gamma - 1} (1 - 2t)\, p (1 - p)\, c\big)`.

    References
    ----------
    .. [1] T.-Y. Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017,
       https://arxiv.org/abs/1708.02002.

    Examples
    --------
    >>> import odyssey as od
    >>> loss = od.core.focal_loss(od.tensor([0.0, 4.0]), od.tensor([1, 1]), reduction="none")
    >>> [round(one, 5) for one in loss.tolist()]  # 0.25 * 0.5 ** 2 * ln 2, and next to nothing
    [0.04332, 0.0]
    """
    check_reduction("focal_loss", reduction)
    _check_focal(alpha, gamma)
    x, t = alike("focal_loss", x, target=target)
    p = np.exp(-np.logaddexp(0, -x))
    losses = np.power(p + t - 2 * p * t, gamma) * ((1 - t) * x + np.logaddexp(0, -x))
    return reduced(_balance(t, alpha) * losses, reduction)


def _check_focal(alpha, gamma):
    if alpha is not None and not 0 <= alpha <= 1:
        raise OdysseyError(f"focal_loss: alpha must lie in [0, 1] or be None, got {alpha!r}")
    if not gamma >= 0:
        raise OdysseyError(f"focal_loss: gamma must be positive or 0, got {gamma!r}")


def _balance(t, alpha):
    return 1 if alpha is None else alpha * t + (1 - alpha) * (1 - t)


@focal_loss.backward_rule(wrt=("x",))
def focal_loss_backward(grad, x, target, alpha=0.25, gamma=2.0, reduction="mean"):
    """Return the gradient of :func:`focal_loss` for ``x``."""
    t = numbers(target, x)
    p = sigmoid(x)
    error = p + t - 2 * p * t
    slope = power(error, gamma) * (p - t)
    if gamma:
        # Without an error its slope p (1 - p) is 0: 0 ** (gamma - 1) must not spoil the product.
        sure = np.asarray(error) == 0
        change = gamma * power(where(sure, 1, error), gamma - 1) * ((1 - 2 * t) * p * (1 - p))
        slope = slope + change * ((1 - t) * x + softplus(-x))
    return shares(grad, x.size, reduction) * _balance(t, alpha) * slope
