"""Which algorithm a convolution runs: the direct one, or Winograd's.

Both give the same result but for rounding. The choice depends on the call's shapes
and dtype alone, by the table here: never on the number of threads or on timings, so
that a program gives the same result wherever it runs on the same instruction set.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from odyssey.utils.choices import pick

__all__ = ["ALGORITHMS", "get_conv_algorithm", "set_conv_algorithm", "winograd_tile"]

ALGORITHMS = ("auto", "direct", "winograd")

# The table of "auto", from measurements over 7x7 to 28x28 outputs, and 4 to 128 channels and
# filters. At each point, C channels and K filters take C * K multiplications and C + K transforms,
# each as costly as so many multiplications. Gradients of filters have more to transform, and write
# their sums.
TRANSFORM = {"forward": 12, "input": 12, "weight": 25}
LEAST_GAIN = 1.15  # how many times faster, by this count

TILES = {3: (2, 4), 4: (3,), 5: (2,)}
"""The tiles for windows of so many taps: those with 4 or 6 points along an axis."""

_algorithm = "auto"


def set_conv_algorithm(name: str) -> None:
    """Choose how convolutions are computed, in the whole process.

    Winograd's form needs up to four times fewer multiplications, for windows of
    3×3, 4×4 and 5×5 taps with a stride of 1. It rounds differently: changing the algorithm
    changes results in their last digits. And a pixel that is infinite or not a
    number spoils all outputs of the tiles that see it, up to 8×8, where the direct
    form spoils those whose windows hold it, up to 3×3.

    Parameters
    ----------
    name : {"auto", "direct", "winograd"}
        "auto", the choice at first: Winograd's form where it is faster, by a
        table over shape and dtype. "direct": never. "winograd": for every
        convolution that has this form, 3×3 to 5×5 taps and stride 1, in float16
        and float32. float64 is for those who want digits: it is always direct.

    Raises
    ------
    OdysseyError
        If there is no such algorithm.

    Notes
    -----
    Only the fast backend has the choice; the reference's ``conv2d`` is direct.
    Both forms are there as kernels of their own, too, on both backends:
    ``fast.conv2d`` follows this choice, ``fast.winograd_conv2d`` does not.

    Examples
    --------
    >>> import odyssey as od
    >>> od.set_conv_algorithm("direct")
    >>> od.get_conv_algorithm()
    'direct'
    >>> od.set_conv_algorithm("auto")
    >>> od.set_conv_algorithm("vinograd")
    Traceback (most recent call last):
        ...
    odyssey.errors.OdysseyError: set_conv_algorithm: expected one of auto, direct, winograd, \
got 'vinograd'; did you mean 'winograd'?
    """
    global _algorithm
    _algorithm = pick("set_conv_algorithm", name, ALGORITHMS)


def get_conv_algorithm() -> str:
    """Return what :func:`set_conv_algorithm` chose; "auto" at first."""
    return _algorithm


def winograd_tile(
    channels: int,
    filters: int,
    outputs: tuple[int, int],
    dilation: tuple[int, int],
    dtype: np.dtype[Any],
    direction: str,
    taps: int = 3,
) -> int:
    """Return which algorithm a convolution with a square window and stride 1 runs.

    Parameters
    ----------
    channels, filters : int
        Of one group.
    outputs : (int, int)
        P and Q.
    dilation : (vertical, horizontal)
    dtype : dtype
    direction : {"forward", "input", "weight"}
        The convolution, or the gradient of its images or of its filters.
    taps : int
        Of the window, along each axis.

    Returns
    -------
    int
        The side of Winograd's tiles; 0 for the direct algorithm.

    Examples
    --------
    >>> single = np.dtype("float32")
    >>> winograd_tile(64, 64, (28, 28), (1, 1), single, "forward")
    4
    >>> winograd_tile(64, 64, (6, 6), (1, 1), single, "forward")  # nine tiles as good as four
    2
    >>> winograd_tile(3, 64, (28, 28), (1, 1), single, "forward")
    0
    """
    if _algorithm == "direct" or dtype.itemsize == 8 or taps not in TILES:
        return 0
    tile, saving = _best_tile(taps, outputs[0], outputs[1], dilation[0], dilation[1])
    if _algorithm == "auto":
        each = channels * filters
        if saving * each < LEAST_GAIN * (each + TRANSFORM[direction] * (channels + filters)):
            return 0
    return tile


@functools.lru_cache(4096)
def _best_tile(taps: int, P: int, Q: int, d_v: int, d_h: int) -> tuple[int, float]:
    """Return the tile with the fewest multiplications, and how many times fewer than direct.

    Of equal ones the smallest: its errors are smaller and its transforms cheaper.

    Examples
    --------
    >>> [_best_tile(3, P, P, 1, 1)[0] for P in range(1, 10)]
    [2, 2, 4, 4, 2, 2, 4, 4, 4]
    """
    products, tile = min(
        (_points(P, d_v, m, taps) * _points(Q, d_h, m, taps), m) for m in TILES[taps]
    )
    return tile, taps * taps * P * Q / products if products else 1.0


def _points(outputs: int, gap: int, m: int, taps: int) -> int:
    """Return at how many points the tiles along an axis are evaluated."""
    phases = min(gap, outputs)  # interleaved sets of tiles, see the kernel
    each = -(-outputs // gap)
    return phases * -(-each // m) * (m + taps - 1)
