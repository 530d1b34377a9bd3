"""The bundled text: what it holds, how it is indexed, and what is refused."""

from __future__ import annotations

import gzip
import hashlib
import re
from pathlib import Path

import numpy as np
import pytest

import odyssey as od
from odyssey.data import DataLoader, Dataset
from odyssey.data.datasets import Genesis, genesis
from odyssey.errors import DTypeError, FormatError, OdysseyError, RangeError, ShapeError


def test_the_parts_together_are_the_book():
    train, test = Genesis("train"), Genesis("test")
    book = train.text + test.text
    assert len(book) == 196_818
    assert (train.text.count("\n"), test.text.count("\n")) == (1380, 153)
    assert book.startswith("In the beginning God created the heaven and the earth.\n")
    assert book.endswith("he was put in a coffin in Egypt.\n")
    # Losses are compared across versions, so that neither text nor split must ever move.
    for part, digest in (
        (train, "ac50dfe77f5cfb2020c8d4087f007cdb8464eb0217c3c0fac53d5bd15fc802b8"),
        (test, "9598d1a998176ad72ed12f2cadcfda9c85e8f9cf235c2f70ffc2108be44287d8"),
    ):
        assert hashlib.sha256(part.text.encode()).hexdigest() == digest


def test_both_parts_share_one_vocabulary():
    train, test = Genesis("train"), Genesis("test")
    assert train.classes == test.classes == tuple(sorted(set(train.text + test.text)))
    assert len(train.classes) == 60


@pytest.mark.parametrize("split", ["train", "test"])
def test_what_is_encoded_is_decoded(split):
    part = Genesis(split)
    assert part.tokens.dtype == np.int64 and part.tokens.shape == (len(part.text),)
    assert part.decode(part.tokens) == part.text
    np.testing.assert_array_equal(part.encode(part.text), part.tokens)
    assert part.decode(od.tensor(part.encode("Adam and Eve"))) == "Adam and Eve"
    empty = part.encode("")
    assert empty.shape == (0,) and empty.dtype == np.int64 and part.decode(empty) == ""


def test_a_piece_and_what_follows_each_of_its_characters():
    part = Genesis("test", context=10)
    assert len(part) == len(part.text) - 10
    for start in (0, 17, len(part) - 1):
        x, t = part[start]
        assert x.shape == t.shape == (10,)
        assert part.decode(x) == part.text[start : start + 10]
        assert part.decode(t) == part.text[start + 1 : start + 11]
    assert part.decode(part[-1][1]) == part.text[-10:]
    with pytest.raises(IndexError):
        part[len(part)]


def test_many_pieces_at_once_are_those_one_by_one():
    part = Genesis("test", context=7)
    for index in (slice(3, 30, 5), np.array([9, -1, 9])):
        x, t = part[index]
        numbers = np.arange(len(part))[index]
        np.testing.assert_array_equal(x, np.stack([part[int(i)][0] for i in numbers]))
        np.testing.assert_array_equal(t, np.stack([part[int(i)][1] for i in numbers]))


def test_pieces_are_copies():
    part = Genesis("test", context=7)
    x, t = part[3]
    x[...] = t[...] = 0
    assert part.decode(part.tokens) == part.text


def test_it_goes_through_a_loader():
    part = Genesis("test", context=7)
    assert isinstance(part, Dataset)
    x, t = next(iter(DataLoader(part, batch_size=5)))
    assert x.shape == t.shape == (5, 7)
    np.testing.assert_array_equal(x[:, 1:], t[:, :-1])


@pytest.mark.parametrize("context", [0, -3, 2.0, True, "8"])
def test_a_context_that_is_none(context):
    with pytest.raises(ShapeError, match="Genesis: context must be"):
        Genesis(context=context)


def test_the_longest_context():
    most = len(Genesis("test").text) - 1
    part = Genesis("test", context=most)
    assert len(part) == 1 and part.decode(part[0][1]) == part.text[1:]
    with pytest.raises(ShapeError, match=f"between 1 and {most}, got {most + 1}"):
        Genesis("test", context=most + 1)


def test_what_is_refused():
    part = Genesis("test")
    with pytest.raises(OdysseyError, match="'validation'"):
        Genesis("validation")
    with pytest.raises(OdysseyError, match="no character 'Q'"):
        part.encode("Queen")
    with pytest.raises(ShapeError, match=re.escape("(2, 3)")):
        part.decode(np.zeros((2, 3), np.int64))
    with pytest.raises(DTypeError, match="float64"):
        part.decode([1.0, 2.0])
    for wrong in ([3, 60], [-1, 3]):
        with pytest.raises(RangeError, match="between 0 and 59"):
            part.decode(wrong)


@pytest.fixture
def bundled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a copy in the place of the bundled file, to damage."""
    copy = tmp_path / "genesis.txt.gz"
    copy.write_bytes(genesis._FILE.read_bytes())
    monkeypatch.setattr(genesis, "_FILE", copy)
    assert len(Genesis().classes) == 60
    return copy


def test_a_missing_file_is_told(bundled):
    bundled.unlink()
    with pytest.raises(FormatError, match=r"Genesis: cannot read .*genesis\.txt\.gz"):
        Genesis()


def _flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-100],
        lambda content: b"",
        _flipped,
        gzip.decompress,
        lambda content: content + b"more",
    ],
    ids=["truncated", "empty", "a flipped bit", "unpacked", "trailing bytes"],
)
def test_a_damaged_file_is_told(bundled, damage):
    bundled.write_bytes(damage(bundled.read_bytes()))
    with pytest.raises(FormatError, match=r"Genesis: .*genesis\.txt\.gz is (a broken|not the)"):
        Genesis()


@pytest.mark.parametrize(
    "change",
    [
        lambda book: book[: len(book) // 2],
        lambda book: book[:-1],
        lambda book: book.replace(b"Noah", b"No\xe4h"),
    ],
    ids=["half of it", "a line without its end", "not ASCII"],
)
def test_another_text_is_told(bundled, change):
    bundled.write_bytes(gzip.compress(change(gzip.decompress(bundled.read_bytes()))))
    with pytest.raises(FormatError, match=r"genesis\.txt\.gz is not the bundled text"):
        Genesis()


def test_the_source_is_named():
    note = (genesis._FILE.parent / "ATTRIBUTION.md").read_text(encoding="utf-8")
    assert "King James" in note and "public domain" in note
