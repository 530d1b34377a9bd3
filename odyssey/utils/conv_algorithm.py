"""Which algorithm a convolution runs: the direct one, Winograd's, or Cook and Toom's along rows.

All give the same result but for rounding. The choice depends on the call's shapes
and dtype alone, by the table here: never on the number of threads or on timings, so
that a program gives the same result wherever it runs on the same instruction set.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from odyssey.utils.choices import pick

__all__ = [
    "ALGORITHMS",
    "ALONG_ROWS",
    "DIRECT",
    "SIDE",
    "choose_algorithm",
    "get_conv_algorithm",
    "set_conv_algorithm",
    "toom_tile",
    "winograd_tile",
]

ALGORITHMS = ("auto", "direct", "winograd")

# The table of "auto", from measurements over 7x7 to 28x28 outputs, and 4 to 128 channels and
# filters. At each point, C channels and K filters take C * K multiplications and C + K transforms,
# each as costly as so many multiplications. Gradients of filters have more to transform, and write
# their sums.
TRANSFORM = {"forward": 12, "input": 12, "weight": 25}
LEAST_GAIN = 1.15  # how many times faster, by this count

TILES = {3: (2, 4), 4: (3,), 5: (2,)}
"""The tiles for windows of so many taps: those with 4 or 6 points along an axis."""

DIRECT, ALONG_ROWS = 0, -1
"""Answers of :func:`choose_algorithm` beside the sides of Winograd's tiles."""

# Along rows, an output takes as long as so many multiplications on its way from the points, or to
# them; the points are few for each multiplication, so that shares of registers and caches decide.
FINISH = {"forward": 5, "weight": 6}
LEAST_GAIN_ALONG_ROWS = 1.3
PREFERENCE = 1.15  # Winograd's form moves more memory than this count says
FEW_FILTERS = 8  # the direct form has a kernel of its own for these

SIDE = 6
"""Points of the form along rows; so many superpixels a tile sees."""

_algorithm = "auto"


def set_conv_algorithm(name: str) -> None:
    """Choose how convolutions are computed, in the whole process.

    Winograd's form needs up to four times fewer multiplications, for windows of
    3×3, 4×4 and 5×5 taps with a stride of 1; Cook and Toom's form along rows up to
    two times fewer, for most other windows and for few channels. They round
    differently: changing the algorithm changes results in their last digits. And a
    pixel that is infinite or not a number spoils all outputs of the tiles that see
    it, up to 8×8, where the direct form spoils those whose windows hold it, up to
    3×3.

    Parameters
    ----------
    name : {"auto", "direct", "winograd"}
        "auto", the choice at first: the form that is fastest, by a table over
        shape and dtype. "direct": the direct form. "winograd": Winograd's form for
        every convolution that has it, 3×3 to 5×5 taps and stride 1, and else the
        one along rows, if there is one. Both are for float16 and float32. float64
        is for those who want digits: it is always direct.

    Raises
    ------
    OdysseyError
        If there is no such algorithm.

    Notes
    -----
    Only the fast backend has the choice; the reference's ``conv2d`` is direct.
    The forms are there as kernels of their own, too, on both backends:
    ``fast.conv2d`` follows this choice, ``fast.winograd_conv2d`` and
    ``fast.toom_conv2d`` do not.

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
    """Return Winograd's tile for a square window and stride 1, where that beats the direct form.

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
        The side of the tiles; 0 where the direct form is as fast, or was chosen.

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
    tile, gain = _winograd_gain(direction, channels, filters, taps, outputs, dilation)
    return tile if gain >= LEAST_GAIN or _algorithm == "winograd" else 0


def _winograd_gain(
    direction: str,
    channels: int,
    filters: int,
    taps: int,
    outputs: tuple[int, int],
    dilation: tuple[int, int],
) -> tuple[int, float]:
    """Return the best tile, and how many times faster than direct it is, by the table's count."""
    tile, saving = _best_tile(taps, *outputs, *dilation)
    each = channels * filters
    return tile, saving * each / max(1, each + TRANSFORM[direction] * (channels + filters))


def toom_tile(taps: int, stride: int, dilation: int) -> int:
    """Return how many outputs a tile has along a row of taps; 0 if there is no such form.

    ``stride`` neighbouring pixels count as one, so that there are
    r = ceil(taps / stride) of them, for 7 - r outputs.

    Examples
    --------
    >>> toom_tile(3, 1, 1), toom_tile(7, 2, 1), toom_tile(3, 2, 1), toom_tile(3, 1, 2)
    (4, 3, 5, 0)
    """
    r = -(-taps // stride)
    return SIDE + 1 - r if 2 <= r <= 5 and dilation == 1 else 0


@functools.lru_cache(4096)
def choose_algorithm(
    name: str,
    direction: str,
    channels: int,
    filters: int,
    taps: tuple[int, int],
    outputs: tuple[int, int],
    stride: tuple[int, int],
    dilation: tuple[int, int],
) -> int:
    """Return which algorithm a convolution in float16 or float32 runs.

    Parameters
    ----------
    name : {"auto", "direct", "winograd"}
        What :func:`set_conv_algorithm` set.
    direction : {"forward", "input", "weight"}
    channels, filters : int
        Of one group.
    taps, outputs, stride, dilation : (vertical, horizontal)

    Returns
    -------
    int
        The side of Winograd's tiles, or ``DIRECT`` or ``ALONG_ROWS``.

    Examples
    --------
    >>> ones = (1, 1)
    >>> choose_algorithm("auto", "forward", 64, 64, (3, 3), (28, 28), ones, ones)
    4
    >>> choose_algorithm("auto", "forward", 3, 64, (7, 7), (112, 112), (2, 2), ones) == ALONG_ROWS
    True
    >>> choose_algorithm("auto", "input", 3, 64, (7, 7), (112, 112), (2, 2), ones) == DIRECT
    True
    """
    if name == "direct":
        return DIRECT
    tile, square = 0, 0.0
    if taps[0] == taps[1] and taps[0] in TILES and stride == (1, 1):
        tile, square = _winograd_gain(direction, channels, filters, taps[0], outputs, dilation)
    m = toom_tile(taps[1], stride[1], dilation[1]) if direction != "input" else 0
    if name == "winograd":
        return tile or (ALONG_ROWS if m else DIRECT)
    rows = 0.0
    if m and filters > FEW_FILTERS and channels and outputs[1]:
        points = SIDE * stride[1] * -(-outputs[1] // m) / outputs[1]
        window = taps[0] * taps[1]
        rows = window / (taps[0] * points + FINISH[direction] / channels)
    if square >= LEAST_GAIN and square >= PREFERENCE * rows:
        return tile
    return ALONG_ROWS if rows >= LEAST_GAIN_ALONG_ROWS else tile if square >= LEAST_GAIN else DIRECT


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
