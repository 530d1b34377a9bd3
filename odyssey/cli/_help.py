"""``odyssey train --help``: the settings of what is chosen beside it."""

from __future__ import annotations

import argparse
import inspect
import re
import textwrap
from collections.abc import Callable, Collection, Mapping
from typing import Any

from odyssey.cli._arguments import descriptions
from odyssey.cli._registry import CONSTANT, REGISTRIES, choose
from odyssey.cli._settings import BY_THE_RUN, DEFAULTS, FILLED_IN, GIVEN, SECTIONS, general
from odyssey.cli._signature import parameters
from odyssey.cli._words import dashed
from odyssey.training import Trainer
from odyssey.utils.config import merge_configs

__all__ = ["train_help"]

_ABOUT = {
    "data": "the data",
    "optimizer": "the optimizer",
    "schedule": "how the learning rate goes on",
}


def train_help(text: str, config: Mapping[str, Any]) -> str:
    """Return the help of ``odyssey train``.

    Parameters
    ----------
    text : str
        What it does.
    config : mapping
        What is chosen: models, data, optimizers and schedules have settings of their own.
    """
    config = merge_configs(DEFAULTS, config)
    parser = argparse.ArgumentParser(
        prog="odyssey train",
        usage="odyssey train MODEL [--config FILE] [--KEY VALUE ...]",
        description=inspect.cleandoc(text),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        add_help=False,
    )
    top = parser.add_argument_group("positional arguments")
    top.add_argument("model", help=f"the model [{', '.join(REGISTRIES['model'])}]")
    top = parser.add_argument_group("options")
    top.add_argument("-h", "--help", action="store_true", help="show this message")
    for option, name, about in (
        ("--config", "FILE", "take settings from a YAML, TOML or JSON file; options go before"),
        ("--run-dir", "DIR", "the run folder, new or empty (default: runs/MODEL-DATA-DATE-TIME)"),
    ):
        top.add_argument(option, metavar=name, help=about)
    top.add_argument(
        "--print-config", action="store_true", help="print the resulting settings, and stop"
    )
    for kind, about in _ABOUT.items():
        names = [*REGISTRIES[kind], *([CONSTANT] if kind == "schedule" else [])]
        top.add_argument(
            f"--{kind}",
            metavar=kind.upper(),
            help=f"{about} [{', '.join(names)}] (default: {DEFAULTS[kind]['name']})",
        )
    _add(parser, "", "the training", general, ())
    _add(parser, "", "the trainer", Trainer, BY_THE_RUN)
    for kind in ("model", *_ABOUT):
        value = config.get(kind)
        chosen = value.get("name") if isinstance(value, Mapping) else value
        name = choose(kind, chosen, kind) if chosen is not None else CONSTANT
        if name == CONSTANT:
            continue
        own = DEFAULTS.get(kind, {})
        own = own if own.get("name") == name else {}
        _add(parser, f"{kind}.", f"{kind} {name}", REGISTRIES[kind][name], GIVEN[kind], own)
    group = parser.add_argument_group("augmentation of the training data")
    group.add_argument(
        "--data.augment",
        metavar="LIST",
        help="transforms, as '[random_horizontal_flip, {name: random_crop, size: 28, padding: 2}]'"
        f" [{', '.join(REGISTRIES['transform'])}]",
    )
    for name, (function, skip) in SECTIONS.items():
        _add(parser, f"{name}.", name.replace("_", " "), function, skip, DEFAULTS.get(name))
    return parser.format_help()


def _add(
    parser: argparse.ArgumentParser,
    prefix: str,
    title: str,
    function: Callable[..., Any],
    skip: Collection[str],
    defaults: Mapping[str, Any] | None = None,
) -> None:
    """Add the parameters of a function or class as options."""
    group = parser.add_argument_group(title)
    helps = descriptions(inspect.getdoc(function) or "")
    for name, one in parameters(function, skip).items():
        text = _plain(helps.get(name, ""))
        default = (defaults or {}).get(name, one.default)
        if name in FILLED_IN:
            text += " (default: all steps of the training)"
        elif default is inspect.Parameter.empty:
            text += " (needed)"
        elif default is not None:
            text += f" (default: {list(default) if isinstance(default, tuple) else default})"
        group.add_argument(
            dashed(prefix + name),
            metavar=name.rpartition("_")[2].upper(),
            help=text.strip().replace("%", "%%") or None,
        )


def _plain(text: str) -> str:
    """Return a description without the marks of reST; of one in symbols nothing."""
    if ":math:" in text or len(text) < 4:
        return ""
    text = re.sub(r":\w+:`~?([^`]*)`", r"\1", text).replace("``", "").replace("`", "")
    return textwrap.shorten(text, 200, placeholder=" ...").rstrip(".")
