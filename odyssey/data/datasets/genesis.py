"""The book of Genesis, character by character: a small text, bundled with odyssey."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from odyssey.data.dataset import Index
from odyssey.data.datasets.images import check_split
from odyssey.errors import DTypeError, FormatError, OdysseyError, RangeError, ShapeError
from odyssey.utils.io import read_bytes

__all__ = ["Genesis"]

_FILE = Path(__file__).parent / "_text" / "genesis.txt.gz"
_VERSES, _TEST_VERSES = 1533, 153


class Genesis:
    """Genesis in the King James Version, for models of characters.

    Items are pieces of the text: ``context`` characters, and for each of them the one
    that follows it. Pieces begin at every character, so neighbours overlap.

    The split is fixed: the last 153 of the 1,533 verses are the test part, the 1,380
    before them the training part. A verse is a line.

    Parameters
    ----------
    split : {"train", "test"}
        Which part.
    context : int
        L, the characters of a piece.

    Attributes
    ----------
    text : str
        The part, as one string.
    tokens : ndarray of int64
        Its characters as numbers.
    classes : tuple of str
        The 60 characters of the book, sorted: ``classes[token]`` is a token's.
    context : int

    Raises
    ------
    OdysseyError
        If ``split`` is neither of the two.
    ShapeError
        If ``context`` is not a positive integer below the length of the part.
    FormatError
        If the bundled file is damaged or missing.

    References
    ----------
    .. [1] The Holy Bible, King James (Authorised) Version, 1611. Public domain.

    Examples
    --------
    >>> genesis = Genesis(context=12)
    >>> genesis
    Genesis(175837 pieces of 12 characters, 60 classes)
    >>> x, t = genesis[7]
    >>> genesis.decode(x), genesis.decode(t)
    ('beginning Go', 'eginning God')
    >>> x, t = genesis[np.array([7, 1000])]
    >>> x.shape, t.shape
    ((2, 12), (2, 12))
    """

    array_indexing = True

    def __init__(self, split: str = "train", context: int = 64) -> None:
        check_split("Genesis", split)
        text = _read(_FILE)
        self.classes = tuple(sorted(set(text)))
        self._numbers = {character: number for number, character in enumerate(self.classes)}
        verses = text.splitlines(keepends=True)
        part = verses[-_TEST_VERSES:] if split == "test" else verses[:-_TEST_VERSES]
        self.text = "".join(part)
        self.tokens = self.encode(self.text)
        most = len(self.tokens) - 1  # the last character is followed by none
        if isinstance(context, bool) or not isinstance(context, (int, np.integer)):
            raise ShapeError(f"Genesis: context must be an integer, got {context!r}")
        if not 1 <= context <= most:
            raise ShapeError(f"Genesis: context must be between 1 and {most}, got {context}")
        self.context = int(context)

    def encode(self, text: str) -> npt.NDArray[np.int64]:
        """Return the numbers of characters.

        Raises
        ------
        OdysseyError
            If a character does not occur in the book.

        Examples
        --------
        >>> Genesis().encode("Noah")
        array([24, 48, 34, 41])
        """
        try:
            return np.array([self._numbers[character] for character in text], np.int64)
        except KeyError as error:
            known = "".join(self.classes)
            raise OdysseyError(
                f"Genesis: encode: the book has no character {error}, only {known!r}"
            ) from None

    def decode(self, tokens: npt.ArrayLike) -> str:
        """Return the characters of numbers, an array or Tensor of shape (L,).

        Raises
        ------
        DTypeError, ShapeError, RangeError
            If they are no integers, not in one row, or not numbers of characters.

        Examples
        --------
        >>> Genesis().decode([24, 48, 34, 41])
        'Noah'
        """
        numbers = np.asarray(tokens)
        if numbers.ndim != 1:
            raise ShapeError(f"Genesis: decode: tokens must have shape (L,), got {numbers.shape}")
        if numbers.size == 0:
            return ""
        if numbers.dtype.kind not in "iu":
            raise DTypeError(f"Genesis: decode: tokens must be integers, got {numbers.dtype}")
        if numbers.min() < 0 or numbers.max() >= len(self.classes):
            raise RangeError(
                f"Genesis: decode: tokens must be between 0 and {len(self.classes) - 1}, "
                f"got {numbers.min()} to {numbers.max()}"
            )
        return "".join(self.classes[number] for number in numbers)

    def __len__(self) -> int:
        """Count the pieces."""
        return len(self.tokens) - self.context

    def __getitem__(self, index: Index) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """Return (tokens, next tokens), both (L,), or (N, L) for a slice or an array."""
        windows = np.lib.stride_tricks.sliding_window_view(self.tokens, self.context + 1)
        pieces = windows[index]
        return pieces[..., :-1].copy(), pieces[..., 1:].copy()

    def __repr__(self) -> str:
        """Name the dataset and its sizes."""
        return (
            f"Genesis({len(self)} pieces of {self.context} characters, {len(self.classes)} classes)"
        )


def _read(path: Path) -> str:
    """Return the book, or say what is wrong with the file."""
    try:
        text = gzip.decompress(read_bytes(path, "Genesis")).decode("ascii")
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise FormatError(f"Genesis: {path} is a broken gzip file: {error}") from error
    except UnicodeDecodeError as error:
        raise FormatError(f"Genesis: {path} is not the bundled text: {error}") from error
    verses = text.count("\n")
    if verses != _VERSES or not text.endswith("\n"):
        raise FormatError(
            f"Genesis: {path} is not the bundled text: expected {_VERSES} verses, a line each, "
            f"got {verses} lines"
        )
    return text
