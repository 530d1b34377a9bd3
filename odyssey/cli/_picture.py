"""From any picture of a digit to what the model was trained on.

Datasets frame their images: MNIST's digits fill 20 of 28 pixels, those of UCI
the whole height, and both have their centre of mass about in the middle. A
network that has never seen a digit in a corner would only guess at one, so a
picture is framed as the dataset's are.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from odyssey.errors import OdysseyError

__all__ = ["frame", "resize"]

Picture = npt.NDArray[np.float32]

_FAINT = 0.1  # less contrast than that is paper
_INKED = 0.15  # of the darkest: from here on a pixel counts as ink when the digit is looked for
_AS_FRAMED = (0.85, 1.15)  # times the share that the dataset's ink takes: it is left as it is


def frame(picture: Picture, size: tuple[int, int], fill: float) -> Picture:
    """Turn a picture into a model's input.

    Parameters
    ----------
    picture : ndarray, shape (H, W)
        Brightness from 0 to 1. The border tells which is paper: dark on light
        and light on dark both work.
    size : pair of int
        Height and width of the result.
    fill : float
        The share of the result's side that the longer side of the ink takes.
        A square picture that is framed so already is only resized; of any
        other the ink is cut out, and put with its centre of mass in the middle.

    Returns
    -------
    ink : ndarray, shape `size`, float32
        From 0, paper, to 1, ink.

    Raises
    ------
    OdysseyError
        If there is nothing on the picture.
    """
    ink = _ink(picture)
    rows, columns = _box(ink)
    extent = max(rows.stop - rows.start, columns.stop - columns.start)
    height, width = ink.shape
    least, most = _AS_FRAMED
    if height == width and least <= extent / (fill * height) <= most:
        return resize(ink, size)
    digit = ink[rows, columns]
    scale = fill * min(size) / extent
    height, width = (
        max(1, min(most, round(side * scale))) for side, most in zip(digit.shape, size, strict=True)
    )
    digit = resize(digit, (height, width))
    down, across = _mass(digit)
    top = min(max(round(size[0] / 2 - down), 0), size[0] - height)
    left = min(max(round(size[1] / 2 - across), 0), size[1] - width)
    canvas = np.zeros(size, np.float32)
    canvas[top : top + height, left : left + width] = digit
    return canvas


def resize(picture: Picture, size: tuple[int, int]) -> Picture:
    """Resize by area: each new pixel is the mean of what it covers of the old ones.

    Examples
    --------
    >>> resize(np.array([[0, 1, 1], [0, 1, 1], [0, 0, 0]], np.float32), (3, 2))
    array([[0.33333334, 1.        ],
           [0.33333334, 1.        ],
           [0.        , 0.        ]], dtype=float32)
    """
    rows, columns = (_cover(old, new) for old, new in zip(picture.shape, size, strict=True))
    resized: Picture = (rows @ picture.astype(np.float64) @ columns.T).astype(np.float32)
    return resized


def _cover(old: int, new: int) -> npt.NDArray[np.float64]:
    """Return the share that each of `new` cells has of each of `old` ones; rows sum to 1."""
    edges = np.arange(new + 1) * old / new
    low = np.maximum(edges[:-1, np.newaxis], np.arange(old))
    high = np.minimum(edges[1:, np.newaxis], np.arange(1, old + 1))
    return np.maximum(high - low, 0) * new / old


def _ink(picture: Picture) -> Picture:
    """Return how much ink is on each pixel, from 0 to 1."""
    border = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
    if border.mean() > 0.5:
        picture, border = 1 - picture, 1 - border
    paper, darkest = np.median(border), picture.max()
    if darkest - paper < _FAINT:
        raise OdysseyError("the image is blank: nothing stands out from its border")
    if paper < _FAINT and darkest > 1 - _FAINT:
        return picture.astype(np.float32, copy=False)  # nothing to stretch
    stretched: Picture = np.clip((picture - paper) / (darkest - paper), 0, 1).astype(np.float32)
    return stretched


def _box(ink: Picture) -> tuple[slice, slice]:
    """Return the rows and the columns that the ink takes."""
    inked = ink > _INKED
    rows, columns = np.flatnonzero(inked.any(axis=1)), np.flatnonzero(inked.any(axis=0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _mass(ink: Picture) -> tuple[float, float]:
    total = float(ink.sum())
    across = ink.sum(axis=0) @ (np.arange(ink.shape[1]) + 0.5)
    down = ink.sum(axis=1) @ (np.arange(ink.shape[0]) + 0.5)
    return float(down) / total, float(across) / total
