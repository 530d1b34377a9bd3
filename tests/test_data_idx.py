"""The IDX format: what is written is read, and damage is named."""

from __future__ import annotations

import gzip
import struct

import numpy as np
import pytest

from odyssey.data.formats import read_idx, write_idx
from odyssey.errors import DTypeError, FormatError

DTYPES = ["uint8", "int8", "int16", "int32", "float32", "float64"]


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_what_is_written_is_read(tmp_path, dtype, suffix):
    path = tmp_path / f"array.idx{suffix}"
    array = (np.arange(24).reshape(2, 3, 4) * 5 - (0 if dtype == "uint8" else 60)).astype(dtype)
    write_idx(path, array)
    got = read_idx(path)
    assert got.dtype == np.dtype(dtype) and got.dtype.isnative
    assert got.flags.writeable and got.flags.c_contiguous
    np.testing.assert_array_equal(got, array)
    assert (path.read_bytes()[:2] == b"\x1f\x8b") == (suffix == ".gz")


@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (5,)])
def test_sizes_zero_and_rank_zero(tmp_path, shape):
    write_idx(tmp_path / "a", np.full(shape, 7, dtype=np.int16))
    assert read_idx(tmp_path / "a").shape == shape


def test_layout_and_byte_order_do_not_matter(tmp_path):
    base = np.arange(30, dtype=np.int32).reshape(5, 6)
    for array in (base.T, base[::2, ::-3], base.astype(">i4"), np.asfortranarray(base)):
        write_idx(tmp_path / "a", array)
        np.testing.assert_array_equal(read_idx(tmp_path / "a"), array)


def test_bytes_are_those_of_the_format(tmp_path):
    write_idx(tmp_path / "a", np.array([[1, 2, 3], [-1, 0, 258]], dtype=np.int16))
    want = "00000b02 00000002 00000003 000100020003 ffff00000102"
    assert (tmp_path / "a").read_bytes() == bytes.fromhex(want)


def test_gzip_is_known_by_content_and_not_by_name(tmp_path):
    array = np.arange(6, dtype=np.uint8)
    write_idx(tmp_path / "packed.gz", array)
    (tmp_path / "packed.gz").rename(tmp_path / "no-suffix")
    np.testing.assert_array_equal(read_idx(tmp_path / "no-suffix"), array)
    write_idx(tmp_path / "plain", array)
    (tmp_path / "plain").rename(tmp_path / "unpacked.gz")
    np.testing.assert_array_equal(read_idx(tmp_path / "unpacked.gz"), array)


def test_gzip_bytes_do_not_depend_on_the_time(tmp_path):
    for name in ("a.gz", "b.gz"):
        write_idx(tmp_path / name, np.arange(50, dtype=np.uint8))
    assert (tmp_path / "a.gz").read_bytes() == (tmp_path / "b.gz").read_bytes()
    assert (tmp_path / "a.gz").read_bytes()[4:8] == bytes(4)  # the header's time


GOOD = struct.pack(">HBB2I", 0, 8, 2, 3, 4) + bytes(range(12))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"is truncated: expected a header of at least 4 bytes, got 0 bytes"),
        (b"\0\0\x08", r"is truncated: expected a header of at least 4 bytes, got 3 bytes"),
        (b"\x89PNG" + GOOD, r"is not an IDX file: .* bytes 00 00, got 89 50"),
        (
            b"\0\0\x0a\x02" + GOOD[4:],
            r"has type code 0a, expected one of 08 \(uint8\), 09 \(int8\)",
        ),
        (GOOD[:9], r"is truncated: expected a header of 12 bytes for 2 dimensions, got 9 bytes"),
        (
            GOOD[:-5],
            r"is truncated: expected 12 bytes of data for shape \(3, 4\) uint8, got 7",
        ),
        (
            GOOD + b"x",
            r"has trailing bytes: expected 12 bytes of data for shape \(3, 4\) uint8, got 13",
        ),
        (
            struct.pack(">HBB3I", 0, 14, 3, *[2**32 - 1] * 3),
            rf"is truncated: expected {8 * (2**32 - 1) ** 3} bytes of data .* float64, got 0",
        ),
        (
            struct.pack(">HBB3I", 0, 8, 3, 0, *[2**32 - 1] * 2),
            r"has an impossible shape \(0, 4294967295, 4294967295\)",
        ),
        (
            struct.pack(">HBB65I", 0, 8, 65, *[1] * 65) + b"x",
            r"says it has 65 dimensions, expected at most 64",
        ),
    ],
    ids=[
        "empty",
        "three bytes",
        "magic",
        "type code",
        "header cut",
        "data cut",
        "trailing byte",
        "huge sizes",
        "impossible sizes",
        "65 dimensions",
    ],
)
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_damage_is_named(tmp_path, content, message, pack):
    path = tmp_path / "some-file"
    path.write_bytes(pack(content))
    with pytest.raises(FormatError, match=f"read_idx: .*some-file {message}"):
        read_idx(path)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-9],  # EOFError
        lambda data: data[:2],
        lambda data: data[:14] + b"\xff\xff" + data[16:],  # zlib.error
        lambda data: data[:-6] + b"\0\0" + data[-4:],  # BadGzipFile: the checksum
        lambda data: data[:2] + b"\x07" + data[3:],  # an unknown method
        lambda data: data + b"junk",
    ],
)
def test_broken_gzip_is_named(tmp_path, damage):
    path = tmp_path / "broken.gz"
    path.write_bytes(damage(gzip.compress(GOOD, mtime=0)))
    with pytest.raises(FormatError, match=r"read_idx: .*broken\.gz is a broken gzip file: .+"):
        read_idx(path)


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(FormatError, match=r"read_idx: cannot read .*absent: No such file"):
        read_idx(tmp_path / "absent")
    with pytest.raises(FormatError, match=r"read_idx: cannot read .*: Is a directory"):
        read_idx(tmp_path)


@pytest.mark.parametrize("dtype", ["int64", "uint16", "float16", "bool", "complex64"])
def test_a_dtype_that_idx_lacks_is_refused(tmp_path, dtype):
    with pytest.raises(DTypeError, match=f"write_idx: array is {dtype}, but IDX has only uint8"):
        write_idx(tmp_path / "a", np.zeros(2, dtype=dtype))
    assert list(tmp_path.iterdir()) == []
