"""The words of ``odyssey train``: options with dots in them, and files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from odyssey.cli._signature import SettingError
from odyssey.errors import FormatError, OdysseyError
from odyssey.utils.config import load_config, merge_configs

__all__ = ["Words", "dashed", "nested", "read_config", "read_words"]


@dataclass
class Words:
    """What was said on a command line.

    Attributes
    ----------
    config : dict
        The files, one over the other, and the options over them.
    run_dir : str or None
    help, print_config : bool
    given, bare : set of str
        The dotted places of the options, and of those without a value.
    """

    config: dict[str, Any] = field(default_factory=dict)
    run_dir: str | None = None
    help: bool = False
    print_config: bool = False
    given: set[str] = field(default_factory=set)
    bare: set[str] = field(default_factory=set)

    def told(self, error: SettingError) -> OdysseyError:
        """Return an error in the words of the command line, if it is about one of its options."""
        place = error.place
        if place == "model" and "model" not in self.config:
            return OdysseyError(f"missing argument: model; {error.text}")
        if place not in self.given:
            return error
        option = dashed(place)
        if place in self.bare:
            return OdysseyError(f"{option}: expected one argument")
        if error.text.startswith("unknown setting") and "." not in place:
            hint = re.sub(
                r"mean (\w+)\?$", lambda match: f"mean {dashed(match[1])}?", error.text
            ).partition("; ")
            return OdysseyError(f"unknown option {option}{hint[1]}{hint[2]}")
        return OdysseyError(f"{option}: {error.text}")


def dashed(place: str) -> str:
    """Write the place of a setting as an option.

    Examples
    --------
    >>> dashed("optimizer.weight_decay")
    '--optimizer.weight-decay'
    """
    return "--" + place.replace("_", "-")


def nested(place: str, value: Any) -> dict[str, Any]:
    """Return a configuration with nothing but one setting.

    Examples
    --------
    >>> nested("optimizer.lr", 0.1)
    {'optimizer': {'lr': 0.1}}
    """
    for key in reversed(place.split(".")):
        value = {key: value}
    return dict(value)


def read_words(words: Sequence[str]) -> Words:
    """Sort the words of a command line.

    Raises
    ------
    OdysseyError
        If they make no sense, or a file cannot be read.

    Examples
    --------
    >>> read_words(["mlp", "--optimizer", "sgd", "--optimizer.lr=0.1", "--batch-size", "8"]).config
    {'model': 'mlp', 'optimizer': {'name': 'sgd', 'lr': '0.1'}, 'batch_size': '8'}
    """
    read = Words()
    options: dict[str, Any] = {}
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word in ("-h", "--help"):
            read.help = True
            continue
        if not word.startswith("--"):
            if word.startswith("-") or "model" in options:
                raise OdysseyError(f"did not expect {word!r}")
            options = merge_configs(options, {"model": word})
            continue
        option, equals, value = word.partition("=")
        place = option[2:].replace("-", "_")
        if place == "print_config":
            read.print_config = True
            continue
        bare = not equals and (not rest or rest[0].startswith("--"))
        if bare and place in ("config", "run_dir"):
            raise OdysseyError(f"{option}: expected one argument")
        if not equals:
            value = "true" if bare else rest.pop(0)
        if place == "config":
            read.config = merge_configs(read.config, read_config(value, "--config"))
        elif place == "run_dir":
            read.run_dir = value
        elif not all(place.split(".")):
            raise OdysseyError(f"did not expect {word!r}")
        else:
            read.given.add(place)
            read.bare |= {place} if bare else set()
            options = merge_configs(options, nested(place, value))
    read.config = merge_configs(read.config, options)
    return read


def read_config(path: str, what: str) -> dict[str, Any]:
    """Read the file that an option names.

    Raises
    ------
    OdysseyError
        If it cannot be read, or says nothing.
    """
    try:
        config = load_config(path)
    except FormatError as error:
        raise OdysseyError(f"{what}: {str(error).removeprefix('load_config: ')}") from error
    if not config:
        raise OdysseyError(f"{what}: {path} is empty")
    return config
