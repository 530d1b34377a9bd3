"""Whether the compiled Python modules are those of the sources beside them.

A few Python modules are compiled as well (``setup.py`` says which), and Python
imports the compiled file even after somebody has edited the other one.
"""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Mapping
from pathlib import Path

__all__ = ["stale_modules", "warn_of_stale_modules"]


def stale_modules(package: Path, compiled: Mapping[str, int]) -> list[str]:
    """Return the modules that have changed since they were compiled.

    Parameters
    ----------
    package : Path
        The folder of the package. An installed one holds no ``.pxd``, and
        nobody edits it: nothing in it is stale.
    compiled : mapping of str to int
        From a module's name, such as ``core/shape``, to the checksum of
        ``NAME.py`` and ``NAME.pxd`` when it was compiled.
    """
    stale = []
    for name, checksum in compiled.items():
        try:
            types = (package / f"{name}.pxd").read_bytes()
        except FileNotFoundError:
            continue
        if zlib.crc32((package / f"{name}.py").read_bytes() + types) != checksum:
            stale.append(name)
    return stale


def warn_of_stale_modules(package: Path, compiled: Mapping[str, int]) -> None:
    """Warn if the compiled modules are not those of the sources: an edit would show no effect."""
    stale = stale_modules(package, compiled)
    if stale:
        warnings.warn(
            f"odyssey: {', '.join(f'{name}.py' for name in stale)} changed since it was compiled, "
            "and the compiled form is what runs; build again: "
            "python setup.py build_ext --inplace",
            RuntimeWarning,
            stacklevel=2,
        )
