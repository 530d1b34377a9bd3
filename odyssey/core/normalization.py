"""Normalisation: over a batch, a layer, groups, or by the root of the mean square."""

from __future__ import annotations

__all__: list[str] = []
