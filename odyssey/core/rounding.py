"""Rounding: floor, ceil, round, sign; constant between their steps, so their gradient is zero."""

from __future__ import annotations

__all__: list[str] = []
