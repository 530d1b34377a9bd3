"""Positions in a sequence: as waves to be added, as angles to turn by, as distances that cost."""

from __future__ import annotations

import numpy as np

from odyssey.core._activations import floating
from odyssey.core._checks import as_array
from odyssey.errors import DTypeError, OdysseyError, ShapeError
from odyssey.tape import differentiable
from odyssey.utils.broadcasting import check_broadcasts_to

__all__ = ["alibi_slopes", "rotary", "rotary_backward", "sinusoidal_positions"]


def sinusoidal_positions(positions, features, base=10000.0):
    r"""Return waves of many lengths for each position, to be added to what stands there.

    Parameters
    ----------
    positions : ndarray or Tensor, shape (...)
        Where: 0, 1, 2 and so on.
    features : int
        D.
    base : float
        The longest wave is almost 2π times as long.

    Returns
    -------
    ndarray of float64, shape (..., D)

    Notes
    -----
    For position m, sines and cosines by turns [1]_:

    .. math::

       e_{m,2i} = \sin(m / b^{2i/D}), \qquad e_{m,2i+1} = \cos(m / b^{2i/D})

    The waves at m + n are those at m, turned by angles that depend on n only.

    References
    ----------
    .. [1] A. Vaswani et al., "Attention is all you need", NeurIPS 2017, section 3.5,
       https://arxiv.org/abs/1706.03762

    Examples
    --------
    >>> sinusoidal_positions(np.arange(2), 4).round(4)
    array([[0.    , 1.    , 0.    , 1.    ],
           [0.8415, 0.5403, 0.01  , 1.    ]])
    """
    angles = _angles("sinusoidal_positions", as_array(positions), features, base)
    waves = np.empty((*angles.shape[:-1], features))
    waves[..., 0::2] = np.sin(angles)
    waves[..., 1::2] = np.cos(angles[..., : features // 2])
    return waves


def alibi_slopes(num_heads):
    r"""Return what a step of distance costs each head's scores: :math:`2^{-8i/h}`, i from 1 on.

    Parameters
    ----------
    num_heads : int
        h. Where it is no power of two, the heads beyond the last power take every
        other slope of twice as many.

    Returns
    -------
    ndarray of float64, shape (h,)

    References
    ----------
    .. [1] O. Press, N. Smith, M. Lewis, "Train short, test long: Attention with linear
       biases enables input length extrapolation", ICLR 2022,
       https://arxiv.org/abs/2108.12409

    Examples
    --------
    >>> alibi_slopes(4)
    array([0.25      , 0.0625    , 0.015625  , 0.00390625])
    >>> alibi_slopes(3)
    array([0.0625    , 0.00390625, 0.25      ])
    """
    if isinstance(num_heads, bool) or not isinstance(num_heads, int) or num_heads < 1:
        raise ShapeError(f"alibi_slopes: num_heads must be a positive integer, got {num_heads!r}")
    power = 2 ** (num_heads.bit_length() - 1)
    slopes = 2.0 ** (-8 * np.arange(1, power + 1) / power)
    between = 2.0 ** (-4 * np.arange(1, 2 * power + 1, 2) / power)
    return np.concatenate([slopes, between[: num_heads - power]])


@differentiable
def rotary(x, positions, base=10000.0, interleaved=True):
    r"""Turn pairs of features by angles that grow with the position.

    Queries and keys are turned before they meet: their product then depends on the
    distance of their positions, and not on where both are.

    Shapes: L positions, D features, an even number.

    Parameters
    ----------
    x : Tensor or ndarray, shape (..., L, D)
        Floating-point.
    positions : Tensor or ndarray, broadcastable to (..., L)
        Numbers without a gradient.
    base : float
        The slowest pair takes almost 2π times so many positions to come round.
    interleaved : bool
        Pair the features 2i and 2i + 1, as the paper does; False pairs i and i + D/2,
        as GPT-NeoX and LLaMA's published weights have it.

    Returns
    -------
    Tensor or ndarray, shape (..., L, D)
        In the dtype of ``x``; angles are computed in float64.

    Raises
    ------
    ShapeError
        If the number of features is odd, or ``positions`` do not fit.
    DTypeError
        If ``x`` is not floating-point, or ``positions`` are no real numbers.
    OdysseyError
        If ``base`` is not positive and finite.

    Notes
    -----
    Forward, for the pair (a, b) number i at position m, with
    :math:`\theta = m \, b^{-2i/D}` [1]_:

    .. math::

       a' = a \cos\theta - b \sin\theta, \qquad b' = a \sin\theta + b \cos\theta

    Backward: the gradient is turned back, by :math:`-\theta`. Nothing is saved but
    the positions. As turning by m and n is turning by m + n,
    :math:`\langle R_m q, R_n k \rangle = \langle q, R_{n-m} k \rangle`.

    References
    ----------
    .. [1] J. Su et al., "RoFormer: Enhanced transformer with rotary position
       embedding", 2021, https://arxiv.org/abs/2104.09864

    Examples
    --------
    A quarter turn; with two features the angle is the position:

    >>> import numpy as np, odyssey as od
    >>> od.core.rotary(np.array([[1.0, 0.0]]), np.array([np.pi / 2])).round(6)
    array([[0., 1.]])
    """
    x, positions = floating("rotary", x), as_array(positions)
    if x.ndim < 2 or x.shape[-1] % 2:
        raise ShapeError(
            f"rotary: x must have shape (..., L, D) with an even number of features, has {x.shape}"
        )
    check_broadcasts_to("rotary", "positions", positions.shape, x.shape[:-1], ", one for each row")
    angles = _angles("rotary", positions, x.shape[-1], base)
    sums = np.result_type(x.dtype, np.float32)
    cos, sin = np.cos(angles).astype(sums), np.sin(angles).astype(sums)
    first, second = _pairs(x, interleaved)
    out = np.empty(x.shape, x.dtype)
    turned_first, turned_second = _pairs(out, interleaved)
    with np.errstate(all="ignore"):
        turned_first[...] = first * cos - second * sin
        turned_second[...] = first * sin + second * cos
    return out


@rotary.backward_rule(wrt=("x",))
def rotary_backward(grad, positions, base=10000.0, interleaved=True):
    """Return the gradient of :func:`rotary`: turned back."""
    return rotary(grad, -as_array(positions), base, interleaved)


def _pairs(x, interleaved):
    """Return views of the first and of the second features of the pairs."""
    half = x.shape[-1] // 2
    if interleaved:
        return x[..., 0::2], x[..., 1::2]
    return x[..., :half], x[..., half:]


def _angles(op, positions, features, base):
    r"""Return :math:`m / b^{2i/D}`, of shape (..., ⌈D/2⌉)."""
    if positions.dtype.kind not in "iuf":
        raise DTypeError(f"{op}: positions must be numbers, but have dtype {positions.dtype}")
    if isinstance(features, bool) or not isinstance(features, int) or features < 0:
        raise ShapeError(f"{op}: features must be an integer of at least 0, got {features!r}")
    if not isinstance(base, (int, float)) or not 0 < base < np.inf:
        raise OdysseyError(f"{op}: base must be positive and finite, got {base!r}")
    return positions[..., None] * base ** (-np.arange(0, features, 2) / max(features, 1))
