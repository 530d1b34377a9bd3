"""Manipulation: the same elements in another order, or repeated."""

from __future__ import annotations

__all__: list[str] = []
