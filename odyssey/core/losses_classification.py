"""Losses of classes: from probabilities and from scores."""

from __future__ import annotations

__all__: list[str] = []
