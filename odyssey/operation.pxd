# The classes of operation.py as C.

cimport cython


@cython.final
cdef class Operation:
    cdef public str name
    cdef public object signature
    cdef public object function
    cdef public object rule
    cdef public object formula
    cdef public list names
    cdef public tuple defaults
    cdef public Py_ssize_t count
    cdef public Py_ssize_t required
    cdef public tuple wrt
    cdef public list rule_getters
    cdef public list formula_getters
    cdef public list guarded
    cdef public object once
    cdef public bint aliases
    cdef public bint keeps_out
    cdef public bint wants_needs
    cdef dict seen_needs

    cpdef tuple positional(self, tuple args, dict kwargs)

    @cython.locals(mask=cython.ulonglong, index=Py_ssize_t)
    cpdef tuple needs(self, list edges)


@cython.final
cdef class Getter:
    cdef public str name
    cdef public str kind
    cdef public Py_ssize_t position
    cpdef object value(self, list arrays, object out, object saved, object needs)


cdef object _shape_of(object value)
cdef object _dtype_of(object value)
