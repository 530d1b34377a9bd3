"""What layers show of their settings."""

from __future__ import annotations

from typing import Any

__all__ = ["changed"]


def changed(layer: Any, **defaults: Any) -> str:
    """Return ``, name=value`` for each of a layer's settings that is not as by default."""
    values = [(name, getattr(layer, name), default) for name, default in defaults.items()]
    return "".join([f", {name}={value!r}" for name, value, usual in values if value != usual])
