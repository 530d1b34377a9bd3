"""What the losses share: the checks of their arguments, and the way from many losses to one."""

from __future__ import annotations

import numpy as np

from odyssey.backend import kernel
from odyssey.core._checks import as_array, check_float, check_one_dtype
from odyssey.errors import DTypeError, OdysseyError, ShapeError

REDUCTIONS = ("mean", "sum", "none")

# -- of all losses -----------------------------------------------------------------------------


def check_reduction(op, reduction, known=REDUCTIONS):
    """Raise unless ``reduction`` is one of the known ones."""
    if reduction not in known:
        raise OdysseyError(f"{op}: reduction must be one of {', '.join(known)}, got {reduction!r}")


def alike(op, x, **others):
    """Return arrays of one shape and floating dtype; integers among the others become floats."""
    x = as_array(x)
    check_float(op, x=x)
    others = {name: numbers(other, x) for name, other in others.items()}
    check_one_dtype(op, x=x, **others)
    for name, other in others.items():
        if other.shape != x.shape:
            raise ShapeError(
                f"{op}: x and {name} must have the same shape (x: {x.shape}, {name}: {other.shape})"
            )
    return x, *others.values()


def numbers(labels, x):
    """Return integers (labels) in the dtype of ``x``, and floats or Tensors as they are."""
    labels = labels if hasattr(labels, "dtype") else np.asarray(labels)
    return labels.astype(x.dtype) if labels.dtype.kind in "iub" else labels


def factor(op, weight, x, name="weight"):
    """Return constant weights, which broadcast to ``x``, in its dtype; 1 if there are none."""
    if weight is None:
        return 1
    weight = as_array(weight)
    fits = weight.ndim <= x.ndim and all(
        n in (1, length) for n, length in zip(weight.shape[::-1], x.shape[::-1], strict=False)
    )
    if not fits:
        raise ShapeError(f"{op}: {name} must broadcast to x (x: {x.shape}, {name}: {weight.shape})")
    return weight.astype(x.dtype, copy=False)


def reduced(losses, reduction, divisor=None):
    """Return the losses, their sum, or their mean: the sum over ``divisor``, if there is one."""
    losses = np.asarray(losses)
    if reduction == "none":
        return losses
    if divisor is None or reduction == "sum":
        return kernel(reduction)(losses)
    with np.errstate(all="ignore"):
        total = np.sum(losses, dtype=np.float64) / np.float64(divisor)
        return np.asarray(total, losses.dtype)


def shares(grad, divisor, reduction):
    """Return the gradient of each loss, given that of :func:`reduced`, up to broadcasting.

    Works on arrays and on Tensors.

    Examples
    --------
    >>> shares(np.ones((), np.float32), 8, "mean")
    np.float32(0.125)
    """
    if reduction == "mean":
        return grad * (1 / divisor if divisor else 0.0)
    return grad


# -- of losses of class numbers ----------------------------------------------------------------


def class_axis(ndim):
    """Return the axis of the classes: (C,), (N, C) or (N, C, D...)."""
    return 0 if ndim == 1 else 1


def check_classes(op, x, target, weight):
    """Raise unless ``x`` are scores of classes, and the others fit them."""
    check_float(op, x=x)
    if target.dtype.kind not in "iu":
        raise DTypeError(
            f"{op}: target must hold class numbers (integers) but has dtype {target.dtype}"
        )
    if x.ndim == 0 or target.shape != x.shape[:1][: x.ndim - 1] + x.shape[2:]:
        raise ShapeError(
            f"{op}: target must have the shape of x without its class axis "
            f"(x: {x.shape}, target: {target.shape})"
        )
    check_class_weights(op, x, weight)


def check_class_weights(op, x, weight):
    """Raise unless there is a weight for each class, or none at all."""
    if weight is not None and np.shape(weight) != (x.shape[class_axis(x.ndim)],):
        raise ShapeError(
            f"{op}: weight must hold a number for each class (x: {x.shape}, "
            f"weight: {np.shape(weight)})"
        )


def check_labels(op, labels, classes):
    """Raise unless every label is a class."""
    wrong = (labels < 0) | (labels >= classes)
    if wrong.any():
        raise ShapeError(
            f"{op}: target holds the label {labels[wrong].flat[0]}, but x has {classes} classes: "
            f"labels must lie in [0, {classes})"
        )


def label_counts(op, x, target, weight, ignore_index):
    """Return what each example counts (None: all count 1), and their sum."""
    ignored = target == ignore_index
    if weight is None and not ignored.any():
        return None, target.size
    labels = np.where(ignored, 0, target)
    check_labels(op, labels, x.shape[class_axis(x.ndim)])
    # A sum of many weights needs more than half precision.
    each = 1 if weight is None else as_array(weight).astype(np.float64)[labels]
    counts = np.where(ignored, 0.0, each)
    return counts, float(counts.sum())


def counted(losses, counts):
    """Return the losses times what they count; one that counts nothing may be NaN."""
    if counts is None:
        return losses
    with np.errstate(all="ignore"):
        return np.where(counts == 0, 0, losses * counts).astype(losses.dtype)


def truth(target, shape, dtype):
    """Return 1 at the class of each example and 0 elsewhere, in the shape of the scores."""
    axis = class_axis(len(shape))
    classes = np.arange(shape[axis]).reshape((-1,) + (1,) * (len(shape) - axis - 1))
    return (classes == np.expand_dims(target, axis)).astype(dtype)
