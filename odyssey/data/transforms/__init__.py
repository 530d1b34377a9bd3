"""Transforms: functions from images to images."""

from odyssey.data.transforms.resize import Resize

__all__ = ["Resize"]
