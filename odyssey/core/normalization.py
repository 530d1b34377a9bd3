"""Normalisation: over a batch, a layer, groups, or by the root of the mean square."""

from __future__ import annotations

import math

import numpy as np

from odyssey.backend import kernel
from odyssey.core._broadcast import add_up
from odyssey.core._checks import as_array, check_one_dtype
from odyssey.core._copies import reshaped
from odyssey.core.elementwise import sqrt
from odyssey.core.reduction import mean
from odyssey.errors import OdysseyError, ShapeError
from odyssey.tape import Saved, differentiable

__all__ = [
    "batch_norm",
    "batch_norm_backward",
    "group_norm",
    "group_norm_backward",
    "instance_norm",
    "instance_norm_backward",
    "layer_norm",
    "layer_norm_backward",
    "rms_norm",
    "rms_norm_backward",
]

ALL = (True, True, True)


# -- the mathematics of all of them, in operators ----------------------------------------------


def _standardized(x, axes, eps, centred=True):
    """Return x with mean 0 and variance 1 along axes, and the factor of its deviations."""
    d = x - mean(x, axes, True) if centred else x
    rstd = 1 / sqrt(mean(d * d, axes, True) + eps)
    return d * rstd, rstd


def _through(u, hat, rstd, axes, centred=True):
    """Return the gradient for x from that for what :func:`_standardized` made of it."""
    out = u - hat * mean(u * hat, axes, True)
    return rstd * (out - mean(u, axes, True) if centred else out)


def _by_channel(weight, ndim):
    """Return numbers for each channel with axes for images (N, C, ...)."""
    return weight.reshape((1, -1, *[1] * (ndim - 2)) if weight.size else (1, 0, *[1] * (ndim - 2)))


def _others(x):
    """Return the axes of images but for the channels."""
    return (0, *range(2, x.ndim))


# -- over a batch ------------------------------------------------------------------------------


@differentiable
def batch_norm(
    x,
    running_mean=None,
    running_var=None,
    weight=None,
    bias=None,
    training=True,
    momentum=0.1,
    eps=1e-5,
):
    r"""Give every channel mean 0 and variance 1 over the batch, then scale and shift it.

    Nothing is written to: the running moments come back as new arrays, for the
    caller to keep (detached from the tape, which could differentiate them).

    Shapes: N examples, C channels, any further axes; M = x.size / C numbers a channel.

    Parameters
    ----------
    x : Tensor or ndarray, shape (N, C, ...)
        Floating-point, in any memory order.
    running_mean, running_var : Tensor or ndarray, shape (C,), optional
        Averages over earlier batches; constants, of any floating dtype.
    weight, bias : Tensor or ndarray, shape (C,), optional
        In the dtype of ``x``. Without them the scale is 1 and the shift 0.
    training : bool
        Normalise by the moments of this batch; else by the running ones.
    momentum : float
        The share of this batch in the new running moments: 1 / k at batch k makes
        them averages over all batches.
    eps : float
        What is added to the variance.

    Returns
    -------
    out : Tensor or ndarray, shape (N, C, ...)
        In the dtype of ``x``; float16 is computed in float32.
    new_mean, new_var : Tensor or ndarray, shape (C,)
        The running moments after this batch, or without running ones its own; as
        they were outside of training. float32 beside float16.

    Raises
    ------
    ShapeError
        If the shapes do not fit.
    DTypeError
        If ``x``, ``weight`` and ``bias`` are not floating-point and of one dtype.
    OdysseyError
        If there are no running moments outside of training, or only one of them.

    Notes
    -----
    Forward, i over the numbers of a channel:

    .. math::

        \hat x_{ci} = (x_{ci} - \mu_c)\, r_c, \qquad r_c = (\sigma_c^2 + \epsilon)^{-1/2}, \qquad
        y_{ci} = w_c\, \hat x_{ci} + b_c

    In training :math:`\mu_c` and :math:`\sigma_c^2` are the mean and the variance of
    channel c, divided by M. The running variance averages unbiased ones, divided by
    :math:`M - 1`; a batch without any numbers leaves it as it is.

    Backward:

    .. math::

        \partial b_c = \sum_i g_{ci}, \qquad
        \partial w_c = \sum_i g_{ci}\, \hat x_{ci}, \qquad
        \partial x_{ci} = w_c\, r_c \Big(g_{ci} - \frac{\partial b_c}{M}
                          - \hat x_{ci} \frac{\partial w_c}{M}\Big)

    and :math:`w_c\, r_c\, g_{ci}` outside of training. So the gradient for x adds up
    to 0 in every channel: a test that adds up the outputs tests nothing. Saves ``x``.

    References
    ----------
    .. [1] S. Ioffe, C. Szegedy, "Batch normalization", ICML 2015.
       https://arxiv.org/abs/1502.03167

    Examples
    --------
    >>> import odyssey as od
    >>> x = od.tensor([[1.0, 5.0], [3.0, 5.0]])
    >>> out, new_mean, new_var = od.core.batch_norm(x, eps=1e-12)
    >>> out, new_mean, new_var
    (tensor([[-1.,  0.],
            [ 1.,  0.]]), tensor([2., 5.]), tensor([2., 0.]))
    """
    x = as_array(x)
    _check("batch_norm", x, 2, x.shape[1:2], weight=weight, bias=bias)
    running = _running(x, running_mean, running_var)
    if not training:
        if running is None:
            raise OdysseyError("batch_norm: not training needs running_mean and running_var")
        out = kernel("batch_norm_inference")(x, *running, weight, bias, eps)
        return out, *running, Saved(mean=running[0], var=running[1])
    out, mean, var = kernel("batch_norm")(x, weight, bias, eps)
    count, share = _count(x), (1 if running is None else momentum)
    new = [mean.copy(), var * (count / max(count - 1, 1))]
    if running is not None:
        # Nothing seen, nothing learned: the moments of no numbers are NaN.
        pairs = zip(running, new, strict=True)
        new = [old + share * (one - old) if count else old for old, one in pairs]
    return out, *new, Saved(mean=mean, var=var)


def _count(x):
    return x.size // max(x.shape[1], 1)


def _check(op, x, axes, shape, **weights):
    """Raise unless x has so many axes, and the weights its dtype and this shape."""
    check_one_dtype(op, x=x, **weights)
    if x.ndim < axes:
        raise ShapeError(f"{op}: x has {x.ndim} axes but needs at least {axes} (x: {x.shape})")
    for name, weight in weights.items():
        if weight is not None and weight.shape != shape:
            raise ShapeError(
                f"{op}: {name} must have shape {shape} but has {weight.shape} (x: {x.shape})"
            )


def _running(x, running_mean, running_var):
    """Return copies of the running moments in the dtype of sums, or None."""
    if running_mean is None and running_var is None:
        return None
    if running_mean is None or running_var is None:
        raise OdysseyError("batch_norm: running_mean and running_var must be given together")
    sums = np.result_type(x, np.float32)
    given = {"running_mean": running_mean, "running_var": running_var}
    for name, array in given.items():
        if np.shape(array) != x.shape[1:2]:
            raise ShapeError(
                f"batch_norm: {name} must have shape {x.shape[1:2]} but has {np.shape(array)} "
                f"(x: {x.shape})"
            )
    return [np.array(array, sums) for array in given.values()]


@batch_norm.backward_rule(wrt=("x", "weight", "bias"))
def batch_norm_backward(
    grad,
    x,
    mean,
    var,
    running_mean=None,
    weight=None,
    training=True,
    momentum=0.1,
    eps=1e-5,
    needs=ALL,
):
    """Return the gradients of :func:`batch_norm` for ``x``, ``weight`` and ``bias``.

    ``grad`` holds the gradients of the three results, or None for those that are not used.
    """
    g, *moments = grad
    g = np.zeros(x.shape, x.dtype) if g is None else g
    if training:
        grads = kernel("batch_norm_backward")(g, x, weight, mean, var, eps, needs)
    else:
        grads = kernel("batch_norm_inference_backward")(g, x, mean, var, weight, eps, needs)
    share = (1 if running_mean is None else momentum) * training
    return _and_moments(grads[0], moments, x, share), *grads[1:]


def _and_moments(grad_x, moments, x, share):
    """Add the gradients that come through the new running moments."""
    if grad_x is None or not share or all(one is None for one in moments):
        return grad_x
    count = max(_count(x), 1)
    if moments[0] is not None:
        grad_x = grad_x + _by_channel(moments[0] * (share / count), x.ndim)
    if moments[1] is not None:
        d = x - mean(x, _others(x), True)
        grad_x = grad_x + _by_channel(moments[1] * (2 * share / max(count - 1, 1)), x.ndim) * d
    return grad_x.astype(x.dtype)


@batch_norm.backward_formula
def batch_norm_backward_formula(
    grad,
    x,
    running_mean=None,
    running_var=None,
    weight=None,
    training=True,
    momentum=0.1,
    eps=1e-5,
    needs=ALL,
):
    """Return the same in operators."""
    g, *moments = grad
    g = np.zeros(x.shape, x.dtype) if g is None else g
    u = g if weight is None else g * _by_channel(weight, x.ndim)
    if training:
        hat, rstd = _standardized(x, _others(x), eps)
        grad_x = _through(u, hat, rstd, _others(x)) if needs[0] else None
    else:
        rstd = _by_channel((1 / np.sqrt(np.asarray(running_var) + eps)).astype(x.dtype), x.ndim)
        hat = (x - _by_channel(np.asarray(running_mean, x.dtype), x.ndim)) * rstd
        grad_x = u * rstd if needs[0] else None
    share = (1 if running_mean is None else momentum) * training
    return (
        _and_moments(grad_x, moments, x, share),
        add_up(g * hat, _others(x)) if needs[1] else None,
        add_up(g, _others(x)) if needs[2] else None,
    )


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
    _check(op, x, 1, lengths, **weights)
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
    grad_x, *others = kernel("layer_norm_backward")(*rows, mean, rstd, needs)
    return (
        None if grad_x is None else grad_x.reshape(x.shape),
        *[None if one is None else one.reshape(lengths) for one in others],
    )


@layer_norm.backward_formula
def layer_norm_backward_formula(grad, x, normalized_shape, weight=None, eps=1e-5, needs=ALL):
    """Return the same in operators."""
    return _last_axes(grad, x, normalized_shape, weight, eps, needs)


def _last_axes(grad, x, normalized_shape, weight, eps, needs, centred=True):
    """Return the gradients of a norm of the last axes for ``x`` and two weights."""
    first = x.ndim - len(_lengths("layer_norm", x, normalized_shape))
    axes, leading = tuple(range(first, x.ndim)), tuple(range(first))
    hat, rstd = _standardized(x, axes, eps, centred)
    u = grad if weight is None else grad * weight
    return (
        _through(u, hat, rstd, axes, centred) if needs[0] else None,
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
    _check("group_norm", x, 2, x.shape[1:2], weight=weight, bias=bias)
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
    hat, rstd = _standardized(x.reshape(grouped), axes, eps)
    u = grad if weight is None else grad * _by_channel(weight, x.ndim)
    grad_x = _through(u.reshape(grouped), hat, rstd, axes).reshape(x.shape) if needs[0] else None
    return (
        grad_x,
        add_up(grad * hat.reshape(x.shape), _others(x)) if needs[1] else None,
        add_up(grad, _others(x)) if needs[2] else None,
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
    _check("instance_norm", x, 3, x.shape[1:2], weight=weight, bias=bias)
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
