"""Data: datasets, the formats that they come in, samplers and the loader."""

from __future__ import annotations

from odyssey.data import datasets, formats, transforms
from odyssey.data.collate import collate
from odyssey.data.dataset import Dataset, Subset, TensorDataset
from odyssey.data.loader import DataLoader
from odyssey.data.samplers import RandomSampler, Sampler, SequentialSampler

__all__ = [
    "DataLoader",
    "Dataset",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "Subset",
    "TensorDataset",
    "collate",
    "datasets",
    "formats",
    "transforms",
]
