"""Patches: windows as columns and back, channels as pixels and back."""

from __future__ import annotations

__all__: list[str] = []
