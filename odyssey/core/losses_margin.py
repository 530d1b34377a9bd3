"""Losses with a margin: what is right by enough costs nothing."""

from __future__ import annotations

import numpy as np

from odyssey.core._losses import alike, check_reduction, numbers, reduced, shares
from odyssey.core.elementwise import where
from odyssey.tape import differentiable

__all__ = [
    "hinge_loss",
    "hinge_loss_backward",
    "margin_ranking_loss",
    "margin_ranking_loss_backward",
    "squared_hinge_loss",
    "squared_hinge_loss_backward",
]


@differentiable
@np.errstate(all="ignore")
def hinge_loss(x, target, reduction="mean"):
    r"""Return what a score lacks to be right by a margin of 1.

    Parameters
    ----------
    x : Tensor or ndarray, of any shape
        Floating-point scores.
    target : Tensor or ndarray, in the shape of ``x``
        1 for yes and -1 for no, a constant: integers, or floats of the dtype of
        ``x``.
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
    Forward: :math:`\ell = \max(0, 1 - t x)`. Backward: :math:`\partial x = -g t`
    where the loss is positive, else 0, also at the kink.

    References
    ----------
    .. [1] C. Cortes, V. Vapnik, "Support-Vector Networks", 1995,
       doi:10.1007/BF00994018.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.hinge_loss(od.tensor([0.5, 3.0, 1.0]), od.tensor([1, 1, -1]), reduction="none")
    tensor([0.5, 0. , 2. ])
    """
    check_reduction("hinge_loss", reduction)
    x, target = alike("hinge_loss", x, target=target)
    return reduced(np.maximum(1 - target * x, 0), reduction)


@hinge_loss.backward_rule(wrt=("x",))
def hinge_loss_backward(grad, x, target, reduction="mean"):
    """Return the gradient of :func:`hinge_loss` for ``x``."""
    t, x = numbers(target, x), np.asarray(x)
    return shares(-grad, x.size, reduction) * (t * (t * x < 1))


@differentiable
@np.errstate(all="ignore")
def squared_hinge_loss(x, target, reduction="mean"):
    r"""Return the square of :func:`hinge_loss`, which has no kink.

    Parameters, result, shapes and errors are those of :func:`hinge_loss`.

    Notes
    -----
    Forward: :math:`\ell = \max(0, 1 - t x)^2`. Backward:
    :math:`\partial x = -2 g t \max(0, 1 - t x)`.

    Examples
    --------
    >>> import odyssey as od
    >>> x, target = od.tensor([0.5, 3.0, 1.0]), od.tensor([1, 1, -1])
    >>> od.core.squared_hinge_loss(x, target, reduction="none")
    tensor([0.25, 0.  , 4.  ])
    """
    check_reduction("squared_hinge_loss", reduction)
    x, target = alike("squared_hinge_loss", x, target=target)
    return reduced(np.maximum(1 - target * x, 0) ** 2, reduction)


@squared_hinge_loss.backward_rule(wrt=("x",))
def squared_hinge_loss_backward(grad, x, target, reduction="mean"):
    """Return the gradient of :func:`squared_hinge_loss` for ``x``."""
    t = numbers(target, x)
    lack = 1 - t * x
    lack = where(np.asarray(lack) > 0, lack, 0)
    return shares(-2 * grad, x.size, reduction) * (t * lack)


@differentiable
@np.errstate(all="ignore")
def margin_ranking_loss(x, y, target, margin=0.0, reduction="mean"):
    r"""Return what one score lacks to be above another one by a margin.

    Parameters
    ----------
    x, y : Tensor or ndarray, of one shape
        Floating-point scores of one dtype.
    target : Tensor or ndarray, in the shape of ``x``
        1 where ``x`` should be above, -1 where ``y`` should; a constant.
    margin : float
        By how much.
    reduction : {"mean", "sum", "none"}
        What to do with the losses of the elements. The mean of none is NaN.

    Returns
    -------
    Tensor or ndarray, shape () or that of ``x``
        In the dtype of ``x``.

    Raises
    ------
    ShapeError, DTypeError, OdysseyError
        As :func:`hinge_loss`.

    Notes
    -----
    Forward: :math:`\ell = \max(0, m - t (x - y))`. Backward:
    :math:`\partial x = -g t` and :math:`\partial y = g t` where the loss is
    positive, else 0, also at the kink.

    Examples
    --------
    >>> import odyssey as od
    >>> x, y = od.tensor([1.0, 2.0]), od.tensor([3.0, 1.0])
    >>> od.core.margin_ranking_loss(x, y, od.tensor([1, 1]), reduction="none")
    tensor([2., 0.])
    """
    check_reduction("margin_ranking_loss", reduction)
    x, y, target = alike("margin_ranking_loss", x, y=y, target=target)
    return reduced(np.maximum(margin - target * (x - y), 0), reduction)


@margin_ranking_loss.backward_rule(wrt=("x", "y"))
def margin_ranking_loss_backward(
    grad, x, y, target, margin=0.0, reduction="mean", needs=(True, True)
):
    """Return the gradients of :func:`margin_ranking_loss` for ``x`` and ``y``."""
    x = np.asarray(x)
    t = numbers(target, x)
    lacking = t * (margin - t * (x - numbers(np.asarray(y), x)) > 0)
    grad_y = shares(grad, x.size, reduction) * lacking
    return -grad_y if needs[0] else None, grad_y if needs[1] else None
