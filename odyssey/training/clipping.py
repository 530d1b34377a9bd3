"""Clipping: gradients brought into bounds before a step, each way returning how large they were."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from odyssey.core import clip_grad_norm_, clip_grad_value_, gradient_norm
from odyssey.errors import OdysseyError
from odyssey.tensor import Tensor

__all__ = ["clip_adaptive_", "clip_each_norm_", "clip_norm_", "clip_value_"]


def clip_value_(parameters: Iterable[Tensor], limit: float) -> float:
    r"""Bring every element of every gradient into [-limit, limit], in place.

    .. math:: g_i \leftarrow \max(-c, \min(c, g_i))

    The direction of the gradient changes: large elements become alike.

    Parameters
    ----------
    parameters : iterable of Tensor
        Those without a gradient are left alone.
    limit : float
        c, not negative.

    Returns
    -------
    float
        The norm of all gradients before; NaN elements stay, and show in it.

    Raises
    ------
    OdysseyError
        If ``limit`` is negative.

    Examples
    --------
    >>> import odyssey as od
    >>> w = od.tensor([3.0, 4.0], requires_grad=True)
    >>> (w * w).sum().backward()
    >>> clip_value_([w], 7.0), w.grad
    (10.0, tensor([6., 7.]))
    """
    parameters = list(parameters)
    norm = gradient_norm(parameters)
    clip_grad_value_(parameters, limit)
    return norm


def clip_norm_(
    parameters: Iterable[Tensor], largest: float, ord: float = 2.0, skip_nonfinite: bool = False
) -> float:
    r"""Scale all gradients together so that their norm is at most ``largest``, in place.

    With n the norm of all gradients as of one long vector:

    .. math:: g \leftarrow g\, \min(1, c / n)

    The direction stays. It is :func:`odyssey.core.clip_grad_norm_`, whose page has the
    paper and an example; PyTorch's divides by :math:`n + 10^{-6}`.

    Parameters
    ----------
    parameters : iterable of Tensor
        Those without a gradient are left alone.
    largest : float
        c, positive.
    ord : float
        p of the norm; ``inf`` is the largest absolute value.
    skip_nonfinite : bool
        Whether gradients whose norm is not finite are left as they are; else they are
        an error.

    Returns
    -------
    float
        n, the norm before.

    Raises
    ------
    OdysseyError
        If the norm is not finite, or ``largest`` not positive.
    """
    norm: float = clip_grad_norm_(parameters, largest, ord, skip_nonfinite)
    return norm


def clip_each_norm_(
    parameters: Iterable[Tensor], largest: float, ord: float = 2.0, skip_nonfinite: bool = False
) -> float:
    r"""Scale the gradient of each parameter so that its own norm is at most ``largest``, in place.

    .. math:: g_l \leftarrow g_l\, \min(1, c / \|g_l\|) \qquad\text{for each parameter } l

    One layer that explodes does not take the steps of the others away.

    Parameters
    ----------
    parameters : iterable of Tensor
        Those without a gradient are left alone.
    largest : float
        c, positive.
    ord : float
        p of the norm; ``inf`` is the largest absolute value.
    skip_nonfinite : bool
        Whether gradients whose norm is not finite are left as they are; else they are
        an error, and none is changed.

    Returns
    -------
    float
        The norm of all gradients together before.

    Raises
    ------
    OdysseyError
        If a norm is not finite, or ``largest`` not positive.

    Examples
    --------
    >>> import odyssey as od
    >>> v, w = (od.tensor(x, requires_grad=True) for x in ([0.5], [3.0, 4.0]))
    >>> ((v * v).sum() + (w * w).sum()).backward()
    >>> round(clip_each_norm_([v, w], 5.0), 3), v.grad, w.grad
    (10.05, tensor([1.]), tensor([3., 4.]))
    """
    parameters = list(parameters)
    norm = _finite_norm("clip_each_norm_", parameters, ord, skip_nonfinite)
    for parameter in parameters:
        clip_grad_norm_([parameter], largest, ord, skip_nonfinite)
    return norm


def clip_adaptive_(
    parameters: Iterable[Tensor],
    factor: float = 0.01,
    eps: float = 1e-3,
    skip_nonfinite: bool = False,
) -> float:
    r"""Adaptive gradient clipping: bound each unit's gradient by the norm of its weights, in place.

    For the weights :math:`W_i` of unit i, a row of a linear layer's matrix or a filter of a
    convolution, and its gradient :math:`G_i`:

    .. math::

        G_i \leftarrow \begin{cases}
            \lambda\, \dfrac{\max(\|W_i\|_F, \epsilon)}{\|G_i\|_F}\; G_i &
            \text{if } \|G_i\|_F > \lambda \max(\|W_i\|_F, \epsilon) \\
            G_i & \text{otherwise}
        \end{cases}

    A unit is an index of the first axis; a parameter of one axis or none (a bias, a gain) is
    one unit. So no step of gradient descent with the rate :math:`\eta` changes a unit by more
    than the share :math:`\eta \lambda`. The paper leaves the last linear layer out: give the
    parameters of the others.

    Parameters
    ----------
    parameters : iterable of Tensor
        Those without a gradient are left alone.
    factor : float
        :math:`\lambda`, positive; smaller for larger batches.
    eps : float
        :math:`\epsilon`, positive, so that weights that begin with 0 can move.
    skip_nonfinite : bool
        Whether units whose gradient is not finite are left as they are; else they are an
        error, and nothing is changed.

    Returns
    -------
    float
        The norm of all gradients together before.

    Raises
    ------
    OdysseyError
        If the norm is not finite, or ``factor`` or ``eps`` not positive.

    References
    ----------
    .. [1] A. Brock, S. De, S. L. Smith, K. Simonyan, "High-performance large-scale image
       recognition without normalization", ICML 2021, section 4, equation 3.
       https://arxiv.org/abs/2102.06171

    Examples
    --------
    >>> import odyssey as od
    >>> w = od.tensor([[3.0, 4.0], [0.3, 0.4]], requires_grad=True)
    >>> (w * od.tensor([[0.6, 0.8], [0.0, 0.1]])).sum().backward()
    >>> norm = clip_adaptive_([w], factor=0.1)  # rows of at most 0.5 and 0.05
    >>> w.grad
    tensor([[0.3 , 0.4 ],
            [0.  , 0.05]])
    """
    for name, value in (("factor", factor), ("eps", eps)):
        if not value > 0:
            raise OdysseyError(f"clip_adaptive_: {name} must be positive, got {value!r}")
    parameters = list(parameters)
    norm = _finite_norm("clip_adaptive_", parameters, 2.0, skip_nonfinite)
    for parameter in parameters:
        if parameter.grad is None:
            continue
        g = parameter.grad.data
        norms, largest = _unit_norms(g), factor * np.maximum(_unit_norms(parameter.data), eps)
        too_large = np.isfinite(norms) & (norms > largest)
        scale = np.divide(largest, norms, out=np.ones_like(norms), where=too_large)
        np.multiply(g, scale, out=g, where=too_large, casting="same_kind")
    return norm


def _unit_norms(x: np.ndarray) -> np.ndarray:
    """Return the norm of each index of the first axis, with axes that broadcast against ``x``."""
    axes = tuple(range(1, x.ndim)) if x.ndim > 1 else None
    squares = np.square(x, dtype=np.float64)
    return np.asarray(np.sqrt(squares.sum(axes, keepdims=True)))


def _finite_norm(op: str, parameters: list[Tensor], ord: float, skip_nonfinite: bool) -> float:
    """Return the norm of all gradients; unless told to skip, raise if it is not finite."""
    norm: float = gradient_norm(parameters, ord)
    if not (skip_nonfinite or math.isfinite(norm)):
        raise OdysseyError(f"{op}: the norm of the gradients is {norm}")
    return norm
