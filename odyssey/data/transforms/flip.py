"""Mirror an image, or leave it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from odyssey.errors import OdysseyError
from odyssey.utils.random import current_generator

__all__ = ["RandomHorizontalFlip"]


class RandomHorizontalFlip:
    """Mirror an image left to right, with a probability.

    Parameters
    ----------
    p : float
        The probability.

    Raises
    ------
    OdysseyError
        If it is none.

    Notes
    -----
    The number is drawn from :func:`odyssey.utils.random.current_generator`: in a `DataLoader`
    it is a function of its seed, the epoch and the image's index.

    Examples
    --------
    >>> RandomHorizontalFlip(p=1.0)(np.array([[[1, 2, 3]]]))
    array([[[3, 2, 1]]])
    """

    def __init__(self, p: float = 0.5) -> None:
        if not 0 <= p <= 1:
            raise OdysseyError(f"RandomHorizontalFlip: p must lie in [0, 1], got {p!r}")
        self.p = p

    def __call__(self, image: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Mirror an image of shape (C, H, W), or return it as it is."""
        return np.flip(image, axis=-1) if current_generator().random() < self.p else image

    def __repr__(self) -> str:
        return f"RandomHorizontalFlip(p={self.p})"
