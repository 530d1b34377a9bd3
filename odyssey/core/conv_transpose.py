"""Transposed convolution: the adjoint of convolution, as a function of its own."""

from __future__ import annotations

__all__: list[str] = []
