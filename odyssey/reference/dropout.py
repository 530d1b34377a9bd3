"""Dropout, and the generator of its random bits: Philox4x32-10."""

from __future__ import annotations

from typing import Any

import numpy as np

from odyssey.utils.kernel_checks_pooling import check_dropout

__all__ = ["dropout", "dropout_backward"]

WORD = 2**32 - 1
"""The 32 low bits of an integer."""


def _philox(counter: tuple[int, ...], key: tuple[int, ...]) -> tuple[int, ...]:
    """Return four random words of 32 bits for four of a counter and two of a key.

    Philox4x32-10 of Salmon et al. (2011): ten rounds, each of two products of
    32 by 32 bits whose halves change places, mixed with the key; after each
    round the key moves on by two constants (the golden ratio and the root of
    3, less 1). There is no state: the word at any place can be asked for.

    Examples
    --------
    >>> [f"{word:08x}" for word in _philox((0, 0, 0, 0), (0, 0))]
    ['6627e8d5', 'e169c58d', 'bc57ac4c', '9b00dbd8']
    """
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        product0, product1 = 0xD2511F53 * c0, 0xCD9E8D57 * c2
        c0, c1, c2, c3 = (
            (product1 >> 32) ^ c1 ^ k0,
            product1 & WORD,
            (product0 >> 32) ^ c3 ^ k1,
            product0 & WORD,
        )
        k0, k1 = (k0 + 0x9E3779B9) & WORD, (k1 + 0xBB67AE85) & WORD
    return c0, c1, c2, c3


def _dropped(x: np.ndarray, seed: int, threshold: int, scale: Any) -> np.ndarray:
    """Return x with each element scaled, or 0 where its random word is below the threshold."""
    wide = np.result_type(x, np.float32)
    elements = x.astype(wide).ravel()  # in C order
    factor = scale if wide.kind == "O" else wide.type(scale)
    out = np.zeros(x.size, dtype=x.dtype)
    key = (seed & WORD, seed >> 32)
    for i in range(x.size):
        if i % 4 == 0:  # a block of Philox has words for four elements
            words = _philox((i // 4 & WORD, i // 4 >> 32, 0, 0), key)
        if words[i % 4] >= threshold:
            out[i] = elements[i] * factor
    return out.reshape(x.shape)


@np.errstate(all="ignore")
def dropout(x: np.ndarray, p: float, seed: int) -> np.ndarray:
    r"""Set each element to zero with probability p, and scale the others.

    Parameters
    ----------
    x : ndarray, any shape
        float16, float32, float64 or object.
    p : float
        The probability to drop an element, in [0, 1].
    seed : int
        Where the random bits come from, in [0, 2**64).

    Returns
    -------
    out : ndarray, shape and dtype of ``x``

    Raises
    ------
    DTypeError
        If ``x`` is not an array of a floating dtype, ``p`` no number or
        ``seed`` no integer.
    OdysseyError
        If ``p`` or ``seed`` is out of range.

    Notes
    -----
    With a random word :math:`r_i`, uniform on the integers in [0, 2^32):

    .. math:: y_i = \begin{cases} x_i / (1 - p) & r_i \ge p \, 2^{32} \\ 0 & \text{else} \end{cases}

    so that the mean of :math:`y_i` is :math:`x_i` [1]_. The word of the i-th
    element in C order is word i mod 4 of the block with number i div 4 of
    Philox4x32-10 [2]_, keyed with the seed: seed and place decide, nothing else.
    A dropped NaN is 0.

    References
    ----------
    .. [1] N. Srivastava et al., "Dropout: a simple way to prevent neural
       networks from overfitting", JMLR 15, 2014.
    .. [2] J. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3",
       SC 2011, doi:10.1145/2063384.2063405.

    Examples
    --------
    >>> import numpy as np
    >>> dropout(np.arange(1.0, 9.0), p=0.5, seed=1)
    array([ 2.,  4.,  6.,  8., 10., 12.,  0., 16.])
    """
    return _dropped(x, *check_dropout("dropout", x, p, seed, objects=True))


@np.errstate(all="ignore")
def dropout_backward(grad: np.ndarray, p: float, seed: int) -> np.ndarray:
    r"""Drop and scale the gradient as the forward did its input.

    Parameters
    ----------
    grad : ndarray, any shape
        Gradient of the loss with respect to the output.
    p, seed
        As given to :func:`dropout`.

    Returns
    -------
    grad_x : ndarray, shape and dtype of ``grad``

    Raises
    ------
    DTypeError, OdysseyError
        As :func:`dropout`.

    Notes
    -----
    .. math:: \bar x_i = \begin{cases} \bar y_i / (1 - p) & r_i \ge p \, 2^{32} \\
              0 & \text{else} \end{cases}

    The random words are computed again: no mask is kept.

    Examples
    --------
    >>> import numpy as np
    >>> dropout_backward(np.ones(8), p=0.5, seed=1)
    array([2., 2., 2., 2., 2., 2., 0., 2.])
    """
    return _dropped(
        grad, *check_dropout("dropout_backward", grad, p, seed, objects=True, name="grad")
    )
