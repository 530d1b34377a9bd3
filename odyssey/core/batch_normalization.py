"""Batch normalisation: every channel over all examples, or by running moments."""

from __future__ import annotations

import numpy as np

from odyssey.backend import kernel
from odyssey.core._broadcast import add_up
from odyssey.core._checks import as_array
from odyssey.core._normalizing import ALL, by_channel, check, others, standardized, through
from odyssey.core.reduction import mean
from odyssey.errors import OdysseyError, ShapeError
from odyssey.tape import Saved, differentiable

__all__ = ["batch_norm", "batch_norm_backward"]


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
    check("batch_norm", x, 2, x.shape[1:2], weight=weight, bias=bias)
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
        grad_x = grad_x + by_channel(moments[0] * (share / count), x.ndim)
    if moments[1] is not None:
        d = x - mean(x, others(x), True)
        grad_x = grad_x + by_channel(moments[1] * (2 * share / max(count - 1, 1)), x.ndim) * d
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
    u = g if weight is None else g * by_channel(weight, x.ndim)
    if training:
        hat, rstd = standardized(x, others(x), eps)
        grad_x = through(u, hat, rstd, others(x)) if needs[0] else None
    else:
        rstd = by_channel((1 / np.sqrt(np.asarray(running_var) + eps)).astype(x.dtype), x.ndim)
        hat = (x - by_channel(np.asarray(running_mean, x.dtype), x.ndim)) * rstd
        grad_x = u * rstd if needs[0] else None
    share = (1 if running_mean is None else momentum) * training
    return (
        _and_moments(grad_x, moments, x, share),
        add_up(g * hat, others(x)) if needs[1] else None,
        add_up(g, others(x)) if needs[2] else None,
    )
