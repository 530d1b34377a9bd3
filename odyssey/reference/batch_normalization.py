"""Batch norm and group norm with their gradients, one channel or group at a time."""

from __future__ import annotations

import numpy as np

from odyssey.utils.kernel_checks_normalization import (
    check_channel_norm,
    check_channel_norm_backward,
    check_groups,
    check_moments,
)

__all__ = [
    "batch_norm",
    "batch_norm_backward",
    "batch_norm_inference",
    "batch_norm_inference_backward",
    "group_norm",
    "group_norm_backward",
]


def _moments(x: np.ndarray, sums: np.dtype) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean and the variance of all numbers of x; NaN of none."""
    mean = np.asarray(np.divide(x.sum(dtype=np.float64), x.size), sums)
    return mean, np.divide(np.square(x.astype(sums) - mean).sum(), x.size)


def _gradient(u: np.ndarray, hat: np.ndarray, rstd: np.ndarray) -> np.ndarray:
    """Return the gradient through mean and variance of what became ``hat``."""
    return rstd * (u - u.sum() / u.size - hat * ((u * hat).sum() / u.size))


def _weight(weight: np.ndarray | None, channels: slice | int) -> np.ndarray | int:
    """Return the weights of some channels."""
    return 1 if weight is None else weight[channels]


@np.errstate(all="ignore")
def batch_norm(
    x: np.ndarray,
    weight: np.ndarray | None = None,
    bias: np.ndarray | None = None,
    eps: float = 1e-5,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    r"""Give every channel mean 0 and variance 1 over the batch, then scale and shift it.

    Shapes: N images, C channels, any further axes.

    Parameters
    ----------
    x : ndarray, shape (N, C, ...)
        float16, float32 or float64.
    weight, bias : ndarray, shape (C,), or None
        Without them the scale is 1 and the shift 0.
    eps : float
        What is added to the variance.

    Returns
    -------
    out : ndarray, shape (N, C, ...), dtype of ``x``
    mean, var : ndarray, shape (C,)
        Mean and variance over all but the channels; NaN where there is nothing.
        In the dtype of ``x``, but float32 for float16.

    Raises
    ------
    DTypeError
        If the arguments are not arrays of one floating dtype.
    ShapeError
        If the shapes do not fit.

    Notes
    -----
    With i over the M numbers of a channel:

    .. math::

        \mu_c = \frac1M \sum_i x_{ci}, \qquad
        \sigma^2_c = \frac1M \sum_i (x_{ci} - \mu_c)^2, \qquad
        y_{ci} = w_c\, \frac{x_{ci} - \mu_c}{\sqrt{\sigma^2_c + \epsilon}} + b_c

    Examples
    --------
    >>> import numpy as np
    >>> out, mean, var = batch_norm(np.array([[1.0, 5.0], [3.0, 5.0]]), eps=1e-30)
    >>> out.tolist(), mean.tolist(), var.tolist()
    ([[-1.0, 0.0], [1.0, 0.0]], [2.0, 5.0], [1.0, 0.0])
    """
    check_channel_norm("batch_norm", x, weight=weight, bias=bias)
    sums = np.result_type(x, np.float32)
    mean, var = np.empty(x.shape[1], sums), np.empty(x.shape[1], sums)
    for c in range(x.shape[1]):
        mean[c], var[c] = _moments(x[:, c], sums)
    return batch_norm_inference(x, mean, var, weight, bias, eps), mean, var


@np.errstate(all="ignore")
def batch_norm_backward(
    grad: np.ndarray,
    x: np.ndarray,
    weight: np.ndarray | None,
    mean: np.ndarray,
    var: np.ndarray,
    eps: float = 1e-5,
    needs: tuple[bool, bool, bool] = (True, True, True),
) -> tuple[np.ndarray | None, np.ndarray | None, np.ndarray | None]:
    r"""Gradients of :func:`batch_norm` for ``x``, ``weight`` and ``bias``.

    Parameters
    ----------
    grad : ndarray, shape of ``x``, dtype of ``x``
    x, weight, eps
        What the forward function was given.
    mean, var : ndarray, shape (C,)
        What it returned.
    needs : tuple of three bools
        Whether a gradient is wanted; None stands for one that is not.

    Raises
    ------
    DTypeError, ShapeError
        If the arguments do not fit each other.

    Notes
    -----
    With :math:`r_c = (\sigma_c^2 + \epsilon)^{-1/2}` and
    :math:`\hat x_{ci} = (x_{ci} - \mu_c)\, r_c`:

    .. math::

        \bar w_c = \sum_i g_{ci}\, \hat x_{ci}, \qquad \bar b_c = \sum_i g_{ci}, \qquad
        \bar x_{ci} = w_c\, r_c \Big( g_{ci} - \frac{\bar b_c}{M}
                      - \hat x_{ci}\, \frac{\bar w_c}{M} \Big)

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([[1.0], [3.0], [8.0]])
    >>> _, mean, var = batch_norm(x)
    >>> batch_norm_backward(np.ones((3, 1)), x, None, mean, var)[0].tolist()
    [[0.0], [0.0], [0.0]]
    """
    op = "batch_norm_backward"
    return _channel_gradients(op, grad, x, weight, mean, var, eps, needs, training=True)


@np.errstate(all="ignore")
def batch_norm_inference(
    x: np.ndarray,
    mean: np.ndarray,
    var: np.ndarray,
    weight: np.ndarray | None = None,
    bias: np.ndarray | None = None,
    eps: float = 1e-5,
) -> np.ndarray:
    r"""Normalise channels by a mean and a variance that are given.

    Parameters and errors are those of :func:`batch_norm`; ``mean`` and ``var``
    are float32 beside float16.

    Notes
    -----
    .. math:: y_{ci} = w_c\, (x_{ci} - \mu_c) / \sqrt{\sigma^2_c + \epsilon} + b_c

    Examples
    --------
    >>> import numpy as np
    >>> batch_norm_inference(np.array([[7.0]]), np.array([1.0]), np.array([4.0]), eps=0.0)
    array([[3.]])
    """
    op = "batch_norm_inference"
    check_channel_norm(op, x, weight=weight, bias=bias)
    check_moments(op, x, x.shape[1:2], mean=mean, var=var)
    out = np.empty_like(x)
    for c in range(x.shape[1]):
        hat = (x[:, c] - mean[c]) / np.sqrt(var[c] + eps)
        out[:, c] = _weight(weight, c) * hat + (0 if bias is None else bias[c])
    return out


@np.errstate(all="ignore")
def batch_norm_inference_backward(
    grad: np.ndarray,
    x: np.ndarray,
    mean: np.ndarray,
    var: np.ndarray,
    weight: np.ndarray | None,
    eps: float = 1e-5,
    needs: tuple[bool, bool, bool] = (True, True, True),
) -> tuple[np.ndarray | None, np.ndarray | None, np.ndarray | None]:
    r"""Gradients of :func:`batch_norm_inference` for ``x``, ``weight`` and ``bias``.

    Parameters and errors are those of :func:`batch_norm_backward`.

    Notes
    -----
    Mean and variance do not move with x, so that
    :math:`\bar x_{ci} = g_{ci}\, w_c\, r_c`; the others are those of batch norm.

    Examples
    --------
    >>> import numpy as np
    >>> one = np.ones(1)
    >>> batch_norm_inference_backward(np.ones((1, 1)), np.ones((1, 1)), 0 * one, 4 * one, one, 0.0)
    (array([[0.5]]), array([0.5]), array([1.]))
    """
    op = "batch_norm_inference_backward"
    return _channel_gradients(op, grad, x, weight, mean, var, eps, needs, training=False)


def _channel_gradients(op, grad, x, weight, mean, var, eps, needs, training):
    wanted = check_channel_norm_backward(op, needs, grad, x, weight)
    check_moments(op, x, x.shape[1:2], mean=mean, var=var)
    grad_x = np.empty_like(x)
    grad_weight, grad_bias = np.empty(x.shape[1], x.dtype), np.empty(x.shape[1], x.dtype)
    for c in range(x.shape[1]):
        rstd = 1 / np.sqrt(var[c] + eps)
        hat, g = (x[:, c] - mean[c]) * rstd, grad[:, c].astype(mean.dtype)
        grad_weight[c], grad_bias[c] = (g * hat).sum(), g.sum()
        u = g * _weight(weight, c)
        grad_x[:, c] = _gradient(u, hat, rstd) if training else u * rstd
    gradients = (grad_x, grad_weight, grad_bias)
    return tuple(one if needed else None for one, needed in zip(gradients, wanted, strict=True))


@np.errstate(all="ignore")
def group_norm(
    x: np.ndarray,
    groups: int,
    weight: np.ndarray | None = None,
    bias: np.ndarray | None = None,
    eps: float = 1e-5,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    r"""Give every group of channels of every image mean 0 and variance 1, then scale and shift.

    Shapes: N images, C channels, any further axes.

    Parameters
    ----------
    x : ndarray, shape (N, C, ...)
    groups : int
        How many groups of neighbouring channels; it divides C.
    weight, bias : ndarray, shape (C,), or None
    eps : float

    Returns
    -------
    out : ndarray, shape (N, C, ...), dtype of ``x``
    mean, rstd : ndarray, shape (N, groups)
        Mean, and one over the standard deviation; float32 for float16.

    Raises
    ------
    DTypeError
        If the arguments are not arrays of one floating dtype.
    ShapeError
        If the shapes do not fit, or ``groups`` does not divide C.

    Notes
    -----
    With i over the M numbers of group k of image n, and c the channel of i:

    .. math::

        \mu_{nk} = \frac1M \sum_i x_{nki}, \qquad
        r_{nk} = \Big(\frac1M \sum_i (x_{nki} - \mu_{nk})^2 + \epsilon\Big)^{-1/2}, \qquad
        y_{nki} = w_c\, (x_{nki} - \mu_{nk})\, r_{nk} + b_c

    Examples
    --------
    >>> import numpy as np
    >>> group_norm(np.array([[1.0, 3.0, 4.0, 2.0]]), 2, eps=0.0)[0]
    array([[-1.,  1.,  1., -1.]])
    """
    check_channel_norm("group_norm", x, weight=weight, bias=bias)
    groups = check_groups("group_norm", x, groups)
    sums = np.result_type(x, np.float32)
    out = np.empty_like(x)
    mean, rstd = np.empty((len(x), groups), sums), np.empty((len(x), groups), sums)
    for n, k in np.ndindex(len(x), groups):
        channels = _channels(x, groups, k)
        mean[n, k], var = _moments(x[n, channels], sums)
        rstd[n, k] = 1 / np.sqrt(var + eps)
        hat = (x[n, channels] - mean[n, k]) * rstd[n, k]
        # The channels last, so that the weights meet them.
        shift = 0 if bias is None else bias[channels]
        out[n, channels] = (hat.T * _weight(weight, channels) + shift).T
    return out, mean, rstd


def _channels(x, groups, k):
    """Return the channels of group k."""
    size = x.shape[1] // groups
    return slice(k * size, (k + 1) * size)


@np.errstate(all="ignore")
def group_norm_backward(
    grad: np.ndarray,
    x: np.ndarray,
    groups: int,
    weight: np.ndarray | None,
    mean: np.ndarray,
    rstd: np.ndarray,
    needs: tuple[bool, bool, bool] = (True, True, True),
) -> tuple[np.ndarray | None, np.ndarray | None, np.ndarray | None]:
    r"""Gradients of :func:`group_norm` for ``x``, ``weight`` and ``bias``.

    Parameters and errors are those of :func:`batch_norm_backward`; ``mean`` and
    ``rstd`` are what the forward function returned.

    Notes
    -----
    With :math:`\hat x_{nki} = (x_{nki} - \mu_{nk})\, r_{nk}` and
    :math:`u_{nki} = g_{nki}\, w_c`:

    .. math::

        \bar x_{nki} = r_{nk} \Big( u_{nki} - \frac1M \sum_j u_{nkj}
                       - \hat x_{nki}\, \frac1M \sum_j u_{nkj} \hat x_{nkj} \Big)

    and the gradients of weight and bias are sums over all numbers of a channel.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([[1.0, 3.0, 4.0, 2.0]])
    >>> _, mean, rstd = group_norm(x, 2, eps=0.0)
    >>> group_norm_backward(np.ones((1, 4)), x, 2, None, mean, rstd)
    (array([[0., 0., 0., 0.]]), array([-1.,  1.,  1., -1.]), array([1., 1., 1., 1.]))
    """
    op = "group_norm_backward"
    wanted = check_channel_norm_backward(op, needs, grad, x, weight)
    groups = check_groups(op, x, groups)
    check_moments(op, x, (x.shape[0], groups), mean=mean, rstd=rstd)
    grad_x, hat = np.empty_like(x), np.empty(x.shape, mean.dtype)
    for n, k in np.ndindex(len(x), groups):
        channels = _channels(x, groups, k)
        hat[n, channels] = (x[n, channels] - mean[n, k]) * rstd[n, k]
        u = (grad[n, channels].T.astype(mean.dtype) * _weight(weight, channels)).T
        grad_x[n, channels] = _gradient(u, hat[n, channels], rstd[n, k])
    others = (0, *range(2, x.ndim))
    return (
        grad_x if wanted[0] else None,
        (grad * hat).sum(others).astype(x.dtype) if wanted[1] else None,
        grad.sum(others, hat.dtype).astype(x.dtype) if wanted[2] else None,
    )
