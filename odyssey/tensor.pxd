# The fields of tensor.py as C: what compiled code reads without asking Python.

cimport cython


@cython.final
@cython.freelist(64)
@cython.no_gc                       # it holds weak references, names and code: no cycles
cdef class Storage:
    cdef public Py_ssize_t version
    cdef public list aliases
    cdef public list borrowers
    cdef public object written
    cpdef object lend_to(self, object tensor)
    cpdef object open_window(self, TensorBase owner, TensorBase window)


@cython.freelist(64)
cdef class TensorBase:
    cdef object __weakref__
    cdef public object data
    cdef public object grad
    cdef public object _node
    cdef public object _storage
    cdef public Py_ssize_t _index
    cdef public int _borrowed
    cdef public bint _requires_grad


cdef object _fill(TensorBase tensor, object data)


@cython.locals(kind=type)
cpdef object wrap(object data)


@cython.locals(storage=Storage)
cpdef object borrow(TensorBase tensor, TensorBase source)


@cython.locals(storage=Storage)
cpdef Storage memory_of(TensorBase tensor)
