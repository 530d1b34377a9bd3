"""``odyssey train``: from a few words, or a file, to a run folder."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from odyssey.cli import _session
from odyssey.cli._build import plan
from odyssey.cli._runs import machine
from odyssey.cli._settings import resolved
from odyssey.cli._signature import SettingError
from odyssey.cli._words import read_words
from odyssey.training.run import RunFolder, create_run_folder
from odyssey.utils.config import as_yaml

__all__ = ["start", "train"]


def train(words: Sequence[str]) -> int:
    """Train a model, and leave a run folder.

    What is trained, on what and how can be said with options, in files (YAML, TOML or JSON), or
    both: --model.hidden [64] is what 'model: {hidden: [64]}' is in a file. Each model, dataset,
    optimizer and schedule has settings of its own; --help shows those of the ones chosen beside
    it. The folder holds config.yaml (give it to --config to run the same again), metrics.csv,
    losses.csv, training_curves.png, summary.json and the checkpoints.

    Ctrl-C, SIGTERM and --max-seconds end the training after the present step: what there is is
    saved, 'odyssey resume' goes on from there, and the exit code is 130, 143 or 124.
    """
    read = read_words(words)
    if read.help:
        from odyssey.cli._help import train_help

        print(train_help(train.__doc__ or "", read.config), end="")
        return 0
    try:
        settings = resolved(read.config)
        if read.print_config:
            print(as_yaml(settings), end="")
            return 0
        return start(settings, read.run_dir)
    except SettingError as error:
        raise read.told(error) from error


train.takes_words = True  # type: ignore[attr-defined]


def start(
    settings: dict[str, Any],
    run_dir: str | os.PathLike[str] | None,
    resume: bool = False,
    command: str = "odyssey train",
) -> int:
    """Train as complete settings say; return the exit code.

    Parameters
    ----------
    settings : dict
        As `resolved` gives them.
    run_dir : path-like, optional
        A new folder, by default ``runs/MODEL-DATA-DATE-TIME``.
    resume : bool
        It is that of a run, to be gone on with.
    command : str
        Opens the messages.
    """
    with machine(settings["backend"], settings["threads"]):
        made = plan(settings)
        # Only now, when nothing but the disk can still be wrong: no folders of runs that never
        # were.
        name = f"{settings['model']['name']}-{settings['data']['name']}"
        folder = RunFolder(run_dir if resume and run_dir else create_run_folder(run_dir, name))
        trainer = made.trainer(folder)
        folder.save_config(settings)
        return _session.run(command, trainer, made.loader, made.test, folder, settings["epochs"])
