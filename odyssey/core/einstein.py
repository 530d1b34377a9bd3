"""Einstein's sums: one notation for products, transposes, traces and sums along axes."""

from __future__ import annotations

import functools
import string
from typing import Any

import numpy as np

from odyssey.core._axes import narrowed, widened
from odyssey.core._broadcast import unbroadcast
from odyssey.core._checks import as_array
from odyssey.core.shape import broadcast_to, reshape
from odyssey.errors import ShapeError
from odyssey.tape import differentiable

__all__ = ["einsum", "einsum_backward"]


def einsum(subscripts, xs, *more):
    r"""Multiply arrays and add up, as a formula of their indices says.

    Each axis gets a letter. Axes with the same letter run together, and letters
    that the result does not have are summed over: ``"ij,jk->ik"`` is the matrix
    product

    .. math:: y_{ik} = \sum_j a_{ij}\, b_{jk}

    Parameters
    ----------
    subscripts : str
        The letters of each operand, with commas between them, and after ``->``
        those of the result; without it, the letters that occur once, in
        alphabetical order. A letter twice in one operand takes its diagonal.
        ``...`` stands for any number of leading axes, which broadcast.
    xs, *more : Tensor or ndarray
        The operands, one by one or in one list. An axis of length 1 broadcasts.

    Returns
    -------
    Tensor or ndarray
        In the promoted dtype; half precision is summed in float32. Its shape
        follows from the letters.

    Raises
    ------
    ShapeError
        If the formula cannot be read, does not fit the number of operands or of
        their axes, or gives lengths to a letter that differ.

    Notes
    -----
    Backward: the same sum with the result in the operand's place. For the example

    .. math:: \partial a_{ij} = \sum_k g_{ik}\, b_{jk}, \qquad
        \partial b_{jk} = \sum_i a_{ij}\, g_{ik}

    A letter that only this operand has is repeated along its axis; a letter twice
    in the operand puts the gradient on the diagonal.

    Examples
    --------
    >>> import odyssey as od
    >>> a, b = od.tensor([[1.0, 2.0], [3.0, 4.0]]), od.tensor([1.0, 10.0])
    >>> od.core.einsum("ij,j->i", a, b)
    tensor([21., 43.])
    >>> od.core.einsum("ii", a)
    tensor(5.)
    """
    if more or not isinstance(xs, (list, tuple)):
        xs = [xs, *more]
    return _einsum(subscripts, list(xs))


def _contracted(subscripts, xs):
    xs = [as_array(x) for x in xs]
    formula = explicit("einsum", subscripts, tuple([x.shape for x in xs]))
    dtype = np.result_type(*xs)
    with np.errstate(all="ignore"):
        # In an order of pairs that NumPy works out; products of matrices go to BLAS.
        out = np.einsum(formula, *map(widened, xs), optimize=len(xs) > 1)
    return narrowed(out, dtype)


_contracted.__name__ = "einsum"
_einsum = differentiable(_contracted)

# An operation takes a list; the function that gathers it is the same to those who look for them.
_public: Any = einsum
_public.operation = _einsum.operation
_public.with_saved = _einsum.with_saved
_public.backward_rule = _einsum.backward_rule


@_einsum.backward_rule(wrt=("xs",))
def einsum_backward(grad, subscripts, xs):
    """Return the gradients of :func:`einsum`: a list, one for each operand."""
    shapes = tuple([tuple(np.shape(x)) for x in xs])
    operands, out = explicit("einsum", subscripts, shapes).split("->")
    operands = operands.split(",")
    lengths = _lengths("einsum", operands, shapes)
    grads = []
    for k, letters in enumerate(operands):
        others = [(one, x) for i, (one, x) in enumerate(zip(operands, xs, strict=True)) if i != k]
        grads.append(_gradient(grad, out, letters, shapes[k], others, lengths))
    return (grads,)


def _gradient(grad, out, letters, shape, others, lengths):
    """Return the gradient of the operand that has ``letters`` and ``shape``."""
    once = "".join(dict.fromkeys(letters))
    known = {*out, *"".join(one for one, _ in others)}
    formula = [out, *[one for one, _ in others]]
    found = "".join([letter for letter in once if letter in known])
    part = einsum(f"{','.join(formula)}->{found}", [grad, *[x for _, x in others]])
    # What only this operand has was summed over: its axis comes back, with the same everywhere.
    part = reshape(part, tuple([part.shape[found.index(a)] if a in known else 1 for a in once]))
    own = dict(zip(letters, shape, strict=True))
    full = broadcast_to(part, tuple([lengths[a] for a in once]))
    part = unbroadcast(full, tuple([own[a] for a in once]))
    return _on_diagonals(part, once, letters)


def _on_diagonals(part, once, letters):
    """Lay a gradient out under all letters of an operand, of which some occur more than once."""
    free = iter([letter for letter in string.ascii_letters if letter not in letters])
    names, eyes = [], []
    for axis, letter in enumerate(letters):
        repeated = letter in letters[:axis]
        names.append(next(free) if repeated else letter)
        if repeated:
            n = part.shape[once.index(letter)]
            eyes.append((letter + names[-1], np.eye(n, dtype=part.dtype)))
    if not eyes:
        return part
    formula = ",".join([once, *[pair for pair, _ in eyes]])
    return einsum(f"{formula}->{''.join(names)}", [part, *[eye for _, eye in eyes]])


@functools.lru_cache(maxsize=1024)
def explicit(op, subscripts, shapes):
    """Return subscripts with ``->``, and letters in the place of dots.

    Examples
    --------
    >>> explicit("einsum", "...ij,jk", ((5, 2, 3), (3, 4)))
    'Aij,jk->Aik'
    """
    operands, out = _read(op, subscripts, len(shapes))
    dots = 0
    for number, (part, shape) in enumerate(zip(operands, shapes, strict=True)):
        more = len(shape) - len(part.replace("...", ""))
        if more < 0 or (more and "..." not in part):
            raise ShapeError(
                f"{op}: subscripts {part!r} do not fit the axes of operand {number}, shape {shape}"
            )
        dots = max(dots, more)
    free = [a for a in string.ascii_uppercase + string.ascii_lowercase if a not in subscripts]
    if dots > len(free):
        raise ShapeError(f"{op}: subscripts {subscripts!r}: there are not enough letters")
    leading = "".join(free[:dots])
    operands = [
        part.replace("...", leading[dots - (len(shape) - len(part) + 3) :] if dots else "")
        for part, shape in zip(operands, shapes, strict=True)
    ]
    joined = "".join(operands)
    if out is None:
        out = "..." + "".join(sorted(a for a in {*joined} - {*leading} if joined.count(a) == 1))
    out = out.replace("...", leading)
    wrong = [a for a in out if a not in joined or out.count(a) > 1]
    if wrong:
        raise ShapeError(
            f"{op}: subscripts {subscripts!r}: the result must have each letter once and from an "
            f"operand, which {wrong[0]!r} is not"
        )
    _lengths(op, operands, shapes)
    return f"{','.join(operands)}->{out}"


def _read(op, subscripts, count):
    """Return the parts of subscripts, one for each operand; and that of the result, or None."""
    if not isinstance(subscripts, str):
        raise ShapeError(f"{op}: subscripts must be a str, got {subscripts!r}")
    left, arrow, out = subscripts.replace(" ", "").partition("->")
    operands = left.split(",")
    for part in (*operands, out):
        letters = part.replace("...", "", 1)
        if not (letters.isascii() and (letters.isalpha() or not letters)):
            raise ShapeError(f"{op}: subscripts {subscripts!r}: {part!r} is not made of letters")
    if len(operands) != count:
        raise ShapeError(
            f"{op}: subscripts {subscripts!r} name {len(operands)} operands, got {count}"
        )
    return operands, out if arrow else None


def _lengths(op, operands, shapes):
    """Return the length of each letter; raise where two differ and neither is 1."""
    lengths: dict[str, int] = {}
    for number, (letters, shape) in enumerate(zip(operands, shapes, strict=True)):
        own: dict[str, int] = {}
        for letter, n in zip(letters, shape, strict=True):
            known = own.get(letter, lengths.setdefault(letter, n))
            # The axes of a diagonal, of one operand, do not broadcast.
            if known != n and (letter in own or 1 not in (known, n)):
                raise ShapeError(
                    f"{op}: {letter!r} has length {n} in operand {number} of shape {shape}, "
                    f"but {known} before"
                )
            own[letter] = n
            if lengths[letter] == 1:
                lengths[letter] = n
    return lengths
