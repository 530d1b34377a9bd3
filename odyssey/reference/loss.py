"""Softmax with cross-entropy and its gradient, one row at a time."""

from __future__ import annotations

import numpy as np

from odyssey.utils.kernel_checks import check_cross_entropy, check_cross_entropy_backward

__all__ = ["softmax_cross_entropy", "softmax_cross_entropy_backward"]


@np.errstate(all="ignore")
def softmax_cross_entropy(x: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    r"""Cross-entropy of softmax(x) against integer labels, row by row.

    Shapes: N rows, C classes.

    Parameters
    ----------
    x : ndarray, shape (N, C)
        Scores; float16, float32 or float64.
    labels : ndarray, shape (N,)
        The right class of each row, in [0, C); any integer dtype.

    Returns
    -------
    losses : ndarray, shape (N,), dtype of ``x``
    log_total : ndarray, shape (N,)
        :math:`s_n` below, what the backward function needs besides ``x``; the
        dtype of ``x``, but float32 for float16, whose rounding would show in the
        gradient.

    Raises
    ------
    DTypeError
        If ``x`` is not an array of a floating dtype, or ``labels`` not one of
        integers.
    ShapeError
        If the shapes do not fit, or a label is out of range.

    Notes
    -----
    With :math:`t_n` the label of row n and :math:`m_n = \max_c x_{nc}`:

    .. math:: s_n = \log \sum_{c=1}^{C} e^{x_{nc} - m_n}, \qquad \ell_n = s_n + m_n - x_{n t_n}

    This is minus the logarithm of the label's probability, computed without
    the probability: it stays finite where that would underflow to 0. The
    largest score is subtracted before anything is rounded, so that a loss near
    0 keeps its digits beside scores of 1e4.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([[0.0, 0.0], [0.0, 1000.0]])
    >>> losses, log_total = softmax_cross_entropy(x, np.array([0, 0]))
    >>> losses.round(3)
    array([6.93e-01, 1.00e+03])
    """
    check_cross_entropy(x, labels, objects=True)
    N = x.shape[0]
    sums = np.result_type(x, np.float32)
    losses = np.empty(N, dtype=x.dtype)
    log_total = np.empty(N, dtype=sums)
    for n in range(N):
        row = x[n].astype(sums)
        m = row.max()
        log_total[n] = np.log(np.exp(row - m).sum())
        losses[n] = log_total[n] + (m - row[labels[n]])
    return losses, log_total


@np.errstate(all="ignore")
def softmax_cross_entropy_backward(
    grad: np.ndarray, x: np.ndarray, labels: np.ndarray, log_total: np.ndarray
) -> np.ndarray:
    r"""Gradient of softmax_cross_entropy with respect to its scores.

    Shapes: N rows, C classes.

    Parameters
    ----------
    grad : ndarray, shape (N,), dtype of ``x``
        Gradient of the loss with respect to ``losses``.
    x : ndarray, shape (N, C)
    labels : ndarray, shape (N,)
    log_total : ndarray, shape (N,)
        What the forward function was given and returned.

    Returns
    -------
    grad_x : ndarray, shape (N, C), dtype of ``x``

    Raises
    ------
    DTypeError, ShapeError
        If the arguments do not fit each other.

    Notes
    -----
    .. math:: \bar x_{nc} = \bar\ell_n \bigl( e^{x_{nc} - m_n - s_n} - [c = t_n] \bigr)

    The exponential is the probability of class c, so each row's gradient is
    the probabilities minus what they should be, and sums to 0. The largest
    score :math:`m_n` is found again and not kept in one number with
    :math:`s_n`, whose digits would be lost beside it.

    Examples
    --------
    >>> import numpy as np
    >>> x, labels = np.log(np.array([[1.0, 3.0]])), np.array([0])
    >>> losses, log_total = softmax_cross_entropy(x, labels)
    >>> softmax_cross_entropy_backward(np.array([1.0]), x, labels, log_total).round(6)
    array([[-0.75,  0.75]])
    """
    check_cross_entropy_backward(grad, x, labels, log_total, objects=True)
    sums = np.result_type(x, np.float32)
    grad_x = np.empty(x.shape, dtype=x.dtype)
    for n in range(x.shape[0]):
        row = x[n].astype(sums)
        p = np.exp(row - row.max() - log_total[n])
        p[labels[n]] -= 1
        grad_x[n] = p * grad[n].astype(sums)
    return grad_x
