"""``od.save`` and ``od.load``: tensors to and from safetensors files."""

from __future__ import annotations

import os
from collections.abc import Mapping

from odyssey.tensor import Tensor
from odyssey.utils import serialization as _arrays

__all__ = ["load", "save"]


def save(
    obj: object, path: str | os.PathLike[str], metadata: Mapping[str, str] | None = None
) -> None:
    """Save a module's state, a dict of tensors or arrays, or a single one as safetensors.

    Parameters
    ----------
    obj : Module, mapping of str to Tensor or ndarray, Tensor or ndarray
        A single one is stored under the name ``"tensor"``. Memory in any
        layout is written in logical (C) order.
    path : path-like
        Replaced atomically.
    metadata : mapping of str to str, optional
        Kept in the file's header.

    Raises
    ------
    DTypeError
        If a value is not an array, or of a dtype that the format lacks.
    OSError
        If the file cannot be written; one that stood there is untouched.

    Examples
    --------
    >>> import tempfile, odyssey as od
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     od.save({"weight": od.ones(2)}, f"{folder}/w.safetensors")
    ...     od.load(f"{folder}/w.safetensors")
    {'weight': tensor([1., 1.])}
    """
    _arrays.save(obj, path, metadata)


def load(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """Load a safetensors file as a dict of tensors; see :func:`save`.

    Raises
    ------
    FormatError
        If the file cannot be read, is truncated or is not safetensors.
    """
    arrays, _ = _arrays.load_arrays(path)
    return {name: Tensor(array) for name, array in arrays.items()}
