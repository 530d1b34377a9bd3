"""Creation: tensors from data, from a value, from a range.

Python floats become the default dtype (float32), Python ints int64; ndarrays
keep their dtype. ``device`` may be "cpu", which is all there is.
"""

from __future__ import annotations

import numpy as np

from odyssey.core._copies import copied
from odyssey.core.elementwise import astype
from odyssey.core.shape import broadcast_to, reshape
from odyssey.errors import DTypeError, OdysseyError, ShapeError
from odyssey.tensor import Tensor
from odyssey.utils.defaults import get_default_dtype
from odyssey.utils.device import check_device

__all__ = [
    "arange",
    "asarray",
    "empty",
    "empty_like",
    "eye",
    "from_dlpack",
    "from_numpy",
    "full",
    "full_like",
    "linspace",
    "meshgrid",
    "ones",
    "ones_like",
    "tensor",
    "zeros",
    "zeros_like",
]


def tensor(data, dtype=None, requires_grad=False, *, device=None):
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
        If ``data`` holds anything but real numbers, or integers beyond 64 bits.
    ShapeError
        If nested sequences are not of one length.

    Examples
    --------
    >>> import odyssey as od
    >>> od.tensor([[1.0, 2.0], [3.0, 4.0]])
    tensor([[1., 2.],
            [3., 4.]])
    >>> od.tensor([1, 2]).dtype, od.tensor(1.5).dtype
    (dtype('int64'), dtype('float32'))
    """
    check_device("tensor", device)
    return Tensor(_array("tensor", data, dtype), requires_grad)


def _array(op, data, dtype):
    """Return a new array of numbers."""
    if dtype is None and not isinstance(data, (np.ndarray, np.generic, Tensor)):
        dtype = _dtype_of_python(data)
    same = type(data) is np.ndarray and (dtype is None or data.dtype == dtype)
    try:
        array = copied(data) if same else np.array(data, dtype=dtype)
    except ValueError as error:
        kind = ShapeError if "inhomogeneous" in str(error) else DTypeError
        raise kind(f"{op}: {error}") from None
    except OverflowError as error:
        raise DTypeError(f"{op}: {error}") from None
    if array.dtype.kind not in "biufO":
        raise DTypeError(f"{op}: data must hold numbers, but its dtype is {array.dtype}")
    if array.dtype == object and dtype is None and any(type(one) is int for one in array.flat):
        raise DTypeError(f"{op}: data holds an integer of more than 64 bits")
    return array


def asarray(obj, dtype=None, requires_grad=False, *, device=None, copy=None):
    """Return ``obj`` as a tensor, of its own memory where that is possible.

    Parameters
    ----------
    obj : number, nested sequence of numbers, ndarray, Tensor, or array with DLPack
        A Tensor is returned as it is, unless it is to be copied or converted;
        gradients flow through that.
    dtype : dtype, optional
        As in :func:`tensor`.
    requires_grad : bool
        Whether ``backward`` shall leave a gradient in a result that is not ``obj``.
    copy : bool, optional
        True always copies, False never; by default where it must.

    Raises
    ------
    DTypeError
        If ``obj`` holds anything but numbers, or cannot do without the copy that
        ``copy=False`` forbids.

    Examples
    --------
    >>> import numpy as np, odyssey as od
    >>> a = np.zeros(2)
    >>> t = od.asarray(a)
    >>> a[0] = 1
    >>> t, od.asarray(t) is t
    (tensor([1., 0.], dtype=float64), True)
    """
    check_device("asarray", device)
    is_array = isinstance(obj, (Tensor, np.ndarray))
    if not is_array and hasattr(obj, "__dlpack__") and not isinstance(obj, np.generic):
        obj = from_dlpack(obj)
    elif not is_array:
        if copy is False:
            raise DTypeError(f"asarray: {type(obj).__name__} must be copied, but copy=False")
        return Tensor(_array("asarray", obj, dtype), requires_grad)
    wanted = obj.dtype if dtype is None else np.dtype(dtype)
    if copy is False and wanted != obj.dtype:
        raise DTypeError(f"asarray: {obj.dtype} to {wanted} needs a copy, but copy=False")
    result = astype(obj, wanted) if copy or wanted != obj.dtype else obj
    if result is not obj or not isinstance(obj, Tensor):
        result = result if isinstance(result, Tensor) else Tensor(result)
        result.requires_grad = requires_grad or result.requires_grad
    return result


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


def from_dlpack(source, *, device=None, copy=None):
    """Return a tensor over the memory of another library's array, by DLPack.

    Parameters
    ----------
    source : object with ``__dlpack__`` and ``__dlpack_device__``
        In this machine's memory: a torch or JAX array on the CPU, an ndarray.
    copy : bool, optional
        True makes a copy instead of sharing the memory.

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
    check_device("from_dlpack", device)
    if not hasattr(source, "__dlpack__"):
        raise DTypeError(f"from_dlpack: {type(source).__name__} has no __dlpack__")
    try:
        array = np.from_dlpack(source)
        return Tensor(copied(array) if copy else array)
    except (BufferError, RuntimeError, TypeError) as error:
        raise DTypeError(f"from_dlpack: {type(source).__name__}: {error}") from error


def _made(op, make, *args, device, requires_grad):
    """Return a tensor over the array that NumPy's ``make`` gives."""
    check_device(op, device)
    try:
        array = make(*args)
    except (ValueError, OverflowError, ZeroDivisionError) as error:
        raise ShapeError(f"{op}: {error}") from None
    except TypeError as error:
        raise DTypeError(f"{op}: {error}") from None
    return Tensor(array, requires_grad)


def zeros(shape, dtype=None, requires_grad=False, *, device=None):
    """Return a tensor of zeros, by default in the default dtype.

    Parameters
    ----------
    shape : int or tuple of int
    dtype : dtype, optional
    requires_grad : bool
        Whether ``backward`` shall leave a gradient in it.
    device : "cpu", optional

    Raises
    ------
    ShapeError
        If a length is negative.

    Examples
    --------
    >>> import odyssey as od
    >>> od.zeros((2, 3)).shape
    (2, 3)
    """
    dtype = dtype or get_default_dtype()
    return _made("zeros", np.zeros, shape, dtype, device=device, requires_grad=requires_grad)


def ones(shape, dtype=None, requires_grad=False, *, device=None):
    """Return a tensor of ones; parameters as in :func:`zeros`."""
    dtype = dtype or get_default_dtype()
    return _made("ones", np.ones, shape, dtype, device=device, requires_grad=requires_grad)


def full(shape, fill_value, dtype=None, requires_grad=False, *, device=None):
    """Return a tensor filled with one value; its dtype follows the value."""
    value = fill_value.data if isinstance(fill_value, Tensor) else fill_value
    args = shape, value, dtype or _dtype_of_python(value)
    return _made("full", np.full, *args, device=device, requires_grad=requires_grad)


def empty(shape, dtype=None, requires_grad=False, *, device=None):
    """Return a tensor whose values are whatever the memory held."""
    dtype = dtype or get_default_dtype()
    return _made("empty", np.empty, shape, dtype, device=device, requires_grad=requires_grad)


def zeros_like(x, dtype=None, requires_grad=False, *, device=None):
    """Return zeros in the shape of ``x`` and, by default, its dtype."""
    return zeros(x.shape, dtype or x.dtype, requires_grad, device=device)


def ones_like(x, dtype=None, requires_grad=False, *, device=None):
    """Return ones in the shape of ``x`` and, by default, its dtype."""
    return ones(x.shape, dtype or x.dtype, requires_grad, device=device)


def full_like(x, fill_value, dtype=None, requires_grad=False, *, device=None):
    """Return one value in the shape of ``x`` and, by default, its dtype."""
    return full(x.shape, fill_value, dtype or x.dtype, requires_grad, device=device)


def empty_like(x, dtype=None, requires_grad=False, *, device=None):
    """Return whatever the memory held, in the shape of ``x`` and, by default, its dtype."""
    return empty(x.shape, dtype or x.dtype, requires_grad, device=device)


def arange(start, stop=None, step=1, dtype=None, requires_grad=False, *, device=None):
    """Return the numbers from ``start`` up to, not including, ``stop``.

    With one argument the range starts at 0.

    Raises
    ------
    ShapeError
        If ``step`` is 0.

    Examples
    --------
    >>> import odyssey as od
    >>> od.arange(4)
    tensor([0, 1, 2, 3])
    """
    if stop is None:
        start, stop = 0, start
    args = start, stop, step, dtype or _dtype_of_python([start, stop, step])
    return _made("arange", np.arange, *args, device=device, requires_grad=requires_grad)


def linspace(start, stop, num=50, dtype=None, requires_grad=False, *, device=None, endpoint=True):
    """Return ``num`` numbers evenly spaced from ``start`` to ``stop``.

    Parameters
    ----------
    start, stop : number
    num : int
        At least 0.
    dtype : dtype, optional
        By default the default dtype.
    endpoint : bool
        Whether ``stop`` is the last of them; else it would be the next one.

    Examples
    --------
    >>> import odyssey as od
    >>> od.linspace(0, 1, 4, endpoint=False)
    tensor([0.  , 0.25, 0.5 , 0.75])
    """
    args = start, stop, num, endpoint, False, dtype or get_default_dtype()
    return _made("linspace", np.linspace, *args, device=device, requires_grad=requires_grad)


def eye(n, m=None, k=0, dtype=None, requires_grad=False, *, device=None):
    """Return an (n, m) matrix with ones on the k-th diagonal."""
    args = n, m, k, dtype or get_default_dtype()
    return _made("eye", np.eye, *args, device=device, requires_grad=requires_grad)


def meshgrid(*arrays, indexing="xy"):
    """Return the coordinates of a grid, an array for each axis; gradients flow back.

    Parameters
    ----------
    *arrays : Tensor or ndarray
        The coordinates along each axis, with one axis or none.
    indexing : {"xy", "ij"}
        With "ij" the first of them lie along the first axis of the grid; with
        "xy", as in a picture, along its columns, the second ones along its rows.

    Returns
    -------
    list of Tensor
        Each in the shape of the grid.

    Raises
    ------
    ShapeError
        If one of them has more axes.
    OdysseyError
        If ``indexing`` is neither.

    Examples
    --------
    >>> import odyssey as od
    >>> x, y = od.meshgrid(od.arange(3), od.arange(2))
    >>> x, y
    (tensor([[0, 1, 2],
            [0, 1, 2]]), tensor([[0, 0, 0],
            [1, 1, 1]]))
    """
    if indexing not in ("xy", "ij"):
        raise OdysseyError(f"meshgrid: indexing must be 'xy' or 'ij', got {indexing!r}")
    tensors = [asarray(x) for x in arrays]
    for x in tensors:
        if x.ndim > 1:
            raise ShapeError(f"meshgrid: coordinates have one axis, got shape {x.shape}")
    places = list(range(len(tensors)))
    if indexing == "xy":
        places[:2] = reversed(places[:2])
    grid = [tensors[i].size for i in places]  # exchanging two is its own inverse
    ones = [[-1 if i == place else 1 for i in range(len(grid))] for place in places]
    return [
        broadcast_to(reshape(x, tuple(shape)), tuple(grid))
        for x, shape in zip(tensors, ones, strict=True)
    ]
