"""Gathering and scattering: elements picked by index arrays, and their adjoints."""

from __future__ import annotations

__all__: list[str] = []
