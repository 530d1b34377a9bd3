"""Convolutions of small windows with fewer multiplications, one tile at a time.

Lavin and Gray's algorithm, in their letters: U is a transformed filter, V a
transformed tile of the image, M their product at each point, summed over channels.
Transposed matrices are written with a prime, as in the formulas.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from odyssey.utils.cook_toom import POINTS, matrices
from odyssey.utils.kernel_checks import check_needs
from odyssey.utils.kernel_checks_conv import check_winograd, check_winograd_backward
from odyssey.utils.windows import groups_of, inside, padded

__all__ = ["winograd_conv2d", "winograd_conv2d_backward"]


@np.errstate(all="ignore")
def winograd_conv2d(
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None = None,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    tile: int = 4,
) -> np.ndarray:
    r"""Cross-correlate a batch of images with square filters, in Winograd's form.

    The result of :func:`odyssey.reference.conv2d`, but for rounding, with a
    fraction of its multiplications.

    Shapes: N images, C channels in, K filters of r×r taps, H×W pixels in, P×Q
    out, G groups of C/G channels and K/G filters; tiles of m×m outputs.

    Parameters
    ----------
    x : ndarray, shape (N, C, H, W)
        Images; float16, float32, float64 or object.
    weight : ndarray, shape (K, C/G, r, r)
        Filters of 3×3, 4×4 or 5×5 taps, of the dtype of ``x``.
    bias : ndarray, shape (K,), optional
    padding : int, pair, pair of pairs, "same" or "valid"
        Zeros around the image, see :func:`odyssey.utils.geometry.pads`.
    dilation : int or (vertical, horizontal)
        From one tap to the next.
    groups : int
        G: filter k sees the channels of its own group only.
    tile : {2, 3, 4}
        m: outputs of a tile along each axis: 2 or 4 for 3×3 taps, 3 for 4×4 and
        2 for 5×5, so that there are 4 or 6 points along an axis.

    Returns
    -------
    y : ndarray, shape (N, K, P, Q), dtype of ``x``

    Raises
    ------
    DTypeError
        If an argument is no array of a floating dtype, or the dtypes differ.
    ShapeError
        If the shapes or settings do not fit each other, or the window or the
        tile is of another size.

    Notes
    -----
    A tile of m×m outputs sees n×n pixels d, with n = m + r - 1. With the matrices of
    :func:`~odyssey.utils.cook_toom.cook_toom`, for each filter g:

    .. math::

        U_{kc} = G\, g_{kc}\, G', \qquad V_c = B'\, d_c\, B, \qquad
        Y_k = b_k + A' \Bigl[ \sum_c U_{kc} \odot V_c \Bigr] A

    A product of polynomials is the product of their values. :math:`\odot`
    multiplies the values at n² points, of which A' collects m² outputs. With
    r = 3, that is 4 multiplications per output, channel and filter for m = 2,
    and 2.25 for m = 4, in place of 9; with r = 5, 9 in place of 25. The
    transforms are additions, and products with a few numbers; a tile's are
    shared by all filters, a filter's by all tiles.

    Values at the points are larger than what they cancel to, which costs
    digits: errors for m = 4 are 2 to 5 times those for m = 2. Sums have C/G terms
    in place of 9·C/G, which saves some: in float32 errors for m = 2 are smaller
    than those of the direct form, and those for m = 4 up to twice as large. A
    pixel that is not finite spoils all outputs of its tiles, as infinity minus
    infinity is not a number.

    With a dilation the pixels of a tile are as far apart as the taps, and tiles
    with different first outputs interleave.

    References
    ----------
    .. [1] A. Lavin, S. Gray, "Fast algorithms for convolutional neural networks",
       2016, section 4.1, https://arxiv.org/abs/1509.09308.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.arange(16.0).reshape(1, 1, 4, 4)
    >>> winograd_conv2d(x, np.ones((1, 1, 3, 3)), tile=2)[0, 0]
    array([[45., 54.],
           [81., 90.]])

    Fractions stay exact:

    >>> from fractions import Fraction
    >>> thirds = np.full((1, 1, 3, 3), Fraction(1, 3))
    >>> winograd_conv2d(thirds, thirds).item()
    Fraction(1, 1)
    """
    op = "winograd_conv2d"
    window = check_winograd(op, x, weight, bias, padding, dilation, groups, tile, True)
    sums = np.result_type(x, np.float32)
    image, filters = padded(x.astype(sums), window.padding), weight.astype(sums)
    y = _convolved(image, filters, window.outputs, window.dilation, window.groups, tile)
    if bias is not None:
        y += bias.astype(sums).reshape(-1, 1, 1)
    return y.astype(x.dtype)


@np.errstate(all="ignore")
def winograd_conv2d_backward(
    grad: np.ndarray,
    x: np.ndarray,
    weight: np.ndarray,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    needs: tuple[bool, ...] = (True, True, True),
    tile: int = 4,
) -> tuple[np.ndarray | None, ...]:
    r"""Gradients of winograd_conv2d with respect to its images, filters and biases.

    Shapes: those of :func:`winograd_conv2d`.

    Parameters
    ----------
    grad : ndarray, shape (N, K, P, Q), dtype of ``x``
        Gradient of the loss with respect to the output, g.
    x, weight : ndarray
        What the forward function was given. Without a gradient for ``weight``
        only the shape of ``x`` is used, and the other way round.
    padding, dilation, groups, tile
        What the forward function was given.
    needs : tuple of bool
        Which of the gradients are wanted.

    Returns
    -------
    grad_x : ndarray, shape (N, C, H, W), or None
    grad_weight : ndarray, shape (K, C/G, r, r), or None
    grad_bias : ndarray, shape (K,), or None

    Raises
    ------
    DTypeError, ShapeError
        If the arguments do not fit each other.

    Notes
    -----
    The gradient of a pixel collects from the windows that covered it: a
    convolution of g with the filters turned round, their taps in reverse, and
    the roles of channels and filters exchanged. So it has the forward's form.

    The gradient of a filter is a convolution, too: of a tile of the image with
    the tile of output gradients, m×m taps that give r×r outputs. F(r, m) has as
    many points as F(m, r) and the same B', so V is that of the forward function:

    .. math::

        \bar w_{kc} = A' \Bigl[ \sum_{\text{tiles}}
            (G\, g_k\, G') \odot (B'\, d_c\, B) \Bigr] A

    with a G of m columns and an A' of r rows.

    Cost: as many multiplications as the forward function for each of the two.

    References
    ----------
    .. [1] A. Lavin, S. Gray, "Fast algorithms for convolutional neural networks",
       2016, section 4, https://arxiv.org/abs/1509.09308.

    Examples
    --------
    >>> import numpy as np
    >>> x, weight = np.arange(16.0).reshape(1, 1, 4, 4), np.ones((1, 1, 3, 3))
    >>> grad = np.ones((1, 1, 2, 2))
    >>> grad_x, grad_weight, grad_bias = winograd_conv2d_backward(grad, x, weight, tile=2)
    >>> grad_x[0, 0]  # in how many windows a pixel is
    array([[1., 2., 2., 1.],
           [2., 4., 4., 2.],
           [2., 4., 4., 2.],
           [1., 2., 2., 1.]])
    >>> grad_weight[0, 0]  # the sum of the pixels that a tap reads
    array([[10., 14., 18.],
           [26., 30., 34.],
           [42., 46., 50.]])
    """
    window = check_winograd_backward(grad, x, weight, padding, dilation, groups, tile, True)
    for_x, for_weight, for_bias = check_needs("winograd_conv2d_backward", needs, 3)
    sums = np.result_type(x, np.float32)
    g, gaps, G = grad.astype(sums), window.dilation, window.groups
    grad_x = grad_weight = grad_bias = None
    if for_x:
        # Around the gradients zeros as far as windows reach, but not for what lies on the padding.
        (top, _), (left, _) = window.padding
        reach = [(weight.shape[2] - 1) * gap for gap in gaps]
        around = padded(g, ((reach[0],) * 2, (reach[1],) * 2))[:, :, top:, left:]
        turned = np.zeros((x.shape[1], weight.shape[0] // G, *weight.shape[2:]), sums)
        for channels, ks in groups_of(x.shape[1], weight.shape[0], G):
            turned[channels] = weight[ks, :, ::-1, ::-1].swapaxes(0, 1)
        grad_x = _convolved(around, turned, x.shape[2:], gaps, G, tile).astype(x.dtype)
    if for_weight:
        image = padded(x.astype(sums), window.padding)
        grad_weight = _filter_gradient(g, image, weight.shape, gaps, G, tile).astype(x.dtype)
    if for_bias:
        grad_bias = g.sum((0, 2, 3)).astype(x.dtype)
    return grad_x, grad_weight, grad_bias


def _convolved(
    image: np.ndarray,
    weight: np.ndarray,
    outputs: tuple[int, ...],
    gaps: tuple[int, int],
    groups: int,
    m: int,
) -> np.ndarray:
    """Return the convolution of a padded image: F(m×m, r×r)."""
    r = weight.shape[2]
    A, G, B = matrices(POINTS[m + r - 1], m, r, weight.dtype)
    U = G @ weight @ G.T
    N, C, K = image.shape[0], image.shape[1], weight.shape[0]
    y = np.zeros((N, K, *outputs), weight.dtype)
    image, y = _room(image, gaps, m), _room(y, gaps, m)
    for channels, ks in groups_of(C, K, groups):
        for seen, made in _tiles(outputs, gaps, m, r):
            for n in range(N):
                V = B @ image[n, channels][seen] @ B.T
                M = (U[ks] * V).sum(1)
                y[n, ks][made] = A @ M @ A.T
    return inside(y, (N, K, *outputs), ((0, 0), (0, 0)))


def _filter_gradient(
    grad: np.ndarray,
    image: np.ndarray,
    shape: tuple[int, ...],
    gaps: tuple[int, int],
    groups: int,
    m: int,
) -> np.ndarray:
    """Return the gradient of filters of this shape: F(r×r, m×m), summed over tiles."""
    r = shape[2]
    A, G, B = matrices(POINTS[m + r - 1], r, m, grad.dtype)
    N, K = grad.shape[:2]
    M = np.zeros((*shape[:2], *B.shape), grad.dtype)
    image, g = _room(image, gaps, m), _room(grad, gaps, m)
    for channels, ks in groups_of(image.shape[1], K, groups):
        for seen, made in _tiles(grad.shape[2:], gaps, m, r):
            for n in range(N):
                U = G @ g[n, ks][made] @ G.T
                V = B @ image[n, channels][seen] @ B.T
                M[ks] += U[:, None] * V
    return A @ M @ A.T


def _room(image: np.ndarray, gaps: tuple[int, int], m: int) -> np.ndarray:
    """Return the image with zeros below and to its right, for tiles that reach beyond it."""
    return padded(image, ((0, (m - 1) * gaps[0]), (0, (m - 1) * gaps[1])))


def _tiles(
    outputs: tuple[int, ...], gaps: tuple[int, int], m: int, r: int
) -> Iterator[tuple[tuple[Any, ...], tuple[Any, ...]]]:
    """Yield the pixels that each tile sees, m + r - 1 a side, and the m×m outputs that it makes.

    Examples
    --------
    >>> for seen, made in _tiles((1, 5), gaps=(1, 2), m=2, r=3):
    ...     print(seen[2], made[2])
    slice(0, 8, 2) slice(0, 4, 2)
    slice(4, 12, 2) slice(4, 8, 2)
    slice(1, 9, 2) slice(1, 5, 2)
    """
    firsts = [
        [first for phase in range(min(gap, size)) for first in range(phase, size, m * gap)]
        for size, gap in zip(outputs, gaps, strict=True)
    ]
    d_v, d_h = gaps
    for p in firsts[0]:
        for q in firsts[1]:
            seen, made = (
                (..., slice(p, p + side * d_v, d_v), slice(q, q + side * d_h, d_h))
                for side in (m + r - 1, m)
            )
            yield seen, made
