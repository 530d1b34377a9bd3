"""Sets: unique elements, counts and membership."""

from __future__ import annotations

__all__: list[str] = []
