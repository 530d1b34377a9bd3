"""The tensor: an ndarray, its gradient, and its place on the tape.

A :class:`Tensor` computes nothing itself. ``odyssey.core`` attaches operators
and methods to it from one table when it is imported (``tensor.pyi`` declares
them for type checkers), so what a method does is read where the operation is.

Memory and in-place writes
--------------------------
Only basic indexing and :meth:`Tensor.detach` alias: a write through one is
seen through the other. Every other operation gives a tensor with a value of
its own, even where it costs no copy (``reshape``, ``transpose``): such a
*borrower* reads its source's memory until one of the two is written to.

All tensors that read one piece of memory share a :class:`Storage`. It counts
the writes, so that backward notices when a value that it saved is gone, and
knows the borrowers, so that they get their copy before a write. It is made when
the first one asks for it: most tensors are never saved, lent or aliased.

``t[index] = value`` is such a write unless a gradient depends on it: of a ``value``
that requires one, or if ``t`` is on the tape. Then the assignment is recorded and ``t``
gets memory and a place on the tape of its own. Aliases could not follow, so that
the storage knows them, too.

A build compiles this file; ``tensor.pxd`` turns the fields into C. Python reads
it as it stands.
"""

from __future__ import annotations

import importlib
from typing import Any
from weakref import ref

import numpy as np

from odyssey.errors import DTypeError, GradientError, OdysseyError
from odyssey.grad_mode import is_grad_enabled
from odyssey.places import Place, here
from odyssey.utils.device import DEVICE, check_device

__all__ = ["Parameter", "Tensor"]

ndarray = np.ndarray

# What a tensor is to the memory that it reads.
OWNER, BORROWER, ALIASED_BORROWER = 0, 1, 2

# The dead are dropped from a storage's lists when they grow past this.
_BORROWERS_KEPT = 16


class Storage:
    """What all tensors over one piece of memory share."""

    __slots__ = ("aliases", "borrowers", "version", "written")

    version: int  # the number of writes so far
    written: tuple[str, Place | None] | None  # the last one: what wrote, and where
    borrowers: list[ref[Tensor]] | None
    aliases: list[ref[Tensor]] | None  # the owner and its windows, once there is one

    def lend_to(self, tensor: TensorBase) -> None:
        """Remember a tensor that must get a copy before the memory is written to."""
        if self.borrowers is None:
            self.borrowers = []
        elif len(self.borrowers) > _BORROWERS_KEPT:
            self.borrowers = [one for one in self.borrowers if one() is not None]
        self.borrowers.append(ref(tensor))

    def open_window(self, owner: TensorBase, window: TensorBase) -> None:
        """Remember a tensor that sees what is written to another."""
        if self.aliases is None:
            self.aliases = [ref(owner)]
        elif len(self.aliases) > _BORROWERS_KEPT:
            self.aliases = [one for one in self.aliases if one() is not None]
        self.aliases.append(ref(window))

    def before_write(self, operation: str) -> None:
        """Give each borrower its own copy, and count the write."""
        for borrower in self.borrowers or ():
            tensor = borrower()
            if tensor is not None and tensor._borrowed and tensor._storage is self:
                tensor._stop_borrowing()
        self.borrowers = None
        self.version += 1
        self.written = (operation, here())


class TensorBase:
    """The fields of a tensor.

    Apart from :class:`Tensor`, because compiled code finds them at fixed places
    in memory, and a class of which it knows that takes no new methods; Tensor
    gets its operators from ``odyssey.core``.
    """

    __slots__ = (
        "__weakref__",
        "_borrowed",
        "_index",
        "_node",
        "_requires_grad",
        "_storage",
        "data",
        "grad",
    )


class Tensor(TensorBase):
    """A multi-dimensional array that operations can be recorded on.

    Parameters
    ----------
    data : ndarray
        Shared, not copied (:func:`odyssey.tensor` copies).
    requires_grad : bool, default False
        Whether ``backward`` shall leave a gradient in ``grad``. Needs a
        floating dtype.

    Attributes
    ----------
    data : ndarray
        The values. Writing to it directly is not seen by the tape: write
        through the tensor (``t[...] = value``), or do not write between
        forward and backward.
    grad : Tensor or None
        The gradient, of the same shape and dtype; ``backward`` adds to it.

    Raises
    ------
    DTypeError
        If ``requires_grad`` is asked of a tensor that is not floating-point.
    """

    __slots__ = ()

    # NumPy shall leave `ndarray * tensor` to Tensor's own operators.
    __array_ufunc__ = None

    def __init__(self, data: np.ndarray, requires_grad: bool = False) -> None:
        _fill(self, data)
        if requires_grad:
            self.requires_grad = True

    # -- what it is -----------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of each axis."""
        return self.data.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The NumPy dtype."""
        return self.data.dtype

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self.data.ndim

    @property
    def size(self) -> int:
        """The number of elements."""
        return self.data.size

    @property
    def itemsize(self) -> int:
        """The number of bytes of an element."""
        return self.data.itemsize

    @property
    def nbytes(self) -> int:
        """The number of bytes of all elements."""
        return self.data.nbytes

    @property
    def strides(self) -> tuple[int, ...]:
        """How many bytes lie between neighbours along each axis."""
        return self.data.strides

    @property
    def device(self) -> str:
        """Where the values are: always "cpu"."""
        return DEVICE

    def numel(self) -> int:
        """Return the number of elements, as ``size``."""
        return self.data.size

    def dim(self) -> int:
        """Return the number of axes, as ``ndim``."""
        return self.data.ndim

    def data_ptr(self) -> int:
        """Return the address of the first element."""
        return self.data.ctypes.data

    def is_contiguous(self) -> bool:
        """Return whether the elements lie in memory in C order, without gaps."""
        return self.data.flags.c_contiguous

    @property
    def requires_grad(self) -> bool:
        """Whether operations on this tensor are recorded."""
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if value and self.data.dtype.kind != "f":
            raise DTypeError(
                f"requires_grad: only a floating-point tensor has a gradient, not {self.dtype}"
            )
        if not value and self._node is not None:
            raise GradientError(
                "requires_grad: the result of a recorded operation cannot forget it; use .detach()"
            )
        self._requires_grad = bool(value)

    def requires_grad_(self, value: bool = True) -> Tensor:
        """Set ``requires_grad`` and return the tensor itself."""
        self.requires_grad = value
        return self

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded operation made this tensor."""
        return self._node is None

    # -- plain values ---------------------------------------------------------------------

    def numpy(self) -> np.ndarray:
        """Return the values as an ndarray that shares the memory."""
        return self.data

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.data, dtype=dtype, copy=copy)

    def __array_namespace__(self, api_version: str | None = None) -> Any:
        """Return ``odyssey``, whose functions follow the array API standard."""
        namespace = importlib.import_module("odyssey")
        latest = namespace.__array_api_version__
        if api_version is not None and not "2021.12" <= api_version <= latest:
            raise OdysseyError(
                f"__array_namespace__: api_version must be at most {latest}, got {api_version!r}"
            )
        return namespace

    def to_device(self, device: str, /, *, stream: None = None) -> Tensor:
        """Return the tensor itself: there is no other device than the "cpu"."""
        check_device("to_device", device)
        return self

    def __dlpack__(
        self,
        *,
        stream: Any = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[int, int] | None = None,
        copy: bool | None = None,
    ) -> Any:
        """Offer the values to another library, in logical (C) order.

        A C-contiguous tensor shares its memory; of any other layout, such as
        channels-last, a copy is offered: not every reader heeds strides.
        """
        if self._requires_grad:
            raise GradientError(
                "__dlpack__: another library would see the values of this tensor, which requires "
                "a gradient, but not its place on the tape; use .detach()"
            )
        options = {"stream": stream, "max_version": max_version, "dl_device": dl_device}
        options = {name: value for name, value in options.items() if value is not None}
        array = np.asarray(self.data, order="C")
        return (array.copy() if copy else array).__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.data.__dlpack_device__()

    def item(self) -> Any:
        """Return the value of a one-element tensor as a Python number."""
        return self.data.item()

    def tolist(self) -> Any:
        """Return the values as nested lists of Python numbers."""
        return self.data.tolist()

    def __len__(self) -> int:
        return len(self.data)

    def __bool__(self) -> bool:
        return bool(self.data)

    def __int__(self) -> int:
        return int(self.data.item())

    def __float__(self) -> float:
        return float(self.data.item())

    def __complex__(self) -> complex:
        return complex(self.data.item())

    def __index__(self) -> int:
        return self.data.__index__()

    def __format__(self, spec: str) -> str:
        return format(self.data.item() if spec and self.data.size == 1 else str(self), spec)

    def __repr__(self) -> str:
        values = np.array2string(self.data, separator=", ", prefix="tensor(")
        notes = "" if self.dtype in (np.float32, np.int64, np.bool_) else f", dtype={self.dtype}"
        if self._node is not None:
            notes += f", made by {self._node.operation.name}"
        elif self._requires_grad:
            notes += ", requires_grad=True"
        return f"tensor({values}{notes})"

    __hash__ = object.__hash__  # by identity: == compares element by element

    # -- the tape -------------------------------------------------------------------------

    def detach(self) -> Tensor:
        """Return a tensor over the same memory that no gradient flows through."""
        out = Tensor(self.data)
        self._alias(out)
        return out

    def retain_grad(self) -> None:
        """Keep the gradient of this result of an operation in ``grad``, as a leaf does."""
        if self._node is not None:
            self._node.retain(self._index, self)

    # -- memory ---------------------------------------------------------------------------

    def _alias(self, out: Tensor) -> None:
        """Let ``out`` be a window on this tensor: a write through one is seen in both."""
        storage = out._storage = memory_of(self)
        out._borrowed = OWNER
        if self._borrowed:
            self._borrowed = out._borrowed = ALIASED_BORROWER
            storage.lend_to(out)
        else:
            storage.open_window(self, out)

    def _has_windows(self) -> bool:
        """Tell whether another living tensor should see what is written to this one."""
        storage, kind = self._storage, self._borrowed
        if storage is None or kind == BORROWER:
            return kind == ALIASED_BORROWER
        listed = (storage.borrowers if kind else storage.aliases) or ()
        others = [tensor for one in listed if (tensor := one()) is not None and tensor is not self]
        return any(tensor._storage is storage and tensor._borrowed == kind for tensor in others)

    def _stop_borrowing(self) -> None:
        self.data = self.data.copy()
        self._storage = None
        if self._borrowed == BORROWER:  # a window on a borrower stays closed to writes
            self._borrowed = OWNER

    def _before_write(self, operation: str) -> None:
        """Make sure that an in-place write changes this tensor, its aliases and nothing else."""
        if self._requires_grad and is_grad_enabled():
            what = "a result that is on the tape" if self._node else "a leaf that requires_grad"
            raise GradientError(
                f"{operation}: cannot write in place to {what} (shape {self.shape}), backward "
                "would not see it; use an operation that returns a new tensor, or no_grad()"
            )
        if self._borrowed and self._has_windows():
            raise OdysseyError(
                f"{operation}: this tensor (shape {self.shape}) reads the memory of another one "
                "and has been indexed since, so that a write could not be seen in both; "
                "take a .copy() first"
            )
        if self._borrowed:
            self._borrowed = BORROWER  # if it had windows, they are gone
            self._stop_borrowing()
        self._count_write(operation)

    def _count_write(self, operation: str) -> None:
        """Let all who read the memory know that it is about to change."""
        if self._storage is not None:  # else there is nobody to tell
            self._storage.before_write(operation)

    def _replace(self, data: np.ndarray) -> None:
        """Have other values, in memory of their own; what was saved of the old ones stays."""
        self.data = data
        self._storage = None
        self._borrowed = OWNER

    def _become(self, operation: str, new: Tensor) -> None:
        """Take over value and place on the tape of ``new``, of which nobody else knows."""
        if self._has_windows():
            raise GradientError(
                f"{operation}: a gradient depends on this write, but another tensor is a window on "
                f"this one (shape {self.shape}), or this one on it, and would not get it; write to "
                "the whole tensor (t[0, 1] = value instead of t[0][1] = value), or to a .copy()"
            )
        node, index = self._node, self._index
        self.data, self._storage, self._borrowed = new.data, new._storage, new._borrowed
        self._node, self._index, self._requires_grad = new._node, new._index, new._requires_grad
        if node is not None and node.retained and node.retained.pop(index, None):
            self.retain_grad()


def _plain(value: Any) -> Any:
    """Return ``value`` with arrays in the place of tensors, tuples included."""
    if isinstance(value, Tensor):
        return value.data
    if type(value) is tuple:
        return tuple(map(_plain, value))
    return value


class Parameter(Tensor):
    """A tensor that a module owns and an optimizer updates; it requires a gradient.

    Parameters
    ----------
    data : ndarray or Tensor
        Floating-point; made C-contiguous, shared where it already is.
    requires_grad : bool, default True
        False freezes it.
    """

    __slots__ = ()

    def __init__(self, data: np.ndarray | Tensor, requires_grad: bool = True) -> None:
        # Not `ascontiguousarray`, which makes a 0-d array 1-d.
        super().__init__(np.asarray(_plain(data), order="C"), requires_grad)

    def __reduce__(self) -> tuple[Any, ...]:
        # A copy has memory of its own: who else reads that of the original does not matter to it.
        further = getattr(self, "__dict__", {})  # of a class that derives from this one
        return _restored, (type(self), self.data, self.requires_grad, self.grad, further)

    def __repr__(self) -> str:
        return f"Parameter({super().__repr__()})"


def _fill(tensor: TensorBase, data: np.ndarray) -> None:
    """Make a constant over ``data`` of a tensor that was just allocated."""
    if type(data) is not ndarray:
        data = np.asarray(data)
    tensor.data = data
    tensor.grad = None
    tensor._node = None
    tensor._index = 0
    tensor._storage = None
    tensor._borrowed = OWNER
    tensor._requires_grad = False


def _restored(
    kind: type[Parameter],
    data: np.ndarray,
    requires_grad: bool,
    grad: Tensor | None,
    further: dict[str, Any],
) -> Parameter:
    """Return a parameter that was copied or pickled."""
    parameter = kind.__new__(kind)
    _fill(parameter, data)
    parameter.requires_grad, parameter.grad = requires_grad, grad
    for name, value in further.items():
        setattr(parameter, name, value)
    return parameter


def wrap(data: np.ndarray) -> Tensor:
    """Return ``Tensor(data)``; compiled code saves a call of Python by it."""
    kind = Tensor
    tensor = kind.__new__(kind)
    _fill(tensor, data)
    return tensor


def borrow(tensor: TensorBase, source: TensorBase) -> None:
    """Let a new tensor read the memory of ``source`` until one of the two is written to."""
    storage = tensor._storage = memory_of(source)
    tensor._borrowed = BORROWER
    storage.lend_to(tensor)


def memory_of(tensor: TensorBase) -> Storage:
    """Return what ``tensor`` shares with all others over its memory."""
    storage = tensor._storage
    if storage is None:
        storage = tensor._storage = Storage.__new__(Storage)
        storage.version = 0
        storage.borrowers = storage.aliases = storage.written = None
    return storage
