"""The operators and methods of Tensor, attached from one table.

``odyssey/tensor.pyi`` declares the same names for type checkers.
"""

from __future__ import annotations

import sys

import numpy as np

from odyssey.core import (
    _assignment,
    activation,
    arithmetic,
    comparison,
    elementwise,
    indexing,
    logic,
    matrix,
    reduction,
    shape,
)
from odyssey.core._checks import check_broadcast
from odyssey.engine import backward
from odyssey.errors import DTypeError, ShapeError
from odyssey.grad_mode import is_grad_enabled
from odyssey.tensor import Tensor, _plain


def _reflected(operation):
    def method(self, other):
        return operation(other, self)

    return method


def _in_place(operation, ufunc):
    """Return an in-place operator: a write where nothing is recorded, else a new tensor."""

    def method(self, other):
        on_tape = (self.requires_grad and self._node is not None) or _requires_grad(other)
        if on_tape and is_grad_enabled():
            return operation(self, other)
        name = operation.__name__
        self._before_write(name)
        try:
            with np.errstate(all="ignore"):
                ufunc(self.data, _plain(other), out=self.data, casting="same_kind")
        except TypeError as error:
            raise DTypeError(f"{name}: in place, of dtype {self.dtype}: {error}") from None
        except ValueError as error:
            check_broadcast(name, x=self, y=other)
            raise ShapeError(f"{name}: in place, into shape {self.shape}: {error}") from None
        return self

    return method


def _requires_grad(value):
    return isinstance(value, Tensor) and value.requires_grad


def _reshape(self, *shape_):
    """Return the elements under another shape; see :func:`odyssey.core.reshape`."""
    return shape.reshape(self, shape_[0] if len(shape_) == 1 else shape_)


def _transpose(self, *axes):
    """Return the axes in another order; see :func:`odyssey.core.transpose`."""
    given = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes
    return matrix.transpose(self, given or None)


def _matrix_transpose(self):
    """Return each matrix of a stack transposed: the last two axes change places."""
    if self.ndim < 2:
        raise ShapeError(f"mT: a matrix has at least 2 axes, got shape {self.shape}")
    return matrix.swapaxes(self, -2, -1)


def _divmod(self, other):
    """Return quotient, rounded down, and remainder."""
    return arithmetic.floor_divide(self, other), arithmetic.modulo(self, other)


def _contiguous(self):
    """Return the tensor itself if its elements lie in C order, else a copy for which that holds."""
    return self if self.is_contiguous() else shape.reshape(self.flatten(0), self.shape)


def _copy(self):
    """Return a copy with memory of its own; gradients flow through it."""
    return elementwise.astype(self, self.dtype)


def _iter(self):
    """Iterate over the first axis."""
    if self.ndim == 0:
        raise TypeError("a tensor without axes cannot be iterated over")
    return (self[i] for i in range(len(self)))


OPERATORS = {
    "add": arithmetic.add,
    "sub": arithmetic.subtract,
    "mul": arithmetic.multiply,
    "truediv": arithmetic.divide,
    "floordiv": arithmetic.floor_divide,
    "mod": arithmetic.modulo,
    "pow": arithmetic.power,
    "matmul": matrix.matmul,
    "and": logic.bitwise_and,
    "or": logic.bitwise_or,
    "xor": logic.bitwise_xor,
    "lshift": logic.bitwise_left_shift,
    "rshift": logic.bitwise_right_shift,
}

IN_PLACE = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "truediv": np.true_divide,
    "floordiv": np.floor_divide,
    "mod": np.remainder,
    "pow": np.power,
    "and": np.bitwise_and,
    "or": np.bitwise_or,
    "xor": np.bitwise_xor,
    "lshift": np.left_shift,
    "rshift": np.right_shift,
}

METHODS = {
    "__neg__": arithmetic.negate,
    "__pos__": lambda self: self,
    "__abs__": elementwise.abs,
    "__invert__": logic.bitwise_invert,
    "__eq__": comparison.equal,
    "__ne__": comparison.not_equal,
    "__lt__": comparison.less,
    "__le__": comparison.less_equal,
    "__gt__": comparison.greater,
    "__ge__": comparison.greater_equal,
    "__divmod__": _divmod,
    "__rdivmod__": _reflected(_divmod),
    "__getitem__": indexing.getitem,
    "__setitem__": _assignment.setitem,
    "__iter__": _iter,
    "T": property(matrix.transpose),
    "mT": property(_matrix_transpose),
    "abs": elementwise.abs,
    "argmax": reduction.argmax,
    "astype": elementwise.astype,
    "backward": backward,
    "clone": _copy,
    "contiguous": _contiguous,
    "copy": _copy,
    "exp": elementwise.exp,
    "flatten": shape.flatten,
    "log": elementwise.log,
    "log_softmax": activation.log_softmax,
    "max": reduction.max,
    "mean": reduction.mean,
    "relu": activation.relu,
    "reshape": _reshape,
    "sigmoid": activation.sigmoid,
    "softmax": activation.softmax,
    "sqrt": elementwise.sqrt,
    "squeeze": shape.squeeze,
    "sum": reduction.sum,
    "swapaxes": matrix.swapaxes,
    "tanh": activation.tanh,
    "transpose": _transpose,
}

SAME = """
all any argmin argsort ceil clip cos cumulative_prod cumulative_sum diagonal dot expand_dims
flip floor gather isnan logsumexp masked_fill maximum min minimum nonzero permute prod repeat
roll round sign sin sort split square std take tile top_k trace tril triu unstack var
"""
"""Operations that are methods of the same name."""


def attach() -> None:
    """Give Tensor its operators and methods."""
    core = sys.modules[__package__]
    METHODS.update({name: getattr(core, name) for name in SAME.split()})
    for name, operation in OPERATORS.items():
        setattr(Tensor, f"__{name}__", operation)
        setattr(Tensor, f"__r{name}__", _reflected(operation))
    for name, ufunc in IN_PLACE.items():
        setattr(Tensor, f"__i{name}__", _in_place(OPERATORS[name], ufunc))
    for name, method in METHODS.items():
        setattr(Tensor, name, method)
