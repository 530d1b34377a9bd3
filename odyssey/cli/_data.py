"""The data of a run, and how a picture has to look to be like it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from odyssey.cli._registry import REGISTRIES
from odyssey.cli._signature import SettingError
from odyssey.data.datasets import ImageDataset
from odyssey.data.transforms import Resize

__all__ = ["FRAMES", "load_data"]

FRAMES: dict[str, tuple[tuple[int, int], float]] = {
    "digits": ((8, 8), 1.0),
    "mnist": ((28, 28), 20 / 28),
}
"""How images were framed by those who made them: their size, and the share of the side that the
longer side of the ink takes."""


def load_data(
    settings: Mapping[str, Any], split: str, size: tuple[int, int] | None = None
) -> ImageDataset:
    """Return one part of a dataset, its images of another size if one is given.

    Parameters
    ----------
    settings : mapping
        The name, and the settings of the dataset; ``augment`` is left aside.
    split : {"train", "test"}
    size : pair of int, optional

    Raises
    ------
    SettingError
        If there is no such folder.
    FormatError
        If its files are missing or damaged.
    """
    own = {key: value for key, value in settings.items() if key not in ("name", "augment")}
    root = own.get("root")
    if root is not None and not os.path.isdir(root):
        raise SettingError("data.root", f"there is no folder {root}")
    data: ImageDataset = REGISTRIES["data"][settings["name"]](split=split, **own)
    if size is not None and size != data.images.shape[-2:]:
        data.images = Resize(size)(data.images)
    return data
