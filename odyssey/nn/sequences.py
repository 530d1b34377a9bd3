"""Sequences of different lengths as one tensor, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from odyssey import core
from odyssey.errors import RangeError, ShapeError
from odyssey.tensor import Tensor

__all__ = ["pad_sequence", "unpad_sequence"]


def pad_sequence(
    sequences: Sequence[Tensor], batch_first: bool = False, padding_value: float = 0.0
) -> tuple[Tensor, Tensor]:
    """Join sequences of different lengths to one tensor, the short ones filled up at the end.

    Parameters
    ----------
    sequences : sequence of N Tensors, shapes (T_n, ...)
        At least one; equal in dtype and in the axes after the first.
    batch_first : bool
        Whether the result is (N, T, ...) and not (T, N, ...).
    padding_value : float
        What stands after the end of a sequence.

    Returns
    -------
    padded : Tensor, shape (T, N, ...)
        T is the largest length.
    lengths : Tensor of int64, shape (N,)
        What recurrent layers take as ``lengths``.

    Raises
    ------
    ShapeError
        If there are no sequences, or one has no axes or other ones than the first.

    Examples
    --------
    >>> import odyssey as od
    >>> padded, lengths = od.nn.pad_sequence([od.ones(3), od.ones(1)], batch_first=True)
    >>> padded, lengths
    (tensor([[1., 1., 1.],
            [1., 0., 0.]]), tensor([3, 1]))
    """
    xs = list(sequences)
    if not xs:
        raise ShapeError("pad_sequence: there must be at least one sequence")
    for number, x in enumerate(xs):
        if not x.ndim or x.shape[1:] != xs[0].shape[1:]:
            raise ShapeError(
                f"pad_sequence: sequence {number} has shape {x.shape}, which does not fit "
                f"{xs[0].shape}: only the first axis may differ"
            )
    lengths = np.array([x.shape[0] for x in xs], np.int64)
    filled = []
    for x in xs:
        missing = (int(lengths.max()) - x.shape[0], *x.shape[1:])
        filled.append(core.concatenate([x, np.full(missing, padding_value, x.dtype)]))
    padded: Tensor = core.stack(filled, 0 if batch_first else 1)
    return padded, Tensor(lengths)


def unpad_sequence(padded: Tensor, lengths: Any, batch_first: bool = False) -> list[Tensor]:
    """Cut what :func:`pad_sequence` joined into its sequences.

    Parameters
    ----------
    padded : Tensor, shape (T, N, ...), or (N, T, ...) with ``batch_first``
    lengths : Tensor, ndarray or sequence of int, shape (N,)
        In [0, T].
    batch_first : bool

    Returns
    -------
    list of N Tensors, shapes (lengths[n], ...)

    Raises
    ------
    ShapeError
        If ``padded`` has not two axes, or there is not one length for each sequence.
    RangeError
        If a length does not lie in [0, T].

    Examples
    --------
    >>> import odyssey as od
    >>> od.nn.unpad_sequence(od.tensor([[1.0, 2.0], [3.0, 4.0]]), [2, 1])
    [tensor([1., 3.]), tensor([2.])]
    """
    if padded.ndim < 2:
        raise ShapeError(f"unpad_sequence: padded has shape {padded.shape}; expected (T, N, ...)")
    by_sequence = padded if batch_first else core.swapaxes(padded, 0, 1)
    counts = np.asarray(lengths)
    N, T = by_sequence.shape[:2]
    if counts.shape != (N,) or (N and counts.dtype.kind not in "iu"):
        raise ShapeError(
            f"unpad_sequence: lengths must be {N} integers, got {counts.dtype} of shape "
            f"{counts.shape} (padded: {padded.shape})"
        )
    if N and not 0 <= int(counts.min()) <= int(counts.max()) <= T:
        raise RangeError(
            f"unpad_sequence: lengths reach from {counts.min()} to {counts.max()} but there are "
            f"{T} steps"
        )
    return [by_sequence[n, : int(count)] for n, count in enumerate(counts)]
