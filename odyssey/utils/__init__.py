"""Tools that every floor may use: files, configurations, images, plots, progress.

Nothing here imports anything of odyssey but its errors. The names below are
loaded when they are first used, because the lowest floors of the house import
modules of this package and ``import odyssey`` shall cost little more than NumPy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

# At once: it is cheap, and its module has the same name, which would else shadow it or not,
# depending on who imported what before.
from odyssey.utils.progress import progress

if TYPE_CHECKING:
    from odyssey.utils.config import load_config, merge_configs, resolve, save_config
    from odyssey.utils.images import read_image
    from odyssey.utils.io import atomic_write
    from odyssey.utils.serialization import load_arrays, save_arrays
    from odyssey.utils.visualization import plot_curves, plot_training_curves

__all__ = [
    "atomic_write",
    "load_arrays",
    "load_config",
    "merge_configs",
    "plot_curves",
    "plot_training_curves",
    "progress",
    "read_image",
    "resolve",
    "save_arrays",
    "save_config",
]

_HOMES = {
    "atomic_write": "io",
    "load_arrays": "serialization",
    "load_config": "config",
    "plot_curves": "visualization",
    "merge_configs": "config",
    "plot_training_curves": "visualization",
    "read_image": "images",
    "resolve": "config",
    "save_arrays": "serialization",
    "save_config": "config",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value  # the next look-up does not come here any more
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
