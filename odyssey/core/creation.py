"""Creation: tensors from data, from a value, from a range, from chance.

Python floats become the default dtype (float32), Python ints int64; ndarrays
keep their dtype.
"""

from __future__ import annotations

import numpy as np

from odyssey.core._copies import copied
from odyssey.errors import DTypeError
from odyssey.tensor import Tensor
from odyssey.utils import random
from odyssey.utils.defaults import get_default_dtype

__all__ = [
    "arange",
    "empty",
    "eye",
    "from_dlpack",
    "from_numpy",
    "full",
    "full_like",
    "linspace",
    "ones",
    "ones_like",
    "rand",
    "randn",
    "tensor",
    "zeros",
    "zeros_like",
]


def tensor(data, dtype=None, requires_grad=False):
    """Return a tensor with a copy of ``data``.

    Parameters
    ----------
    data : number, nested sequence of numbers, ndarray or Tensor
    dtype : dtype, optional
        By default that of an ndarray or Tensor; the default dtype for Python
        floats; int64 for ints and bool for bools.
    requires_grad : bool
        Whether ``backward`` shall leave a gradient in it.

    Raises
    ------
    DTypeError
        If ``data`` holds anything but numbers.

    Examples
    --------
    >>> import odyssey as od
    >>> od.tensor([[1.0, 2.0], [3.0, 4.0]])
    tensor([[1., 2.],
            [3., 4.]])
    >>> od.tensor([1, 2]).dtype, od.tensor(1.5).dtype
    (dtype('int64'), dtype('float32'))
    """
    if dtype is None and not isinstance(data, (np.ndarray, np.generic, Tensor)):
        dtype = _dtype_of_python(data)
    same = type(data) is np.ndarray and (dtype is None or data.dtype == dtype)
    array = copied(data) if same else np.array(data, dtype=dtype)
    if array.dtype.kind not in "biufO":
        raise DTypeError(f"tensor: data must hold numbers, but its dtype is {array.dtype}")
    return Tensor(array, requires_grad)


def _dtype_of_python(data):
    """Return the default dtype for nested Python floats, None for whatever keeps its own."""
    while isinstance(data, (list, tuple)) and data:
        if any(isinstance(one, (float, list, tuple)) for one in data):
            data = next(one for one in data if isinstance(one, (float, list, tuple)))
        else:
            data = data[0]
    holds_floats = isinstance(data, float) or (isinstance(data, (list, tuple)) and not data)
    return get_default_dtype() if holds_floats and not isinstance(data, np.generic) else None


def from_numpy(array, requires_grad=False):
    """Return a tensor that shares the memory of ``array``.

    Examples
    --------
    >>> import numpy as np, odyssey as od
    >>> a = np.zeros(2)
    >>> t = od.from_numpy(a)
    >>> a[0] = 1
    >>> t
    tensor([1., 0.], dtype=float64)
    """
    if not isinstance(array, np.ndarray):
        raise DTypeError(f"from_numpy: expected an ndarray, got {type(array).__name__}")
    return Tensor(array, requires_grad)


def from_dlpack(source):
    """Return a tensor over the memory of another library's array, by DLPack.

    Parameters
    ----------
    source : object with ``__dlpack__`` and ``__dlpack_device__``
        In this machine's memory: a torch or JAX array on the CPU, an ndarray.

    Raises
    ------
    DTypeError
        If it does not speak DLPack, or cannot be shared with NumPy.

    Examples
    --------
    >>> import numpy as np, odyssey as od
    >>> a = np.zeros(2)
    >>> t = od.from_dlpack(a)
    >>> a[0] = 1
    >>> t
    tensor([1., 0.], dtype=float64)
    """
    if not hasattr(source, "__dlpack__"):
        raise DTypeError(f"from_dlpack: {type(source).__name__} has no __dlpack__")
    try:
        return Tensor(np.from_dlpack(source))
    except (BufferError, RuntimeError, TypeError) as error:
        raise DTypeError(f"from_dlpack: {type(source).__name__}: {error}") from error


def zeros(shape, dtype=None, requires_grad=False):
    """Return a tensor of zeros, by default in the default dtype.

    Examples
    --------
    >>> import odyssey as od
    >>> od.zeros((2, 3)).shape
    (2, 3)
    """
    return Tensor(np.zeros(shape, dtype or get_default_dtype()), requires_grad)


def ones(shape, dtype=None, requires_grad=False):
    """Return a tensor of ones, by default in the default dtype."""
    return Tensor(np.ones(shape, dtype or get_default_dtype()), requires_grad)


def full(shape, fill_value, dtype=None, requires_grad=False):
    """Return a tensor filled with one value; its dtype follows the value."""
    dtype = dtype or _dtype_of_python(fill_value)
    return Tensor(np.full(shape, fill_value, dtype), requires_grad)


def empty(shape, dtype=None, requires_grad=False):
    """Return a tensor whose values are whatever the memory held."""
    return Tensor(np.empty(shape, dtype or get_default_dtype()), requires_grad)


def zeros_like(x, dtype=None, requires_grad=False):
    """Return zeros in the shape of ``x`` and, by default, its dtype."""
    return Tensor(np.zeros(x.shape, dtype or x.dtype), requires_grad)


def ones_like(x, dtype=None, requires_grad=False):
    """Return ones in the shape of ``x`` and, by default, its dtype."""
    return Tensor(np.ones(x.shape, dtype or x.dtype), requires_grad)


def full_like(x, fill_value, dtype=None, requires_grad=False):
    """Return one value in the shape of ``x`` and, by default, its dtype."""
    return Tensor(np.full(x.shape, fill_value, dtype or x.dtype), requires_grad)


def arange(start, stop=None, step=1, dtype=None, requires_grad=False):
    """Return the numbers from ``start`` up to, not including, ``stop``.

    With one argument the range starts at 0.

    Examples
    --------
    >>> import odyssey as od
    >>> od.arange(4)
    tensor([0, 1, 2, 3])
    """
    if stop is None:
        start, stop = 0, start
    dtype = dtype or _dtype_of_python([start, stop, step])
    return Tensor(np.arange(start, stop, step, dtype=dtype), requires_grad)


def linspace(start, stop, num=50, dtype=None, requires_grad=False):
    """Return ``num`` numbers evenly spaced from ``start`` to ``stop``, both included."""
    return Tensor(np.linspace(start, stop, num, dtype=dtype or get_default_dtype()), requires_grad)


def eye(n, m=None, k=0, dtype=None, requires_grad=False):
    """Return an (n, m) matrix with ones on the k-th diagonal."""
    return Tensor(np.eye(n, m, k, dtype or get_default_dtype()), requires_grad)


def randn(*shape, dtype=None, requires_grad=False, rng=None):
    """Return samples of the standard normal distribution.

    Parameters
    ----------
    *shape : int, or one tuple of int
    rng : numpy.random.Generator, optional
        By default the process's (:func:`odyssey.manual_seed`).
    """
    rng = rng or random.default_generator()
    samples = rng.standard_normal(_shape(shape))
    return Tensor(np.asarray(samples, dtype or get_default_dtype()), requires_grad)


def rand(*shape, dtype=None, requires_grad=False, rng=None):
    """Return samples of the uniform distribution over [0, 1); arguments as in :func:`randn`."""
    rng = rng or random.default_generator()
    dtype = np.dtype(dtype or get_default_dtype())
    if dtype == np.float16:  # in its own steps: rounding a longer fraction could give 1
        samples = (rng.integers(0, 2048, _shape(shape)) / 2048).astype(dtype)
    else:
        samples = np.asarray(rng.random(_shape(shape), dtype))
    return Tensor(samples, requires_grad)


def _shape(shape):
    return shape[0] if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else shape
