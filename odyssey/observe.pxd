# The types of observe.py.

cimport cython


@cython.final
cdef class Switch:
    cdef public Py_ssize_t blocks


cpdef tuple observers()
