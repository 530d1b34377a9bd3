"""Angles: sine, cosine, tangent, their inverses, and the hyperbolic ones."""

from __future__ import annotations

__all__: list[str] = []
