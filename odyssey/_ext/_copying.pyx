# Copies: small arrays are NumPy's, whose loop is as fast where the call is what costs; so are those
# that the kernel does not take (objects, numbers of 16 bytes). All others are copy.pyx's.
#
# odyssey.fast imports the modules of one level, and so chooses the copier. Where a test imports
# another level after it, that one's copier takes over: a copy is the same at every level.

cimport numpy as cnp

cdef extern from "numpy/arrayobject.h":
    cnp.npy_intp PyArray_NBYTES(cnp.ndarray x)
    int PyArray_CopyInto(cnp.ndarray destination, cnp.ndarray source) except -1

cnp.import_array()

cdef enum:
    LEAST = 1 << 13             # bytes that are worth a look at the layouts

cdef Copier copier = NULL


cdef void use(Copier of_a_level) noexcept:
    global copier
    copier = of_a_level


cdef int copy_into(object out, object x) except -1:
    if copier == NULL or PyArray_NBYTES(out) < LEAST or not copier(out, x):
        PyArray_CopyInto(out, x)
    return 0
