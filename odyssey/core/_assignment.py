"""Assignment to a part of a tensor, where it must be recorded."""

from __future__ import annotations

import numpy as np

from odyssey.core.elementwise import astype, where
from odyssey.core.indexing import getitem
from odyssey.core.shape import reshape
from odyssey.errors import DTypeError, GradientError, RangeError, ShapeError
from odyssey.grad_mode import is_grad_enabled
from odyssey.tensor import Tensor, _plain


def setitem(self, index, value):
    """Let ``self[index] = value`` be a write, or, where a gradient depends on it, be recorded."""
    index = _plain(index)
    on_tape = not self.is_leaf or (not self.requires_grad and _wants_gradient(value))
    if on_tape and is_grad_enabled():
        self._become("setitem", assigned(self, index, value))
    else:
        self._before_write("setitem")  # which refuses a leaf that requires a gradient
        _write(self.data, index, _plain(value))


def assigned(x, index, value):
    """Return ``x`` but for ``value`` at ``index``; gradients flow to both.

    Of an element that ``index`` names twice the last value counts, as in NumPy. Costs a
    copy of ``x``, and as much again for the places that the values come from.

    Examples
    --------
    >>> assigned(np.zeros(4), [1, 3, 3], np.array([5.0, 6.0, 7.0]))
    array([0., 5., 0., 7.])
    """
    if isinstance(value, (list, tuple)) and _wants_gradient(value):
        raise GradientError(
            "setitem: a list of tensors that require a gradient would lose it; stack them first"
        )
    if x.dtype.kind != "f" and _wants_gradient(value):
        raise GradientError(
            f"setitem: a tensor of dtype {x.dtype} has no gradient, and the value requires one; "
            "use value.detach(), or a tensor of floats"
        )
    value = value if isinstance(value, Tensor) else np.asarray(value)
    if value.dtype.kind not in "biuf":
        raise DTypeError(f"setitem: value must hold numbers, but its dtype is {value.dtype}")
    value = astype(value, x.dtype)
    source = np.full(x.shape, -1)  # which value each element gets
    numbers = np.arange(value.size).reshape(value.shape)
    _write(source, index, numbers)
    if not value.size:
        return astype(x, x.dtype)
    return where(source >= 0, getitem(reshape(value, -1), np.maximum(source, 0)), x)


def _write(array, index, value):
    """Write into an array; if that fails, say why in our words."""
    try:
        array[index] = value
    except (IndexError, TypeError, ValueError) as error:
        kind = {IndexError: RangeError, TypeError: DTypeError}.get(type(error), ShapeError)
        raise kind(
            f"setitem: value of shape {np.shape(value)} into x of shape {array.shape}: {error}"
        ) from None


def _wants_gradient(value):
    if isinstance(value, (list, tuple)):
        return any(map(_wants_gradient, value))
    return isinstance(value, Tensor) and value.requires_grad
