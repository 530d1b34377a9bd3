"""The datasets that the command line knows by name, and how a model's input looks."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from odyssey.data.datasets import MNIST, Digits, ImageDataset
from odyssey.data.transforms import Resize
from odyssey.errors import OdysseyError
from odyssey.utils.choices import pick

__all__ = ["DATA", "Source", "load_data"]


@dataclass(frozen=True)
class Source:
    """A dataset, and how its images were framed by those who made it.

    Attributes
    ----------
    load : callable
        ``load(root, split)``
    needs_folder : bool
        Whether `root` says where it is; else it comes with odyssey.
    size : pair of int
        Height and width of its images.
    fill : float
        The share of the image's side that the longer side of the ink takes.
    """

    load: Callable[[str | None, str], ImageDataset]
    needs_folder: bool
    size: tuple[int, int]
    fill: float


DATA = {
    "digits": Source(lambda root, split: Digits(split), False, (8, 8), 1.0),
    "mnist": Source(lambda root, split: MNIST(root, split), True, (28, 28), 20 / 28),
}


def load_data(
    name: str,
    folder: str | os.PathLike[str] | None,
    split: str,
    size: tuple[int, int] | None = None,
) -> ImageDataset:
    """Return one part of a dataset, its images of another size if one is given.

    Raises
    ------
    OdysseyError
        If the dataset is unknown, or takes no folder.
    FormatError
        If its files are missing or damaged.
    """
    source = DATA[pick("data", name, DATA)]
    if folder is not None and not source.needs_folder:
        raise OdysseyError(f"--data-dir: {name} comes with odyssey, and is read from no folder")
    if folder is not None and not Path(folder).is_dir():
        raise OdysseyError(f"--data-dir: there is no folder {folder}")
    data = source.load(None if folder is None else os.fspath(folder), split)
    if size is not None and size != data.images.shape[-2:]:
        data.images = Resize(size)(data.images)
    return data
