"""Rearranging axes by a pattern."""

from __future__ import annotations

__all__: list[str] = []
