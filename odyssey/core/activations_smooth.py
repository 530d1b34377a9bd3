"""Smooth activations, made of exp, erf and tanh."""

from __future__ import annotations

__all__: list[str] = []
