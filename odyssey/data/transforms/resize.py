"""Resize images by bilinear interpolation."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from odyssey.utils.geometry import pair

__all__ = ["Resize"]


class Resize:
    """Enlarge or shrink images: each new pixel lies between four old ones.

    Pixels are little squares: the centre of new pixel i lies at
    ``(i + 0.5) * old / new - 0.5`` on the old grid, and is held inside it at
    the border. Shrinking by more than 2 skips pixels.

    Parameters
    ----------
    size : int or pair of int
        Height and width of the result.

    Raises
    ------
    ShapeError
        If a number is not a positive integer.

    Examples
    --------
    >>> Resize((1, 4))(np.array([[0.0, 1.0]], np.float32))
    array([[0.  , 0.25, 0.75, 1.  ]], dtype=float32)
    """

    def __init__(self, size: Any) -> None:
        self.size = pair("Resize", "size", size)

    def __call__(self, images: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Resize images of shape (..., H, W); the dtype stays."""
        rows, columns = (
            _weights(old, new) for old, new in zip(images.shape[-2:], self.size, strict=True)
        )
        # One axis after the other: bilinear interpolation is the product of two linear ones.
        resized: npt.NDArray[Any] = (rows @ images @ columns.T).astype(images.dtype)
        return resized

    def __repr__(self) -> str:
        return f"Resize({self.size})"


def _weights(old: int, new: int) -> npt.NDArray[np.float64]:
    """Return the share that each of ``old`` pixels has in each of ``new`` ones."""
    centres = np.clip((np.arange(new) + 0.5) * old / new - 0.5, 0, old - 1)
    below = np.minimum(centres.astype(np.int64), max(old - 2, 0))
    share = centres - below
    weights = np.zeros((new, old))
    weights[np.arange(new), below] = 1 - share
    weights[np.arange(new), np.minimum(below + 1, old - 1)] += share
    return weights
