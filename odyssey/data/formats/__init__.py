"""File formats that data sets come in."""

from __future__ import annotations

from odyssey.data.formats.idx import read_idx, write_idx

__all__ = ["read_idx", "write_idx"]
