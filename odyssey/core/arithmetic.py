r"""Arithmetic with broadcasting: add, subtract, multiply, divide, power and their kin.

Operands follow NumPy's rules: shapes broadcast, dtypes promote, and a Python
number takes the dtype of its partner. The four of arithmetic have kernels for
floats, the rest is NumPy's; what is written here is the meaning, the checks
and the derivative.
"""

from __future__ import annotations

import numpy as np

from odyssey.core._broadcast import unbroadcast
from odyssey.core._floats import binary
from odyssey.core._pointwise import guarded
from odyssey.core.elementwise import log, where
from odyssey.errors import DTypeError, ShapeError
from odyssey.tape import differentiable

__all__ = [
    "add",
    "add_backward",
    "divide",
    "divide_backward",
    "floor_divide",
    "floor_divide_backward",
    "modulo",
    "modulo_backward",
    "multiply",
    "multiply_backward",
    "negate",
    "negate_backward",
    "power",
    "power_backward",
    "subtract",
    "subtract_backward",
]


@differentiable
def add(x, y):
    r"""Add element by element: :math:`x + y`.

    Parameters
    ----------
    x, y : Tensor, ndarray or number
        Of shapes that broadcast.

    Returns
    -------
    Tensor or ndarray
        In the broadcast shape and the promoted dtype.

    Raises
    ------
    ShapeError
        If the shapes do not broadcast.

    Notes
    -----
    Backward: :math:`\partial x = g`, :math:`\partial y = g`, each summed over
    the axes that were broadcast.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.add(od.tensor([1.0, 2.0]), 1)
    tensor([2., 3.])
    """
    return binary("add", np.add, x, y)


@add.backward_rule(wrt=("x", "y"))
def add_backward(grad, x_shape, y_shape, needs=(True, True)):
    """Return the gradients of :func:`add` for ``x`` and ``y``."""
    return (
        unbroadcast(grad, x_shape) if needs[0] else None,
        unbroadcast(grad, y_shape) if needs[1] else None,
    )


@differentiable
def subtract(x, y):
    r"""Subtract element by element: :math:`x - y`.

    Parameters, result and errors are those of :func:`add`.

    Notes
    -----
    Backward: :math:`\partial x = g`, :math:`\partial y = -g`, summed over the
    axes that were broadcast.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.subtract(od.tensor([1.0, 2.0]), 1)
    tensor([0., 1.])
    """
    return binary("subtract", np.subtract, x, y)


@subtract.backward_rule(wrt=("x", "y"))
def subtract_backward(grad, x_shape, y_shape, needs=(True, True)):
    """Return the gradients of :func:`subtract` for ``x`` and ``y``."""
    return (
        unbroadcast(grad, x_shape) if needs[0] else None,
        unbroadcast(-grad, y_shape) if needs[1] else None,
    )


@differentiable
def multiply(x, y):
    r"""Multiply element by element: :math:`x \cdot y`.

    Parameters, result and errors are those of :func:`add`.

    Notes
    -----
    Backward: :math:`\partial x = g\,y`, :math:`\partial y = g\,x`, summed over
    the axes that were broadcast.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.multiply(od.tensor([1.0, 2.0]), 3)
    tensor([3., 6.])
    """
    return binary("multiply", np.multiply, x, y)


@multiply.backward_rule(wrt=("x", "y"))
def multiply_backward(grad, x, y, needs=(True, True)):
    """Return the gradients of :func:`multiply` for ``x`` and ``y``."""
    return (
        unbroadcast(grad * y, np.shape(x)) if needs[0] else None,
        unbroadcast(grad * x, np.shape(y)) if needs[1] else None,
    )


def _quotient(x, y):
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.true_divide(x, y)


@differentiable
def divide(x, y):
    r"""Divide element by element: :math:`x / y`, by IEEE 754 (1/0 is infinite).

    Parameters, result and errors are those of :func:`add`; integers give
    float64.

    Notes
    -----
    Backward: :math:`\partial x = g / y`,
    :math:`\partial y = -g\,x / y^2`, summed over the axes that were broadcast.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.divide(od.tensor([1.0, 2.0]), 4)
    tensor([0.25, 0.5 ])
    """
    return binary("divide", _quotient, x, y)


@divide.backward_rule(wrt=("x", "y"))
def divide_backward(grad, x, y, needs=(True, True)):
    """Return the gradients of :func:`divide` for ``x`` and ``y``."""
    share = divide(grad, y)
    return (
        unbroadcast(share, np.shape(x)) if needs[0] else None,
        unbroadcast(divide(-share * x, y), np.shape(y)) if needs[1] else None,
    )


@differentiable
def power(x, y):
    r"""Raise to a power, element by element: :math:`x^y`.

    Parameters and result are those of :func:`add`.

    Raises
    ------
    ShapeError
        If the shapes do not broadcast.
    DTypeError
        If an integer gets a negative power, which its dtype cannot hold.

    Notes
    -----
    Backward: :math:`\partial x = g\,y\,x^{y-1}` and
    :math:`\partial y = g\,x^y \ln x`, summed over the axes that were
    broadcast. Where the limit is finite it is taken: :math:`\partial x = 0` for
    :math:`y = 0`, and :math:`\partial y = 0` for :math:`x = 0, y \ge 0`.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.power(od.tensor([1.0, 3.0]), 2)
    tensor([1., 9.])
    """
    try:
        return guarded("power", np.power, x=x, y=y)
    except ShapeError:
        raise
    except ValueError as error:
        dtypes = f"x: {np.asarray(x).dtype}, y: {np.asarray(y).dtype}"
        raise DTypeError(
            f"power: integers have no negative powers ({dtypes}); convert x with .astype"
        ) from error


@power.backward_rule(wrt=("x", "y"))
def power_backward(grad, x, y, out, needs=(True, True)):
    """Return the gradients of :func:`power` for ``x`` and ``y``."""
    grad_x = grad_y = None
    if needs[0]:
        # For y = 0 the factor y decides, whatever x ** -1 is: put x ** 1 in its place.
        if isinstance(y, (int, float)):
            lowered = y - 1 if y else 1
        else:
            lowered = where(np.asarray(y) == 0, 1, y - 1)
        grad_x = unbroadcast(grad * (y * power(x, lowered)), np.shape(x))
    if needs[1]:
        # 0 ** y is flat in y for y >= 0: ln 0 must not spoil the product.
        flat = np.logical_and(np.asarray(x) == 0, np.asarray(y) >= 0)
        grad_y = unbroadcast(grad * where(flat, 0, out * log(where(flat, 1, x))), np.shape(y))
    return grad_x, grad_y


@differentiable
def negate(x):
    r"""Negate element by element: :math:`-x`.

    Parameters
    ----------
    x : Tensor or ndarray

    Returns
    -------
    Tensor or ndarray
        In the shape and dtype of ``x``.

    Notes
    -----
    Backward: :math:`\partial x = -g`.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.negate(od.tensor([1.0, -2.0]))
    tensor([-1.,  2.])
    """
    return np.negative(x)


@negate.backward_rule(wrt=("x",))
def negate_backward(grad):
    """Return the gradient of :func:`negate`."""
    return -grad


@differentiable
def floor_divide(x, y):
    r"""Divide and round down: :math:`\lfloor x / y \rfloor`.

    Parameters, result and errors are those of :func:`add`.

    Notes
    -----
    Backward: zeros, the derivative wherever there is one.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.floor_divide(od.tensor([7.0, -7.0]), 2)
    tensor([ 3., -4.])
    """
    return guarded("floor_divide", np.floor_divide, x=x, y=y)


@floor_divide.backward_rule(wrt=("x", "y"))
def floor_divide_backward(grad, x_shape, y_shape, needs=(True, True)):
    """Return the gradients of :func:`floor_divide` for ``x`` and ``y``: zeros."""
    return (
        np.zeros(x_shape, grad.dtype) if needs[0] else None,
        np.zeros(y_shape, grad.dtype) if needs[1] else None,
    )


@differentiable
def modulo(x, y):
    r"""Return the remainder of floor division, :math:`x - y \lfloor x / y \rfloor`.

    Parameters, result and errors are those of :func:`add`.

    Notes
    -----
    Backward: :math:`\partial x = g`,
    :math:`\partial y = -g \lfloor x / y \rfloor`, summed over the axes that
    were broadcast.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.modulo(od.tensor([7.0, -7.0]), 4)
    tensor([3., 1.])
    """
    return guarded("modulo", np.remainder, x=x, y=y)


@modulo.backward_rule(wrt=("x", "y"))
def modulo_backward(grad, x, y, needs=(True, True)):
    """Return the gradients of :func:`modulo` for ``x`` and ``y``."""
    return (
        unbroadcast(grad, np.shape(x)) if needs[0] else None,
        unbroadcast(-grad * floor_divide(x, y), np.shape(y)) if needs[1] else None,
    )
