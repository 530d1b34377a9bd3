"""Read and write whole files, with errors that name the file.

Files are replaced atomically: the bytes go to a temporary file in the same
folder, reach the disk, and only then take the name. A reader therefore sees
the old file or the new one, never a half of either, and a run that dies while
it saves a checkpoint still has the one before.
"""

from __future__ import annotations

import os
from pathlib import Path

from odyssey.errors import FormatError

__all__ = ["atomic_write", "read_bytes"]


def atomic_write(path: str | os.PathLike[str], data: bytes) -> None:
    """Write `data` to `path` so that the file is complete or not there at all.

    Parameters
    ----------
    path : path-like
        Where the file shall stand. Its folder must exist. A symbolic link is
        followed: what it points to is replaced, the link stays.
    data : bytes
        The whole content.

    Raises
    ------
    OSError
        If the folder is missing or cannot be written to. `path` is then as it
        was, and no temporary file is left.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     target = Path(folder) / "notes.txt"
    ...     atomic_write(target, b"first")
    ...     atomic_write(target, b"second")
    ...     target.read_bytes(), len(list(Path(folder).iterdir()))
    (b'second', 1)
    """
    target = Path(os.path.realpath(path))
    # Same folder, because a rename is atomic only within one file system. Opened with the
    # umask's permissions, which `tempfile` would narrow to the owner's alone.
    temporary = target.with_name(f".{target.name}.{os.urandom(6).hex()}.tmp")
    try:
        with open(temporary, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:  # Ctrl-C in the middle of a save must not leave a stray file either
        temporary.unlink(missing_ok=True)
        raise


def read_bytes(path: str | os.PathLike[str], caller: str) -> bytes:
    """Return the content of a file; `caller` opens the message if it cannot be read.

    Raises
    ------
    FormatError
        If there is no such file, or it is a folder, or may not be read.

    Examples
    --------
    >>> read_bytes("no/such/file", "read_idx")
    Traceback (most recent call last):
        ...
    odyssey.errors.FormatError: read_idx: cannot read no/such/file: No such file or directory
    """
    try:
        return Path(path).read_bytes()
    except OSError as error:
        reason = error.strerror or str(error)
        raise FormatError(f"{caller}: cannot read {os.fspath(path)}: {reason}") from error
