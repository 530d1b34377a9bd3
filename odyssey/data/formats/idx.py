"""IDX, the file format of MNIST: a small header and one array.

::

    byte 0-1   zero
    byte 2     type code: 08 uint8, 09 int8, 0B int16, 0C int32, 0D float32, 0E float64
    byte 3     d, the number of dimensions
    then       d sizes, each a big-endian uint32
    then       the values in C order, big-endian

Files are often kept gzipped. Whether one is shows in its first two bytes, not
in its name: browsers unpack downloads and keep the ``.gz``.
"""

from __future__ import annotations

import gzip
import math
import os
import struct
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt

from odyssey.errors import DTypeError, FormatError
from odyssey.utils.io import atomic_write, read_bytes

__all__ = ["read_idx", "write_idx"]

_DTYPES: dict[int, np.dtype[Any]] = {
    0x08: np.dtype("u1"),
    0x09: np.dtype("i1"),
    0x0B: np.dtype(">i2"),
    0x0C: np.dtype(">i4"),
    0x0D: np.dtype(">f4"),
    0x0E: np.dtype(">f8"),
}
_CODES = {dtype.newbyteorder("="): code for code, dtype in _DTYPES.items()}
_GZIP_MAGIC = b"\x1f\x8b"
_MAX_DIMENSIONS = 64  # NumPy's own limit


def read_idx(path: str | os.PathLike[str]) -> npt.NDArray[Any]:
    """Read the array of an IDX file, gzipped or not.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    array : ndarray
        A new, writable, C-contiguous array in the machine's byte order, of
        dtype uint8, int8, int16, int32, float32 or float64.

    Raises
    ------
    FormatError
        If the file cannot be read, is not IDX, has an unknown type code, is
        shorter or longer than its header says, or is a broken gzip stream.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_idx(folder + "/pairs.idx", np.array([[1, 2], [3, 4], [5, 6]], dtype=np.uint8))
    ...     read_idx(folder + "/pairs.idx")
    array([[1, 2],
           [3, 4],
           [5, 6]], dtype=uint8)
    """
    name = os.fspath(path)
    content = read_bytes(path, "read_idx")
    if content[:2] == _GZIP_MAGIC:
        try:
            content = gzip.decompress(content)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise FormatError(f"read_idx: {name} is a broken gzip file: {error}") from error

    if len(content) < 4:
        raise FormatError(
            f"read_idx: {name} is truncated: expected a header of at least 4 bytes, "
            f"got {len(content)} bytes"
        )
    zero, code, ndim = struct.unpack_from(">HBB", content)
    if zero != 0:
        raise FormatError(
            f"read_idx: {name} is not an IDX file: expected it to start with the bytes 00 00, "
            f"got {content[:2].hex(' ')}"
        )
    if code not in _DTYPES:
        known = ", ".join(f"{known:02x} ({dtype.name})" for known, dtype in _DTYPES.items())
        raise FormatError(f"read_idx: {name} has type code {code:02x}, expected one of {known}")
    if ndim > _MAX_DIMENSIONS:
        raise FormatError(
            f"read_idx: {name} says it has {ndim} dimensions, expected at most {_MAX_DIMENSIONS}"
        )
    start = 4 + 4 * ndim
    if len(content) < start:
        raise FormatError(
            f"read_idx: {name} is truncated: expected a header of {start} bytes "
            f"for {ndim} dimensions, got {len(content)} bytes"
        )
    shape = struct.unpack_from(f">{ndim}I", content, 4)
    dtype = _DTYPES[code]
    # Python's integers: sizes from a damaged header may well multiply past 64 bits.
    expected, actual = math.prod(shape) * dtype.itemsize, len(content) - start
    if actual != expected:
        problem = "is truncated" if actual < expected else "has trailing bytes"
        raise FormatError(
            f"read_idx: {name} {problem}: expected {expected} bytes of data "
            f"for shape {shape} {dtype.name}, got {actual}"
        )
    try:
        values = np.frombuffer(content, dtype, offset=start) if actual else np.empty(0, dtype)
        # `astype` copies, also where the byte order is right: a view of `bytes` is read-only.
        return values.reshape(shape).astype(dtype.newbyteorder("="))
    except ValueError as error:  # sizes like (0, 2**32 - 1, 2**32 - 1), beyond what NumPy can index
        raise FormatError(f"read_idx: {name} has an impossible shape {shape}: {error}") from error


def write_idx(path: str | os.PathLike[str], array: npt.ArrayLike) -> None:
    """Write an array as an IDX file, gzipped if the name ends in ``.gz``.

    The same array always gives the same bytes (the gzip header carries no
    time), and the file is replaced atomically.

    Parameters
    ----------
    path : path-like
        The file.
    array : array_like
        Of dtype uint8, int8, int16, int32, float32 or float64, any layout and
        byte order.

    Raises
    ------
    DTypeError
        If the dtype is not one that IDX has; nothing is converted silently.
    FormatError
        If a dimension is too long for the header's 32 bits.

    Examples
    --------
    >>> write_idx("labels.idx", np.array([7, 2, 1]))
    Traceback (most recent call last):
        ...
    odyssey.errors.DTypeError: write_idx: array is int64, but IDX has only uint8, int8, int16, \
int32, float32, float64
    """
    values = np.asarray(array)
    code = _CODES.get(values.dtype.newbyteorder("="))
    if code is None:
        known = ", ".join(dtype.name for dtype in _DTYPES.values())
        raise DTypeError(f"write_idx: array is {values.dtype}, but IDX has only {known}")
    if any(size >= 2**32 for size in values.shape):
        raise FormatError(
            f"write_idx: expected every dimension below 2**32, got shape {values.shape}"
        )
    header = struct.pack(f">HBB{values.ndim}I", 0, code, values.ndim, *values.shape)
    content = header + values.astype(_DTYPES[code]).tobytes(order="C")
    if os.fspath(path).endswith(".gz"):
        content = gzip.compress(content, compresslevel=9, mtime=0)
    atomic_write(path, content)
