"""Read and write whole files, with errors that name the file.

Files are replaced atomically: the bytes go to a temporary file in the same
folder, reach the disk, and only then take the name. A reader therefore sees
the old file or the new one, never a half of either, and a run that dies while
it saves a checkpoint still has the one before. A whole folder of files can come
into being in the same way.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from odyssey.errors import FormatError

__all__ = ["atomic_folder", "atomic_write", "read_bytes", "write_through"]


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
        write_through(temporary, data)
        os.replace(temporary, target)
    except BaseException:  # Ctrl-C in the middle of a save must not leave a stray file either
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)


def write_through(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a new file, and return when it has reached the disk.

    Raises
    ------
    OSError
        If it cannot be written, or is there already.
    """
    with open(path, "xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def atomic_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Fill a folder in a ``with`` block; it takes its name when all of it is on the disk.

    Parameters
    ----------
    path : path-like
        The folder to be, which must not exist; the one above it must.

    Yields
    ------
    folder : Path
        A temporary folder beside it, whose name begins with a dot, for files that
        `write_through` writes. If the block fails it is removed.

    Raises
    ------
    OSError
        If the folder cannot be made, or is there already.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as parent:
    ...     with atomic_folder(f"{parent}/saved") as folder:
    ...         write_through(folder / "notes.txt", b"one")
    ...     Path(parent, "saved", "notes.txt").read_bytes()
    b'one'
    """
    target = Path(path)
    temporary = target.with_name(f".{target.name}.{os.urandom(6).hex()}.tmp")
    temporary.mkdir()
    try:
        yield temporary
        _sync_folder(temporary)
        # A rename would quietly replace an empty folder, and fail on a full one with another error.
        if target.exists():
            raise FileExistsError(17, os.strerror(17), str(target))
        os.rename(temporary, target)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    """Let the names in a folder reach the disk: without it a rename may be lost with the power."""
    if os.name != "posix":  # elsewhere a folder cannot be opened
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


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
