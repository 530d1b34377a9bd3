"""MNIST, from the four IDX files in which it is published."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from odyssey.data.datasets.images import ImageDataset, Transform, check_split
from odyssey.data.formats.idx import read_idx
from odyssey.errors import FormatError

__all__ = ["MNIST"]

_PREFIX = {"train": "train", "test": "t10k"}
_HOW_TO_GET = (
    "Download the four files from https://ossci-datasets.s3.amazonaws.com/mnist/ "
    "(train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, t10k-images-idx3-ubyte.gz, "
    "t10k-labels-idx1-ubyte.gz) into one folder, and give it as root or in ODYSSEY_DATA."
)


class MNIST(ImageDataset):
    """Handwritten digits, 28x28 pixels: 60,000 to train on and 10,000 to test with.

    Reads the original files [1]_, gzipped or not; nothing is downloaded.

    Parameters
    ----------
    root : path-like, optional
        The folder with the files, or one whose subfolder ``mnist`` has them.
        Without it the environment variable ``ODYSSEY_DATA`` says where.
    split : {"train", "test"}
        Which part.
    transform : callable, optional
        ``transform(image)`` is applied to each image when it is indexed.

    Attributes
    ----------
    images : ndarray, shape (N, 1, 28, 28), float32
        From 0, paper, to 1, ink; multiples of 1/255.
    labels : ndarray, shape (N,), int64
        From 0 to 9.
    classes : tuple of str
        "0" to "9".

    Raises
    ------
    OdysseyError
        If `split` is neither of the two.
    FormatError
        If a file is missing, damaged, not what its name says, or the two do
        not belong together.

    References
    ----------
    .. [1] Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, "Gradient-Based
       Learning Applied to Document Recognition", Proceedings of the IEEE
       86(11), 1998. https://doi.org/10.1109/5.726791

    Examples
    --------
    >>> MNIST("no/such/folder")                    # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    odyssey.errors.FormatError: MNIST: no file train-images-idx3-ubyte[.gz] ...
    """

    def __init__(
        self,
        root: str | os.PathLike[str] | None = None,
        split: str = "train",
        transform: Transform | None = None,
    ) -> None:
        check_split("MNIST", split)
        folders = _folders(root)
        image_path = _find(folders, f"{_PREFIX[split]}-images", "idx3-ubyte")
        label_path = _find(folders, f"{_PREFIX[split]}-labels", "idx1-ubyte")
        # The labels first: if the files are mixed up, that is told before 47 MB are read.
        labels = _check_labels(read_idx(label_path), label_path)
        pixels = _check_pixels(read_idx(image_path), image_path)
        if len(pixels) != len(labels):
            raise FormatError(
                f"MNIST: {image_path} has {len(pixels)} images but {label_path} has "
                f"{len(labels)} labels: they are mislabelled or of different sets"
            )
        images = pixels[:, np.newaxis].astype(np.float32)
        images /= np.float32(255)
        super().__init__(images, labels.astype(np.int64), list("0123456789"), transform)


def _folders(root: str | os.PathLike[str] | None) -> tuple[Path, Path]:
    """Where to look: the root, and ``mnist`` in it."""
    root = root if root is not None else os.environ.get("ODYSSEY_DATA")
    if not root:
        raise FormatError(
            f"MNIST: expected a root folder or ODYSSEY_DATA, got neither. {_HOW_TO_GET}"
        )
    return Path(root), Path(root, "mnist")


def _find(folders: tuple[Path, Path], stem: str, kind: str) -> Path:
    for folder in folders:
        # With a dot instead of the hyphen is how some archives unpack.
        for name in (f"{stem}-{kind}", f"{stem}-{kind}.gz", f"{stem}.{kind}", f"{stem}.{kind}.gz"):
            if (path := folder / name).is_file():
                return path
    raise FormatError(
        f"MNIST: no file {stem}-{kind}[.gz] in {folders[0]} or {folders[1]}. {_HOW_TO_GET}"
    )


def _check_labels(labels: npt.NDArray[Any], path: Path) -> npt.NDArray[Any]:
    if labels.ndim != 1 or labels.dtype != np.uint8:
        raise FormatError(
            f"MNIST: {path} is mislabelled: expected labels, uint8 of shape (N,), "
            f"got {_what(labels)}"
        )
    if labels.size and labels.max() > 9:
        place = int(labels.argmax())
        raise FormatError(
            f"MNIST: {path}: expected labels from 0 to 9, got {labels[place]} at index {place}"
        )
    return labels


def _check_pixels(pixels: npt.NDArray[Any], path: Path) -> npt.NDArray[Any]:
    if pixels.ndim != 3 or pixels.dtype != np.uint8:
        raise FormatError(
            f"MNIST: {path} is mislabelled: expected images, uint8 of shape (N, 28, 28), "
            f"got {_what(pixels)}"
        )
    if pixels.shape[1:] != (28, 28):
        raise FormatError(
            f"MNIST: {path}: expected images of 28x28 pixels, "
            f"got {pixels.shape[1]}x{pixels.shape[2]}"
        )
    return pixels


def _what(array: npt.NDArray[Any]) -> str:
    """Describe what a file holds, and guess what it is."""
    kinds = {1: ", which looks like labels", 3: ", which looks like images"}
    guess = kinds.get(array.ndim, "") if array.dtype == np.uint8 else ""
    return f"{array.dtype} of shape {array.shape}{guess}"
