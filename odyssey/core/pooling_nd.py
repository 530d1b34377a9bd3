"""Pools along one axis and three, and others than mean and maximum of windows."""

from __future__ import annotations

__all__: list[str] = []
