"""The ``odyssey`` command: a function per sub-command, each in its own file.

Exit codes: 0, done; 2, something was asked for or found that cannot be, told
in one line on stderr (``--debug`` adds the traceback); 124, 130 and 143, stopped
by ``--max-seconds``, Ctrl-C or SIGTERM; 1, ``compare`` found an error, or a run of
a ``sweep`` failed.
"""

from __future__ import annotations

import importlib
import os
import sys
import traceback
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from odyssey.errors import OdysseyError
from odyssey.version import __version__

__all__ = ["COMMANDS", "main"]

COMMANDS = {
    "train": "train a model, and leave a run folder",
    "resume": "go on with a training that was stopped",
    "sweep": "train with many settings, and compare",
    "evaluate": "measure a trained model on its test data",
    "predict": "say what is on an image",
    "compare": "run a kernel's two versions side by side",
    "info": "show versions, instruction set and threads",
}
"""Each lives in a module of this package, as a function, both of its name."""

_USAGE = """\
usage: odyssey COMMAND [...]

A deep-learning framework to understand and to use.

commands:
{commands}

odyssey COMMAND --help tells more.

options:
  -h, --help  show this message
  --version   show the version
  --debug     after a command: show the traceback of an error
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the ``odyssey`` command.

    Parameters
    ----------
    argv : sequence of str, optional
        The words after ``odyssey``; by default those of the process.

    Returns
    -------
    code : int
        The exit code.

    Examples
    --------
    >>> main(["--version"])
    odyssey 0.1.0
    0
    """
    words = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    command = words[0] if words else "--help"
    name = f"odyssey {command}" if command in COMMANDS else "odyssey"
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _shown_as(name)
            return _run(command, words[1:])
    except KeyboardInterrupt:
        print(f"{name}: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of a pipe (`| head`) has had enough. Python would complain again at its exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except (OdysseyError, OSError, MemoryError) as error:
        if debug:
            traceback.print_exc()
        print(f"{name}: {_one_line(error)}", file=sys.stderr)
        return 2


def _run(command: str, words: list[str]) -> int:
    if command in ("-h", "--help", "help"):
        width = max(map(len, COMMANDS))
        lines = [f"  {name:<{width}}  {text}" for name, text in COMMANDS.items()]
        print(_USAGE.format(commands="\n".join(lines)), end="")
        return 0
    if command in ("-V", "--version"):
        print(f"odyssey {__version__}")
        return 0
    from odyssey.utils.choices import pick

    pick("command", command, COMMANDS)
    # Only now, and only what is needed: the argument parser alone takes as long as odyssey does.
    function = getattr(importlib.import_module(f"odyssey.cli.{command}"), command)
    if getattr(function, "takes_words", False):
        return int(function(words))
    from odyssey.cli._arguments import parse

    arguments = parse(command, function, words)
    return 0 if arguments is None else int(function(**arguments) or 0)


def _shown_as(name: str) -> Callable[..., None]:
    """Return a ``showwarning`` that writes one line, without a source line below it."""

    def show(message: Warning | str, *_: Any) -> None:
        text = " ".join(str(message).split()).removeprefix("odyssey: ")
        print(f"{name}: warning: {text}", file=sys.stderr)

    return show


def _one_line(error: BaseException) -> str:
    if isinstance(error, MemoryError):
        return f"out of memory: {error}".removesuffix(": ")
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror}"
    return " ".join(str(error).split())
