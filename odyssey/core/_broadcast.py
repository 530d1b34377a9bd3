"""Broadcasting and its adjoint, in one place.

Broadcasting copies a value along an axis; its adjoint sums the gradients of
the copies. Every operation that broadcasts ends its backward here.
"""

from __future__ import annotations

import numpy as np

from odyssey.backend import kernel
from odyssey.core._floats import has_kernel


def unbroadcast(grad, shape):
    """Sum ``grad`` over the axes along which an argument of ``shape`` was broadcast.

    Shapes: if the forward broadcast ``shape`` to ``grad.shape``, the result has
    ``shape``. Works on arrays and on Tensors.

    Examples
    --------
    >>> unbroadcast(np.ones((2, 3)), (3,))
    array([2., 2., 2.])
    >>> unbroadcast(np.ones((2, 3)), (2, 1))
    array([[3.],
           [3.]])
    """
    if grad.shape == shape:
        return grad
    new = len(grad.shape) - len(shape)
    stretched = [new + i for i, n in enumerate(shape) if n == 1 and grad.shape[new + i] != 1]
    return add_up(grad, (*range(new), *stretched)).reshape(shape)


def add_up(x, axes, keepdims=False):
    """Sum along axes, half precision in float32: its own sums stop growing at 2048 ones.

    Works on arrays and on Tensors, whose ``sum`` ends here again.

    Examples
    --------
    >>> add_up(np.ones((4096, 2), np.float16), 0).tolist()
    [4096.0, 4096.0]
    """
    if has_kernel(x):
        return kernel("sum")(x, axes, keepdims)
    if isinstance(x, np.ndarray) and x.dtype == np.float16:
        with np.errstate(over="ignore"):
            return np.asarray(x.sum(axes, np.float32, keepdims=keepdims)).astype(np.float16)
    return x.sum(axis=axes, keepdims=keepdims)
