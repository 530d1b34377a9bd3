"""Comparisons, element by element; their results are bool and constants to backward."""

from __future__ import annotations

import numpy as np

from odyssey.core._floats import binary
from odyssey.tape import not_differentiable

__all__ = ["equal", "greater", "greater_equal", "less", "less_equal", "not_equal"]


def _comparison(ufunc, sign):
    name = ufunc.__name__

    def compare(x, y):
        return binary(name, ufunc, x, y)

    compare.__name__ = compare.__qualname__ = name
    compare.__doc__ = rf"""Compare element by element: :math:`x {sign} y`.

    Parameters
    ----------
    x, y : Tensor, ndarray or number
        Of shapes that broadcast.

    Returns
    -------
    Tensor or ndarray of bool
        In the broadcast shape.

    Raises
    ------
    ShapeError
        If the shapes do not broadcast.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.{name}(od.tensor([1.0, 2.0, 3.0]), 2)
    tensor({np.array2string(ufunc([1, 2, 3], 2), separator=", ")})
    """
    return not_differentiable(compare)


equal = _comparison(np.equal, "=")
not_equal = _comparison(np.not_equal, r"\ne")
less = _comparison(np.less, "<")
less_equal = _comparison(np.less_equal, r"\le")
greater = _comparison(np.greater, ">")
greater_equal = _comparison(np.greater_equal, r"\ge")
