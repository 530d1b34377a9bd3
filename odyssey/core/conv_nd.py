"""Convolution along one axis and three."""

from __future__ import annotations

__all__: list[str] = []
