"""Tools that every floor may use: files, configurations, images, plots, progress.

Nothing here imports anything of odyssey but its errors. Importing this package
costs nothing: third-party libraries are imported by the function that needs them.
"""

from __future__ import annotations

from odyssey.utils.config import load_config, resolve, save_config
from odyssey.utils.images import read_image
from odyssey.utils.io import atomic_write
from odyssey.utils.progress import progress
from odyssey.utils.serialization import load, load_arrays, save, save_arrays
from odyssey.utils.visualization import plot_training_curves

__all__ = [
    "atomic_write",
    "load",
    "load_arrays",
    "load_config",
    "plot_training_curves",
    "progress",
    "read_image",
    "resolve",
    "save",
    "save_arrays",
    "save_config",
]
