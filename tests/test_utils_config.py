"""Configurations: what is saved is what is loaded, and nonsense is named."""

from __future__ import annotations

import dataclasses
import enum
import math
from pathlib import PurePosixPath

import numpy as np
import pytest

from odyssey.errors import DTypeError, FormatError
from odyssey.utils import load_config, merge_configs, resolve, save_config


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


# -- TOML and JSON, files that extend others, variables ------------------------------------------


def written(folder, **files):
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text)
    return folder


def test_the_ending_says_what_a_file_is(tmp_path):
    written(
        tmp_path,
        a_toml='lr = 1e-3\n[model]\nsizes = [64, 10]\nname = "mlp"\n',
        a_json='{"lr": 1e-3, "model": {"sizes": [64, 10], "name": "mlp"}}',
        a_yml="lr: 1e-3\nmodel: {sizes: [64, 10], name: mlp}\n",
    )
    expected = {"lr": 0.001, "model": {"sizes": [64, 10], "name": "mlp"}}
    for name in ("a.toml", "a.json", "a.yml"):
        assert load_config(tmp_path / name) == expected
    written(tmp_path, e_toml="", e_json=" \n")
    assert load_config(tmp_path / "e.toml") == load_config(tmp_path / "e.json") == {}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("c.toml", "a = 1\na = 2", "is not valid TOML: Cannot overwrite a value"),
        ("c.toml", "a = ", "is not valid TOML: Invalid value"),
        ("c.json", "{", "is not valid JSON: Expecting property name"),
        ("c.json", '{"a": {"b": 1, "b": 2}}', "is not valid JSON: the key 'b' stands twice"),
        ("c.json", "[1]", "expected a mapping at the top, got list"),
        ("c.txt", "a: 1", r"expected a file that ends with \.yaml, \.yml, \.toml, \.json"),
    ],
)
def test_what_is_no_toml_or_json_is_named(tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(FormatError, match=rf"load_config: .*{name}:? {message}"):
        load_config(tmp_path / name)


def test_files_extend_others_where_they_stand(tmp_path):
    (tmp_path / "sub").mkdir()
    written(
        tmp_path / "sub", a_yaml="x: 1\ny: {p: 1, q: 1}\n", b_json='{"extends": "a.yaml", "x": 2}'
    )
    written(
        tmp_path,
        c_toml='extends = "sub/b.json"\n[y]\nq = 3\n',
        d_yaml="extends: [sub/a.yaml, c.toml]\nz: 4\n",
    )
    assert load_config(tmp_path / "sub/b.json") == {"x": 2, "y": {"p": 1, "q": 1}}
    assert load_config(tmp_path / "c.toml") == {"x": 2, "y": {"p": 1, "q": 3}}
    assert load_config(tmp_path / "d.yaml") == {"x": 2, "y": {"p": 1, "q": 3}, "z": 4}


def test_circles_of_files_are_named(tmp_path):
    written(
        tmp_path, a_yaml="extends: b.yaml", b_yaml="extends: c.yaml", c_yaml="extends: ./b.yaml"
    )
    with pytest.raises(FormatError, match=r"in a circle: b\.yaml -> c\.yaml -> b\.yaml$"):
        load_config(tmp_path / "a.yaml")
    written(tmp_path, a_yaml="extends: absent.yaml")
    with pytest.raises(FormatError, match=r"cannot read .*absent\.yaml: No such file"):
        load_config(tmp_path / "a.yaml")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${NUMBER}", 1e-3),
        ("${ABSENT:-8}", 8),
        ("${ABSENT:-}", ""),
        ("${ABSENT:-true}", True),
        ("${ABSENT:-[1]}", "[1]"),  # a text: only numbers and truth are more than that
        ("${WORD}/data", "here/data"),
        ("${WORD}${NUMBER}", "here1e-3"),
        ("a ${ABSENT:-b c} d", "a b c d"),
        ("$${WORD}", "${WORD}"),
        ("$WORD {x}", "$WORD {x}"),
    ],
)
def test_variables_are_replaced(tmp_path, monkeypatch, text, value):
    monkeypatch.setenv("NUMBER", "1e-3")
    monkeypatch.setenv("WORD", "here")
    monkeypatch.delenv("ABSENT", raising=False)
    (tmp_path / "c.yaml").write_text(f"a: [{{b: '{text}'}}]\n")
    got = load_config(tmp_path / "c.yaml")["a"][0]["b"]
    assert got == value and type(got) is type(value)


def test_a_missing_variable_is_named_with_its_place(tmp_path, monkeypatch):
    monkeypatch.delenv("ABSENT", raising=False)
    (tmp_path / "c.yaml").write_text("a: {b: [1, 'x${ABSENT}']}")
    with pytest.raises(
        FormatError, match=r"c\.yaml: a\.b\[1\]: there is no environment variable ABSENT"
    ):
        load_config(tmp_path / "c.yaml")


def test_what_looks_like_a_variable_is_saved_as_it_is(tmp_path):
    config = {"a": "${HOME}", "b": ["$${HOME}", "x$${A:-b}y"], "c": "$HOME"}
    save_config(config, tmp_path / "c.yaml")
    assert load_config(tmp_path / "c.yaml") == config


def test_merging_goes_deep_and_changes_nothing():
    base = {"a": {"b": {"c": 1, "d": 2}, "e": [1]}, "f": 3}
    over = {"a": {"b": {"c": 4}, "e": [2, 3]}, "g": None}
    merged = merge_configs(base, over)
    assert merged == {"a": {"b": {"c": 4, "d": 2}, "e": [2, 3]}, "f": 3, "g": None}
    assert base == {"a": {"b": {"c": 1, "d": 2}, "e": [1]}, "f": 3}
    assert over == {"a": {"b": {"c": 4}, "e": [2, 3]}, "g": None}


@pytest.mark.parametrize(
    ("base", "over", "merged"),
    [
        ("sgd", {"lr": 1}, {"name": "sgd", "lr": 1}),
        ({"name": "sgd", "lr": 1}, "sgd", {"name": "sgd", "lr": 1}),
        ({"name": "sgd", "lr": 1}, "adam", {"name": "adam"}),
        ({"name": "sgd", "lr": 1}, {"name": "adam", "eps": 2}, {"name": "adam", "eps": 2}),
        ({"name": "sgd", "lr": 1}, {"eps": 2}, {"name": "sgd", "lr": 1, "eps": 2}),
        ({"lr": 1}, {"name": "adam"}, {"lr": 1, "name": "adam"}),
        ("sgd", "adam", "adam"),
        ({"name": "sgd"}, None, None),
        ({"name": "sgd"}, 3, 3),
    ],
)
def test_settings_belong_to_a_name(base, over, merged):
    assert merge_configs({"o": base}, {"o": over}) == {"o": merged}
