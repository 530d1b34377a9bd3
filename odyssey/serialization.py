"""``od.save`` and ``od.load``: tensors to and from safetensors files."""

from __future__ import annotations

import os
from collections.abc import Mapping

from odyssey.tensor import Tensor
from odyssey.utils.arrays import as_ndarray
from odyssey.utils.serialization import load_arrays, save_arrays

__all__ = ["load", "save"]

_LONE = "tensor"


def save(
    obj: object, path: str | os.PathLike[str], metadata: Mapping[str, str] | None = None
) -> None:
    """Save a module's state, a dict of tensors or arrays, or a single one as safetensors.

    Parameters
    ----------
    obj : Module, mapping of str to Tensor or ndarray, Tensor or ndarray
        Anything with ``state_dict()`` counts as a module. A single array is
        stored under the name ``"tensor"``. Memory in any layout is written in
        logical (C) order.
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
    if callable(state_dict := getattr(obj, "state_dict", None)):
        obj = state_dict()
    if not isinstance(obj, Mapping):
        obj = {_LONE: as_ndarray(obj, "save", "obj")}
    save_arrays(obj, path, metadata)


def load(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """Load a safetensors file as a dict of tensors, in the order of their names.

    Raises
    ------
    FormatError
        If the file cannot be read, is truncated or is not safetensors.
    """
    arrays, _ = load_arrays(path)
    return {name: Tensor(array) for name, array in arrays.items()}
