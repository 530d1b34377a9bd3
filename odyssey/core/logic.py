"""Logic: truth values, bits, and questions such as whether a number is finite."""

from __future__ import annotations

__all__: list[str] = []
