"""From any picture of a digit to what the model was trained on.

Datasets frame their images: MNIST's digits fill 20 of 28 pixels and have their
centre of mass in the middle, those of UCI fill the whole height. A network
without such a digit in its training data would only guess, so a picture is
framed alike.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from odyssey.errors import OdysseyError

__all__ = ["frame", "resize"]

Picture = npt.NDArray[np.float32]

_FAINT = 0.1  # less contrast than that is paper
_INKED = 0.3  # of the darkest: from here on a pixel counts as ink when the digit is looked for
_AS_FRAMED = 0.85  # an ink box of at least this share of the dataset's is left as it is


def frame(picture: Picture, size: tuple[int, int], fill: float, by_mass: bool) -> Picture:
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
        A square picture that is framed so already is only resized.
    by_mass : bool
        Put the ink's centre of mass in the middle, or else its box.

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
    if height == width and extent >= _AS_FRAMED * fill * height:
        return resize(ink, size)
    digit = ink[rows, columns]
    scale = fill * min(size) / extent
    # The box on paper of the result's shape; where it stands there is found after scaling.
    inner = (
        max(1, min(size[0], round(digit.shape[0] * scale))),
        max(1, min(size[1], round(digit.shape[1] * scale))),
    )
    digit = resize(digit, inner)
    canvas = np.zeros(size, np.float32)
    centre = _mass(digit) if by_mass else (inner[0] / 2, inner[1] / 2)
    top, left = (
        min(max(round(size[axis] / 2 - centre[axis]), 0), size[axis] - inner[axis])
        for axis in (0, 1)
    )
    canvas[top : top + inner[0], left : left + inner[1]] = digit
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
