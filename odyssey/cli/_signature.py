"""Settings against the signature of what they are for."""

from __future__ import annotations

import argparse
import inspect
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from jsonargparse import ArgumentError, ArgumentParser

from odyssey.errors import OdysseyError
from odyssey.utils.choices import did_you_mean

__all__ = ["SettingError", "check", "parameters", "unknown"]


class SettingError(OdysseyError):
    """A setting that cannot be.

    Attributes
    ----------
    place : str
        Where, with dots: ``optimizer.lr``.
    text : str
        What is wrong with it.
    """

    def __init__(self, place: str, text: str) -> None:
        super().__init__(f"{place}: {text}")
        self.place, self.text = place, text


def parameters(function: Callable[..., Any], skip: Collection[str] = ()) -> dict[str, Any]:
    """Return the parameters of a function or class that can be set by their names."""
    found = inspect.signature(function).parameters
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return {
        name: one for name, one in found.items() if name not in skip and one.kind not in variadic
    }


def unknown(place: str, what: str, known: Collection[str]) -> SettingError:
    """Return the error of a setting that there is not."""
    hint = did_you_mean(place.rpartition(".")[2], known).replace("'", "")
    return SettingError(place, f"unknown setting of {what}{hint}")


def check(
    place: str,
    what: str,
    function: Callable[..., Any],
    settings: Mapping[str, Any],
    skip: Collection[str] = (),
    optional: Collection[str] = (),
) -> dict[str, Any]:
    """Return settings that fit a signature: of its types, and with its defaults.

    Parameters
    ----------
    place : str
        Where the settings stand; "" at the top.
    what : str
        What the function is called, for the messages.
    function : callable
        A function or class, with annotations.
    settings : mapping
        By the names of its parameters.
    skip : collection of str
        Parameters that are no settings.
    optional : collection of str
        Settings that may be absent though they have no default.

    Raises
    ------
    SettingError
        If a setting is unknown, missing or of a wrong type.

    Examples
    --------
    >>> def blur(sigma: float, steps: int = 1) -> None: ...
    >>> check("data.blur", "blur", blur, {"sigma": "0.5"})
    {'sigma': 0.5, 'steps': 1}
    >>> check("data.blur", "blur", blur, {"sigma": 1, "stesp": 2})
    Traceback (most recent call last):
        ...
    odyssey.cli._signature.SettingError: data.blur.stesp: unknown setting of blur; \
did you mean steps?
    """
    dot = f"{place}." if place else ""
    known = parameters(function, skip)
    for name in settings:
        if name not in known:
            raise unknown(f"{dot}{name}", what, known)
    for name, one in known.items():
        if one.default is one.empty and name not in settings and name not in optional:
            raise SettingError(f"{dot}{name}", f"{what} needs it")
        if settings.get(name, "") is None and one.default not in (None, one.empty):
            raise SettingError(f"{dot}{name}", f"expected {_kind(one.default)}, got nothing")
    absent = {name for name in optional if name not in settings}
    if not known.keys() - absent:
        return {}
    parser = ArgumentParser(exit_on_error=False)
    add = parser.add_class_arguments if inspect.isclass(function) else parser.add_function_arguments
    hidden = parameters(function).keys() - (known.keys() - absent)
    add(function, "settings", skip=set(hidden), fail_untyped=False)
    try:
        parsed = parser.parse_object({"settings": dict(settings)}).as_dict()["settings"]
    except (ArgumentError, argparse.ArgumentError) as error:
        raise _explained(str(error), dot, settings) from error
    # As the signature has them, and nothing that jsonargparse may have added.
    return {name: parsed[name] for name in known if name in parsed}


_KINDS = {
    "int": "an integer",
    "float": "a number",
    "str": "a text",
    "bool": "true or false",
    "NoneType": "nothing",
    "Sequence": "a list",
    "list": "a list",
    "tuple": "a list",
    "dict": "a mapping",
}


def _kind(value: Any) -> str:
    return _KINDS.get(type(value).__name__, type(value).__name__)


def _explained(text: str, dot: str, settings: Mapping[str, Any]) -> SettingError:
    """Say in one line, and in our words, what jsonargparse has found."""
    text = " ".join(text.split())
    match = re.match(r'Parser key "settings\.(\w+)[^"]*": (.*)', text)
    if match is None:
        return SettingError(dot.removesuffix(".") or "settings", text)
    name, rest = match.groups()
    classes = re.findall(r"Expected an? <class '(?:\w+\.)*(\w+)'>", rest)
    count = re.search(r"Expected a tuple with (\d+) elements", rest)
    kinds = list(dict.fromkeys(_KINDS.get(one, one) for one in classes))
    if count is not None:
        kinds.append(f"a list of {count[1]}")
    if not kinds:
        return SettingError(f"{dot}{name}", rest)
    value = settings[name]
    return SettingError(f"{dot}{name}", f"expected {' or '.join(kinds)}, got {value!r}")
