"""Layer norm and RMS norm with their gradients, one row at a time."""

from __future__ import annotations

import numpy as np

from odyssey.utils.kernel_checks_normalization import check_row_norm, check_row_norm_backward

__all__ = ["layer_norm", "layer_norm_backward", "rms_norm", "rms_norm_backward"]


@np.errstate(all="ignore")
def layer_norm(
    x: np.ndarray,
    weight: np.ndarray | None = None,
    bias: np.ndarray | None = None,
    eps: float = 1e-5,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    r"""Give every row mean 0 and variance 1, then scale and shift its columns.

    Shapes: N rows, C features.

    Parameters
    ----------
    x : ndarray, shape (N, C)
        float16, float32 or float64.
    weight, bias : ndarray, shape (C,), or None
        Without them the scale is 1 and the shift 0.
    eps : float
        What is added to the variance.

    Returns
    -------
    out : ndarray, shape (N, C), dtype of ``x``
    mean, rstd : ndarray, shape (N,)
        Mean, and one over the standard deviation; the dtype of ``x``, but float32
        for float16.

    Raises
    ------
    DTypeError
        If the arguments are not arrays of one floating dtype.
    ShapeError
        If the shapes do not fit.

    Notes
    -----
    .. math::

        \mu_n = \frac1C \sum_c x_{nc}, \qquad
        r_n = \Big(\frac1C \sum_c (x_{nc} - \mu_n)^2 + \epsilon\Big)^{-1/2}, \qquad
        y_{nc} = w_c\, (x_{nc} - \mu_n)\, r_n + b_c

    Examples
    --------
    >>> import numpy as np
    >>> out, mean, rstd = layer_norm(np.array([[1.0, 3.0]]), eps=0.0)
    >>> out, mean, rstd
    (array([[-1.,  1.]]), array([2.]), array([1.]))
    """
    check_row_norm("layer_norm", x, weight=weight, bias=bias)
    sums = np.result_type(x, np.float32)
    out, mean, rstd = np.empty_like(x), np.empty(len(x), sums), np.empty(len(x), sums)
    w, b = (1 if weight is None else weight), (0 if bias is None else bias)
    for n in range(len(x)):
        mean[n] = x[n].sum(dtype=np.float64) / x.shape[1]
        d = x[n].astype(sums) - mean[n]
        rstd[n] = 1 / np.sqrt(np.square(d).sum() / x.shape[1] + eps)
        out[n] = w * (d * rstd[n]) + b
    return out, mean, rstd


@np.errstate(all="ignore")
def layer_norm_backward(
    grad: np.ndarray,
    x: np.ndarray,
    weight: np.ndarray | None,
    mean: np.ndarray,
    rstd: np.ndarray,
    needs: tuple[bool, bool, bool] = (True, True, True),
) -> tuple[np.ndarray | None, np.ndarray | None, np.ndarray | None]:
    r"""Gradients of :func:`layer_norm` for ``x``, ``weight`` and ``bias``.

    Parameters
    ----------
    grad : ndarray, shape (N, C), dtype of ``x``
    x, weight
        What the forward function was given.
    mean, rstd : ndarray, shape (N,)
        What it returned.
    needs : tuple of three bools
        Whether a gradient is wanted; None stands for one that is not.

    Raises
    ------
    DTypeError, ShapeError
        If the arguments do not fit each other.

    Notes
    -----
    With :math:`\hat x_{nc} = (x_{nc} - \mu_n)\, r_n` and :math:`u_{nc} = g_{nc} w_c`:

    .. math::

        \bar x_{nc} = r_n \Big( u_{nc} - \frac1C \sum_k u_{nk}
                      - \hat x_{nc}\, \frac1C \sum_k u_{nk} \hat x_{nk} \Big), \qquad
        \bar w_c = \sum_n g_{nc}\, \hat x_{nc}, \qquad
        \bar b_c = \sum_n g_{nc}

    The two sums are what moves with x through the mean and the variance: a
    gradient that asks to shift or to stretch the whole row is of no use.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([[1.0, 3.0, 8.0]])
    >>> _, mean, rstd = layer_norm(x)
    >>> layer_norm_backward(np.ones((1, 3)), x, None, mean, rstd)[0]
    array([[0., 0., 0.]])
    """
    op = "layer_norm_backward"
    wanted = check_row_norm_backward(op, needs, 3, grad, x, weight, mean=mean, rstd=rstd)
    hat = (x - mean[:, None]) * rstd[:, None]
    grad_x = np.empty_like(x)
    for n in range(len(x)):
        u = grad[n].astype(hat.dtype) * (1 if weight is None else weight)
        centred = u - u.sum() / u.size
        grad_x[n] = rstd[n] * (centred - hat[n] * ((u * hat[n]).sum() / u.size))
    return (
        grad_x if wanted[0] else None,
        (grad * hat).sum(0).astype(x.dtype) if wanted[1] else None,
        grad.sum(0, hat.dtype).astype(x.dtype) if wanted[2] else None,
    )


@np.errstate(all="ignore")
def rms_norm(
    x: np.ndarray, weight: np.ndarray | None = None, eps: float = 1e-5
) -> tuple[np.ndarray, np.ndarray]:
    r"""Divide every row by the root of its mean square, then scale its columns.

    Parameters, errors and results are those of :func:`layer_norm`, without a
    bias and a mean.

    Notes
    -----
    .. math::

        r_n = \Big(\frac1C \sum_c x_{nc}^2 + \epsilon\Big)^{-1/2}, \qquad
        y_{nc} = w_c\, x_{nc}\, r_n

    Examples
    --------
    >>> import numpy as np
    >>> rms_norm(np.array([[1.0, 7.0]]), np.array([5.0, 10.0]), eps=0.0)
    (array([[ 1., 14.]]), array([0.2]))
    """
    check_row_norm("rms_norm", x, weight=weight)
    sums = np.result_type(x, np.float32)
    out, rstd = np.empty_like(x), np.empty(len(x), sums)
    for n in range(len(x)):
        row = x[n].astype(sums)
        rstd[n] = 1 / np.sqrt(np.square(row).sum() / row.size + eps)
        out[n] = row * rstd[n] * (1 if weight is None else weight)
    return out, rstd


@np.errstate(all="ignore")
def rms_norm_backward(
    grad: np.ndarray,
    x: np.ndarray,
    weight: np.ndarray | None,
    rstd: np.ndarray,
    needs: tuple[bool, bool] = (True, True),
) -> tuple[np.ndarray | None, np.ndarray | None]:
    r"""Gradients of :func:`rms_norm` for ``x`` and ``weight``.

    Parameters and errors are those of :func:`layer_norm_backward`.

    Notes
    -----
    With :math:`\hat x_{nc} = x_{nc}\, r_n` and :math:`u_{nc} = g_{nc} w_c`:

    .. math::

        \bar x_{nc} = r_n \Big( u_{nc} - \hat x_{nc}\, \frac1C \sum_k u_{nk} \hat x_{nk} \Big),
        \qquad \bar w_c = \sum_n g_{nc}\, \hat x_{nc}

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([[1.0, 7.0]])
    >>> _, rstd = rms_norm(x, eps=0.0)
    >>> grad_x, _ = rms_norm_backward(x, x, None, rstd)
    >>> np.abs(grad_x).max() < 1e-15  # nothing is gained along x
    np.True_
    """
    op = "rms_norm_backward"
    wanted = check_row_norm_backward(op, needs, 2, grad, x, weight, rstd=rstd)
    hat = x * rstd[:, None]
    grad_x = np.empty_like(x)
    for n in range(len(x)):
        u = grad[n].astype(hat.dtype) * (1 if weight is None else weight)
        grad_x[n] = rstd[n] * (u - hat[n] * ((u * hat[n]).sum() / u.size))
    grad_weight = (grad * hat).sum(0).astype(x.dtype) if wanted[1] else None
    return grad_x if wanted[0] else None, grad_weight
