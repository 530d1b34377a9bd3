"""What odyssey runs on: versions, backend, instruction-set level, threads, algorithms."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from odyssey import backend, fast, threads
from odyssey.utils import conv_algorithm
from odyssey.version import __version__

__all__ = ["config_info", "show_config"]


def config_info() -> dict[str, Any]:
    """Return what :func:`show_config` prints, as a dict."""
    import platform  # for this alone

    level = fast.LEVEL or "none (pure Python)"
    compiler = fast.COMPILER or "none"
    return {
        "odyssey": __version__,
        "python": f"{platform.python_version()} ({sys.platform}, {platform.machine()})",
        "numpy": np.__version__,
        "backend": backend.get_backend(),
        "instruction set": level,
        "levels available": ", ".join(fast.AVAILABLE_LEVELS) or "none",
        "threads": threads.get_num_threads(),
        "openmp": fast.OPENMP,
        "convolutions": conv_algorithm.get_conv_algorithm(),
        "compiler": compiler,
    }


def show_config() -> None:
    """Print versions, backend, instruction-set level and threads, a line each.

    Put its output into a bug report.
    """
    info = config_info()
    width = max(map(len, info))
    for name, value in info.items():
        print(f"{name:<{width}}  {value}")
