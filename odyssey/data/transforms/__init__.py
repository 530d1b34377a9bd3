"""Transforms: functions from images to images."""

from odyssey.data.transforms.crop import RandomCrop
from odyssey.data.transforms.flip import RandomHorizontalFlip
from odyssey.data.transforms.resize import Resize

__all__ = ["RandomCrop", "RandomHorizontalFlip", "Resize"]
