"""Rearranging by names: reshape, permute, reshape, written as one pattern."""

from __future__ import annotations

import functools
import math
import re
from typing import Any

import numpy as np

from odyssey.core.manipulation import permute
from odyssey.core.shape import reshape
from odyssey.errors import OdysseyError, ShapeError

__all__ = ["rearrange"]

TOKENS = re.compile(r"\s*(?:(\.\.\.|[^\W\d]\w*|1)(?=[\s()]|$)|([()]))")


def rearrange(x, pattern, **sizes):
    r"""Name the axes of an array, and say in which order and groups they shall stand.

    Parameters
    ----------
    x : Tensor or ndarray
    pattern : str
        Two sides around ``->``, each a list of names. ``(a b)`` is one axis made
        of two, the last one fastest: its index is :math:`i_a n_b + i_b`. ``1`` is
        an axis of length 1, and ``...`` stands for any number of axes.
    **sizes : int
        Lengths of names. Of each group on the left one may be left out.

    Returns
    -------
    Tensor or ndarray
        The same elements; a view where reshape gives one.

    Raises
    ------
    OdysseyError
        If the pattern is not one, or its sides do not have the same names.
    ShapeError
        If the shape or the sizes do not fit it.

    Notes
    -----
    It is made of :func:`reshape` and :func:`permute`, whose gradients it has:
    :math:`g`, rearranged the other way. The notation is that of A. Rogozhnikov,
    "Einops" (ICLR 2022, https://openreview.net/forum?id=oapKSVM2bcj).

    Examples
    --------
    >>> import odyssey as od
    >>> x = od.zeros((8, 12, 5))
    >>> rearrange(x, "batch (head d) time -> batch head time d", head=4).shape
    (8, 4, 5, 3)
    >>> rearrange(od.arange(6), "(h w) -> w h", h=2)
    tensor([[0, 3],
            [1, 4],
            [2, 5]])
    """
    left, right = sides(pattern)
    shape = np.shape(x)
    lengths = _lengths(pattern, left, shape, sizes)
    wanted = _spelled(right, lengths)
    names = [name for group in _spelled(left, lengths) for name in group]
    x = reshape(x, tuple([lengths[name] for name in names]))
    x = permute(x, tuple([names.index(name) for group in wanted for name in group]))
    return reshape(x, tuple([math.prod([lengths[name] for name in group]) for group in wanted]))


def sides(pattern):
    """Return both sides of a pattern, each as a list of groups of names, or raise."""
    if not isinstance(pattern, str) or pattern.count("->") != 1:
        raise OdysseyError(f"rearrange: the pattern must be 'names -> names', got {pattern!r}")
    return _sides(pattern)


@functools.lru_cache(256)
def _sides(pattern):
    left, right = [_groups(side, pattern) for side in pattern.split("->")]
    names, others = names_of(left), names_of(right)
    for side in (names, others):
        twice = [name for name in side if side.count(name) > 1]
        if twice:
            raise OdysseyError(f"rearrange: {twice[0]!r} occurs twice on a side of {pattern!r}")
    if set(names) != set(others):
        odd = sorted(set(names) ^ set(others))
        raise OdysseyError(f"rearrange: only one side of {pattern!r} has {', '.join(odd)}")
    if ... not in left and "..." in names:
        raise OdysseyError(f"rearrange: '...' stands in a group on the left of {pattern!r}")
    return left, right


def names_of(side):
    """Return all names of a side, in order."""
    return [name for group in side for name in (("...",) if group is ... else group)]


def _groups(side, pattern):
    """Return a side as a list of groups: ``a (b c) 1 ...`` is ``[("a",), ("b", "c"), (), ...]``."""
    groups: list[Any] = []
    inside: tuple[str, ...] | None = None
    at, side = 0, side.strip()
    while at < len(side):
        token = TOKENS.match(side, at)
        if not token or (token[2] and (token[2] == "(") != (inside is None)):
            raise OdysseyError(f"rearrange: {side[at:].strip()!r} in {pattern!r} makes no sense")
        at = token.end()
        names = () if token[1] == "1" else (token[1],)
        if token[2] == "(":
            inside = ()
        elif token[2]:
            groups.append(inside)
            inside = None
        elif inside is None:
            groups.append(... if token[1] == "..." else names)
        else:
            inside += names
    if inside is not None:
        raise OdysseyError(f"rearrange: a group in {pattern!r} is not closed")
    return groups


def _lengths(pattern, groups, shape, sizes):
    """Return the length of each name; the axes of ``...`` have names of their own, 0, 1, ..."""
    dots = len(shape) - len(groups) + 1  # how many axes "..." stands for
    if dots < 0 or (... not in groups and dots != 1):
        raise ShapeError(f"rearrange: x of shape {shape} does not have the axes of {pattern!r}")
    for name, n in sizes.items():
        if not isinstance(n, (int, np.integer)) or n < 0:
            raise ShapeError(f"rearrange: {name} must be a length, got {n!r}")
    named = {name for group in groups if group is not ... for name in group}
    lengths = {name: n for name, n in sizes.items() if name in named}
    if len(lengths) < len(sizes):
        raise OdysseyError(f"rearrange: {sorted(sizes.keys() - lengths.keys())} not in {pattern!r}")
    at = 0
    for group in groups:
        if group is ...:
            lengths["..."] = dots
            lengths.update(enumerate(shape[at : at + dots]))
            at += dots
            continue
        open_ = [name for name in group if name not in lengths]
        known = math.prod([lengths[name] for name in group if name in lengths])
        if len(open_) > 1:
            raise ShapeError(f"rearrange: give a length to one of {', '.join(open_)}: {pattern!r}")
        if open_ and known and shape[at] % known == 0:
            lengths[open_[0]] = shape[at] // known
        elif open_ or known != shape[at]:
            raise ShapeError(
                f"rearrange: axis {at} of x {shape} has length {shape[at]}, which does not make "
                f"({' '.join(group)}) with {sizes} in {pattern!r}"
            )
        at += 1
    return lengths


def _spelled(groups, lengths):
    """Return groups with the axes of ``...`` in its place, each by itself outside of a group."""
    spelled: list[Any] = []
    for group in groups:
        if group is ...:
            spelled += [(i,) for i in range(lengths["..."])]
        else:
            spelled.append(
                [one for name in group
                 for one in (range(lengths["..."]) if name == "..." else (name,))]
            )  # fmt: skip
    return spelled
