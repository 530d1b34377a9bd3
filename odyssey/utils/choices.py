"""One of several known names, or an error that helps."""

from __future__ import annotations

from collections.abc import Iterable

from odyssey.errors import OdysseyError

__all__ = ["did_you_mean", "pick"]


def did_you_mean(value: str, known: Iterable[str]) -> str:
    """Return the end of a message that names the nearest of the known words, "" if none is near.

    Examples
    --------
    >>> did_you_mean("adma", ["adam", "sgd"])
    "; did you mean 'adam'?"
    """
    import difflib  # here, because only errors need it

    near = difflib.get_close_matches(value, list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


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
    hint = did_you_mean(str(value).lower(), names)
    raise OdysseyError(f"{name}: expected one of {', '.join(names)}, got {value!r}{hint}")
