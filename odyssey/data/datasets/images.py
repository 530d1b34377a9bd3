"""What all labelled image datasets have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from odyssey.data.dataset import Index
from odyssey.errors import OdysseyError

__all__ = ["ImageDataset", "Transform", "check_split"]

Transform = Callable[[npt.NDArray[np.float32]], npt.NDArray[Any]]


class ImageDataset:
    """Labelled images, held in memory.

    Parameters
    ----------
    images : ndarray, shape (N, C, H, W), float32
        The images.
    labels : ndarray, shape (N,), int64
        The class of each.
    classes : sequence of str
        The name of each class.
    transform : callable, optional
        ``transform(image)`` is applied to each image of shape (C, H, W) when
        it is indexed, and returns an array, for all images of one shape.

    Attributes
    ----------
    images, labels : ndarray
        The same; no transform applied.
    classes : tuple of str
        ``classes[label]`` is the name of a label.

    Examples
    --------
    >>> two = ImageDataset(np.zeros((2, 1, 3, 4), np.float32), np.array([1, 0]), ["cat", "dog"])
    >>> image, label = two[0]
    >>> image.shape, two.classes[label]
    ((1, 3, 4), 'dog')
    >>> images, labels = two[np.array([1, 0, 1])]
    >>> images.shape, labels
    ((3, 1, 3, 4), array([0, 1, 0]))
    """

    def __init__(
        self,
        images: npt.NDArray[np.float32],
        labels: npt.NDArray[np.int64],
        classes: tuple[str, ...] | list[str],
        transform: Transform | None = None,
    ) -> None:
        self.images = images
        self.labels = labels
        self.classes = tuple(classes)
        self.transform = transform

    @property
    def array_indexing(self) -> bool:
        """Whether many images are had at once: each needs random numbers of its own, if any."""
        return self.transform is None

    def __len__(self) -> int:
        """Count the images."""
        return len(self.images)

    def __getitem__(self, index: Index) -> tuple[npt.NDArray[Any], Any]:
        """Return (image, label) for an int, (images, labels) for a slice or an array."""
        images: npt.NDArray[Any] = self.images[index]
        if self.transform is not None:
            if images.ndim == self.images.ndim - 1:
                images = self.transform(images)
            elif len(images):
                images = np.stack([self.transform(image) for image in images])
        return images, self.labels[index]

    def __repr__(self) -> str:
        """Name the dataset, its size and the shape of an image."""
        shape = "x".join(map(str, self.images.shape[1:]))
        return f"{type(self).__name__}({len(self)} images of {shape}, {len(self.classes)} classes)"


def check_split(dataset: str, split: str) -> str:
    """Return `split` if it is "train" or "test", else raise an error that names it."""
    if split not in ("train", "test"):
        raise OdysseyError(f"{dataset}: split: expected 'train' or 'test', got {split!r}")
    return split
