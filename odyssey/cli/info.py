"""``odyssey info``: what odyssey runs on."""

from __future__ import annotations

from importlib import metadata

from odyssey.cli._output import facts
from odyssey.environment import config_info

__all__ = ["info"]

_LIBRARIES = ("safetensors", "tqdm", "threadpoolctl", "jsonargparse", "PyYAML", "matplotlib")
_OPTIONAL = ("pillow",)


def info() -> None:
    """Show versions, backend, instruction set and threads.

    Put the output into a bug report.
    """
    rows = dict(config_info())
    for name in (*_LIBRARIES, *_OPTIONAL):
        try:
            rows[name.lower()] = metadata.version(name)
        except metadata.PackageNotFoundError:
            rows[name.lower()] = "not installed"
    print(facts(rows))
