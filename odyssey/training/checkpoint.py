"""Checkpoints: folders of safetensors and JSON from which a training goes on, bit by bit.

::

    checkpoints/000007/        the seventh that was saved
        model.safetensors      the arrays of a part, under their names
        optimizer.safetensors
        ...
        state.json             everything else, and what the files must be

A checkpoint is a mapping of *parts*, such as ``"model"`` and ``"optimizer"``, each
what a ``state_dict()`` gives: numbers, strings, lists and dicts with arrays
among them. It comes into being at once (see :mod:`odyssey.utils.io`): a run that is
killed while it saves leaves the checkpoints before as they were. No file can run
code when it is read.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import warnings
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from odyssey.errors import FormatError, OdysseyError
from odyssey.tensor import Tensor
from odyssey.utils.config import resolve
from odyssey.utils.io import atomic_folder, read_bytes, write_through
from odyssey.utils.serialization import arrays_to_bytes, load_arrays
from odyssey.version import __version__

__all__ = ["FORMAT", "Checkpoint", "CheckpointManager", "load_checkpoint", "save_checkpoint"]

FORMAT = 2
"""The version of the layout; raised when older readers would go wrong."""

STATE = "state.json"


@dataclass(frozen=True)
class Checkpoint:
    """What was read: the parts, and what was told about them.

    Attributes
    ----------
    path : Path
    about : dict
        What `save_checkpoint` was told beside the parts.
    parts : dict of str to dict
        States, to be given to ``load_state_dict``.
    """

    path: Path
    about: dict[str, Any]
    parts: dict[str, Any]


def save_checkpoint(
    path: str | os.PathLike[str],
    parts: Mapping[str, Any],
    about: Mapping[str, Any] | None = None,
) -> None:
    """Write a checkpoint to a folder, which comes into being with it.

    Parameters
    ----------
    path : path-like
        A folder that does not exist.
    parts : mapping of str to state
        Arrays, Tensors, numbers, strings, None, lists and dicts, at any depth.
    about : mapping, optional
        Anything of JSON's types: the step, the model's settings.

    Raises
    ------
    OSError
        If it cannot be written; then there is nothing at `path`.
    DTypeError
        If a state holds what neither JSON nor safetensors can.

    Examples
    --------
    >>> import tempfile
    >>> import odyssey as od
    >>> layer = od.nn.Linear(2, 1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_checkpoint(f"{folder}/saved", {"model": layer.state_dict()}, {"step": 3})
    ...     checkpoint = load_checkpoint(f"{folder}/saved")
    >>> layer.load_state_dict(checkpoint.parts["model"])
    Unmatched(missing=[], unexpected=[])
    >>> checkpoint.about
    {'step': 3}
    """
    files: dict[str, bytes] = {}
    trees: dict[str, Any] = {}
    places: dict[str, dict[str, list[Any]]] = {}
    for name, part in parts.items():
        found: list[tuple[list[Any], Any]] = []
        trees[name] = _without_arrays(part, [], found)
        if found:
            arrays = {".".join(map(str, place)): array for place, array in found}
            if len(arrays) < len(found):
                raise FormatError(f"checkpoint: two arrays of {name!r} would have one name")
            places[name] = {".".join(map(str, place)): place for place, _ in found}
            files[f"{name}.safetensors"] = arrays_to_bytes(arrays)
    state = {
        "format": FORMAT,
        "odyssey": __version__,
        "about": resolve(about or {}),
        "files": {
            name: {"bytes": len(data), "crc32": zlib.crc32(data)} for name, data in files.items()
        },
        "parts": trees,
        "places": places,
    }
    try:
        with atomic_folder(path) as folder:
            for name, data in files.items():
                write_through(folder / name, data)
            write_through(folder / STATE, (json.dumps(state, indent=1) + "\n").encode())
    except OSError as error:
        # A full disk is told without a name; which disk it was is what one wants to know.
        error.filename = error.filename or os.fspath(path)
        raise


def load_checkpoint(path: str | os.PathLike[str]) -> Checkpoint:
    """Read a checkpoint, and see that all of it is there.

    Parameters
    ----------
    path : path-like
        The folder that `save_checkpoint` wrote.

    Raises
    ------
    FormatError
        If there is none, a file of it is missing or damaged, or it is of a newer odyssey.
    """
    folder = Path(path)
    state = _read_state(folder)
    parts = state["parts"]
    for name, expected in state["files"].items():
        data = read_bytes(folder / name, "checkpoint")
        if len(data) != expected["bytes"] or zlib.crc32(data) != expected["crc32"]:
            raise FormatError(
                f"checkpoint: {folder / name} is damaged: expected {expected['bytes']} bytes with "
                f"the checksum {expected['crc32']}, got {len(data)} with {zlib.crc32(data)}"
            )
        part = name.removesuffix(".safetensors")
        for array_name, array in load_arrays(folder / name)[0].items():
            _put(parts[part], state["places"][part][array_name], array)
    return Checkpoint(folder, state["about"], parts)


class CheckpointManager:
    """The checkpoints of one run, the newest and the best of which are kept.

    Parameters
    ----------
    folder : path-like
        Made when the first one is saved.
    max_to_keep : int, default 3
        How many of the newest are kept, at least 1; 2 or more, lest a damaged disk takes the
        only one. The best one is kept beside them.
    mode : {"min", "max"}
        Whether a smaller or a larger score is better.

    Raises
    ------
    OdysseyError
        If a setting is out of range.
    """

    def __init__(
        self, folder: str | os.PathLike[str], max_to_keep: int = 3, mode: str = "min"
    ) -> None:
        if not isinstance(max_to_keep, int) or max_to_keep < 1:
            raise OdysseyError(
                f"CheckpointManager: max_to_keep must be a positive integer, got {max_to_keep!r}"
            )
        if mode not in ("min", "max"):
            raise OdysseyError(f"CheckpointManager: mode must be 'min' or 'max', got {mode!r}")
        self.folder, self.max_to_keep, self.mode = Path(folder), max_to_keep, mode

    def paths(self) -> list[Path]:
        """Return the checkpoints that there are, the oldest first."""
        if not self.folder.is_dir():
            return []
        return sorted(path for path in self.folder.iterdir() if re.fullmatch(r"\d{6,}", path.name))

    def save(
        self,
        parts: Mapping[str, Any],
        about: Mapping[str, Any] | None = None,
        score: float | None = None,
    ) -> Path:
        """Write a checkpoint, then delete what need not be kept; return where it is.

        ``score`` is what the best one is chosen by; NaN and None are never best.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        before = self.paths()
        number = int(before[-1].name) + 1 if before else 1
        path = self.folder / f"{number:06d}"
        save_checkpoint(path, parts, {**(about or {}), "score": score})
        self._clean()
        return path

    def best(self) -> Path | None:
        """Return the checkpoint of the best score; of several equal ones the first."""
        best: tuple[float, Path] | None = None
        for path in self.paths():
            try:
                score = _read_state(path)["about"].get("score")
            except FormatError:
                continue
            if score is None or np.isnan(score):
                continue
            worth = -score if self.mode == "min" else score
            if best is None or worth > best[0]:
                best = worth, path
        return None if best is None else best[1]

    def load(self, which: str = "last") -> Checkpoint:
        """Read the last or the best checkpoint.

        If the last one turns out to be damaged the one before is read, with a warning.

        Raises
        ------
        FormatError
            If there is none that can be read.
        """
        if which == "best":
            best = self.best()
            if best is None:
                raise FormatError(f"checkpoint: {self.folder} holds none with a score")
            return load_checkpoint(best)
        if which != "last":
            raise OdysseyError(f"checkpoint: expected 'last' or 'best', got {which!r}")
        problems = []
        for path in reversed(self.paths()):
            try:
                checkpoint = load_checkpoint(path)
            except FormatError as error:
                if "upgrade" in str(error):
                    raise
                problems.append(str(error))
                continue
            if problems:
                warnings.warn(f"{problems[0]}; going on from the one before, {path}", stacklevel=2)
            return checkpoint
        raise FormatError(
            problems[0] if problems else f"checkpoint: there is none in {self.folder}"
        )

    def _clean(self) -> None:
        """Delete all but the newest and the best, and what a crash has left half-made."""
        kept = {*self.paths()[-self.max_to_keep :], self.best()}
        for path in self.folder.iterdir():
            stray = re.fullmatch(r"\.\d{6,}\..*", path.name)
            if stray or (re.fullmatch(r"\d{6,}", path.name) and path not in kept):
                if not stray:  # no longer a checkpoint before the first of its files is gone
                    path = path.rename(path.with_name(f".{path.name}.old"))
                shutil.rmtree(path, ignore_errors=True)


def _without_arrays(tree: Any, place: list[Any], found: list[tuple[list[Any], Any]]) -> Any:
    """Return a state as JSON takes it, None for each array; note the arrays and their places."""
    if isinstance(tree, Tensor):
        tree = tree.data
    if isinstance(tree, np.ndarray):
        found.append((place, tree))
        return None
    if isinstance(tree, Mapping):
        resolve(dict.fromkeys(tree))  # raises unless its keys are strings
        return {key: _without_arrays(value, [*place, key], found) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        return [_without_arrays(value, [*place, i], found) for i, value in enumerate(tree)]
    return resolve({"value": tree})["value"]


def _put(tree: Any, place: list[Any], array: Any) -> None:
    """Put an array back where `_without_arrays` found it."""
    *way, last = place
    for key in way:
        tree = tree[key]
    tree[last] = array


def _read_state(folder: Path) -> dict[str, Any]:
    path = folder / STATE
    if not folder.is_dir():
        raise FormatError(f"checkpoint: there is no folder {folder}")
    if not path.is_file():
        raise FormatError(f"checkpoint: {folder} has no {STATE}, so it is none")
    try:
        state = json.loads(read_bytes(path, "checkpoint"))
        version = int(state["format"])
    except (ValueError, KeyError, TypeError) as error:
        raise FormatError(
            f"checkpoint: {path} was not written by odyssey, or is damaged"
        ) from error
    if version != FORMAT:
        advice = ": upgrade it" if version > FORMAT else ""
        raise FormatError(
            f"checkpoint: {path} is in format {version}, written by odyssey "
            f"{state.get('odyssey', 'unknown')}; this is odyssey {__version__}, which reads "
            f"format {FORMAT}{advice}"
        )
    if not all(isinstance(state.get(key), dict) for key in ("about", "files", "parts", "places")):
        raise FormatError(f"checkpoint: {path} lacks a part of what a checkpoint says")
    return state
