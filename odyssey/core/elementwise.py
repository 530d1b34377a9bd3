"""Functions of one element: exp, log, roots, squares, abs, and the choice between two (where)."""

from __future__ import annotations

import numpy as np

from odyssey.backend import kernel
from odyssey.core._broadcast import unbroadcast
from odyssey.core._checks import as_array, check_broadcast
from odyssey.core._copies import converted, copied
from odyssey.core._floats import COMPILED, one_dtype
from odyssey.core._pointwise import pointwise
from odyssey.core._zeros import zero_rule
from odyssey.errors import OdysseyError
from odyssey.tape import differentiable
from odyssey.utils.defaults import get_default_dtype

__all__ = [
    "abs",
    "abs_backward",
    "astype",
    "astype_backward",
    "conj",
    "conj_backward",
    "exp",
    "exp_backward",
    "imag",
    "imag_backward",
    "log",
    "log_backward",
    "positive",
    "positive_backward",
    "real",
    "real_backward",
    "reciprocal",
    "reciprocal_backward",
    "rsqrt",
    "rsqrt_backward",
    "sqrt",
    "sqrt_backward",
    "square",
    "square_backward",
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


@pointwise("square([3.0, -2.0]) = [9., 4.]", r":math:`\partial x = 2 g x`", gives="same")
def square(x):
    r"""Return the square :math:`x^2` of each element."""
    return np.square(x)


@square.backward_rule(wrt=("x",))
def square_backward(grad, x):
    """Return the gradient of :func:`square`."""
    return grad * (2 * x)


@pointwise("reciprocal([4.0, 0.0]) = [0.25,  inf]", r":math:`\partial x = -g\,y^2`")
def reciprocal(x):
    r"""Return the reciprocal :math:`y = 1 / x` of each element."""
    return np.true_divide(1, x)


@reciprocal.backward_rule(wrt=("x",))
def reciprocal_backward(grad, out):
    """Return the gradient of :func:`reciprocal`."""
    return -grad * (out * out)


@pointwise("rsqrt([4.0, 0.0]) = [0.5, inf]", r":math:`\partial x = -g\,y^3 / 2`")
def rsqrt(x):
    r"""Return the reciprocal of the root, :math:`y = 1 / \sqrt x`; NaN where x is negative."""
    return np.true_divide(1, np.sqrt(x))


@rsqrt.backward_rule(wrt=("x",))
def rsqrt_backward(grad, out):
    """Return the gradient of :func:`rsqrt`."""
    return grad * (-0.5 * out * out * out)


@pointwise("positive([1.0, -2.0]) = [ 1., -2.]", r":math:`\partial x = g`", gives="same")
def positive(x):
    r"""Return a copy, :math:`+x`: what a plus does."""
    return np.positive(x)


@positive.backward_rule(wrt=("x",))
def positive_backward(grad):
    """Return the gradient of :func:`positive`."""
    return grad


@pointwise("real([1.0, -2.0]) = [ 1., -2.]", r":math:`\partial x = g`", gives="same")
def real(x):
    r"""Return the real part :math:`\Re x`: of real numbers a copy."""
    return np.positive(np.real(x))


@real.backward_rule(wrt=("x",))
def real_backward(grad):
    """Return the gradient of :func:`real`."""
    return grad


@pointwise("imag([1.0, -2.0]) = [0., 0.]", r":math:`\partial x = 0`", gives="same")
def imag(x):
    r"""Return the imaginary part :math:`\Im x`: of real numbers zeros."""
    return np.positive(np.imag(x))


imag_backward = zero_rule(imag)


@pointwise("conj([1.0, -2.0]) = [ 1., -2.]", r":math:`\partial x = g`", gives="same")
def conj(x):
    r"""Return the complex conjugate :math:`\bar x`: of real numbers a copy."""
    return np.conjugate(x)


@conj.backward_rule(wrt=("x",))
def conj_backward(grad):
    """Return the gradient of :func:`conj`."""
    return grad


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
        In the broadcast shape and the promoted dtype of ``x`` and ``y``; of two Python
        floats it is the default one.

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
    >>> od.core.where(x > 0, 0.5, 2).dtype
    dtype('float32')
    """
    try:
        if COMPILED and type(condition) is np.ndarray and condition.dtype == bool:
            operands = one_dtype(x, y)
            if operands is not None:
                return kernel("where")(condition, *operands)
        if {type(x), type(y)} in ({float}, {float, int}):
            x = np.asarray(x, get_default_dtype())
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
def astype(x, dtype, copy=True, device=None):
    r"""Convert to another dtype: :math:`y_i` is the number there that is nearest to :math:`x_i`.

    Parameters
    ----------
    x : Tensor or ndarray
        Of any shape.
    dtype : dtype
        Integers and bools cut floats off towards zero.
    copy : bool, default True
        With False the result may read the memory of ``x``, if it has the dtype already.
    device : {"cpu"}, optional
        The only one that there is.

    Returns
    -------
    Tensor or ndarray
        In the shape of ``x``.

    Raises
    ------
    OdysseyError
        If the device is another one.

    Notes
    -----
    Backward: :math:`\partial x = g`, converted back.

    Examples
    --------
    >>> import odyssey as od
    >>> od.core.astype(od.tensor([1.5]), "float64").dtype
    dtype('float64')
    """
    if device not in (None, "cpu"):
        raise OdysseyError(f"astype: device must be 'cpu', the only one, got {device!r}")
    x = as_array(x)
    if x.dtype == dtype:
        return copied(x) if copy else x
    return converted(x, dtype)


@astype.backward_rule(wrt=("x",))
def astype_backward(grad, x_dtype):
    """Return the gradient of :func:`astype`."""
    return astype(grad, x_dtype)
