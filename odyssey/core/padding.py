"""Padding: values around an array, constant or taken from its own."""

from __future__ import annotations

__all__: list[str] = []
