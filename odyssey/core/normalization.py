"""Normalisation: over a layer, groups, or by the root of the mean square."""

from __future__ import annotations

import math

import numpy as np

from odyssey.backend import kernel
from odyssey.core._broadcast import add_up
from odyssey.core._checks import as_array
from odyssey.core._copies import reshaped
from odyssey.core._normalizing import ALL, by_channel, check, others, standardized, through
from odyssey.errors import ShapeError
from odyssey.tape import Saved, differentiable

__all__ = [
    "group_norm",
    "group_norm_backward",
    "instance_norm",
    "instance_norm_backward",
    "layer_norm",
    "layer_norm_backward",
    "rms_norm",
    "rms_norm_backward",
]


# -- over a layer ------------------------------------------------------------------------------


@differentiable
def layer_norm(x, normalized_shape, weight=None, bias=None, eps=1e-5):
    r"""Give the last axes of each example mean 0 and variance 1, then scale and shift.

    Parameters
    ----------
    x : Tensor or ndarray, shape (..., normalized_shape)
        Floating-point.
    normalized_shape : int or tuple of int
        The lengths of the axes that are normalised together, all K numbers of them.
    weight, bias : Tensor or ndarray, shape ``normalized_shape``, optional
        In the dtype of ``x``. Without them the scale is 1 and the shift 0.
    eps : float
        What is added to the variance.

    Returns
    -------
    Tensor or ndarray
        In the shape and dtype of ``x``; float16 is computed in float32.

    Raises
    ------
    ShapeError
        If the shapes do not fit.
    DTypeError
        If the arguments are not floating-point or not of one dtype.

    Notes
    -----
    Forward, for an example n:

    .. math::

        \hat x_{nk} = (x_{nk} - \mu_n)\, r_n, \qquad r_n = (\sigma_n^2 + \epsilon)^{-1/2}, \qquad
        y_{nk} = w_k\, \hat x_{nk} + b_k

    Backward, with :math:`u_{nk} = g_{nk}\, w_k`:

    .. math::

        \partial x_{nk} = r_n \Big(u_{nk} - \frac1K \sum_j u_{nj}
                          - \hat x_{nk}\, \frac1K \sum_j u_{nj} \hat x_{nj}\Big), \qquad
        \partial w_k = \sum_n g_{nk}\, \hat x_{nk}, \qquad
        \partial b_k = \sum_n g_{nk}

    Saves ``x`` and two numbers an example.

    References
    ----------
    .. [1] J. Ba, J. Kiros, G. Hinton, "Layer normalization", 2016.
       https://arxiv.org/abs/1607.06450

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.layer_norm(od.tensor([[1.0, 3.0], [40.0, 20.0]]), 2, eps=0.0)
    tensor([[-1.,  1.],
            [ 1., -1.]])
    """
    x = as_array(x)
    lengths = _lengths("layer_norm", x, normalized_shape, weight=weight, bias=bias)
    rows, weight, bias = _rows(x, lengths), _flat(weight), _flat(bias)
    out, mean, rstd = kernel("layer_norm")(rows, weight, bias, eps)
    return out.reshape(x.shape), Saved(mean=mean, rstd=rstd)


def _lengths(op, x, normalized_shape, **weights):
    """Return ``normalized_shape`` as a tuple if x ends in it and the weights have it."""
    single = isinstance(normalized_shape, (int, np.integer))
    lengths = (int(normalized_shape),) if single else tuple(normalized_shape)
    if not lengths or x.shape[-len(lengths) :] != lengths:
        raise ShapeError(
            f"{op}: x must end in the lengths of normalized_shape, {lengths} (x: {x.shape})"
        )
    check(op, x, 1, lengths, **weights)
    return lengths


def _rows(x, lengths):
    """Return x as a matrix with the normalised axes as one."""
    leading = x.shape[: x.ndim - len(lengths)]
    return reshaped(x, (math.prod(leading), math.prod(lengths)))


def _flat(weight):
    return None if weight is None else weight.reshape(-1)


@layer_norm.backward_rule(wrt=("x", "weight", "bias"))
def layer_norm_backward(grad, x, mean, rstd, normalized_shape, weight=None, needs=ALL):
    """Return the gradients of :func:`layer_norm` for ``x``, ``weight`` and ``bias``."""
    lengths = _lengths("layer_norm", x, normalized_shape)
    rows = _rows(grad, lengths), _rows(x, lengths), _flat(weight)
    grad_x, *weights = kernel("layer_norm_backward")(*rows, mean, rstd, needs)
    return (
        None if grad_x is None else grad_x.reshape(x.shape),
        *[None if one is None else one.reshape(lengths) for one in weights],
    )


@layer_norm.backward_formula
def layer_norm_backward_formula(grad, x, normalized_shape, weight=None, eps=1e-5, needs=ALL):
    """Return the same in operators."""
    return _last_axes(grad, x, normalized_shape, weight, eps, needs)


def _last_axes(grad, x, normalized_shape, weight, eps, needs, centred=True):
    """Return the gradients of a norm of the last axes for ``x`` and two weights."""
    first = x.ndim - len(_lengths("layer_norm", x, normalized_shape))
    axes, leading = tuple(range(first, x.ndim)), tuple(range(first))
    hat, rstd = standardized(x, axes, eps, centred)
    u = grad if weight is None else grad * weight
    return (
        through(u, hat, rstd, axes, centred) if needs[0] else None,
        add_up(grad * hat, leading) if needs[1] else None,
        add_up(grad, leading) if needs[2] else None,
    )


@differentiable
def rms_norm(x, normalized_shape, weight=None, eps=1e-5):
    r"""Divide the last axes of each example by the root of their mean square, then scale.

    Layer norm without the mean: the cheaper half of it, and mostly enough.

    Parameters and errors are those of :func:`layer_norm`, without a bias.

    Returns
    -------
    Tensor or ndarray
        In the shape and dtype of ``x``; float16 is computed in float32.

    Notes
    -----
    Forward, for an example n with K numbers:

    .. math::

        \hat x_{nk} = x_{nk}\, r_n, \qquad
        r_n = \Big(\frac1K \sum_j x_{nj}^2 + \epsilon\Big)^{-1/2}, \qquad
        y_{nk} = w_k\, \hat x_{nk}

    Backward, with :math:`u_{nk} = g_{nk}\, w_k`:

    .. math::

        \partial x_{nk} = r_n \Big(u_{nk} - \hat x_{nk}\, \frac1K \sum_j u_{nj} \hat x_{nj}\Big),
        \qquad \partial w_k = \sum_n g_{nk}\, \hat x_{nk}

    References
    ----------
    .. [1] B. Zhang, R. Sennrich, "Root mean square layer normalization", NeurIPS 2019.
       https://arxiv.org/abs/1910.07467

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.rms_norm(od.tensor([1.0, 7.0]), 2, od.tensor([5.0, 10.0]), eps=0.0)
    tensor([ 1., 14.])
    """
    x = as_array(x)
    lengths = _lengths("rms_norm", x, normalized_shape, weight=weight)
    out, rstd = kernel("rms_norm")(_rows(x, lengths), _flat(weight), eps)
    return out.reshape(x.shape), Saved(rstd=rstd)


@rms_norm.backward_rule(wrt=("x", "weight"))
def rms_norm_backward(grad, x, rstd, normalized_shape, weight=None, needs=(True, True)):
    """Return the gradients of :func:`rms_norm` for ``x`` and ``weight``."""
    lengths = _lengths("rms_norm", x, normalized_shape)
    rows = _rows(grad, lengths), _rows(x, lengths), _flat(weight)
    grad_x, grad_weight = kernel("rms_norm_backward")(*rows, rstd, needs)
    return (
        None if grad_x is None else grad_x.reshape(x.shape),
        None if grad_weight is None else grad_weight.reshape(lengths),
    )


@rms_norm.backward_formula
def rms_norm_backward_formula(grad, x, normalized_shape, weight=None, eps=1e-5, needs=(True, True)):
    """Return the same in operators."""
    return _last_axes(grad, x, normalized_shape, weight, eps, (*needs, False), centred=False)[:2]


# -- over groups of channels -------------------------------------------------------------------


@differentiable
def group_norm(x, num_groups, weight=None, bias=None, eps=1e-5):
    r"""Give every group of channels of each example mean 0 and variance 1, then scale and shift.

    Shapes: N examples, C channels, any further axes.

    Parameters
    ----------
    x : Tensor or ndarray, shape (N, C, ...)
        Floating-point, in any memory order.
    num_groups : int
        How many groups of neighbouring channels; it divides C.
    weight, bias : Tensor or ndarray, shape (C,), optional
        In the dtype of ``x``. Without them the scale is 1 and the shift 0.
    eps : float
        What is added to the variance.

    Returns
    -------
    Tensor or ndarray
        In the shape and dtype of ``x``; float16 is computed in float32.

    Raises
    ------
    ShapeError
        If the shapes do not fit, or ``num_groups`` does not divide the channels.
    DTypeError
        If the arguments are not floating-point or not of one dtype.

    Notes
    -----
    Forward and Backward are those of :func:`layer_norm`, the numbers of a group
    :math:`\hat x` being normalised together, and the weights those of the channels:

    .. math:: \partial w_c = \sum_{i \in c} g_i\, \hat x_i, \qquad
              \partial b_c = \sum_{i \in c} g_i

    References
    ----------
    .. [1] Y. Wu, K. He, "Group normalization", ECCV 2018. https://arxiv.org/abs/1803.08494

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.group_norm(od.tensor([[1.0, 3.0, 40.0, 20.0]]), 2, eps=0.0)
    tensor([[-1.,  1.,  1., -1.]])
    """
    x = as_array(x)
    check("group_norm", x, 2, x.shape[1:2], weight=weight, bias=bias)
    out, mean, rstd = kernel("group_norm")(x, num_groups, weight, bias, eps)
    return out, Saved(mean=mean, rstd=rstd)


@group_norm.backward_rule(wrt=("x", "weight", "bias"))
def group_norm_backward(grad, x, mean, rstd, num_groups, weight=None, needs=ALL):
    """Return the gradients of :func:`group_norm` for ``x``, ``weight`` and ``bias``."""
    return kernel("group_norm_backward")(grad, x, num_groups, weight, mean, rstd, needs)


@group_norm.backward_formula
def group_norm_backward_formula(grad, x, num_groups, weight=None, eps=1e-5, needs=ALL):
    """Return the same in operators."""
    N, C = x.shape[:2]
    grouped = (N, num_groups, C // num_groups, *x.shape[2:])
    axes = tuple(range(2, len(grouped)))
    hat, rstd = standardized(x.reshape(grouped), axes, eps)
    u = grad if weight is None else grad * by_channel(weight, x.ndim)
    grad_x = through(u.reshape(grouped), hat, rstd, axes).reshape(x.shape) if needs[0] else None
    return (
        grad_x,
        add_up(grad * hat.reshape(x.shape), others(x)) if needs[1] else None,
        add_up(grad, others(x)) if needs[2] else None,
    )


@differentiable
def instance_norm(x, weight=None, bias=None, eps=1e-5):
    r"""Give every channel of each example mean 0 and variance 1: :func:`group_norm`, one a group.

    Parameters, errors and derivatives are those of :func:`group_norm`; ``x`` needs
    at least 3 axes, because of one number nothing is left.

    Returns
    -------
    Tensor or ndarray
        In the shape and dtype of ``x``.

    Notes
    -----
    .. math:: y_{nci} = w_c\, (x_{nci} - \mu_{nc}) / \sqrt{\sigma_{nc}^2 + \epsilon} + b_c

    Backward: that of :func:`group_norm`.

    References
    ----------
    .. [1] D. Ulyanov, A. Vedaldi, V. Lempitsky, "Instance normalization", 2016.
       https://arxiv.org/abs/1607.08022

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.instance_norm(od.tensor([[[1.0, 3.0], [40.0, 20.0]]]), eps=0.0)
    tensor([[[-1.,  1.],
             [ 1., -1.]]])
    """
    x = as_array(x)
    check("instance_norm", x, 3, x.shape[1:2], weight=weight, bias=bias)
    out, mean, rstd = kernel("group_norm")(x, max(x.shape[1], 1), weight, bias, eps)
    return out, Saved(mean=mean, rstd=rstd)


@instance_norm.backward_rule(wrt=("x", "weight", "bias"))
def instance_norm_backward(grad, x, mean, rstd, weight=None, needs=ALL):
    """Return the gradients of :func:`instance_norm` for ``x``, ``weight`` and ``bias``."""
    return group_norm_backward(grad, x, mean, rstd, max(x.shape[1], 1), weight, needs)


@instance_norm.backward_formula
def instance_norm_backward_formula(grad, x, weight=None, eps=1e-5, needs=ALL):
    """Return the same in operators."""
    return group_norm_backward_formula(grad, x, max(x.shape[1], 1), weight, eps, needs)
