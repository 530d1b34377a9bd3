"""Cross-entropy: the loss of scores for classes."""

from __future__ import annotations

import math

import numpy as np

from odyssey.backend import kernel
from odyssey.core._broadcast import add_up
from odyssey.core._checks import as_array, check_one_dtype
from odyssey.core._copies import reshaped
from odyssey.core._losses import (
    check_class_weights,
    check_classes,
    check_labels,
    check_reduction,
    class_axis,
    counted,
    label_counts,
    reduced,
    shares,
    truth,
)
from odyssey.core.activation import log_softmax, softmax
from odyssey.core.shape import expand_dims
from odyssey.errors import OdysseyError, ShapeError
from odyssey.tape import Saved, differentiable

__all__ = ["cross_entropy", "cross_entropy_backward"]


@differentiable
def cross_entropy(x, target, weight=None, ignore_index=-100, label_smoothing=0.0, reduction="mean"):
    r"""Return the negative log-probability that scores give to the right classes.

    Softmax and cross-entropy in one pass: stable for scores of any size, and
    for plain class numbers the probabilities are never stored.

    Shapes: N examples, C classes, D any further axes.

    Parameters
    ----------
    x : Tensor or ndarray, shape (N, C, D...) or (C,)
        Floating-point scores (logits).
    target : Tensor or ndarray
        The right class of each example: integers in [0, C), shape (N, D...) or
        (). Or the probability of each class: floats in the shape and dtype of
        ``x``.
    weight : Tensor or ndarray, shape (C,), optional
        What each class counts; a constant.
    ignore_index : int
        Examples with this class number count nothing. It has no meaning for
        probabilities.
    label_smoothing : float
        How much of the truth, from 0 to 1, is spread evenly over all classes.
    reduction : {"mean", "sum", "none"}
        What to do with the losses of the examples. The mean is weighted: a sum
        divided by the sum of the weights of the right classes, without those
        ignored; for probabilities it is divided by the number of examples. The
        mean of none is NaN.

    Returns
    -------
    Tensor or ndarray, shape () or (N, D...)
        In the dtype of ``x``.

    Raises
    ------
    ShapeError
        If the shapes do not fit, or a label is out of range.
    DTypeError
        If ``x`` is not floating-point, or ``target`` neither integer nor of the
        dtype of ``x``.
    OdysseyError
        If the smoothing is not in [0, 1], or the reduction unknown.

    Notes
    -----
    Forward, for an example n with the class :math:`t_n`:

    .. math:: \ell_n = w_{t_n} \Big(\ln \sum_c e^{x_{nc}} - x_{n t_n}\Big)

    and in general, with the truth :math:`q_{nc} = (1 - \varepsilon)\,[c = t_n]
    + \varepsilon / C`, or given probabilities in the place of
    :math:`[c = t_n]`:

    .. math:: \ell_n = -\sum_c w_c\, q_{nc} \ln \mathrm{softmax}(x_n)_c

    Backward: the distance of the probabilities from the truth,

    .. math:: \partial x_{nc} = g_n \Big(\mathrm{softmax}(x_n)_c \sum_k w_k q_{nk} - w_c q_{nc}\Big)

    with :math:`g_n = g / N` under the plain mean, and
    :math:`\partial q_{nc} = -g_n w_c \ln \mathrm{softmax}(x_n)_c`. Saves ``x``,
    ``target`` and one number an example.

    References
    ----------
    .. [1] C. Bishop, "Pattern Recognition and Machine Learning", 2006,
       section 4.3.4.
    .. [2] C. Szegedy et al., "Rethinking the Inception Architecture for Computer
       Vision", CVPR 2016 (label smoothing).

    Examples
    --------
    >>> import odyssey as od
    >>> loss = od.core.cross_entropy(od.tensor([[0.0, 0.0], [50.0, 0.0]]), od.tensor([1, 0]))
    >>> round(loss.item(), 4)  # half of ln 2, and of almost nothing
    0.3466
    """
    x, target = as_array(x), as_array(target)
    _check(x, target, weight, label_smoothing, reduction)
    if label_smoothing or target.dtype.kind == "f":
        axis = class_axis(x.ndim)
        wanted = _wanted(x, target, weight, ignore_index, label_smoothing)
        with np.errstate(all="ignore"):
            losses = -add_up(wanted * kernel("log_softmax")(x, axis), (axis,))
        if target.dtype.kind != "f":
            check_labels("cross_entropy", target[target != ignore_index], x.shape[axis])
            losses = np.where(target == ignore_index, 0, losses)  # whatever its scores are
        divisor = _divisor(x, target, weight, ignore_index)
        return reduced(losses, reduction, divisor), Saved(log_total=None)
    counts, divisor = label_counts("cross_entropy", x, target, weight, ignore_index)
    rows, labels = _rows(x, target, counts)
    try:
        losses, log_total = kernel("softmax_cross_entropy")(rows, labels)
    except ShapeError:  # the kernel looks at every label anyway: no second pass before it
        check_labels("cross_entropy", target, rows.shape[1])
        raise
    losses = counted(losses.reshape(target.shape), counts)
    divisor = None if counts is None else divisor
    return reduced(losses, reduction, divisor), Saved(log_total=log_total)


def _check(x, target, weight, label_smoothing, reduction):
    check_reduction("cross_entropy", reduction)
    if not 0 <= label_smoothing <= 1:
        raise OdysseyError(
            f"cross_entropy: label_smoothing must lie in [0, 1], got {label_smoothing!r}"
        )
    if target.dtype.kind != "f":
        check_classes("cross_entropy", x, target, weight)
        return
    check_one_dtype("cross_entropy", x=x, target=target)
    if x.ndim == 0 or target.shape != x.shape:
        raise ShapeError(
            "cross_entropy: target of probabilities must have the shape of x, which has a class "
            f"axis (x: {x.shape}, target: {target.shape}); class numbers must be integers"
        )
    check_class_weights("cross_entropy", x, weight)


def _rows(x, target, counts):
    """Return ``x`` as a matrix with a row for each example, and the label of each row."""
    if counts is not None:
        target = np.where(counts == 0, 0, target)  # what is ignored may be no class
    if x.ndim == 2:
        return x, target
    axis = class_axis(x.ndim)
    rows = reshaped(np.moveaxis(x, axis, -1), (target.size, x.shape[axis]))
    return rows, target.reshape(-1)


def _divisor(x, target, weight, ignore_index):
    """Return what the mean divides by: the examples, or what they count."""
    if target.dtype.kind == "f":
        return math.prod(x.shape) // max(x.shape[class_axis(x.ndim)], 1)
    return label_counts("cross_entropy", x, target, weight, ignore_index)[1]


def _wanted(x, target, weight, ignore_index, label_smoothing):
    """Return the probability that each class should have, times what it counts."""
    axis = class_axis(x.ndim)
    soft = target.dtype.kind == "f"
    wanted = target if soft else truth(target, x.shape, x.dtype)
    if label_smoothing:
        wanted = wanted * (1 - label_smoothing) + label_smoothing / x.shape[axis]
    if not soft:
        wanted = wanted * np.expand_dims(target != ignore_index, axis).astype(x.dtype)
    return wanted * _class_weights(x, weight)


def _class_weights(x, weight):
    """Return the weights of the classes as they broadcast to the scores."""
    if weight is None:
        return 1
    weight = as_array(weight).astype(x.dtype)
    return weight.reshape((-1,) + (1,) * (x.ndim - class_axis(x.ndim) - 1))


@cross_entropy.backward_rule(wrt=("x", "target"))
def cross_entropy_backward(
    grad,
    x,
    target,
    log_total,
    weight=None,
    ignore_index=-100,
    label_smoothing=0.0,
    reduction="mean",
    needs=(True, True),
):
    """Return the gradients of :func:`cross_entropy` for ``x`` and probabilities ``target``."""
    if log_total is None:
        return cross_entropy_backward_formula(
            grad, x, target, weight, ignore_index, label_smoothing, reduction, needs
        )
    counts, divisor = label_counts("cross_entropy", x, target, weight, ignore_index)
    rows, labels = _rows(x, target, counts)
    each = np.empty(target.shape, x.dtype)
    each[...] = shares(grad, divisor, reduction)
    out = kernel("softmax_cross_entropy_backward")(
        counted(each, counts).reshape(-1), rows, labels, log_total
    )
    if x.ndim != 2:
        axis = class_axis(x.ndim)
        out = np.moveaxis(out.reshape(*target.shape, x.shape[axis]), -1, axis)
    return out, None


@cross_entropy.backward_formula
def cross_entropy_backward_formula(
    grad,
    x,
    target,
    weight=None,
    ignore_index=-100,
    label_smoothing=0.0,
    reduction="mean",
    needs=(True, True),
):
    """Return the same in operators."""
    axis = class_axis(x.ndim)
    share = shares(grad, _divisor(x, target, weight, ignore_index), reduction)
    if reduction == "none":
        share = expand_dims(share, axis)
    grad_x = grad_target = None
    if needs[0]:
        wanted = _wanted(x, target, weight, ignore_index, label_smoothing)
        grad_x = share * (softmax(x, axis) * add_up(wanted, (axis,), True) - wanted)
    if needs[1] and target.dtype.kind == "f":
        slope = (label_smoothing - 1) * _class_weights(x, weight)
        grad_target = share * (slope * log_softmax(x, axis))
    return grad_x, grad_target
