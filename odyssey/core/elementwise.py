"""Functions of one element: exp, log, sqrt, abs, and the choice between two (where)."""

from __future__ import annotations

import numpy as np

from odyssey.backend import kernel
from odyssey.core._broadcast import unbroadcast
from odyssey.core._checks import as_array, check_broadcast
from odyssey.core._copies import copied
from odyssey.core._floats import COMPILED, one_dtype
from odyssey.tape import differentiable

__all__ = [
    "abs",
    "abs_backward",
    "astype",
    "astype_backward",
    "exp",
    "exp_backward",
    "log",
    "log_backward",
    "sqrt",
    "sqrt_backward",
    "where",
    "where_backward",
]


@differentiable
def exp(x):
    r"""Return the exponential :math:`e^x` of each element.

    Parameters
    ----------
    x : Tensor or ndarray

    Returns
    -------
    Tensor or ndarray
        In the shape and floating dtype of ``x``.

    Notes
    -----
    Backward: :math:`\partial x = g\,e^x`.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.exp(od.tensor([0.0, -1e4]))
    tensor([1., 0.])
    """
    with np.errstate(over="ignore"):
        return np.exp(x)


@exp.backward_rule(wrt=("x",))
def exp_backward(grad, out):
    """Return the gradient of :func:`exp`."""
    return grad * out


@differentiable
def log(x):
    r"""Return the natural logarithm :math:`\ln x` of each element.

    As in NumPy, :math:`\ln 0 = -\infty` and the logarithm of a negative number
    is NaN.

    Parameters
    ----------
    x : Tensor or ndarray

    Returns
    -------
    Tensor or ndarray
        In the shape and floating dtype of ``x``.

    Notes
    -----
    Backward: :math:`\partial x = g / x`.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.log(od.tensor([1.0, 0.0]))
    tensor([  0., -inf])
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log(x)


@log.backward_rule(wrt=("x",))
def log_backward(grad, x):
    """Return the gradient of :func:`log`."""
    from odyssey.core.arithmetic import divide

    return divide(grad, x)


@differentiable
def sqrt(x):
    r"""Return the square root :math:`\sqrt x` of each element.

    Parameters
    ----------
    x : Tensor or ndarray

    Returns
    -------
    Tensor or ndarray
        In the shape and floating dtype of ``x``; NaN where ``x`` is negative.

    Notes
    -----
    Backward: :math:`\partial x = g / (2 \sqrt x)`. At 0 the slope is infinite;
    it is taken as 0 where :math:`g = 0`, so that a masked-out element does not
    turn into NaN.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.sqrt(od.tensor([4.0, 9.0]))
    tensor([2., 3.])
    """
    with np.errstate(invalid="ignore"):
        return np.sqrt(x)


@sqrt.backward_rule(wrt=("x",))
def sqrt_backward(grad, out):
    """Return the gradient of :func:`sqrt`."""
    from odyssey.core.arithmetic import divide

    nothing = (np.asarray(grad) == 0) & (np.asarray(out) == 0)
    return divide(grad, 2 * where(nothing, 1, out))


@differentiable
def abs(x):
    r"""Return the absolute value :math:`|x|` of each element.

    Parameters
    ----------
    x : Tensor or ndarray

    Returns
    -------
    Tensor or ndarray
        In the shape and dtype of ``x``.

    Notes
    -----
    Backward: :math:`\partial x = g\,\mathrm{sign}(x)`, which is 0 at 0.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.abs(od.tensor([-2.0, 3.0]))
    tensor([2., 3.])
    """
    return np.absolute(x)


@abs.backward_rule(wrt=("x",))
def abs_backward(grad, x):
    """Return the gradient of :func:`abs`."""
    return grad * np.sign(np.asarray(x))  # piecewise constant: no second derivative is lost


@differentiable
def where(condition, x, y):
    r"""Choose ``x`` where ``condition`` holds, else ``y``.

    Parameters
    ----------
    condition : Tensor or ndarray of bool
    x, y : Tensor, ndarray or number
        All three broadcast together.

    Returns
    -------
    Tensor or ndarray
        In the broadcast shape and the promoted dtype of ``x`` and ``y``.

    Raises
    ------
    ShapeError
        If the shapes do not broadcast.

    Notes
    -----
    Backward: :math:`\partial x = g` where the condition holds and 0 elsewhere,
    :math:`\partial y` the other way round; a NaN in the branch that was not
    chosen does not reach the gradient.

    Examples
    --------
    >>> import odyssey as od
    >>> x = od.tensor([1.0, -2.0])
    >>> od.core.where(x > 0, x, 0)
    tensor([1., 0.])
    """
    try:
        if COMPILED and type(condition) is np.ndarray and condition.dtype == bool:
            operands = one_dtype(x, y)
            if operands is not None:
                return kernel("where")(condition, *operands)
        return np.where(condition, x, y)
    except ValueError:
        check_broadcast("where", condition=condition, x=x, y=y)
        raise


@where.backward_rule(wrt=("x", "y"))
def where_backward(grad, condition, x_shape, y_shape, needs=(True, True)):
    """Return the gradients of :func:`where` for ``x`` and ``y``."""
    return (
        unbroadcast(where(condition, grad, 0), x_shape) if needs[0] else None,
        unbroadcast(where(condition, 0, grad), y_shape) if needs[1] else None,
    )


@differentiable
def astype(x, dtype):
    r"""Convert to another dtype.

    Parameters
    ----------
    x : Tensor or ndarray
    dtype : dtype

    Returns
    -------
    Tensor or ndarray
        A new one, of the shape of ``x``.

    Notes
    -----
    Backward: :math:`\partial x = g`, converted back.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.astype(od.tensor([1.5]), "float64").dtype
    dtype('float64')
    """
    x = as_array(x)
    return copied(x) if x.dtype == dtype else x.astype(dtype)


@astype.backward_rule(wrt=("x",))
def astype_backward(grad, x_dtype):
    """Return the gradient of :func:`astype`."""
    return astype(grad, x_dtype)
