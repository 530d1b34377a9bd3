"""One of several known names, or an error that helps."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from odyssey.errors import OdysseyError

__all__ = ["pick"]


def pick(name: str, value: str, known: Iterable[str]) -> str:
    """Return `value` if it is among the known ones, else raise an error that names them.

    Parameters
    ----------
    name : str
        What is being chosen; it opens the message.
    value : str
        The choice.
    known : iterable of str
        What can be chosen.

    Raises
    ------
    OdysseyError
        If `value` is none of them.

    Examples
    --------
    >>> pick("optimizer", "adma", ["adam", "sgd"])
    Traceback (most recent call last):
        ...
    odyssey.errors.OdysseyError: optimizer: expected one of adam, sgd, got 'adma'; \
did you mean 'adam'?
    """
    names = list(known)
    if value in names:
        return value
    near = difflib.get_close_matches(str(value).lower(), names, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise OdysseyError(f"{name}: expected one of {', '.join(names)}, got {value!r}{hint}")
