"""Datasets to train on."""

from __future__ import annotations

from odyssey.data.datasets.digits import Digits
from odyssey.data.datasets.genesis import Genesis
from odyssey.data.datasets.images import ImageDataset
from odyssey.data.datasets.mnist import MNIST

__all__ = ["MNIST", "Digits", "Genesis", "ImageDataset"]
