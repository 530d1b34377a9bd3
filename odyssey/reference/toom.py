"""Convolutions with fewer multiplications along rows, one tile at a time.

Cook and Toom's product of polynomials, in the letters of :mod:`odyssey.reference.winograd`: u is a
transformed row of a filter, v a transformed piece of a row of the image, and a transposed matrix
has a prime.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from odyssey.utils.conv_algorithm import SIDE, toom_tile
from odyssey.utils.cook_toom import POINTS, matrices
from odyssey.utils.kernel_checks import check_needs
from odyssey.utils.kernel_checks_conv import Window, check_toom, check_toom_weight_gradient
from odyssey.utils.windows import groups_of, padded

__all__ = ["toom_conv2d", "toom_conv2d_weight_gradient"]


@np.errstate(all="ignore")
def toom_conv2d(
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> np.ndarray:
    r"""Cross-correlate a batch of images with filters, with fewer multiplications along rows.

    The result of :func:`odyssey.reference.conv2d`, but for rounding.

    Shapes: N images, C channels in, K filters of R×S taps, H×W pixels in, P×Q
    out, G groups of C/G channels and K/G filters.

    Parameters
    ----------
    x : ndarray, shape (N, C, H, W)
        Images; float16, float32, float64 or object.
    weight : ndarray, shape (K, C/G, R, S)
        Filters, of the dtype of ``x``.
    bias : ndarray, shape (K,), optional
    stride : int or (vertical, horizontal)
        A row of taps is two to five horizontal steps long, the last one perhaps in
        part.
    padding : int, pair, pair of pairs, "same" or "valid"
        Zeros around the image, see :func:`odyssey.utils.geometry.pads`.
    dilation : int or (vertical, horizontal)
        The horizontal one is 1.
    groups : int
        G: filter k sees the channels of its own group only.

    Returns
    -------
    y : ndarray, shape (N, K, P, Q), dtype of ``x``

    Raises
    ------
    DTypeError
        If an argument is no array of a floating dtype, or the dtypes differ.
    ShapeError
        If the shapes or settings do not fit each other, or a row of taps is
        shorter or longer.

    Notes
    -----
    With a stride of s, s neighbouring pixels with all their channels are one
    superpixel: a filter has r = ceil(S/s) of them in a row, and moves by one. A
    tile of m = 7 - r outputs sees six of them, d. With the matrices of
    :func:`~odyssey.utils.cook_toom.cook_toom`, for each row g of a filter's taps:

    .. math::

        u_{kci} = G\, g_{kci}, \qquad v_{ci} = B'\, d_{ci}, \qquad
        y_k = b_k + A' \Bigl[ \sum_{c,i} u_{kci} \odot v_{ci} \Bigr]

    summed over superchannels c and rows i. That are 6 s/m multiplications for each
    row of taps, in place of S: 1.5 for S = 3, 4 for S = 7 and s = 2.

    References
    ----------
    .. [1] S. A. Cook, "On the minimum computation time of functions", thesis,
       Harvard University, 1966, chapter 3.
    .. [2] S. Winograd, "Arithmetic complexity of computations", SIAM, 1980,
       https://doi.org/10.1137/1.9781611970364.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.arange(12.0).reshape(1, 1, 2, 6)
    >>> toom_conv2d(x, np.ones((1, 1, 2, 3)))[0, 0]
    array([[24., 30., 36., 42.]])

    Fractions stay exact:

    >>> from fractions import Fraction
    >>> thirds = np.full((1, 1, 1, 3), Fraction(1, 3))
    >>> toom_conv2d(thirds, thirds).item()
    Fraction(1, 3)
    """
    window = check_toom("toom_conv2d", x, weight, bias, stride, padding, dilation, groups, True)
    sums = np.result_type(x, np.float32)
    m, r = _sizes(weight, window)
    A, G, _ = matrices(POINTS[SIDE], m, r, sums)
    values = _values(x.astype(sums), weight.shape, window)  # (N, C, s, P, R, tiles, points)
    u = _superpixels(weight.astype(sums), window.stride[1], r) @ G.T  # (K, C/G, s, R, points)
    N, K, (P, Q) = x.shape[0], weight.shape[0], window.outputs
    y = np.zeros((N, K, P, values.shape[5] * m), sums)
    for channels, ks in groups_of(x.shape[1], K, window.groups):
        for k in range(K)[ks]:
            for n, p in np.ndindex(N, P):
                products = u[k][:, :, :, None] * values[n, channels, :, p]
                y[n, k, p] = (products.sum((0, 1, 2)) @ A.T).reshape(-1)
    y = y[..., :Q]
    if bias is not None:
        y = y + bias.astype(sums).reshape(-1, 1, 1)
    return y.astype(x.dtype)


@np.errstate(all="ignore")
def toom_conv2d_weight_gradient(
    grad: np.ndarray,
    x: np.ndarray,
    weight: np.ndarray,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    needs: tuple[bool, ...] = (True, True),
) -> tuple[np.ndarray | None, ...]:
    r"""Gradients of toom_conv2d with respect to its filters and biases.

    There is no such form of the images' gradient: see
    :func:`odyssey.reference.conv2d_backward`.

    Shapes: those of :func:`toom_conv2d`.

    Parameters
    ----------
    grad : ndarray, shape (N, K, P, Q), dtype of ``x``
        Gradient of the loss with respect to the output, g.
    x, weight : ndarray
        What the forward function was given; only the shape of ``weight`` is used.
    stride, padding, dilation, groups
        What the forward function was given.
    needs : tuple of bool
        Which of the gradients are wanted.

    Returns
    -------
    grad_weight : ndarray, shape (K, C/G, R, S), or None
    grad_bias : ndarray, shape (K,), or None

    Raises
    ------
    DTypeError, ShapeError
        If the arguments do not fit each other.

    Notes
    -----
    The gradient of a row of taps is a convolution of a piece of the image with the
    output gradients of its tile, m taps that give r outputs. F(r, m) has as many
    points as F(m, r) and the same B', so v is that of the forward function:

    .. math::

        \bar w_{kci} = A' \Bigl[ \sum_{\text{tiles}} (G\, g_k) \odot v_{ci} \Bigr]

    with a G of m columns and an A' of r rows.

    Examples
    --------
    >>> import numpy as np
    >>> x, weight = np.arange(6.0).reshape(1, 1, 1, 6), np.ones((1, 1, 1, 3))
    >>> grad_weight, grad_bias = toom_conv2d_weight_gradient(np.ones((1, 1, 1, 4)), x, weight)
    >>> grad_weight.round(6)
    array([[[[ 6., 10., 14.]]]])
    >>> grad_bias
    array([4.])
    """
    op = "toom_conv2d_weight_gradient"
    window = check_toom_weight_gradient(grad, x, weight, stride, padding, dilation, groups, True)
    for_weight, for_bias = check_needs(op, needs, 2)
    sums = np.result_type(x, np.float32)
    g = grad.astype(sums)
    grad_weight = grad_bias = None
    if for_weight:
        m, r = _sizes(weight, window)
        A, G, _ = matrices(POINTS[SIDE], r, m, sums)
        values = _values(x.astype(sums), weight.shape, window)
        N, K, P, Q = grad.shape
        tiles = values.shape[5]
        g_tiles = padded(g, ((0, 0), (0, tiles * m - Q))).reshape(N, K, P, tiles, m)
        u = g_tiles @ G.T
        s = window.stride[1]
        rows = np.zeros((*weight.shape[:2], s, weight.shape[2], r), sums)
        for channels, ks in groups_of(x.shape[1], K, window.groups):
            for k in range(K)[ks]:
                products = u[:, None, None, k, :, None] * values[:, channels]
                rows[k] = products.sum((0, 3, 5)) @ A.T
        # (K, C, s, R, r) to (K, C, R, r, s): tap t * s + phase
        whole = rows.transpose(0, 1, 3, 4, 2).reshape(*weight.shape[:3], r * s)
        grad_weight = whole[..., : weight.shape[3]].astype(x.dtype)
    if for_bias:
        grad_bias = g.sum((0, 2, 3)).astype(x.dtype)
    return grad_weight, grad_bias


def _sizes(weight: np.ndarray, window: Window) -> tuple[int, int]:
    """Return m and r: outputs of a tile, and superpixels in a row of taps."""
    m = toom_tile(weight.shape[3], window.stride[1], 1)
    return m, SIDE + 1 - m


def _superpixels(rows: np.ndarray, s: int, count: int) -> np.ndarray:
    """Return rows (A, B, R, S) as (A, B, s, R, count) with zeros at the end.

    Examples
    --------
    >>> _superpixels(np.arange(1, 6).reshape(1, 1, 1, 5), 2, 3)[0, 0, :, 0]
    array([[1, 3, 5],
           [2, 4, 0]])
    """
    rows = padded(rows, ((0, 0), (0, s * count - rows.shape[3])))
    return rows.reshape(*rows.shape[:3], count, s).transpose(0, 1, 4, 2, 3)


def _values(x: np.ndarray, filters: tuple[int, ...], window: Window) -> np.ndarray:
    """Return B' d of all tiles of all rows that windows see: (N, C, s, P, R, tiles, points)."""
    (P, Q), (s_v, s), (d_v, _) = window.outputs, window.stride, window.dilation
    m = toom_tile(filters[3], s, 1)
    _, _, B = matrices(POINTS[SIDE], m, SIDE + 1 - m, x.dtype)
    tiles = -(-Q // m)
    columns = s * (tiles * m + SIDE - m)
    image = padded(x, window.padding)[..., :columns]
    image = padded(image, ((0, 0), (0, columns - image.shape[3])))
    image = _superpixels(image, s, columns // s)
    N, C, R = x.shape[0], x.shape[1], filters[2]
    values = np.zeros((N, C, s, P, R, tiles, SIDE), x.dtype)
    for p, i, t in np.ndindex(P, R, tiles):
        d = image[:, :, :, p * s_v + i * d_v, t * m : t * m + SIDE]
        values[:, :, :, p, i, t] = d @ B.T
    return values
