"""Saving and loading: every layout and dtype comes back, damage is named, no file is half done."""

from __future__ import annotations

import json
import os
import stat
import struct

import numpy as np
import pytest

import odyssey as od
from odyssey.errors import DTypeError, FormatError
from odyssey.utils import io, load_arrays, save_arrays

DTYPES = [
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "float32", "float64"),
]


@pytest.mark.parametrize("dtype", DTYPES)
def test_dtypes_come_back(tmp_path, dtype):
    array = (np.arange(12).reshape(3, 4) % 5).astype(dtype)
    save_arrays({"a": array}, tmp_path / "f")
    got = load_arrays(tmp_path / "f")[0]["a"]
    assert got.dtype == np.dtype(dtype) and got.flags.writeable
    np.testing.assert_array_equal(got, array)


def channels_last(array):
    """Lay (N, C, H, W) out as (N, H, W, C), the memory in which the image kernels return."""
    return np.ascontiguousarray(array.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)


LAYOUTS = {
    "transposed": lambda a: a.T,
    "channels last": channels_last,
    "fortran": np.asfortranarray,
    "strided": lambda a: a[::-1, :, ::2],
    "broadcast": lambda a: np.broadcast_to(a[:1], a.shape),
    "big endian": lambda a: a.astype(">f4"),
    "read-only": lambda a: np.lib.stride_tricks.as_strided(a, writeable=False),
    "size 0": lambda a: a[:, :0],
    "rank 0": lambda a: a[1, 2, 3, 4],
    "rank 0 array": lambda a: np.array(3.5),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_come_back(tmp_path, layout):
    array = LAYOUTS[layout](np.arange(2 * 3 * 4 * 5, dtype=np.float32).reshape(2, 3, 4, 5))
    before = np.array(array)
    save_arrays({"a": array}, tmp_path / "f")
    got = load_arrays(tmp_path / "f")[0]["a"]
    assert got.shape == array.shape and got.dtype == array.dtype.newbyteorder("=")
    assert got.flags.c_contiguous
    np.testing.assert_array_equal(got, before)
    np.testing.assert_array_equal(array, before)


def test_names_and_metadata_come_back(tmp_path):
    arrays = {"b.weight": np.ones((2, 3)), "a.bias": np.zeros(3), "": np.arange(2), "ü": np.eye(2)}
    save_arrays(arrays, tmp_path / "f", {"model": "mlp", "note": "größer"})
    got, metadata = load_arrays(tmp_path / "f")
    assert list(got) == ["", "a.bias", "b.weight", "ü"]
    assert metadata == {"model": "mlp", "note": "größer"}
    save_arrays({}, tmp_path / "empty")
    assert load_arrays(tmp_path / "empty") == ({}, {})


class OnlyNumpy:
    """Quacks as other libraries' tensors do."""

    def numpy(self):
        return np.array([4, 5])


class Model:
    def state_dict(self):
        return {"layer.weight": od.ones((2, 1)), "steps": np.array(3)}


def test_save_takes_whatever_holds_arrays(tmp_path):
    od.save(Model(), tmp_path / "model", {"epoch": "2"})
    got, metadata = load_arrays(tmp_path / "model")
    assert got["layer.weight"].tolist() == [[1], [1]] and got["steps"] == 3
    assert metadata == {"epoch": "2"}
    for lone, want in (
        (np.arange(3), [0, 1, 2]),
        (od.eye(1), [[1]]),
        (OnlyNumpy(), [4, 5]),
    ):
        od.save(lone, tmp_path / "lone")
        got = od.load(tmp_path / "lone")
        assert list(got) == ["tensor"] and isinstance(got["tensor"], od.Tensor)
        assert got["tensor"].tolist() == want


@pytest.mark.parametrize(
    ("obj", "message"),
    [
        (
            {"layer": {"w": np.ones(1)}},
            r"save: layer: expected an array, got a nested dict; .*'layer\.w",
        ),
        ({"w": [1, 2]}, "save: w: expected an ndarray or a Tensor, got list"),
        ({3: np.ones(1)}, "expected every name to be a string other than '__metadata__', got 3"),
        ({"__metadata__": np.ones(1)}, "string other than '__metadata__', got '__metadata__'"),
        ({"w": np.ones(1, dtype=complex)}, "save: w is complex128, expected one of bool, int8"),
        ({"w": np.array([None])}, "save: w is object, expected one of bool"),
        ({"w": np.array(["x"])}, "save: w is <U1, expected one of bool"),
        ("text", "save: obj: expected an ndarray or a Tensor, got str"),
    ],
)
def test_what_cannot_be_saved_is_named(tmp_path, obj, message):
    with pytest.raises(DTypeError, match=message):
        od.save(obj, tmp_path / "f")
    assert list(tmp_path.iterdir()) == []


def test_metadata_must_be_strings(tmp_path):
    with pytest.raises(DTypeError, match="metadata must map strings to strings, got 'epoch': 3"):
        od.save({"a": np.ones(1)}, tmp_path / "f", {"epoch": 3})


def good_file() -> bytes:
    header = json.dumps({"w": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}).encode()
    return struct.pack("<Q", len(header)) + header + np.arange(6, dtype="<f4").tobytes()


def test_a_file_made_by_hand_is_read(tmp_path):
    (tmp_path / "f").write_bytes(good_file())
    assert od.load(tmp_path / "f")["w"].tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x93NUMPY" + bytes(100),
        good_file()[:20],
        good_file()[:-3],
        good_file() + b"xx",
        b"\xff" * 8 + good_file()[8:],
        good_file().replace(b"[2, 3]", b"[9, 3]"),
    ],
    ids=["empty", "npy", "header cut", "data cut", "trailing", "header size", "shape"],
)
def test_a_damaged_file_is_named(tmp_path, content):
    path = tmp_path / "weights.safetensors"
    path.write_bytes(content)
    with pytest.raises(
        FormatError, match=r"load: .*weights\.safetensors is not a whole safetensors"
    ):
        od.load(path)


def test_a_dtype_that_numpy_lacks_is_named(tmp_path):
    (tmp_path / "f").write_bytes(
        good_file().replace(b'"F32", "shape": [2, 3]', b'"BF16", "shape": [12]')
    )
    content = (tmp_path / "f").read_bytes()
    size = content.index(b"}}") + 2 - 8
    (tmp_path / "f").write_bytes(struct.pack("<Q", size) + content[8:])
    with pytest.raises(FormatError, match=r"load: .*f: w is BF16, expected one of BOOL, I8"):
        od.load(tmp_path / "f")


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(FormatError, match=r"load: cannot read .*absent: No such file or directory"):
        od.load(tmp_path / "absent")
    with pytest.raises(FormatError, match=r"load: cannot read .*: Is a directory"):
        od.load(tmp_path)


# -- atomic writing ----------------------------------------------------------------------------


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_a_save_that_fails_leaves_the_old_file(tmp_path, monkeypatch, step, error):
    path = tmp_path / "model.safetensors"
    od.save({"w": np.arange(3)}, path)

    def fail(*args):
        raise error

    monkeypatch.setattr(io.os, step, fail)
    with pytest.raises(type(error)):
        od.save({"w": np.zeros(1000)}, path)
    monkeypatch.undo()
    assert od.load(path)["w"].tolist() == [0, 1, 2]
    assert os.listdir(tmp_path) == ["model.safetensors"]


def test_the_file_is_on_disk_before_it_takes_the_name(tmp_path, monkeypatch):
    steps = []
    for name in ("fsync", "replace"):
        real = getattr(os, name)
        monkeypatch.setattr(
            io.os, name, lambda *args, name=name, real=real: (steps.append(name), real(*args))
        )
    io.atomic_write(tmp_path / "f", b"content")
    assert steps == ["fsync", "replace", "fsync"]  # at last the folder: its name for the file
    assert (tmp_path / "f").read_bytes() == b"content"


def test_permissions_and_links(tmp_path):
    before = os.umask(0o027)
    try:
        io.atomic_write(tmp_path / "f", b"1")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "f").stat().st_mode) == 0o640
    (tmp_path / "link").symlink_to(tmp_path / "f")
    io.atomic_write(tmp_path / "link", b"2")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "f").read_bytes() == b"2"


def test_a_missing_folder_is_the_systems_own_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="absent"):
        io.atomic_write(tmp_path / "absent" / "f", b"")
