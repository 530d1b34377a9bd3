"""Einstein's summation."""

from __future__ import annotations

__all__: list[str] = []
