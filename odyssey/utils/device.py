"""The device, of which there is one: this machine's processor and its memory."""

from __future__ import annotations

from typing import Any

from odyssey.errors import OdysseyError

__all__ = ["DEVICE", "check_device"]

DEVICE = "cpu"


def check_device(op: str, device: Any) -> None:
    """Raise unless ``device`` is ``"cpu"``, or None for wherever the data is.

    Examples
    --------
    >>> check_device("zeros", "cpu")
    >>> check_device("zeros", "cuda")
    Traceback (most recent call last):
        ...
    odyssey.errors.OdysseyError: zeros: device must be 'cpu', got 'cuda'
    """
    if device is not None and device != DEVICE:
        raise OdysseyError(f"{op}: device must be {DEVICE!r}, got {device!r}")
