"""Losses: how far predictions are from targets, as one number or one for each example."""

from __future__ import annotations

import math

import numpy as np

from odyssey.backend import kernel
from odyssey.core._checks import as_array, check_float
from odyssey.core._copies import reshaped
from odyssey.core.activation import softmax
from odyssey.errors import DTypeError, OdysseyError, ShapeError
from odyssey.tape import Saved, differentiable

__all__ = ["cross_entropy", "cross_entropy_backward"]

REDUCTIONS = ("mean", "sum", "none")


@differentiable
def cross_entropy(x, target, reduction="mean"):
    r"""Return the negative log-probability that scores give to the right classes.

    Softmax and cross-entropy in one pass: stable for scores of any size, and
    the probabilities are never stored.

    Shapes: N examples, C classes, D any further axes.

    Parameters
    ----------
    x : Tensor or ndarray, shape (N, C, D...) or (C,)
        Floating-point scores (logits).
    target : Tensor or ndarray of integers, shape (N, D...) or ()
        The right class of each example, in [0, C).
    reduction : {"mean", "sum", "none"}
        What to do with the losses of the examples. The mean of none is NaN.

    Returns
    -------
    Tensor or ndarray, shape () or that of ``target``
        In the dtype of ``x``.

    Raises
    ------
    ShapeError
        If the shapes do not fit, or a label is out of range.
    DTypeError
        If ``x`` is not floating-point or ``target`` not integer.

    Notes
    -----
    Forward, for an example n with the class :math:`t_n`:

    .. math:: \ell_n = \ln \sum_c e^{x_{nc}} - x_{n t_n}

    Backward: the distance of the probabilities from the truth,

    .. math:: \partial x_{nc} = g_n \big(\mathrm{softmax}(x_n)_c - [c = t_n]\big)

    with :math:`g_n = g / N` under the mean. Saves ``x``, ``target`` and one
    number an example.

    References
    ----------
    .. [1] C. Bishop, "Pattern Recognition and Machine Learning", 2006,
       section 4.3.4.

    Examples
    --------
    >>> import odyssey as od
    >>> loss = od.core.cross_entropy(od.tensor([[0.0, 0.0], [50.0, 0.0]]), od.tensor([1, 0]))
    >>> round(loss.item(), 4)  # half of ln 2, and of almost nothing
    0.3466
    """
    x, target = as_array(x), as_array(target)
    _check(x, target, reduction)
    rows, labels = _rows(x, target)
    try:
        losses, log_total = kernel("softmax_cross_entropy")(rows, labels)
    except ShapeError:  # the kernel looks at every label anyway: no second pass before it
        _check_labels(target, rows.shape[1])
        raise
    return _reduced(losses, target.shape, reduction), Saved(log_total=log_total)


def _check(x, target, reduction):
    if reduction not in REDUCTIONS:
        raise OdysseyError(
            f"cross_entropy: reduction must be one of {', '.join(REDUCTIONS)}, got {reduction!r}"
        )
    check_float("cross_entropy", x=x)
    if target.dtype.kind not in "iu":
        raise DTypeError(
            f"cross_entropy: target must hold class numbers (integers) but has dtype {target.dtype}"
        )
    if x.ndim == 0 or target.shape != x.shape[:1][: x.ndim - 1] + x.shape[2:]:
        raise ShapeError(
            "cross_entropy: target must have the shape of x without its class axis "
            f"(x: {x.shape}, target: {target.shape})"
        )


def _check_labels(target, classes):
    wrong = (target < 0) | (target >= classes)
    if wrong.any():
        first = target[wrong].flat[0]
        raise ShapeError(
            f"cross_entropy: target holds the label {first}, but x has {classes} classes: "
            f"labels must lie in [0, {classes})"
        )


def _class_axis(ndim):
    return 0 if ndim == 1 else 1


def _rows(x, target):
    """Return ``x`` as a matrix with a row for each example, and the label of each row."""
    if x.ndim == 2:
        return x, target
    classes = x.shape[_class_axis(x.ndim)]
    last = np.moveaxis(x, _class_axis(x.ndim), -1)
    return reshaped(last, (target.size, classes)), target.reshape(-1)


def _reduced(losses, shape, reduction):
    return losses.reshape(shape) if reduction == "none" else kernel(reduction)(losses)


def _weights(grad, target_shape, reduction):
    """Return the gradient of each example's loss."""
    if reduction == "mean":
        grad = grad / max(math.prod(target_shape), 1)
    return grad if reduction == "none" else grad.reshape((1,) * len(target_shape))


@cross_entropy.backward_rule(wrt=("x",))
def cross_entropy_backward(grad, x, target, log_total, reduction="mean"):
    """Return the gradient of :func:`cross_entropy` for ``x``."""
    rows, labels = _rows(x, target)
    weights = np.empty(target.shape, x.dtype)
    weights[...] = _weights(grad, target.shape, reduction)
    out = kernel("softmax_cross_entropy_backward")(weights.reshape(-1), rows, labels, log_total)
    if x.ndim == 2:
        return out
    axis = _class_axis(x.ndim)
    return np.moveaxis(out.reshape(*target.shape, x.shape[axis]), -1, axis)


@cross_entropy.backward_formula
def cross_entropy_backward_formula(grad, x, target, reduction="mean"):
    """Return the same in operators."""
    axis = _class_axis(x.ndim)
    classes = np.arange(x.shape[axis]).reshape((-1,) + (1,) * (x.ndim - axis - 1))
    truth = (classes == np.expand_dims(target, axis)).astype(x.dtype)
    weights = _weights(grad, target.shape, reduction)
    weights = weights.reshape((*weights.shape[:axis], 1, *weights.shape[axis:]))
    return weights * (softmax(x, axis) - truth)
