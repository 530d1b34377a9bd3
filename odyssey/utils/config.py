"""Configurations: plain dicts, read from YAML, TOML or JSON, kept as YAML beside their run."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from odyssey.errors import DTypeError, FormatError
from odyssey.utils.io import atomic_write, read_bytes

if TYPE_CHECKING:
    import yaml

__all__ = ["as_yaml", "load_config", "merge_configs", "parse_value", "resolve", "save_config"]

_ENDINGS = (".yaml", ".yml", ".toml", ".json")
_VARIABLE = re.compile(r"\$(\$)?\{(\w+)(?::-([^}]*))?\}")


def resolve(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of a configuration that holds nothing but plain YAML types.

    Paths become strings, NumPy scalars Python's, tuples lists, dataclasses and
    mappings dicts, at every depth. What results is what is saved, and is equal
    to what is loaded again.

    Parameters
    ----------
    config : mapping
        With strings as keys, at every depth.

    Returns
    -------
    resolved : dict
        New at every depth; key order is kept.

    Raises
    ------
    DTypeError
        If a value has no plain form or a key is not a string. The message
        gives its dotted place.

    Examples
    --------
    >>> from pathlib import Path
    >>> resolve({"out": Path("runs"), "lr": np.float32(0.5), "model": {"sizes": (64, 10)}})
    {'out': 'runs', 'lr': 0.5, 'model': {'sizes': [64, 10]}}
    """
    resolved = _plain(config, "config")
    if not isinstance(resolved, dict):
        raise DTypeError(f"resolve: expected a mapping, got {type(config).__name__}")
    return resolved


def _plain(value: Any, place: str) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise DTypeError(f"resolve: {place} has the key {key!r}, expected a string")
        return {key: _plain(item, f"{place}.{key}") for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item, f"{place}[{i}]") for i, item in enumerate(value)]
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, np.generic):
        return _plain(value.item(), place)
    # The builtin itself: a str subclass or an IntEnum would need a Python tag in the YAML.
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)
    if value is None:
        return None
    kind_name = type(value).__name__
    raise DTypeError(
        f"resolve: {place} is of type {kind_name}, expected a number, string, bool, None, "
        "path, list or mapping"
    )


def save_config(config: Mapping[str, Any], path: str | os.PathLike[str]) -> None:
    """Write a configuration as YAML, in the order of its keys, atomically.

    Parameters
    ----------
    config : mapping
        Resolved first, see `resolve`.
    path : path-like
        The file.

    Raises
    ------
    DTypeError
        As `resolve`.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder, "config.yaml")
    ...     save_config({"model": "mlp", "lr": 1e-3}, file)
    ...     print(file.read_text(), end="")
    model: mlp
    lr: 0.001
    """
    atomic_write(path, as_yaml(config).encode())


def as_yaml(config: Mapping[str, Any]) -> str:
    """Return a configuration as `save_config` writes it.

    Examples
    --------
    >>> print(as_yaml({"model": {"name": "mlp", "hidden": (64,)}}), end="")
    model:
      name: mlp
      hidden:
      - 64
    """
    import yaml

    plain = _escaped(resolve(config))
    return str(yaml.dump(plain, Dumper=_dialect()[1], sort_keys=False, allow_unicode=True))


def load_config(path: str | os.PathLike[str]) -> dict[str, Any]:
    r"""Read a configuration: a YAML, TOML or JSON file whose top level is a mapping.

    The ending of its name says which of them it is. YAML is 1.1, read safely (no Python
    objects), with two differences: ``1e-3`` is a number, as everywhere else, and a key that
    stands twice is an error.

    ``extends: base.yaml`` (or a list of files, relative to this one) merges the file over
    others, see `merge_configs`; they may extend others again. In texts ``${NAME}`` is replaced by
    the environment variable, ``${NAME:-default}`` also where there is none; a text that is
    nothing but one of these becomes a number if it reads as one. ``$${NAME}`` stands for itself.

    Parameters
    ----------
    path : path-like
        The file. An empty one gives an empty dict.

    Returns
    -------
    config : dict
        The configuration.

    Raises
    ------
    FormatError
        If the file cannot be read, is not what its ending says, or holds no mapping; if files
        extend each other in a circle; or if a variable is missing.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder, "config.yaml")
    ...     _ = file.write_text("lr: 1e-3\nsizes: [64, 10]")
    ...     _ = Path(folder, "wide.toml").write_text("extends = 'config.yaml'\nsizes = [512, 10]")
    ...     load_config(file), load_config(Path(folder, "wide.toml"))
    ({'lr': 0.001, 'sizes': [64, 10]}, {'lr': 0.001, 'sizes': [512, 10]})
    """
    return _load(Path(path), ())


def _load(path: Path, above: tuple[Path, ...]) -> dict[str, Any]:
    """Read a file and what it extends; `above` are the files that led here."""
    here = Path(os.path.realpath(path))
    if here in above:
        circle = [*above[above.index(here) :], here]
        raise FormatError(
            "load_config: files extend each other in a circle: "
            + " -> ".join(one.name for one in circle)
        )
    config = _expanded(_read(path), os.fspath(path), "")
    bases = config.pop("extends", [])
    bases = [bases] if isinstance(bases, str) else bases
    if not isinstance(bases, list) or not all(isinstance(base, str) for base in bases):
        raise FormatError(
            f"load_config: {path}: extends: expected a file or a list of files, got {bases!r}"
        )
    merged: dict[str, Any] = {}
    for base in bases:
        merged = merge_configs(merged, _load(path.parent / base, (*above, here)))
    return merge_configs(merged, config)


def _read(path: Path) -> dict[str, Any]:
    """Read one file, as its ending says."""
    import yaml

    content = read_bytes(path, "load_config")
    ending = path.suffix.lower()
    if ending not in _ENDINGS:
        raise FormatError(
            f"load_config: {path}: expected a file that ends with {', '.join(_ENDINGS)}"
        )
    kind = {".toml": "TOML", ".json": "JSON"}.get(ending, "YAML")
    config: Any
    try:
        if kind == "TOML":
            config = tomllib.loads(content.decode())
        elif kind == "JSON":
            config = json.loads(content, object_pairs_hook=_unique) if content.strip() else None
        else:
            config = yaml.load(content, _dialect()[0])
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        # PyYAML also lets plain ValueErrors through, for a date such as 2024-13-45.
        reason = " ".join(str(error).split()).replace(' in "<byte string>"', "")
        raise FormatError(f"load_config: {path} is not valid {kind}: {reason}") from error
    if config is None:
        return {}
    if not isinstance(config, dict):
        found = type(config).__name__
        raise FormatError(f"load_config: {path}: expected a mapping at the top, got {found}")
    return config


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make a dict of JSON's pairs, none of which may stand twice."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {key!r} stands twice")
        found[key] = value
    return found


def _expanded(value: Any, file: str, place: str) -> Any:
    """Put environment variables into the texts of a configuration."""
    if isinstance(value, dict):
        dot = f"{place}." if place else ""
        return {key: _expanded(item, file, f"{dot}{key}") for key, item in value.items()}
    if isinstance(value, list):
        return [_expanded(item, file, f"{place}[{i}]") for i, item in enumerate(value)]
    if not isinstance(value, str):
        return value

    def one(match: re.Match[str]) -> str:
        escaped, name, default = match.groups()
        if escaped:
            return match[0][1:]
        found = os.environ.get(name, default)
        if found is None:
            raise FormatError(
                f"load_config: {file}: {place}: there is no environment variable {name}; "
                f"set it, or write ${{{name}:-default}}"
            )
        return found

    text = _VARIABLE.sub(one, value)
    whole = _VARIABLE.fullmatch(value)
    typed = parse_value(text) if whole and not whole[1] else text
    return typed if isinstance(typed, (bool, int, float)) else text


def _escaped(value: Any) -> Any:
    """Undo what `_expanded` does, before a configuration is written."""
    if isinstance(value, dict):
        return {key: _escaped(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_escaped(item) for item in value]
    return _VARIABLE.sub(lambda match: "$" + match[0], value) if isinstance(value, str) else value


def parse_value(text: str) -> Any:
    """Read a text as YAML would: a number, a list, a mapping; or else as it is.

    Examples
    --------
    >>> parse_value("1e-3"), parse_value("[8, 8]"), parse_value("adam"), parse_value("a: [")
    (0.001, [8, 8], 'adam', 'a: [')
    """
    import yaml

    try:
        return yaml.load(text, _dialect()[0])
    except (yaml.YAMLError, ValueError, RecursionError):
        return text


def merge_configs(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration with another one laid over it.

    Mappings are merged at every depth, anything else is replaced. A mapping with a ``name`` holds
    the settings of what it names: under another name nothing of them is left, and a text over or
    under a mapping is such a name.

    Parameters
    ----------
    base, over : mapping
        Where both say something, `over` counts.

    Returns
    -------
    merged : dict
        New at every depth at which both have a mapping.

    Examples
    --------
    >>> base = {"optimizer": {"name": "adam", "lr": 0.1}, "sizes": [1, 2], "seed": 0}
    >>> merge_configs(base, {"optimizer": {"lr": 0.2}, "sizes": [3]})
    {'optimizer': {'name': 'adam', 'lr': 0.2}, 'sizes': [3], 'seed': 0}
    >>> merge_configs(base, {"optimizer": "sgd"})["optimizer"]
    {'name': 'sgd'}
    """
    merged = dict(base)
    for key, value in over.items():
        before = merged.get(key)
        if isinstance(before, Mapping) and isinstance(value, str):
            value = {"name": value}
        if isinstance(value, Mapping) and isinstance(before, str):
            before = {"name": before}
        if isinstance(value, Mapping) and isinstance(before, Mapping):
            other = "name" in value and value["name"] != before.get("name", value["name"])
            value = dict(value) if other else merge_configs(before, value)
        merged[key] = value
    return merged


@cache
def _dialect() -> tuple[type[yaml.SafeLoader], type[yaml.SafeDumper]]:
    """PyYAML's safe loader and dumper, with the two differences that `load_config` tells of."""
    import yaml

    class Loader(yaml.SafeLoader):
        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
            seen = set()
            for key_node, _ in node.value:
                # By its text: `<<` may rightly stand twice, and is resolved further down.
                key = key_node.value
                if isinstance(key, str) and key != "<<":
                    if key in seen:
                        raise yaml.constructor.ConstructorError(
                            None, None, f"the key {key!r} stands twice", key_node.start_mark
                        )
                    seen.add(key)
            return super().construct_mapping(node, deep)

    class Dumper(yaml.SafeDumper):
        pass

    # YAML 1.1 wants a dot in a float, so that PyYAML reads the learning rate 1e-3 as a string.
    # The dumper has to know too: it puts quotes around a string that would be read as a number.
    for kind in (Loader, Dumper):
        kind.add_implicit_resolver(
            "tag:yaml.org,2002:float",
            re.compile(r"^[-+]?[0-9]+[eE][-+]?[0-9]+$"),
            list("-+0123456789"),
        )
    return Loader, Dumper
