"""Cut a piece out of an image, another one each time."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from odyssey.errors import ShapeError
from odyssey.utils.geometry import pair
from odyssey.utils.random import current_generator

__all__ = ["RandomCrop"]


class RandomCrop:
    """Cut a piece of a fixed size out of an image, at a random place.

    The image is padded first. With P rows of padding above and below, an image of H rows and a
    piece of h, the first row is drawn from 0, ..., H + 2P - h, all equally likely; the first
    column likewise, and independently.

    Parameters
    ----------
    size : int or pair of int
        Height and width of the piece.
    padding : int or pair of int
        Rows above and below, columns left and right.
    fill : float
        What the padding is made of.

    Raises
    ------
    ShapeError
        If a number is out of range, or a padded image is smaller than the piece.

    Notes
    -----
    The numbers are drawn from :func:`odyssey.utils.random.current_generator`: in a `DataLoader`
    they are a function of its seed, the epoch and the image's index.

    Examples
    --------
    >>> import odyssey as od
    >>> od.manual_seed(0)
    >>> image = np.arange(1, 10).reshape(1, 3, 3)
    >>> RandomCrop(3, padding=1)(image)
    array([[[0, 0, 0],
            [0, 1, 2],
            [0, 4, 5]]])
    """

    def __init__(self, size: Any, padding: Any = 0, fill: float = 0.0) -> None:
        self.size = pair("RandomCrop", "size", size)
        self.padding = pair("RandomCrop", "padding", padding, least=0)
        self.fill = fill

    def __call__(self, image: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Cut a piece out of an image of shape (C, H, W)."""
        rows, columns = self.padding
        if rows or columns:
            around = [(0, 0)] * (image.ndim - 2) + [(rows, rows), (columns, columns)]
            image = np.pad(image, around, constant_values=self.fill)
        left = [have - want for have, want in zip(image.shape[-2:], self.size, strict=True)]
        if min(left) < 0:
            raise ShapeError(
                f"RandomCrop: size {self.size} is larger than the padded image, {image.shape[-2:]}"
            )
        rng = current_generator()
        top, first = (int(rng.integers(0, most + 1)) for most in left)
        height, width = self.size
        return image[..., top : top + height, first : first + width]

    def __repr__(self) -> str:
        return f"RandomCrop({self.size}, padding={self.padding}, fill={self.fill})"
