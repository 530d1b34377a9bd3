"""From the signature and the docstring of a command's function to its arguments."""

from __future__ import annotations

import argparse
import difflib
import inspect
import re
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from jsonargparse import ArgumentError, ArgumentParser, DefaultHelpFormatter

from odyssey.errors import OdysseyError

__all__ = ["descriptions", "parse"]


def parse(
    command: str, function: Callable[..., Any], words: Sequence[str]
) -> dict[str, Any] | None:
    """Return the arguments that the words of a command line give to its function.

    Parameters without a default are positional. Options are written with
    dashes, and are understood with underscores too; those that are off by
    default need no value. The function may have the attribute ``choices``, a
    dict of what its parameters can be, for the help.

    Returns
    -------
    arguments : dict or None
        None if help was asked for, and given.

    Raises
    ------
    OdysseyError
        If the words do not fit; one line.
    """
    text = inspect.getdoc(function) or ""
    parser = ArgumentParser(
        prog=f"odyssey {command}",
        description=text.partition("\n\nParameters\n")[0],
        formatter_class=_Formatter,
        exit_on_error=False,
        allow_abbrev=False,
    )
    parser.add_function_arguments(function, as_group=False, as_positional=True)
    _describe(parser, text, getattr(function, "choices", {}))
    switches = {
        f"--{name}"
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.default is False
    }
    words = [_underscored(word) for word in words]
    words = [f"{word}=true" if word in switches else word for word in words]
    if "-h" in words or "--help" in words:
        print(_dashed(parser.format_help()), end="")
        return None
    try:
        namespace = parser.parse_args(words)
    except (ArgumentError, argparse.ArgumentError) as error:
        raise OdysseyError(_message(str(error), parser)) from error
    arguments: dict[str, Any] = namespace.as_dict()
    return {name: arguments[name] for name in inspect.signature(function).parameters}


def _describe(parser: ArgumentParser, text: str, choices: Mapping[str, Iterable[str]]) -> None:
    """Give each argument the description that it has in a numpydoc docstring."""
    helps = descriptions(text)
    helps |= {name: f"{helps[name]} [{', '.join(known)}]" for name, known in choices.items()}
    helps["help"] = "show this message"
    for action in parser._actions:
        if action.dest in helps:
            action.help = helps[action.dest].replace("%", "%%")
        if action.default is False:
            action.metavar = ""
        elif action.option_strings and action.dest in helps:
            # SIZE for --batch-size: the whole name stands beside it.
            action.metavar = action.dest.rpartition("_")[2].upper()


def descriptions(text: str) -> dict[str, str]:
    """Return what a numpydoc docstring says of each parameter, in one line.

    Examples
    --------
    >>> import inspect
    >>> descriptions(inspect.getdoc(descriptions))
    {'text': 'the docstring, without its indentation'}

    Parameters
    ----------
    text : str
        the docstring, without its indentation
    """
    section = text.partition("\nParameters\n----------\n")[2]
    section = re.split(r"\n\n\w+\n-{3,}\n", section)[0] + "\n"
    found = re.findall(r"^(\w+(?:, \w+)*) : .*\n((?:    .*\n?|\n)*)", section, re.MULTILINE)
    return {
        name: " ".join(textwrap.dedent(body).split())
        for names, body in found
        for name in names.split(", ")
    }


def _underscored(word: str) -> str:
    """Write an option as a Python name: --batch-size=8 as --batch_size=8."""
    if not word.startswith("--"):
        return word
    option, equals, value = word.partition("=")
    return "--" + option[2:].replace("-", "_") + equals + value


def _dashed(text: str) -> str:
    """Write options in a text as people type them."""
    return re.sub(r"--[a-z_.]+", lambda match: match[0].replace("_", "-"), text)


class _Formatter(DefaultHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Show the defaults, keep the paragraphs of the description."""

    def _get_help_string(self, action: argparse.Action) -> str:
        text = action.help or ""
        default = action.default
        # None and False say nothing that the text does not; 0.0, which equals False, does.
        told = default is None or default is False or default == argparse.SUPPRESS
        return text if told or not action.option_strings else f"{text} (default: {default})"


def _message(text: str, parser: ArgumentParser) -> str:
    """Say in one line, and in our words, what jsonargparse has found."""
    text = " ".join(text.split())
    options = [name for action in parser._actions for name in action.option_strings]
    if match := re.match(r"unrecognized arguments: (\S+)", text):
        word = match[1].partition("=")[0]
        if not word.startswith("-"):
            return f"did not expect {word!r}"
        return f"unknown option {_dashed(word)}{_near(word, options)}"
    if match := re.match(r"the following arguments are required: (.+)", text):
        return f"missing argument: {match[1]}"
    if match := re.match(r'Parser key "(\w+)": (.*)', text):
        name, rest = match.groups()
        option = f"--{name}" if f"--{name}" in options else name
        if expected := re.search(r"Expected an? <class '(\w+)'>.*Got value: (.*)", rest):
            kind = {"int": "an integer", "float": "a number", "str": "a text"}
            what = kind.get(expected[1], expected[1])
            return f"{_dashed(option)}: expected {what}, got {expected[2]!r}"
        return f"{_dashed(option)}: {rest}"
    return _dashed(text)


def _near(word: str, options: list[str]) -> str:
    near = difflib.get_close_matches(word, options, n=1)
    return f"; did you mean {_dashed(near[0])}?" if near else ""
