"""Piecewise activations: lines with kinks."""

from __future__ import annotations

__all__: list[str] = []
