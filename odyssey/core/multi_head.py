"""Attention with several heads and their projections."""

from __future__ import annotations

__all__: list[str] = []
