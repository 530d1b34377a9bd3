"""Numerical safety: NaNs and infinities found, gradients measured and clipped."""

from __future__ import annotations

__all__: list[str] = []
