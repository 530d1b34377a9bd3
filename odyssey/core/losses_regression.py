"""Losses of numbers: squared, absolute, and between the two."""

from __future__ import annotations

__all__: list[str] = []
