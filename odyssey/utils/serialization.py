"""Save named arrays as safetensors, and load them.

A `safetensors <https://github.com/huggingface/safetensors>`_ file is a JSON
header (name, dtype, shape and place of every array) and then the raw bytes.
Unlike a pickle it cannot run code when it is loaded.

`save_arrays`, `load_arrays` and `arrays_to_bytes` deal in a flat dict of arrays and a flat dict
of strings; ``od.save`` and ``od.load`` stand on them and take whatever holds
arrays.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from odyssey.errors import DTypeError, FormatError
from odyssey.utils.arrays import as_ndarray
from odyssey.utils.io import atomic_write

__all__ = ["arrays_to_bytes", "load_arrays", "save_arrays"]

# The format's name of every dtype that is written and read here.
_DTYPES = {
    "BOOL": "bool",
    "I8": "int8",
    "I16": "int16",
    "I32": "int32",
    "I64": "int64",
    "U8": "uint8",
    "U16": "uint16",
    "U32": "uint32",
    "U64": "uint64",
    "F16": "float16",
    "F32": "float32",
    "F64": "float64",
}
_RESERVED = "__metadata__"  # the key under which the header keeps the metadata


def save_arrays(
    arrays: Mapping[str, object],
    path: str | os.PathLike[str],
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write named arrays to a safetensors file, atomically.

    Parameters
    ----------
    arrays : mapping of str to ndarray or Tensor
        Any shape (also 0-d and size 0), any strides and byte order; of dtype
        bool, int8 to int64, uint8 to uint64, float16, float32 or float64.
        Flat: a nested dict is an error, join its names with dots.
    path : path-like
        The file; conventionally ``.safetensors``.
    metadata : mapping of str to str, optional
        Kept in the file's header.

    Raises
    ------
    DTypeError
        If a value is not an array, its dtype is none of the above, or a name
        or a metadata entry is not a string.
    OSError
        If the file cannot be written; one that stood there is untouched.

    Examples
    --------
    >>> import tempfile
    >>> weight = np.arange(6, dtype=np.float32).reshape(2, 3).T      # not C-contiguous
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_arrays({"weight": weight}, folder + "/w.safetensors", {"epoch": "3"})
    ...     load_arrays(folder + "/w.safetensors")
    ({'weight': array([[0., 3.],
           [1., 4.],
           [2., 5.]], dtype=float32)}, {'epoch': '3'})
    """
    atomic_write(path, arrays_to_bytes(arrays, metadata))


def arrays_to_bytes(
    arrays: Mapping[str, object], metadata: Mapping[str, str] | None = None
) -> bytes:
    """Return what `save_arrays` writes, with the same arguments and errors."""
    from safetensors.numpy import save as to_bytes

    ready: dict[str, npt.NDArray[Any]] = {}
    for name, value in arrays.items():
        if not isinstance(name, str) or name == _RESERVED:
            raise DTypeError(
                f"save: expected every name to be a string other than {_RESERVED!r}, got {name!r}"
            )
        if isinstance(value, Mapping):
            raise DTypeError(
                f"save: {name}: expected an array, got a nested {type(value).__name__}; "
                f"flatten it to names like '{name}.weight'"
            )
        array = as_ndarray(value, "save", name)
        if array.dtype.name not in _DTYPES.values():
            known = ", ".join(_DTYPES.values())
            raise DTypeError(f"save: {name} is {array.dtype}, expected one of {known}")
        # safetensors writes the memory as it lies and only *says* that it is C order, so a
        # channels-last or transposed array would come back scrambled. Not `ascontiguousarray`,
        # which makes a 0-d array 1-d.
        ready[name] = np.asarray(array, dtype=array.dtype.newbyteorder("="), order="C")

    texts = dict(metadata or {})
    for key, text in texts.items():
        if not (isinstance(key, str) and isinstance(text, str)):
            raise DTypeError(f"save: metadata must map strings to strings, got {key!r}: {text!r}")
    content: bytes = to_bytes(ready, texts or None)
    return content


def load_arrays(
    path: str | os.PathLike[str],
) -> tuple[dict[str, npt.NDArray[Any]], dict[str, str]]:
    """Read a safetensors file.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    arrays : dict of str to ndarray
        In the order of their names; writable, and owned by the caller.
    metadata : dict of str to str
        Empty if the file has none.

    Raises
    ------
    FormatError
        If the file cannot be read, is truncated or not safetensors, or holds
        a dtype that NumPy does not have, such as bfloat16.

    Examples
    --------
    >>> load_arrays("no/such.safetensors")
    Traceback (most recent call last):
        ...
    odyssey.errors.FormatError: load: cannot read no/such.safetensors: No such file or directory
    """
    from safetensors import SafetensorError, safe_open

    name = os.fspath(path)
    try:
        # Python's own open first: safetensors reports a folder as "no such device".
        with open(path, "rb"):
            pass
        with safe_open(name, framework="numpy") as file:
            metadata = dict(file.metadata() or {})
            arrays = {}
            for key in sorted(file.keys()):
                dtype = file.get_slice(key).get_dtype()
                if dtype not in _DTYPES:
                    known = ", ".join(_DTYPES)
                    raise FormatError(f"load: {name}: {key} is {dtype}, expected one of {known}")
                arrays[key] = file.get_tensor(key)
    except SafetensorError as error:
        raise FormatError(f"load: {name} is not a whole safetensors file: {error}") from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise FormatError(f"load: cannot read {name}: {reason}") from error
    return arrays, metadata
