"""Places in the user's code, for errors about something that happened earlier.

Noting a place costs two pointers; its line is looked up when an error shows it.
"""

from __future__ import annotations

import os
import sys
from types import CodeType

__all__ = ["Place", "here", "shown"]

Place = tuple[CodeType, int]
"""A code object and the number of an instruction in it."""

HOME = os.path.dirname(__file__) + os.sep


def here() -> Place | None:
    """Return the place of the innermost call that lies outside of odyssey."""
    frame = sys._getframe()
    while frame.f_code.co_filename.startswith(HOME):
        if frame.f_back is None:
            return None
        frame = frame.f_back
    return (frame.f_code, frame.f_lasti)


def shown(place: Place | None) -> str:
    """Return ``" at file.py:12"``, the path relative to the working directory where it is below it.

    Examples
    --------
    >>> shown(None)
    ''
    """
    if place is None:
        return ""
    code, offset = place
    name, line = code.co_filename, code.co_firstlineno
    for start, end, number in code.co_lines():
        if start <= offset < end and number is not None:
            line = number
    folder = os.getcwd() + os.sep
    return f" at {name.removeprefix(folder)}:{line}"
