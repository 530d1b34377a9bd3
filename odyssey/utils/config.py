"""Configurations: plain dicts, kept as YAML beside the run that they describe."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from odyssey.errors import DTypeError, FormatError
from odyssey.utils.io import atomic_write, read_bytes

if TYPE_CHECKING:
    import yaml

__all__ = ["load_config", "resolve", "save_config"]


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
    import yaml

    plain = resolve(config)
    text = yaml.dump(plain, Dumper=_dialect()[1], sort_keys=False, allow_unicode=True)
    atomic_write(path, text.encode())


def load_config(path: str | os.PathLike[str]) -> dict[str, Any]:
    r"""Read a YAML file whose top level is a mapping.

    YAML 1.1, safely (no Python objects), with two differences: ``1e-3`` is a
    number, as everywhere else, and a key that stands twice is an error.

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
        If the file cannot be read, is not YAML, or holds no mapping.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder, "config.yaml")
    ...     _ = file.write_text("lr: 1e-3\nsizes: [64, 10]")
    ...     load_config(file)
    {'lr': 0.001, 'sizes': [64, 10]}
    """
    import yaml

    name = os.fspath(path)
    content = read_bytes(path, "load_config")
    try:
        config = yaml.load(content, _dialect()[0])
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        # PyYAML also lets plain ValueErrors through, for a date such as 2024-13-45.
        reason = " ".join(str(error).split()).replace(' in "<byte string>"', "")
        raise FormatError(f"load_config: {name} is not valid YAML: {reason}") from error
    if config is None:
        return {}
    if not isinstance(config, dict):
        kind = type(config).__name__
        raise FormatError(f"load_config: {name}: expected a mapping at the top, got {kind}")
    return config


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
