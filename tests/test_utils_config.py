"""Configurations: what is saved is what is loaded, and nonsense is named."""

from __future__ import annotations

import dataclasses
import enum
import math
from pathlib import PurePosixPath

import numpy as np
import pytest

from odyssey.errors import DTypeError, FormatError
from odyssey.utils import load_config, resolve, save_config


@dataclasses.dataclass
class Settings:
    lr: float
    sizes: tuple[int, ...]


class Level(enum.IntEnum):
    LOW = 1


def test_resolving_leaves_plain_types_only():
    config = {
        "settings": Settings(np.float32(0.25), (64, 10)),
        "path": PurePosixPath("runs/a"),
        "flag": np.bool_(True),
        "level": Level.LOW,
        "none": None,
        "list": [np.int16(3), {"deep": (1.5,)}],
    }
    got = resolve(config)
    assert got == {
        "settings": {"lr": 0.25, "sizes": [64, 10]},
        "path": "runs/a",
        "flag": True,
        "level": 1,
        "none": None,
        "list": [3, {"deep": [1.5]}],
    }
    assert list(got) == list(config)
    assert type(got["level"]) is int and type(got["flag"]) is bool
    assert type(got["settings"]["lr"]) is float


HARD = {
    "small": 1e-05,
    "tiny": 5e-324,
    "third": 1 / 3,
    "negative": -2,
    "infinite": math.inf,
    "texts": ["1e-3", "5e3", "12", "1.5", "yes", "null", "", " x ", "a: b", "größer", "two\nlines"],
    "empty": {"list": [], "dict": {}},
    "off": False,
    "2024": "2024-01-02",
}


def test_what_is_saved_is_loaded(tmp_path):
    save_config(HARD, tmp_path / "c.yaml")
    got = load_config(tmp_path / "c.yaml")
    assert got == HARD
    assert list(got) == list(HARD)
    assert [type(value) for value in got.values()] == [type(value) for value in HARD.values()]


def test_a_list_that_stands_twice_is_written_twice(tmp_path):
    shared = [1, 2]
    save_config({"a": shared, "b": shared}, tmp_path / "c.yaml")
    assert "&" not in (tmp_path / "c.yaml").read_text()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("1E5", 100000.0),
        ("-2e+2", -200.0),
        ("+1e0", 1.0),
        ("1.5e-3", 0.0015),
        (".5", 0.5),
        ("1e", "1e"),
        ("e3", "e3"),
        ("1e-3x", "1e-3x"),
        ("7", 7),
    ],
)
def test_numbers_are_read_as_numbers(tmp_path, text, value):
    (tmp_path / "c.yaml").write_text(f"v: {text}")
    got = load_config(tmp_path / "c.yaml")["v"]
    assert got == value and type(got) is type(value)


def test_anchors_and_merges_still_work(tmp_path):
    (tmp_path / "c.yaml").write_text("a: &a {x: 1, y: 2}\nb:\n  <<: *a\n  y: 3\n")
    assert load_config(tmp_path / "c.yaml")["b"] == {"x": 1, "y": 3}


def test_an_empty_file_is_an_empty_config(tmp_path):
    (tmp_path / "c.yaml").write_text("# nothing yet\n")
    assert load_config(tmp_path / "c.yaml") == {}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a: [1, 2", r"is not valid YAML: .*line 1"),
        (b"a: 1\nb: 2\na: 3", r"is not valid YAML: the key 'a' stands twice.*line 3"),
        (b"m: {lr: 1, lr: 2}", r"is not valid YAML: the key 'lr' stands twice, line 1, column 12"),
        (
            b"a: !!python/object/apply:os.getcwd []",
            r"is not valid YAML: could not determine a constructor",
        ),
        (b"a: 2024-13-45", r"is not valid YAML: month must be in 1\.\.12"),
        (b"a: \xff\xfe", r"is not valid YAML"),
        (b"[" * 5000, r"is not valid YAML"),
        (b"- 1\n- 2", r"expected a mapping at the top, got list"),
        (b"just words", r"expected a mapping at the top, got str"),
    ],
    ids=["open", "twice", "twice inside", "object", "date", "utf-8", "deep", "list", "text"],
)
def test_what_is_no_config_is_named(tmp_path, content, message):
    (tmp_path / "c.yaml").write_bytes(content)
    with pytest.raises(FormatError, match=rf"load_config: .*c\.yaml:? {message}"):
        load_config(tmp_path / "c.yaml")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FormatError, match=r"load_config: cannot read .*absent: No such file"):
        load_config(tmp_path / "absent")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            {"a": [1, {"b": object()}]},
            r"resolve: config\.a\[1\]\.b is of type object, expected a num",
        ),
        ({"a": {3: 1}}, r"resolve: config\.a has the key 3, expected a string"),
        ({"w": np.ones(2)}, r"resolve: config\.w is of type ndarray"),
        ([1, 2], r"resolve: expected a mapping, got list"),
    ],
)
def test_what_has_no_plain_form_is_named(tmp_path, config, message):
    with pytest.raises(DTypeError, match=message):
        save_config(config, tmp_path / "c.yaml")
    assert list(tmp_path.iterdir()) == []
