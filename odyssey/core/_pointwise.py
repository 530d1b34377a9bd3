"""How functions of one element, or of two that broadcast, are declared.

Each is one call of NumPy with the same frame around it, so that the frame stands here:
warnings silenced, errors that name the operation, and a docstring that says the rest.
"""

from __future__ import annotations

import functools
import inspect
import re

import numpy as np

from odyssey.core._checks import check_broadcast
from odyssey.errors import DTypeError, OdysseyError
from odyssey.tape import differentiable, not_differentiable

_PARAMETERS = {
    1: "{names} : Tensor or ndarray\n    Of any shape.",
    2: "{names} : Tensor, ndarray or number\n    Of shapes that broadcast.",
}

_RETURNS = {
    "float": "Tensor or ndarray\n    In the {shape} and {dtype}; integers give floats.",
    "same": "Tensor or ndarray\n    In the {shape} and {dtype}.",
    "bool": "Tensor or ndarray of bool\n    In the {shape}.",
}

_SHAPES = {
    1: {"shape": "shape of ``x``", "dtype": "its dtype"},
    2: {"shape": "broadcast shape", "dtype": "the promoted dtype"},
}

_RAISES = {
    1: "DTypeError\n    If it is not defined for the dtype of ``x``.",
    2: "ShapeError\n    If the shapes do not broadcast.\n"
    "DTypeError\n    If it is not defined for the dtypes.",
}


def guarded(op, function, **operands):
    """Return ``function(*operands)`` by IEEE 754, without warnings; errors say what does not fit.

    Examples
    --------
    >>> guarded("divide", np.divide, x=np.ones(2), y=np.zeros(2))
    array([inf, inf])
    >>> guarded("sin", np.sin, x=np.array("a"))
    Traceback (most recent call last):
        ...
    odyssey.errors.DTypeError: sin: not defined for these dtypes (x: <U1)
    """
    try:
        with np.errstate(all="ignore"):
            return function(*operands.values())
    except OdysseyError:
        raise
    except ValueError:
        check_broadcast(op, **operands)
        raise
    except TypeError as error:
        dtypes = ", ".join(f"{name}: {np.asarray(one).dtype}" for name, one in operands.items())
        raise DTypeError(f"{op}: not defined for these dtypes ({dtypes})") from error


def pointwise(example, backward=None, gives="float"):
    r"""Make an operation of a function of one or two operands that begins a docstring.

    Parameters
    ----------
    example : str
        For the docstring, ``"sin([0.0, 1.0]) = [0., 0.841471]"``; doctests check it.
    backward : str, optional
        The formulas of the gradients; without, the operation is not differentiable.
    gives : {"float", "same", "bool"}
        The dtype of the result.

    Examples
    --------
    >>> @pointwise("half([1.0, 3.0]) = [0.5, 1.5]", r":math:`\partial x = g / 2`")
    ... def half(x):
    ...     '''Return half of it.'''
    ...     return x / 2
    >>> half(np.ones(2))
    array([0.5, 0.5])
    >>> "In the shape of ``x``" in half.__doc__ and "Backward: :math:" in half.__doc__
    True
    """

    def declare(function):
        name, names = function.__name__, list(inspect.signature(function).parameters)
        count = len(names)
        sections = {
            "Parameters": _PARAMETERS[count].format(names=", ".join(names)),
            "Returns": _RETURNS[gives].format_map(_SHAPES[count]),
            "Raises": _RAISES[count],
        }
        if backward:
            sections["Notes"] = f"Backward: {backward}."
        call, _, result = example.partition(" = ")
        call = re.sub(r"(\[.*?\])", r"od.tensor(\1)", call)
        sections["Examples"] = f">>> import odyssey as od\n>>> od.core.{call}\ntensor({result})"

        @functools.wraps(function)
        def quiet(*args):
            return guarded(name, function, **dict(zip(names, args, strict=True)))

        text = [f"{title}\n{'-' * len(title)}\n{body}" for title, body in sections.items()]
        quiet.__doc__ = "\n\n".join([inspect.getdoc(function) or "", *text])
        return differentiable(quiet) if backward else not_differentiable(quiet)

    return declare
